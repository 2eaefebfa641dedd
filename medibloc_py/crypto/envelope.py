"""Sealed records: files in, one blob out, and back (docs/envelope-v1.md).

    sealed file 0 || sealed file 1 || ... || sealed manifest || u64be its length

Each sealed stream has a key and a context of its own, so none opens in the place of
another. Both ways stream: memory stays constant whatever the size of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import BinaryIO, Final, cast

from medibloc_py.crypto.cbor import Refusal
from medibloc_py.crypto.keys import check_record_key, file_key, manifest_key
from medibloc_py.crypto.manifest import MOST_MANIFEST_BYTES, Manifest, ManifestEntry
from medibloc_py.crypto.ranges import RangeFile, Read, SealedRanges
from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.crypto.stream import (
    HEADER_BYTES,
    LENGTH_BYTES,
    commits,
    open_stream,
    padme,
    sealed_size,
)
from medibloc_py.errors import (
    Corrupted,
    InvalidValue,
    WrongKey,
)

__all__ = ["RecordReader", "SourceFile", "padme", "seal_record", "sealed_size"]

_MOST_SEALED_MANIFEST = sealed_size(MOST_MANIFEST_BYTES)
_MOST_HEADERS: Final = 256
"""How many files' keys a reader keeps between ranges."""


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
        check_record_key(cek, salt)
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
        key, context = manifest_key(self._cek, self._salt)
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
        key, context = file_key(self._cek, self._salt, index)
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
            key, context = file_key(self._cek, self._salt, index)
            opened = SealedRanges(
                read, entry.offset, entry.size_bytes, key, context, _damaged_file(entry)
            )
            if len(self._headers) >= _MOST_HEADERS:
                self._headers.clear()
            self._headers[index] = opened
        return opened

    def _tell_wrong_key(self) -> None:
        """Raises WrongKey unless file 0 shows that the key is right and the manifest is not."""
        key, context = file_key(self._cek, self._salt, 0)
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


def _damaged_file(entry: ManifestEntry) -> Refusal:
    return lambda reason: Corrupted(name=entry.name, reason=reason)


def _damaged(reason: str) -> Corrupted:
    return Corrupted(name="the sealed record", reason=reason)
