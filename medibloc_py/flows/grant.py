"""One record for one reader: the patient grants, the reader finds and opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medibloc_py import imaging
from medibloc_py.crypto import envelope, hpke, ids, keys
from medibloc_py.crypto.documents import GrantObject
from medibloc_py.crypto.manifest import Manifest
from medibloc_py.errors import GrantMissing, GrantNotFound, InvalidValue, RecordMismatch
from medibloc_py.flows.parties import (
    Exchange,
    Identity,
    Progress,
    open_with_versions,
    silent,
    unwrap_for_versions,
)
from medibloc_py.flows.publish import blind_of, held_record, record_id_of, scalar_of
from medibloc_py.model import (
    Address,
    Blind,
    Cid,
    GrantEvent,
    GrantRequest,
    Locator,
    Receipt,
    RecordId,
)
from medibloc_py.storage import Store, cid_bytes, digest_of, raw_cid

if TYPE_CHECKING:
    import numpy as np


class OpenedRecord:
    """A record whose key is known: its files and arrays, verified while they stream."""

    def __init__(
        self, store: Store, record: RecordId, cid: Cid, size_bytes: int, cek: bytes, salt: bytes
    ) -> None:
        self.record = record
        self._reader = envelope.RecordReader(
            lambda offset, length: store.get(cid, offset, length), size_bytes, cek, salt
        )

    @property
    def manifest(self) -> Manifest:
        """Names, sizes and imaging attributes of the files."""
        return self._reader.manifest

    def stream(self, index: int) -> Iterator[bytes]:
        """Plaintext of one file in buffers; the last one comes only if all of it verified."""
        return self._reader.stream(index)

    def read(self, index: int) -> bytes:
        """Plaintext of one file, the very bytes that were published."""
        return self._reader.read(index)

    def arrays(self, progress: Progress = silent) -> dict[str, np.ndarray]:
        """Pixel arrays of all files that have pixels, by file name."""
        files = self.manifest.files
        result: dict[str, np.ndarray] = {}
        for index, file in enumerate(files):
            if file.meta.get("has_pixels"):
                result[file.name] = imaging.arrays(self.read(index), file.name)
            progress("open", index + 1, len(files))
        return result


@dataclass(frozen=True, slots=True)
class GrantMade:
    """A grant that stands on chain, and where its object is stored."""

    record: RecordId
    grantee: Address
    grant_object: Cid
    receipt: Receipt


def grant_access(
    exchange: Exchange,
    patient: Identity,
    record: RecordId,
    grantee: Address,
    purpose: int,
    expires_at: int,
) -> GrantMade:
    """Grants one reader access to one record until a time, for a purpose.

    The wrapped key goes to the store, its sealed locator into the event: the reader
    needs the chain and the store, nothing else.

    Raises:
        RecordNotHeld: the patient does not hold the record file.
        KeyUnpublished: the reader has published no key.
        PurposeNotPermitted: the patient's own consent forbids the purpose.
        ExpiryInPast: the time is not in the future.
    """
    held = held_record(patient, record)
    key = exchange.published_key(grantee)
    terms = (exchange.chain_id, exchange.access.address, record, patient.address, grantee)
    body = GrantObject(
        cek=keys.cek(keys.record_point(scalar_of(patient, held)), held.salt),
        salt=held.salt,
        cid=held.cid,
        size_bytes=held.size_bytes,
        key_commitment=held.key_commitment,
        kind=held.kind,
        issuer=held.issuer,
        patient=held.patient,
        proof=held.proof,
    )
    info = hpke.grant_info(*terms, key.version, purpose, expires_at)
    blob = exchange.store.put([hpke.wrap(body.encode(), key.bundle, info)])
    locator = hpke.seal_locator(
        digest_of(blob.cid),
        key.bundle,
        hpke.locator_info(*terms, key.version, purpose, expires_at),
    )
    # On our list before it is on chain: revoking finds every object this reader was ever given.
    _keep_objects(patient, record, grantee, [*_kept_objects(patient, record, grantee), blob.cid])
    request = GrantRequest(
        issuer=held.issuer,
        blind=blind_of(held),
        proof=held.proof,
        grantee=grantee,
        purpose=purpose,
        expires_at=expires_at,
        locator=Locator.of(locator),
    )
    receipt = exchange.access.grant(patient.signer, request)
    return GrantMade(record, grantee, blob.cid, receipt)


def find_grant(exchange: Exchange, reader: Address, record: RecordId) -> GrantEvent:
    """The grant that stands for a reader on a record, from the chain alone.

    Raises:
        GrantNotFound: none was given, or it was revoked, expired, or forbidden since.
    """
    current = exchange.access.grant_of(record, reader)
    events = exchange.access.grants(record=record, grantee=reader)
    newest = max(events, key=lambda event: event.epoch, default=None)
    if (
        newest is None
        or newest.epoch != current.epoch
        or current.expires_at < exchange.network.now()
    ):
        raise GrantNotFound(record=record, grantee=reader)
    return newest


def open_granted(exchange: Exchange, reader: Identity, record: RecordId) -> OpenedRecord:
    """Opens a record the reader was granted: chain, then store, then keys.

    Raises:
        GrantNotFound: no grant stands (never given, revoked, expired, consent narrowed).
        BlobMissing: the store lost the grant object or the record.
        WrongKey: the grant was made for other keys than the reader holds.
        RecordMismatch: the grant object opens another record.
        IssuerNotAccredited: the record's issuer is not accredited.
    """
    event = find_grant(exchange, reader.address, record)
    terms = (exchange.chain_id, exchange.access.address, record, event.patient, reader.address)
    newest = exchange.published_key(reader.address).version

    def locator_info(version: int) -> bytes:
        return hpke.locator_info(*terms, version, event.purpose, event.expires_at)

    def grant_info(version: int) -> bytes:
        return hpke.grant_info(*terms, version, event.purpose, event.expires_at)

    digest = open_with_versions(
        newest,
        lambda version: hpke.open_locator(event.locator, reader.keys, locator_info(version)),
        "locator",
    )
    wrapped = b"".join(exchange.store.get(raw_cid(digest)))
    body = GrantObject.decode(
        unwrap_for_versions(wrapped, reader.keys, newest, grant_info, "grant object")
    )
    blind = _checked_blind(body, event)
    if not exchange.access.is_active(event.patient, blind, reader.address):
        raise GrantNotFound(record=record, grantee=reader.address)
    exchange.records.open(body.issuer, event.patient, blind, body.proof)
    exchange.require_issuer(body.issuer)
    if exchange.store.size(body.cid) != body.size_bytes:
        raise RecordMismatch(record=record, reason="the grant object tells another size")
    return OpenedRecord(exchange.store, record, body.cid, body.size_bytes, body.cek, body.salt)


def revoke_access(
    exchange: Exchange, patient: Identity, record: RecordId, grantee: Address
) -> Receipt:
    """Stops a grant from the next block on. What was read before cannot be unseen.

    The reader's grant objects are let go of in the store: once it has collected them, the
    locator on chain leads nowhere, whatever the reader's client believes.

    Raises:
        RecordNotHeld: the patient does not hold the record.
        GrantMissing: there is nothing to revoke.
    """
    blind = blind_of(held_record(patient, record))
    try:
        receipt = exchange.access.revoke(patient.signer, blind, grantee)
    except GrantMissing:
        _let_go(exchange, patient, record, grantee)  # a try before may have got no further
        raise
    _let_go(exchange, patient, record, grantee)
    return receipt


def _let_go(exchange: Exchange, patient: Identity, record: RecordId, grantee: Address) -> None:
    if objects := _kept_objects(patient, record, grantee):
        for cid in objects:
            exchange.store.unpin(cid)
        _keep_objects(patient, record, grantee, [])


def _kept_objects(patient: Identity, record: RecordId, grantee: Address) -> list[Cid]:
    name = _objects_name(record, grantee)
    if not patient.vault.has(name):
        return []
    return [Cid(line) for line in patient.recall(name).decode().splitlines()]


def _keep_objects(patient: Identity, record: RecordId, grantee: Address, cids: list[Cid]) -> None:
    patient.keep(_objects_name(record, grantee), "\n".join(cids).encode())


def _objects_name(record: RecordId, grantee: Address) -> str:
    return f"granted-{record.hex()}-{grantee.lower()}"


def _checked_blind(body: GrantObject, event: GrantEvent) -> Blind:
    try:
        opened = record_id_of(event.patient, body.salt, body.cid, body.key_commitment, body.kind)
    except InvalidValue as error:
        raise RecordMismatch(record=event.record, reason=error.message.rstrip(".")) from None
    if opened != event.record:
        raise RecordMismatch(record=event.record, reason="the grant object opens another record")
    return ids.blind(
        body.salt, ids.content_digest(cid_bytes(body.cid)), body.key_commitment, body.kind
    )
