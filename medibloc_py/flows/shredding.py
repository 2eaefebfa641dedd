"""What is to be shredded, and how far it is: noted in the vault before anything is done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import BlobMissing, GrantNotFound, RecordListed, WrongKey
from medibloc_py.errors.words import time as as_time
from medibloc_py.flows import kept, papers
from medibloc_py.flows.access import open_object
from medibloc_py.flows.given import given_of
from medibloc_py.flows.held import blind_of, held_record, holds_record
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.receipts import Holder, PlaceTold
from medibloc_py.model import (
    ZERO_ADDRESS,
    Address,
    Blind,
    Cid,
    GlassEvent,
    ListingId,
    OrderState,
    RecordId,
    Scope,
)

CUSTODIAN: Final = "custodian"
"""The way of who holds no record file, and made grant objects in emergencies."""
_KIND: Final = "shredding"


@dataclass(frozen=True, slots=True)
class Shredding:
    """What is to be shredded, and how far it is; it holds no secret.

    Attributes:
        record: its id.
        way: as what the account holds it.
        secret: what its file holds: `r` or `x`; empty for a custodian.
        patient: whose record it is.
        issuer: who registered it; the zero address if a custodian does not know any more.
        blob: the sealed record; empty for a custodian, whose it is not to let go of.
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
        RecordNotHeld: the owner holds no such record, never shredded it, and made no grant
            object of it.
        RecordListed: it stands in a listing of the owner that others may still pay for.
    """
    begun = noted(owner, record)
    if not holds_record(owner, record):
        if begun is not None and (begun.way != CUSTODIAN or not given_of(owner, record)):
            return begun
        if served := _served(exchange, owner, record):
            return _as_custodian(exchange, owner, served, begun)
    file = held_record(owner, record)
    for listing_id in listings_with(owner, record):
        _require_over(exchange, listing_id, record)
    revoked = set(begun.revoked if begun else ())
    if owner.address == file.patient:
        revoked |= standing(exchange, record)
    return Shredding(
        record=Bytes32(record),
        way=_way(owner, file),
        secret="x" if file.r is None else "r",
        patient=file.patient,
        issuer=file.issuer,
        blob=file.cid,
        grant_objects=_objects(owner, record, begun),
        revoked=tuple(sorted(revoked)),
    )


def other_holders(exchange: Exchange, owner: Identity, done: Shredding) -> tuple[Holder, ...]:
    """Who else may be able to open the record, from the chain and the owner's own listings.

    Buyers are known to who listed the record. A grant or a mandate of the past counts: a key
    that was read once may have been kept.
    """
    record, access = RecordId(done.record), exchange.access
    found = {(done.issuer, "issuer"), (done.patient, "patient")} - {(ZERO_ADDRESS, "issuer")}
    for grant in access.grants(record=record):
        found |= {(grant.grantee, "reader")}
        if grant.by != grant.patient:
            found |= {(grant.by, "delegate")}
    for mandate in exchange.consent.mandates(patient=done.patient):
        if mandate.ever_scope & Scope.GRANT:
            found |= {(mandate.delegate, "delegate")}
    for delivery in access.deliveries(record=record):
        found |= {(delivery.clinician, "clinician"), (delivery.custodian, "custodian")}
    for listing_id in listings_with(owner, record):
        for order_id, order in exchange.market.purchases(listing=listing_id):
            if exchange.market.order_state(order_id) is OrderState.SETTLED:
                found |= {(order.buyer, "buyer")}
    return tuple(Holder(*each) for each in sorted(found) if each[0] != owner.address)


def revocable(exchange: Exchange, owner: Identity, doing: Shredding) -> dict[Address, Blind]:
    """Readers whose grants stand, each with what a revocation opens the record by.

    Empty for who is not the patient, and where a version before this one noted no blind.
    """
    record = RecordId(doing.record)
    if holds_record(owner, record):
        blind = blind_of(held_record(owner, record))
    elif owner.vault.has(_blind_name(record)):
        blind = Blind(owner.recall(_blind_name(record)))
    else:
        return {}
    if owner.address != doing.patient:
        return {}
    return dict.fromkeys(sorted(standing(exchange, record)), blind)


def standing(exchange: Exchange, record: RecordId) -> set[Address]:
    """Readers of a record whose grants, or emergencies, stand now."""
    access, now = exchange.access, exchange.network.now()
    readers = {each.grantee for each in access.grants(record=record)}
    readers |= {each.clinician for each in access.emergencies(record=record)}
    found = {reader: access.grant_of(record, reader) for reader in readers}
    return {reader for reader, each in found.items() if each.purpose and each.expires_at >= now}


# What stands in the vault.


def note(owner: Identity, doing: Shredding) -> None:
    """Keeps what is to be done; of a patient's, also what opens the record's id on chain.

    That opens nothing else, and stands on chain if there ever was a grant. By it grants are
    ended again that stand again, because the chain took their end back.
    """
    record = RecordId(doing.record)
    if owner.address == doing.patient and holds_record(owner, record):
        owner.keep(_blind_name(record), blind_of(held_record(owner, record)))
    owner.keep(_name(record), papers.write(_KIND, doing))


def noted(owner: Identity, record: RecordId) -> Shredding | None:
    """What an earlier run noted."""
    if not owner.vault.has(_name(record)):
        return None
    return papers.read(_KIND, Shredding, owner.recall(_name(record)), _name(record))


def listings_with(owner: Identity, record: RecordId) -> list[ListingId]:
    """The owner's own listings that a record stands in."""
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


def _served(exchange: Exchange, owner: Identity, record: RecordId) -> GlassEvent | None:
    """An emergency in which the owner was custodian, if it made grant objects of the record."""
    if not given_of(owner, record):
        return None
    events = exchange.access.emergencies(record=record)
    return next((each for each in events if each.custodian == owner.address), None)


def _as_custodian(
    exchange: Exchange, owner: Identity, served: GlassEvent, begun: Shredding | None
) -> Shredding:
    issuer = begun.issuer if begun else ZERO_ADDRESS
    with suppress(GrantNotFound, BlobMissing, WrongKey):  # its own grant may be over
        issuer = open_object(exchange, owner, served.record).issuer
    return Shredding(
        record=Bytes32(served.record),
        way=CUSTODIAN,
        secret="",
        patient=served.patient,
        issuer=issuer,
        blob=Cid(""),
        grant_objects=_objects(owner, served.record, begun),
        revoked=(),
        places=begun.places if begun else (),
    )


def _objects(owner: Identity, record: RecordId, begun: Shredding | None) -> tuple[Cid, ...]:
    """The grant objects that the owner made, with those that an earlier run noted."""
    made = [cid for given in given_of(owner, record) for cid in given.objects()]
    return tuple(dict.fromkeys([*(begun.grant_objects if begun else ()), *made]))


def _way(owner: Identity, file: RecordFile) -> str:
    ways = {file.issuer: "issuer", file.patient: "patient"}
    return ways.get(owner.address, "delegate")


def _name(record: bytes) -> str:
    return f"shredding-{record.hex()}"


def _blind_name(record: bytes) -> str:
    return f"blind-{record.hex()}"
