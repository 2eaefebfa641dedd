"""A reader's way in: find what stands on chain, open the grant object, open the record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from medibloc_py.crypto import hpke, ids
from medibloc_py.crypto.documents import GrantObject
from medibloc_py.errors import (
    GrantNotFound,
    InvalidValue,
    KeyNotDelivered,
    RecordMismatch,
    WrongKey,
)
from medibloc_py.flows.held import record_id_of, require_purpose
from medibloc_py.flows.opened import OpenedRecord, open_held, origin_of
from medibloc_py.flows.parties import (
    Exchange,
    Identity,
    open_with_versions,
    unwrap_for_versions,
)
from medibloc_py.model import Address, Blind, GlassEvent, RecordId
from medibloc_py.purpose import TREATMENT
from medibloc_py.storage import cid_bytes, raw_cid

__all__ = [
    "OpenedRecord",
    "Standing",
    "blind_of_object",
    "bound",
    "find_access",
    "open_by",
    "open_granted",
    "open_held",
    "open_object",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """A right to read that stands on chain: a grant, or an emergency whose key was delivered.

    Attributes:
        granter: who wrapped the key: the patient's side, or the custodian.
        locators: 80 bytes each, the newest first; a grant has one.
    """

    record: RecordId
    patient: Address
    granter: Address
    reader: Address
    purpose: int
    expires_at: int
    locators: tuple[bytes, ...]


def bound(
    exchange: Exchange, standing: Standing, version: int
) -> tuple[int, Address, RecordId, Address, Address, int, int, int]:
    """What the wrapping of a grant object is bound to."""
    return (
        exchange.chain_id,
        exchange.access.address,
        standing.record,
        standing.granter,
        standing.reader,
        version,
        standing.purpose,
        standing.expires_at,
    )


def find_access(exchange: Exchange, reader: Address, record: RecordId) -> Standing:
    """The right to read that stands for a reader on a record, from the chain alone.

    Raises:
        GrantNotFound: none was given, or it was revoked, or expired.
        KeyNotDelivered: it is an emergency whose custodian has not delivered the key.
    """
    current = exchange.access.grant_of(record, reader)
    if current.purpose == 0 or current.expires_at < exchange.network.now():
        raise GrantNotFound(record=record, grantee=reader)
    for grant in exchange.access.grants(record=record, grantee=reader):
        if grant.epoch == current.epoch:
            told = (grant.purpose, grant.expires_at)
            return Standing(record, grant.patient, grant.patient, reader, *told, (grant.locator,))
    for glass in exchange.access.emergencies(record=record, clinician=reader):
        if glass.epoch == current.epoch:
            return _delivered(exchange, glass)
    raise GrantNotFound(record=record, grantee=reader)


def _delivered(exchange: Exchange, glass: GlassEvent) -> Standing:
    deliveries = exchange.access.deliveries(record=glass.record, clinician=glass.clinician)
    ours = [each.locator for each in deliveries if each.epoch == glass.epoch]
    if not ours:
        raise KeyNotDelivered(
            record=glass.record, custodian=glass.custodian, until=glass.expires_at
        )
    return Standing(
        record=glass.record,
        patient=glass.patient,
        granter=glass.custodian,
        reader=glass.clinician,
        purpose=TREATMENT,
        expires_at=glass.expires_at,
        locators=tuple(reversed(ours)),
    )


def open_granted(exchange: Exchange, reader: Identity, record: RecordId) -> OpenedRecord:
    """Opens a record the reader was granted: chain, then store, then keys.

    In an emergency it opens as soon as the custodian has delivered the key.

    Raises:
        GrantNotFound: no grant stands (never given, revoked, expired, consent narrowed).
        KeyNotDelivered: an emergency access stands, but its key has not come.
        BlobMissing: the store lost the grant object or the record.
        WrongKey: the grant was made for other keys than the reader holds.
        RecordMismatch: the grant object opens another record.
        IssuerNotAccredited: the record's issuer is not accredited.
        TreatmentOnly: the record says who the patient is, and the grant is for another purpose.
    """
    return open_by(exchange, record, open_object(exchange, reader, record))


def open_by(exchange: Exchange, record: RecordId, body: GrantObject) -> OpenedRecord:
    """Opens a record by a grant object that was proved.

    Raises:
        BlobMissing: the store lost the record.
        RecordMismatch: it has another size there.
    """
    if exchange.store.size(body.cid) != body.size_bytes:
        raise RecordMismatch(record=record, reason="the grant object tells another size")
    place = body.cid, body.size_bytes
    origin = origin_of(exchange, body.issuer, body.kind)
    return OpenedRecord(exchange.store, record, *place, body.cek, body.salt, origin)


def open_object(exchange: Exchange, reader: Identity, record: RecordId) -> GrantObject:
    """Opens the grant object of a record and proves it against the chain.

    Raises:
        MediBlocError: as `open_granted`.
    """
    standing = find_access(exchange, reader.address, record)
    body = _unwrapped(exchange, reader, standing)
    blind = blind_of_object(body, standing)
    require_purpose(record, body.kind, standing.purpose)
    if not exchange.access.is_active(standing.patient, blind, reader.address):
        raise GrantNotFound(record=record, grantee=reader.address)
    exchange.records.open(body.issuer, standing.patient, blind, body.proof)
    exchange.require_issuer(body.issuer)
    return body


def _unwrapped(exchange: Exchange, reader: Identity, standing: Standing) -> GrantObject:
    newest = exchange.published_key(reader.address).version

    def locator_info(version: int) -> bytes:
        return hpke.locator_info(*bound(exchange, standing, version))

    def grant_info(version: int) -> bytes:
        return hpke.grant_info(*bound(exchange, standing, version))

    def digest(version: int) -> bytes:
        for locator in standing.locators:  # a custodian may have delivered more than once
            with suppress(WrongKey):
                return hpke.open_locator(locator, reader.keys, locator_info(version))
        raise WrongKey(what_for="locator")

    wrapped = b"".join(exchange.store.get(raw_cid(open_with_versions(newest, digest, "locator"))))
    return GrantObject.decode(
        unwrap_for_versions(wrapped, reader.keys, newest, grant_info, "grant object")
    )


def blind_of_object(body: GrantObject, standing: Standing) -> Blind:
    """The blind that opens the record of a grant object.

    Raises:
        RecordMismatch: its parts open another record.
    """
    parts = (body.salt, body.cid, body.key_commitment, body.kind)
    try:
        opened = record_id_of(standing.patient, *parts)
    except InvalidValue as error:
        raise RecordMismatch(record=standing.record, reason=error.message.rstrip(".")) from None
    if opened != standing.record:
        raise RecordMismatch(record=standing.record, reason="the grant object opens another record")
    return ids.blind(
        body.salt, ids.content_digest(cid_bytes(body.cid)), body.key_commitment, body.kind
    )
