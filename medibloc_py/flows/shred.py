"""The end of a record on this side: its secret destroyed, its blobs let go of, a receipt.

What is to be done is noted in the vault before anything is, without the secret; so a run that
died is finished by the same call. Grants end first, while that can still fail without loss;
then the secret goes; then the stores, each asked afterwards what it still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import GrantMissing, RecordListed
from medibloc_py.errors.words import time as as_time
from medibloc_py.flows import kept, papers
from medibloc_py.flows.drafts import forget_draft_of
from medibloc_py.flows.given import forget_given, given_of
from medibloc_py.flows.held import blind_of, forget_record, held_record, holds_record
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.places import Place, let_go
from medibloc_py.flows.receipts import (
    STATEMENT,
    Erasure,
    ErasureReceipt,
    Holder,
    PlaceTold,
    sign_receipt,
)
from medibloc_py.model import Address, Cid, ListingId, OrderState, RecordId, Scope

_KIND: Final = "shredding"


@dataclass(frozen=True, slots=True)
class Shredding:
    """What is to be shredded, and how far it is; it holds no secret.

    Attributes:
        record: its id.
        way: as what the account holds it.
        secret: what its file holds: `r` or `x`.
        patient: whose record it is.
        issuer: who registered it.
        blob: the sealed record.
        grant_objects: what this account made for readers.
        revoked: readers whose grants stood.
        at: when the secret was destroyed, unix seconds; 0 as long as it is not.
        block: the newest block then.
        places: what each place said last.
    """

    record: Bytes32
    way: str
    secret: str
    patient: Address
    issuer: Address
    blob: Cid
    grant_objects: tuple[Cid, ...]
    revoked: tuple[Address, ...]
    at: int = 0
    block: int = 0
    places: tuple[PlaceTold, ...] = ()


def plan(exchange: Exchange, owner: Identity, record: RecordId) -> Shredding:
    """What `shred` would do, or has yet to do; nothing is changed.

    Raises:
        RecordNotHeld: the owner holds no such record, and never shredded it.
        RecordListed: it stands in a listing of the owner that others may still pay for.
    """
    begun = _noted(owner, record)
    if begun is not None and not holds_record(owner, record):
        return begun
    file = held_record(owner, record)
    for listing_id in _listings_with(owner, record):
        _require_over(exchange, listing_id, record)
    revoked = set(begun.revoked if begun else ()) | _standing(exchange, owner, file, record)
    objects = dict.fromkeys(
        [
            *(begun.grant_objects if begun else ()),
            *(cid for given in given_of(owner, record) for cid in given.objects()),
        ]
    )
    return Shredding(
        record=Bytes32(record),
        way=_way(owner, file),
        secret="x" if file.r is None else "r",
        patient=file.patient,
        issuer=file.issuer,
        blob=file.cid,
        grant_objects=tuple(objects),
        revoked=tuple(sorted(revoked)),
    )


def shred(
    exchange: Exchange,
    owner: Identity,
    record: RecordId,
    places: Mapping[str, Place],
    progress: Progress = silent,
) -> ErasureReceipt:
    """Destroys all that this account can open a record with, and lets go of its blobs.

    The same again finishes what died, and asks places again that were not reached.

    Args:
        exchange: the deployment.
        owner: who holds the record file: issuer, patient or delegate.
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
        _note(owner, doing)
        if holds_record(owner, record):  # else a run died between here and the end
            _revoke(exchange, owner, held_record(owner, record), doing)
        progress("shred", 1, steps)
        _forget(exchange, owner, record)
        now, block = exchange.network.now(), exchange.network.block_number()
        doing = replace(doing, at=now, block=block)
        _note(owner, doing)
    progress("shred", 2, steps)
    blobs = (doing.blob, *doing.grant_objects)
    told = {each.place: each for each in doing.places}
    for number, (name, place) in enumerate(places.items(), start=3):
        told[name] = let_go(name, place, blobs)
        progress("shred", number, steps)
    forget_given(owner, record)
    doing = replace(doing, places=tuple(told.values()))
    _note(owner, doing)
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
        statement=STATEMENT,
    )


