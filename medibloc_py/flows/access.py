"""A reader's way in: find what stands on chain, open the grant object, open the record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py import imaging
from medibloc_py.crypto import envelope, hpke, ids, keys
from medibloc_py.crypto.documents import GrantObject, RecordFile
from medibloc_py.crypto.manifest import Manifest
from medibloc_py.errors import (
    BlobMissing,
    GrantNotFound,
    InvalidValue,
    KeyNotDelivered,
    RecordMismatch,
    WrongKey,
)
from medibloc_py.flows.deid_receipts import META, Deidentification, check_of_record
from medibloc_py.flows.held import id_of, record_id_of, require_purpose, scalar_of
from medibloc_py.flows.parties import (
    Exchange,
    Identity,
    Progress,
    open_with_versions,
    silent,
    unwrap_for_versions,
)
from medibloc_py.model import Address, Blind, Cid, GlassEvent, RecordId
from medibloc_py.purpose import TREATMENT
from medibloc_py.storage import Store, cid_bytes, raw_cid
from medibloc_py.storage.leaves import LeafReader
from medibloc_py.storage.recent import Recent

if TYPE_CHECKING:
    import numpy as np


_KEPT_HEADERS: Final = 32


@dataclass(frozen=True, slots=True)
class Fetched:
    """What reading took so far: leaves of the store, at most 1 MiB each, and their bytes."""

    leaves: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from, as chain and record id prove it.

    Attributes:
        chain_id, contract: of Records, where it stands.
        issuer: under whose root.
        kind: of the record.
    """

    chain_id: int
    contract: Address
    issuer: Address
    kind: int


def origin_of(exchange: Exchange, issuer: Address, kind: int) -> Origin:
    """The origin of a record that an issuer registered in a deployment."""
    return Origin(exchange.chain_id, exchange.records.address, issuer, kind)


class OpenedRecord:
    """A record whose key is known: its files and arrays, verified while they stream.

    Parts are read without the rest: `open_range`, `read_frame`. What lies beside the last
    parts, 2 MiB of the sealed record, is kept for the next. Threads may share one.

    Where its origin is given, nothing of it is read before its kind is found to be that of
    the record id, and its de-identification receipt, if it has one, to be the issuer's.
    """

    def __init__(
        self,
        store: Store,
        record: RecordId,
        cid: Cid,
        size_bytes: int,
        cek: bytes,
        salt: bytes,
        origin: Origin | None = None,
    ) -> None:
        self.record = record
        self.size_bytes = size_bytes
        self._origin = origin
        self._leaves = LeafReader(store, cid, size_bytes)
        self._unproved = envelope.RecordReader(self._leaves.read, size_bytes, cek, salt)
        self._frames: Recent[int, imaging.FrameReader] = Recent(_KEPT_HEADERS)

    @property
    def fetched(self) -> Fetched:
        """What the store was asked for so far."""
        return Fetched(self._leaves.leaves, self._leaves.fetched_bytes)

    @property
    def manifest(self) -> Manifest:
        """Names, sizes and imaging attributes of the files.

        Raises:
            DeidentificationReceiptInvalid: its receipt is not of this record and its issuer.
            RecordMismatch: it is of another kind than its id.
            WrongKey, Corrupted: the key is another, or the record is damaged.
        """
        return self._reader.manifest

    @cached_property
    def deidentification(self) -> Deidentification | None:
        """How its issuer removed who the patient is; None if no receipt says so.

        The signature and the number of files are proved. That the files are those of the
        receipt shows once all were read: `deid_receipts.require_files`.

        Raises:
            InvalidValue: nobody said where the record comes from.
            MediBlocError: as `manifest`.
        """
        manifest = self._unproved.manifest
        if META not in manifest.meta:
            return None
        if self._origin is None:
            raise InvalidValue(name="origin", given="none", allowed="the record's")
        return check_of_record(
            str(manifest.meta[META]),
            f"record 0x{self.record.hex()}",
            self._origin.chain_id,
            self._origin.contract,
            self._origin.issuer,
            len(manifest.files),
        )

    @cached_property
    def _reader(self) -> envelope.RecordReader:
        """The reader, once the manifest is found to be that of such a record."""
        if self._origin is not None:
            if self._unproved.manifest.kind != self._origin.kind:
                raise RecordMismatch(record=self.record, reason="its manifest has another kind")
            _ = self.deidentification
        return self._unproved

    def stream(self, index: int) -> Iterator[bytes]:
        """Plaintext of one file in buffers; the last one comes only if all of it verified."""
        return self._reader.stream(index)

    def read(self, index: int) -> bytes:
        """Plaintext of one file, the very bytes that were published."""
        return self._reader.read(index)

    def open_file(self, index: int) -> BinaryIO:
        """One file as a seekable one; what holds the parts that are read is fetched, no more."""
        return self._reader.open_file(index)

    def open_range(self, index: int, offset: int, length: int) -> Iterator[bytes]:
        """Plaintext of a part of one file, in buffers; only what holds it is fetched.

        Raises:
            InvalidValue: no file has this index, or the range does not lie within it.
            WrongKey, Corrupted: the key is another, or bytes in the way are damaged.
        """
        return self._reader.open_range(index, offset, length)

    def read_frame(self, instance: int | str, frame: int) -> np.ndarray:
        """Pixels of one frame of one file; only its header and this frame are fetched.

        Where the frames of a file lie is found out once. Compressed pixels without an offset
        table are walked through for it, fragment by fragment, and a deflated file is read whole.

        Args:
            instance: the file, by index or name.
            frame: its number, from 0.

        Returns:
            Stored values of shape (rows, columns), or (rows, columns, samples): bit for bit
            what `arrays` gives for this frame.

        Raises:
            InvalidValue: there is no such file or frame.
            PixelsUnreadable: the file has no pixels, or none that can be decoded.
            WrongKey, Corrupted: the key is another, or bytes in the way are damaged.
        """
        index = self._index_of(instance)
        return self._frames.get(index, lambda: self._frame_reader(index)).read(frame)

    def _frame_reader(self, index: int) -> imaging.FrameReader:
        file = self._reader.open_file(index)
        return imaging.FrameReader(file, self.manifest.files[index].name)

    def _index_of(self, instance: int | str) -> int:
        if isinstance(instance, int):
            return instance
        names = [file.name for file in self.manifest.files]
        if instance not in names:
            allowed = f"one of the {len(names)} files of the record, {names[0]} to {names[-1]}"
            raise InvalidValue(name="file", given=instance, allowed=allowed)
        return names.index(instance)

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
    body = open_object(exchange, reader, record)
    if exchange.store.size(body.cid) != body.size_bytes:
        raise RecordMismatch(record=record, reason="the grant object tells another size")
    place = body.cid, body.size_bytes
    origin = origin_of(exchange, body.issuer, body.kind)
    return OpenedRecord(exchange.store, record, *place, body.cek, body.salt, origin)


def open_held(exchange: Exchange, holder: Identity, file: RecordFile) -> OpenedRecord:
    """Opens a record by its file.

    Raises:
        BlobMissing: the store does not have it.
    """
    if not exchange.store.has(file.cid):
        raise BlobMissing(cid=file.cid)
    key = keys.cek(keys.record_point(scalar_of(holder, file)), file.salt)
    place, origin = (file.cid, file.size_bytes), origin_of(exchange, file.issuer, file.kind)
    return OpenedRecord(exchange.store, id_of(file), *place, key, file.salt, origin)


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
