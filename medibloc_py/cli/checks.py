"""What is examined: nodes, deployment, store; each with what to do about it.

`medibloc config check` looks at these, `medibloc doctor` at more.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from medibloc_py.cli.output import Output
from medibloc_py.errors import MediBlocError

if TYPE_CHECKING:
    from medibloc_py.chain import Network, NodeState
    from medibloc_py.config import Settings

_AHEAD_S = 60
_BEHIND_S = 900
_FEW_BYTES, _FEWEST_BYTES = 5_000_000_000, 500_000_000
_DEEP_BLOCKS = 12
"""So far below the newest block all nodes of a chain agree, but for a rare reorganisation."""


class Grade(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at, what was seen, and what to do."""

    what: str
    grade: Grade
    said: str
    advice: str = ""


def show(console: Output, title: str, settings: Settings, found: Sequence[Check]) -> None:
    """Prints what was found; ends with 5 if something is bad."""
    console.table(
        {
            "network": settings.network.name,
            "checks": [
                {"what": one.what, "ok": one.grade is not Grade.BAD, "grade": one.grade,
                 "said": one.said, "advice": one.advice}
                for one in found
            ],
        },
        title,
        ("what", "", "said", "to do"),
        [(one.what, _SHOWN[one.grade], one.said, one.advice) for one in found],
    )  # fmt: skip
    if any(one.grade is Grade.BAD for one in found):
        raise typer.Exit(5)


_SHOWN = {Grade.OK: "ok", Grade.WARN: "warn", Grade.BAD: "BAD"}


def told(what: str, ask: Callable[[], str | Check]) -> Check:
    """What asking says: a text that is well, a check, or an error."""
    try:
        said = ask()
    except MediBlocError as error:
        return Check(what, Grade.BAD, error.message, error.advice)
    return Check(what, Grade.OK, said) if isinstance(said, str) else said


def nodes(settings: Settings) -> list[Check]:
    """Each node of the network in use, its witness, and whether they tell of one chain."""
    from medibloc_py.chain import examine, public_url

    network = settings.network
    asked = [("node", url.strip()) for url in network.rpc_url.split(",")]
    witnesses = [url.strip() for url in network.witness_url.split(",") if url.strip()]
    found: list[Check] = []
    answered: dict[str, NodeState] = {}
    for kind, url in asked + [("witness", url) for url in witnesses]:
        what = f"{kind} {public_url(url)}"
        try:
            answered[url] = examine(url, network.chain_id)
        except MediBlocError as error:
            found.append(Check(what, Grade.BAD, error.message, error.advice))
        else:
            found += _node(what, answered[url])
    if not witnesses:
        advice = "Where a lie would hurt, name a node of another operator with --witness."
        found.append(Check("witness", Grade.OK, "none: what one node says is believed", advice))
    return found + _agreement(answered) + _abreast(answered)


def _node(what: str, state: NodeState) -> list[Check]:
    said = f"chain {state.chain_id}, block {state.block:,}, {state.version or 'unnamed'}"
    found = [Check(what, Grade.OK, said)]
    if state.syncing:
        found.append(Check(what, Grade.WARN, "it is syncing, and behind",
                           "Wait until it is done, or use another node."))  # fmt: skip
    if not state.simulates:
        found.append(Check(what, Grade.WARN, "it has no eth_simulateV1",
                           "--dry-run shows gas and fee there, and no events."))  # fmt: skip
    return [*found, _clock(f"{what}, clock", state)]


def _clock(what: str, state: NodeState) -> Check:
    from medibloc_py import config

    if state.age_s < -_AHEAD_S:
        said = f"its newest block is {-state.age_s:,} s ahead of this machine's clock"
        advice = "Set this machine's clock (NTP): expiries and deadlines are judged by it, too."
        return Check(what, Grade.WARN, said, advice)
    if state.age_s > _BEHIND_S and not config.is_local(state.chain_id):
        said = f"its newest block is {state.age_s:,} s old by this machine's clock"
        advice = "See whether the node is cut off from its peers, and this machine's clock right."
        return Check(what, Grade.WARN, said, advice)
    return Check(what, Grade.OK, f"its newest block is {max(state.age_s, 0):,} s old")