def other_holders(exchange: Exchange, owner: Identity, done: Shredding) -> tuple[Holder, ...]:
    """Who else may be able to open the record, from the chain and the owner's own listings.

    Buyers are known to who listed the record. A grant or a mandate of the past counts: a key
    that was read once may have been kept.
    """
    record, access = RecordId(done.record), exchange.access
    found = {(done.issuer, "issuer"), (done.patient, "patient")}
    for grant in access.grants(record=record):
        found |= {(grant.grantee, "reader")}
        if grant.by != grant.patient:
            found |= {(grant.by, "delegate")}
    for mandate in exchange.consent.mandates(patient=done.patient):
        if mandate.ever_scope & Scope.GRANT:
            found |= {(mandate.delegate, "delegate")}
    for delivery in access.deliveries(record=record):
        found |= {(delivery.clinician, "clinician"), (delivery.custodian, "custodian")}
    for listing_id in _listings_with(owner, record):
        for order_id, order in exchange.market.purchases(listing=listing_id):
            if exchange.market.order_state(order_id) is OrderState.SETTLED:
                found |= {(order.buyer, "buyer")}
    return tuple(Holder(*each) for each in sorted(found) if each[0] != owner.address)


# The steps.


def _revoke(exchange: Exchange, owner: Identity, file: RecordFile, doing: Shredding) -> None:
    """Ends what grants still stand, in one transaction; the patient alone can."""
    access, blind = exchange.access, blind_of(file)
    still = _standing(exchange, owner, file, RecordId(doing.record))
    calls = [access.revoke.call(blind, reader) for reader in sorted(still)]
    if calls:
        refused = access.multicall(owner.signer, calls, atomic=False).refused
        for why in refused.values():
            if not isinstance(why, GrantMissing):  # a run that died may have sent it already
                raise why


def _standing(
    exchange: Exchange, owner: Identity, file: RecordFile, record: RecordId
) -> set[Address]:
    if owner.address != file.patient:
        return set()
    access, now = exchange.access, exchange.network.now()
    readers = {each.grantee for each in access.grants(record=record)}
    readers |= {each.clinician for each in access.emergencies(record=record)}
    found = {reader: access.grant_of(record, reader) for reader in readers}
    return {reader for reader, each in found.items() if each.purpose and each.expires_at >= now}


def _forget(exchange: Exchange, owner: Identity, record: RecordId) -> None:
    """Destroys every way to the key in the vault, the record file last: it shows what is left."""
    forget_draft_of(exchange, owner, record)
    for listing_id in _listings_with(owner, record):
        kept.strike_row(owner, listing_id, record)
    forget_record(owner, record)


# What stands in the vault.


def _listings_with(owner: Identity, record: RecordId) -> list[ListingId]:
    return [
        listing_id
        for listing_id in kept.kept_listings(owner)
        if any(
            each.terms.record == record
            for each in kept.kept_listing(owner, listing_id).contributions
        )
    ]


def _require_over(exchange: Exchange, listing_id: ListingId, record: RecordId) -> None:
    market = exchange.market
    closes_at = market.listing_state(listing_id).closes_at
    if closes_at >= exchange.network.now():
        reason = f"takes orders until {as_time(closes_at)}"
        raise RecordListed(record=record, listing=listing_id, reason=reason)
    for order_id, _ in market.purchases(listing=listing_id):
        if market.order_state(order_id) is OrderState.OPEN:
            reason = f"has the open order 0x{order_id.hex()}"
            raise RecordListed(record=record, listing=listing_id, reason=reason)


def _way(owner: Identity, file: RecordFile) -> str:
    ways = {file.issuer: "issuer", file.patient: "patient"}
    return ways.get(owner.address, "delegate")


def _note(owner: Identity, doing: Shredding) -> None:
    owner.keep(_name(doing.record), papers.write(_KIND, doing))


def _noted(owner: Identity, record: RecordId) -> Shredding | None:
    if not owner.vault.has(_name(record)):
        return None
    return papers.read(_KIND, Shredding, owner.recall(_name(record)), _name(record))


def _name(record: bytes) -> str:
    return f"shredding-{record.hex()}"
