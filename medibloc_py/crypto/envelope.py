"""Sealed records: files in, one blob out, and back (docs/envelope-v1.md).

    sealed file 0 || sealed file 1 || ... || sealed manifest || u64be its length

Each sealed stream has a key and a context of its own, so none opens in the place of
another. Both ways stream: memory stays constant whatever the size of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import BinaryIO, Final, cast

from medibloc_py.crypto.cbor import Refusal, unwritable
from medibloc_py.crypto.keys import hkdf
from medibloc_py.crypto.manifest import MOST_MANIFEST_BYTES, Manifest, ManifestEntry
from medibloc_py.crypto.ranges import RangeFile, Read, SealedRanges
from medibloc_py.crypto.stream import (
    BUFFER_BYTES,
    HEADER_BYTES,
    LENGTH_BYTES,
    commits,
    open_stream,
    padme,
    seal_stream,
    sealed_size,
)
from medibloc_py.errors import (
    Corrupted,
    InvalidValue,
    StudyUnreadable,
    WrongKey,
)
from medibloc_py.model import KIND_DICOM_STUDY

__all__ = ["RecordReader", "SourceFile", "padme", "seal_record", "sealed_size"]

_MOST_SEALED_MANIFEST = sealed_size(MOST_MANIFEST_BYTES)
_MOST_HEADERS: Final = 256
"""How many files' keys a reader keeps between ranges."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to seal.

    Attributes:
        name: relative path inside the record, `/` between its parts.
        size_bytes: length of the content.
        open: opens the content for reading; closed after it was read.
        meta: short facts about it, kept in the sealed manifest.
    """

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]
    meta: Mapping[str, str | int] = field(default_factory=dict)


def seal_record(
    files: Sequence[SourceFile], cek: bytes, salt: bytes, kind: int = KIND_DICOM_STUDY
) -> Iterator[bytes]:
    """Seals files into one record.

    Args:
        files: one or more files, read once each, in this order.
        cek: content key of the record, 32 bytes.
        salt: salt of the record, 32 bytes; a pair of key and salt is for one record only.
        kind: kind of record.

    Returns:
        A generator of ciphertext buffers of about 1 MiB; whoever pulls sets the pace.

    Raises:
        InvalidValue: names, sizes, meta, key or salt cannot be used; raised at once.
        StudyUnreadable: a file cannot be read, or is not as long as it said; raised while pulling.
    """
    _check_key(cek, salt)
    entries = []
    offset = 0
    for file in files:
        sealed = sealed_size(max(file.size_bytes, 0))
        entries.append(ManifestEntry(file.name, offset, sealed, file.size_bytes, dict(file.meta)))
        offset += sealed
    manifest = Manifest(kind, tuple(entries)).encode()
    # What a reader would refuse is not sealed in the first place.
    Manifest.decode(manifest, unwritable("the record"))
    return _seal_all(files, manifest, cek, salt)


def _seal_all(
    files: Sequence[SourceFile], manifest: bytes, cek: bytes, salt: bytes
) -> Iterator[bytes]:
    for index, file in enumerate(files):
        key, context = _file_key(cek, salt, index)
        yield from seal_stream(_contents(file), file.size_bytes, key, context)
    key, context = _manifest_key(cek, salt)
    yield from seal_stream([manifest], len(manifest), key, context)
    yield sealed_size(len(manifest)).to_bytes(LENGTH_BYTES, "big")


def _contents(file: SourceFile) -> Iterator[bytes]:
    """Reads a file in buffers and holds it to the length it said."""
    left = file.size_bytes
    try:
        with file.open() as source:
            while buffer := source.read(BUFFER_BYTES):
                left -= len(buffer)
                if left < 0:
                    break
                yield buffer
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyUnreadable(path=file.name, reason=reason) from None
    if left:
        raise StudyUnreadable(path=file.name, reason="its length changed while it was read")


class RecordReader:
    """Opens a sealed record that lies elsewhere, as far as it is asked to.

    The manifest is fetched and checked at first use.
    """

    def __init__(self, read: Read, size_bytes: int, cek: bytes, salt: bytes) -> None:
        """Binds a record to its key.

        Args:
            read: gives `length` bytes of the record from `offset`, in buffers of any size.
            size_bytes: length of the whole record.
            cek: content key of the record, 32 bytes.
            salt: salt of the record, 32 bytes.

        Raises:
            InvalidValue: key or salt is not 32 bytes.
        """
        _check_key(cek, salt)
        self._read = read
        self._size_bytes = size_bytes
        self._cek = cek
        self._salt = salt
        self._headers: dict[int, SealedRanges] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """The list of files.

        Raises:
            WrongKey: the record was sealed under another key or salt.
            Corrupted: the record was changed, cut or extended.
        """
        trailer_at = self._size_bytes - LENGTH_BYTES
        if trailer_at < 2 * sealed_size(0):
            raise _damaged("it is too short")
        sealed_bytes = int.from_bytes(self._take(trailer_at, LENGTH_BYTES), "big")
        start = trailer_at - sealed_bytes
        if start < sealed_size(0) or not sealed_size(0) <= sealed_bytes <= _MOST_SEALED_MANIFEST:
            self._tell_wrong_key()
            raise _damaged("its manifest is not where it should be")
        sealed = self._take(start, sealed_bytes)
        key, context = _manifest_key(self._cek, self._salt)
        if not commits(sealed, key, context):
            self._tell_wrong_key()
        plain = b"".join(open_stream([sealed], key, context, None, _damaged))
        if sealed_size(len(plain)) != sealed_bytes:
            raise _damaged("its manifest is not padded as it should be")
        manifest = Manifest.decode(plain, lambda reason: _damaged(f"in its manifest, {reason}"))
        if manifest.end != start:
            raise _damaged("its files do not end where its manifest begins")
        return manifest

    def stream(self, index: int) -> Iterator[bytes]:
        """Opens one file in buffers.

        Each buffer is authentic, but only the end tells that the file is whole: keep
        nothing of it before the iterator is exhausted.

        Args:
            index: place of the file in the manifest.

        Raises:
            InvalidValue: no file has this place.
            WrongKey: as `manifest`.
            Corrupted: as `manifest`, or the file was changed, cut, extended or moved.
        """
        return self._stream(index, self._entry(index))

    def read(self, index: int) -> bytes:
        """Opens one file at once; raises as `stream` does."""
        return b"".join(self.stream(index))

    def open_range(self, index: int, offset: int, length: int) -> Iterator[bytes]:
        """Opens `length` bytes of one file from `offset`, in buffers.

        Only the chunks that hold them are fetched, and each is checked before its bytes are
        given. The rest of the file is not looked at: it may be damaged or missing.

        Args:
            index: place of the file in the manifest.
            offset: first byte of the range.
            length: bytes of the range; may be 0.

        Raises:
            InvalidValue: no file has this place, or the range does not lie within the file.
            WrongKey: as `manifest`.
            Corrupted: as `manifest`, or a chunk in the way was changed, cut or moved.
        """
        size_bytes = self._entry(index).size_bytes
        if not 0 <= offset <= offset + length <= size_bytes:
            raise InvalidValue(
                name="range",
                given=f"{offset} to {offset + length}",
                allowed=f"within the {size_bytes} bytes of the file",
            )
        return self._open_range(index, offset, length)

    def open_file(self, index: int) -> BinaryIO:
        """Opens one file as a seekable one, whose reads fetch as `open_range` does.

        Raises:
            InvalidValue: no file has this place.
            WrongKey, Corrupted: as `manifest`; reading raises as `open_range` does.
        """
        size_bytes = self._entry(index).size_bytes
        file = RangeFile(partial(self._open_range, index), size_bytes)
        return cast("BinaryIO", file)

    def _entry(self, index: int) -> ManifestEntry:
        files = self.manifest.files
        if not 0 <= index < len(files):
            raise InvalidValue(name="file", given=index, allowed=f"from 0 to {len(files) - 1}")
        return files[index]

    def _stream(self, index: int, entry: ManifestEntry) -> Iterator[bytes]:
        key, context = _file_key(self._cek, self._salt, index)
        sealed = _exactly(self._read, entry.offset, entry.sealed_bytes)
        yield from open_stream(sealed, key, context, entry.size_bytes, _damaged_file(entry))

    def _open_range(self, index: int, offset: int, length: int) -> Iterator[bytes]:
        if length:
            yield from self._ranges(index).open(offset, length)

    def _ranges(self, index: int) -> SealedRanges:
        opened = self._headers.get(index)
        if opened is None:
            entry = self._entry(index)
            read = partial(_exactly, self._read)
            key, context = _file_key(self._cek, self._salt, index)
            opened = SealedRanges(
                read, entry.offset, entry.size_bytes, key, context, _damaged_file(entry)
            )
            if len(self._headers) >= _MOST_HEADERS:
                self._headers.clear()
            self._headers[index] = opened
        return opened

    def _tell_wrong_key(self) -> None:
        """Raises WrongKey unless file 0 shows that the key is right and the manifest is not."""
        key, context = _file_key(self._cek, self._salt, 0)
        if not commits(self._take(0, HEADER_BYTES), key, context):
            raise WrongKey(what_for="record")

    def _take(self, offset: int, length: int) -> bytes:
        return b"".join(_exactly(self._read, offset, length))


def _exactly(read: Read, offset: int, length: int) -> Iterator[bytes]:
    left = length
    for buffer in read(offset, length):
        left -= len(buffer)
        if left < 0:
            break
        yield buffer
    if left:
        raise _damaged(f"the store did not give the {length} bytes at {offset}")


def _file_key(cek: bytes, salt: bytes, index: int) -> tuple[bytes, bytes]:
    """Gives key and context of one file's stream."""
    place = index.to_bytes(4, "big")
    return (
        hkdf(cek, salt=salt, info=b"medibloc/file/v1" + place),
        b"medibloc/envelope/v1/file" + salt + place,
    )


def _manifest_key(cek: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Gives key and context of the manifest's stream."""
    return (
        hkdf(cek, salt=salt, info=b"medibloc/manifest/v1"),
        b"medibloc/envelope/v1/manifest" + salt,
    )


def _check_key(cek: bytes, salt: bytes) -> None:
    for name, value in (("content key", cek), ("salt", salt)):
        if len(value) != 32:
            raise InvalidValue(name=name, given=f"{len(value)} bytes", allowed="32 bytes")


def _damaged_file(entry: ManifestEntry) -> Refusal:
    return lambda reason: Corrupted(name=entry.name, reason=reason)


def _damaged(reason: str) -> Corrupted:
    return Corrupted(name="the sealed record", reason=reason)
