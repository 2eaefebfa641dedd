"""The end of a record on this side: its secret destroyed, its blobs let go of, a receipt.

What is to be done is noted in the vault before anything is (`flows.shredding`), without the
secret; so a run that died is finished by the same call. Grants end first, while that can still
fail without loss; then the secret goes; then the stores, each asked afterwards what it still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from medibloc_py.chain import Call, Offer
from medibloc_py.errors import GrantMissing
from medibloc_py.flows import kept
from medibloc_py.flows.drafts import forget_draft_of
from medibloc_py.flows.given import forget_given
from medibloc_py.flows.held import forget_record
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.places import Place, let_go
from medibloc_py.flows.receipts import (
    STATEMENT,
    STATEMENT_OF_CUSTODIAN,
    Erasure,
    ErasureReceipt,
    sign_receipt,
)
from medibloc_py.flows.shredding import (
    Shredding,
    listings_with,
    note,
    other_holders,
    plan,
    revocable,
)
from medibloc_py.model import RecordId


def shred(
    exchange: Exchange,
    owner: Identity,
    record: RecordId,
    places: Mapping[str, Place],
    progress: Progress = silent,
) -> ErasureReceipt:
    """Destroys all that this account can open a record with, and lets go of its blobs.

    The same again finishes what died, asks places again that were not reached, and ends grants
    again whose end the chain took back. A custodian lets go of what it made in emergencies.

    Args:
        exchange: the deployment.
        owner: who holds the record file, issuer, patient or delegate; or a custodian.
        record: which.
        places: where its blobs may be, by the name that the receipt gives them.
        progress: told of the steps.

    Returns:
        The receipt; the same call again makes another.

    Raises:
        RecordNotHeld, RecordListed: as `plan`; nothing was destroyed.
        ContractRefusal, TransportError: a revocation could not be sent; nothing was destroyed.
        WorkUnderway: the record is being published by another process.
    """
    steps = 3 + len(places)
    doing = plan(exchange, owner, record)
    if not doing.at:
        note(owner, doing)
    _revoke(exchange, owner, doing)
    progress("shred", 1, steps)
    if not doing.at:
        _forget(exchange, owner, record)
        now, block = exchange.network.now(), exchange.network.block_number()
        doing = replace(doing, at=now, block=block)
        note(owner, doing)
    progress("shred", 2, steps)
    blobs = tuple(filter(None, (doing.blob, *doing.grant_objects)))
    told = {each.place: each for each in doing.places}
    for number, (name, place) in enumerate(places.items(), start=3):
        told[name] = let_go(name, place, blobs)
        progress("shred", number, steps)
    forget_given(owner, record)
    doing = replace(doing, places=tuple(told.values()))
    note(owner, doing)
    progress("shred", steps, steps)
    return sign_receipt(owner.signer, _erasure(exchange, owner, doing))


def _erasure(exchange: Exchange, owner: Identity, done: Shredding) -> Erasure:
    return Erasure(
        chain_id=exchange.chain_id,
        contract=exchange.records.address,
        record=done.record,
        holder=owner.address,
        way=done.way,
        at=done.at,
        block=done.block,
        secret=done.secret,
        blob=done.blob,
        grant_objects=done.grant_objects,
        revoked=done.revoked,
        places=done.places,
        holders=other_holders(exchange, owner, done),
        statement=STATEMENT if done.secret else STATEMENT_OF_CUSTODIAN,
    )


def foresee(exchange: Exchange, owner: Identity, doing: Shredding) -> Offer | None:
    """Tells what ending the grants that stand would cost; nothing is sent, kept or destroyed.

    Returns:
        None where none stands that the owner can end: then nothing would be sent.

    Raises:
        ContractRefusal, InsufficientFunds: it would be refused.
    """
    calls = _revocations(exchange, owner, doing)
    if not calls:
        return None
    access = exchange.access
    parts = [access.encode(call) for call in calls]
    return access.offer(owner.address, Call(access.address, "multicall", (parts, True)))


# The steps.


def _revoke(exchange: Exchange, owner: Identity, doing: Shredding) -> None:
    """Ends what grants still stand, in one transaction; the patient alone can."""
    calls = _revocations(exchange, owner, doing)
    if calls:
        refused = exchange.access.multicall(owner.signer, calls, atomic=False).refused
        for why in refused.values():
            if not isinstance(why, GrantMissing):  # a run that died may have sent it already
                raise why


def _revocations(exchange: Exchange, owner: Identity, doing: Shredding) -> list[Call]:
    still = revocable(exchange, owner, doing)
    return [exchange.access.revoke.call(blind, reader) for reader, blind in still.items()]


def _forget(exchange: Exchange, owner: Identity, record: RecordId) -> None:
    """Destroys every way to the key in the vault, the record file last: it shows what is left."""
    forget_draft_of(exchange, owner, record)
    for listing_id in listings_with(owner, record):
        kept.strike_row(owner, listing_id, record)
    forget_record(owner, record)
