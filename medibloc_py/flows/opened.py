"""An opened record: its files, frames and arrays, verified while they stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py import imaging
from medibloc_py.crypto import envelope, keys
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.manifest import Manifest
from medibloc_py.errors import BlobMissing, DeidentificationMissing, InvalidValue, RecordMismatch
from medibloc_py.flows.deid_receipts import META, Deidentification, FileDigest, check_of_record
from medibloc_py.flows.held import NO_TREATMENT, id_of, require_purpose, scalar_of
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.model import Address, Cid, RecordId
from medibloc_py.storage import Store
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

    @property
    def kind(self) -> int:
        """Its kind: see `model.KIND_DICOM_STUDY`; raises as `manifest` does."""
        return self.manifest.kind

    @property
    def receipt(self) -> bytes | None:
        """The paper of its de-identification receipt, if it has one; not checked."""
        text = self._unproved.manifest.meta.get(META)
        return None if text is None else str(text).encode()

    @cached_property
    def deidentification(self) -> Deidentification | None:
        """How its issuer removed who the patient is; None if no receipt says so.

        The signature and the number of files are proved. That the files are those of the
        receipt shows once all were read: `deid_receipts.require_files`.

        Raises:
            InvalidValue: nobody said where the record comes from.
            MediBlocError: as `manifest`.
        """
        if (paper := self.receipt) is None:
            return None
        if self._origin is None:
            raise InvalidValue(name="origin", given="none", allowed="the record's")
        place = self._origin.chain_id, self._origin.contract, self._origin.issuer
        count = len(self._unproved.manifest.files)
        return check_of_record(paper, f"record 0x{self.record.hex()}", *place, count)

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

    def digests(self, progress: Progress = silent) -> list[FileDigest]:
        """Name and SHA-256 of all files, which are read for it."""
        found = []
        for index, file in enumerate(self.manifest.files):
            whole = sha256()
            for buffer in self.stream(index):
                whole.update(buffer)
            found.append(FileDigest(file.name, whole.digest()))
            progress("read", index + 1, len(self.manifest.files))
        return found

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


def require_deidentified(exchange: Exchange, holder: Identity, file: RecordFile) -> None:
    """Makes sure that a held record is for research, and says how its patient was removed.

    The signature and the number of files are proved; the files are not read.

    Raises:
        TreatmentOnly: it says who the patient is.
        DeidentificationMissing: it has no receipt: a release before 0.4.0 published it.
        DeidentificationReceiptInvalid: its receipt is another's.
        BlobMissing, Corrupted, WrongKey: it does not open.
    """
    require_purpose(id_of(file), file.kind, NO_TREATMENT)
    opened = open_held(exchange, holder, file)
    if opened.deidentification is None:
        raise DeidentificationMissing(record=opened.record)


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