def _agreement(answered: dict[str, NodeState]) -> list[Check]:
    """Whether several nodes have one first block, and one some blocks below the lowest head."""
    from medibloc_py.chain import block_hash

    if len(answered) < 2:
        return []
    deep = max(min(state.block for state in answered.values()) - _DEEP_BLOCKS, 0)

    def ask() -> str | Check:
        for number in (0, deep):
            if len({block_hash(url, number) for url in answered}) > 1:
                said = f"they tell of different blocks {number:,}"
                advice = "Find out which one lies; use the others."
                return Check("nodes, together", Grade.BAD, said, advice)
        return f"all have the same blocks 0 and {deep:,}"

    return [told("nodes, together", ask)]


def _abreast(answered: dict[str, NodeState]) -> list[Check]:
    """Whether the newest blocks of several nodes are of about one time."""
    from medibloc_py.chain import BEHIND_MAX_S, public_url

    if len(answered) < 2:
        return []
    late = max(answered, key=lambda url: answered[url].age_s)
    apart = answered[late].age_s - min(state.age_s for state in answered.values())
    if apart <= BEHIND_MAX_S:
        return [Check("nodes, newest blocks", Grade.OK, f"at most {apart:,} s apart")]
    said = f"that of {public_url(late)} is {apart:,} s older than another's"
    return [Check("nodes, newest blocks", Grade.BAD, said,
                  "Wait until that node has caught up, or replace it.")]  # fmt: skip


def deployment(settings: Settings, connect: Callable[[], Network]) -> Check:
    """Whether the contracts are there, with this library's code: as node and witness tell."""
    from medibloc_py.client import find_deployment
    from medibloc_py.flows.parties import fingerprint_of

    def ask() -> str:
        network = connect()
        found = find_deployment(settings, network)
        listed = (
            f"{name} at {at}, code 0x{fingerprint_of(network.code(at)).hex()[:16]}"
            for name, at in sorted(found.contracts.items())
        )
        both = ", at the witness, too" if settings.network.witness_url else ""
        return f"code as compiled here{both}: " + "; ".join(listed)

    return told("deployment", ask)


def store(settings: Settings) -> Iterable[Check]:
    """Whether the store answers, and is nobody else's."""
    from medibloc_py import config
    from medibloc_py.client import open_store
    from medibloc_py.storage import raw_cid

    what = f"store {settings.store}"

    def ask() -> str:
        open_store(settings.store).has(raw_cid(bytes(32)))
        return "it answers"

    yield (answer := told(what, ask))
    if answer.grade is not Grade.OK:
        return
    if config.is_url(settings.store):
        yield Check(what, Grade.WARN, "a gateway can only be read",
                    "To publish or grant, use a folder or a Kubo node.")  # fmt: skip
    elif config.is_multiaddr(settings.store) or settings.store.startswith(config.NODE):
        yield told(f"{what}, private", lambda: _private(settings.store))
    else:
        yield space(f"{what}, disk", Path(settings.store))


def _private(place: str) -> str | Check:
    from medibloc_py import config
    from medibloc_py.storage import KuboNode
    from medibloc_py.storage.node_status import status_of

    node = place.startswith(config.NODE)
    status = KuboNode(Path(place.removeprefix(config.NODE))).status() if node else status_of(place)
    what = f"store {place}, private"
    if not status.exposed:
        return f"yes; Kubo {status.version}, {len(status.peers)} peers"
    advice = "Patients' data needs a private node: `medibloc store up` makes one."
    return Check(what, Grade.BAD, "no: " + "; ".join(status.exposed), advice)


def space(what: str, folder: Path) -> Check:
    """Whether a disk has room."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Check(what, Grade.BAD, f"it cannot be asked: {error.strerror}", "See to the disk.")
    said, advice = f"{free / 1e9:,.1f} GB free", "Make room: a full disk stops what writes."
    if free < _FEWEST_BYTES:
        return Check(what, Grade.BAD, said, advice)
    return (
        Check(what, Grade.WARN, said, advice) if free < _FEW_BYTES else Check(what, Grade.OK, said)
    )


def private(what: str, path: Path) -> Check | None:
    """A file that others may read or write; None if nobody else may."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return None
    return Check(what, Grade.BAD, f"{path} is open to others (mode {mode:03o})",
                 f"chmod 600 {path}; whoever could read it may have a copy.")  # fmt: skip
