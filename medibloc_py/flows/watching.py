"""Somebody is told of events as they come: each once, in the order of the chain.

A notice has an id that comes of the event and not of its block: one that a reorganisation moves
to another block is not told again. Between telling and writing down that it was told, a crash
can come; then the same notice is told again, under the same id, and whoever hears it can know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from medibloc_py.flows.audit_lines import Line, line_of, told
from medibloc_py.index import Entry, EventLog

KINDS: Final = {
    "grants": ("Granted", "GrantRevoked"),
    "emergencies": ("GlassBroken", "GlassDelivered", "GlassReviewed"),
    "consents": ("ConsentSet", "ConsentRevoked", "ConsentLifted", "DelegateSet"),
    "sales": ("Listed", "Purchased", "Refunded", "Withdrawn", "Challenged"),
    "claims": ("Settled", "Claimed", "IssuerClaimed", "FeeClaimed"),
}
"""What can be watched; once an order is settled, its shares can be claimed."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is told.

    Attributes:
        id: 32 bytes in hex: the same event has the same, whatever block it is in.
        kind: a key of `KINDS`.
    """

    id: str
    kind: str
    chain_id: int
    line: Line


Tell = Callable[[Notice], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """What one watch listens for.

    Attributes:
        name: under which its place is kept.
        kinds: keys of `KINDS`.
        about: accounts (with checksum) or ids (`0x` hex) that an event must speak of; all if none.
    """

    name: str
    kinds: Collection[str]
    about: Collection[str] = ()


def tell_new(log: EventLog, watch: Watch, tell: Tell, first: int) -> int:
    """Tells all events that a watch has not told yet.

    Args:
        log: the index.
        watch: what is listened for.
        tell: told each notice; what it raises stops here, and the notice comes again.
        first: the first block that counts, for a watch that is new.

    Returns:
        How many notices were told.

    Raises:
        IndexFailed: the index cannot be used.
    """
    block, index = log.watches.begin(watch.name, first)
    chain_id, done = log.mark.chain_id, 0
    same: dict[str, int] = {}
    for entry in list(log.entries(block)):
        notice = _notice(chain_id, watch, entry, same)
        if (entry.block, entry.log_index) <= (block, index):
            continue
        if notice is None or log.watches.has_told(watch.name, notice.id):
            log.watches.pass_by(watch.name, entry, None)
            continue
        tell(notice)
        log.watches.pass_by(watch.name, entry, notice.id)
        done += 1
    return done


def _notice(chain_id: int, watch: Watch, entry: Entry, same: dict[str, int]) -> Notice | None:
    kind = next((kind for kind in watch.kinds if entry.event in KINDS[kind]), None)
    if kind is None or not told(entry):
        return None
    if watch.about and not any(f'"{each}"' in entry.args for each in watch.about):
        return None
    content = json.dumps([chain_id, entry.transaction, entry.contract, entry.event, entry.args])
    number = same[content] = same.get(content, -1) + 1  # of equal events in one transaction
    digest = sha256(f"{number} {content}".encode()).hexdigest()
    return Notice("0x" + digest, kind, chain_id, line_of(entry))
