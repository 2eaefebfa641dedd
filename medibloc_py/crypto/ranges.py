"""Random access to a sealed stream: only the chunks that hold a range are fetched and opened.

Cobblestone-256 once more, over bare AES-GCM, because cryptography's decryptor knows only
whole streams. Delete `SealedRanges` when it can open a range itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from medibloc_py.crypto.cbor import Refusal
from medibloc_py.crypto.stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    LENGTH_BYTES,
    TAG_BYTES,
    sealed_size,
)

Read = Callable[[int, int], Iterator[bytes]]
"""Gives exactly `length` bytes from `offset`, in pieces of any size, or raises."""

_INFO: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
_SALT_BYTES: Final = 24
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES
_WINDOW_BYTES: Final = CHUNK_BYTES


class SealedRanges:
    """Ranges of one sealed stream whose key and length are known.

    What is given is authentic, in its place, and under this key and context. Chunks outside
    of a range are not looked at: that they are whole is for `open_stream` to tell.
    """

    def __init__(
        self, read: Read, start: int, length: int, key: bytes, context: bytes, refuse: Refusal
    ) -> None:
        """Fetches the header and checks its key commitment.

        Args:
            read: gives bytes of the record.
            start: where the sealed stream begins in it.
            length: of the content, in bytes.
            key: of this stream, 32 bytes.
            context: of this stream.
            refuse: makes the error for whatever does not hold.
        """
        header = b"".join(read(start, HEADER_BYTES))
        secret = HKDFExpand(
            SHA512(), 2 * _KEY_BYTES + _NONCE_BYTES, _INFO + header[:_SALT_BYTES] + context
        ).derive(key)
        if not bytes_eq(secret[_KEY_BYTES + _NONCE_BYTES :], header[_SALT_BYTES:]):
            raise refuse("its bytes are not those that were sealed")
        self._cipher = AESGCM(secret[:_KEY_BYTES])
        self._nonce = int.from_bytes(secret[_KEY_BYTES : _KEY_BYTES + _NONCE_BYTES], "big")
        self._read = read
        self._start = start
        self._length = length
        self._refuse = refuse

    def open(self, offset: int, length: int) -> Iterator[bytes]:
        """Opens `length` bytes of the content from `offset`; both must lie within it.

        One contiguous read fetches the chunks.

        Yields:
            The bytes, chunk by chunk.
        """
        if not length:
            return
        start = LENGTH_BYTES + offset
        stop = start + length
        first, last = start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES
        begin = HEADER_BYTES + first * _SEALED_CHUNK_BYTES
        end = HEADER_BYTES + (last + 1) * _SEALED_CHUNK_BYTES
        end = min(end, sealed_size(self._length))
        sealed = self._read(self._start + begin, end - begin)
        for number, chunk in enumerate(_cut(sealed, _SEALED_CHUNK_BYTES), first):
            at = number * CHUNK_BYTES
            yield self._chunk(number, chunk)[max(start - at, 0) : stop - at]

    def _chunk(self, number: int, sealed: bytes) -> bytes:
        nonce = (self._nonce ^ number).to_bytes(_NONCE_BYTES, "big")
        try:
            plain = self._cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
            raise self._refuse("its bytes are not those that were sealed") from None
        if number == 0 and int.from_bytes(plain[:LENGTH_BYTES], "big") != self._length:
            raise self._refuse("its length is not that of the manifest")
        padding = plain[max(LENGTH_BYTES + self._length - number * CHUNK_BYTES, 0) :]
        if padding.count(0) != len(padding):
            raise self._refuse("its padding is not zero")
        return plain


def _cut(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % size
        for at in range(0, whole, size):
            yield data[at : at + size]
        rest = data[whole:]
    if rest:
        yield rest


class RangeFile(io.BufferedIOBase):
    """A seekable file of which only what is read is fetched.

    Short reads get a window of one chunk, so that a parser which takes a few bytes at a
    time does not fetch for each of them.
    """

    def __init__(self, read: Read, size_bytes: int) -> None:
        """Opens at the start.

        Args:
            read: gives bytes of the file.
            size_bytes: of the file.
        """
        self._fetch = read
        self._size_bytes = size_bytes
        self._at = 0
        self._window = b""
        self._window_at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Where the next read begins, in bytes from the start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves, also beyond the end; gives the new place.

        Raises:
            ValueError: that is before the start, as files say it.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start of the file")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads up to `size` bytes, or to the end; fewer only at the end.

        Raises:
            MediBlocError: what fetching raises.
        """
        left = max(self._size_bytes - self._at, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._long(wanted) if wanted > _WINDOW_BYTES else self._short(wanted, left)
        self._at += wanted
        return data

    def _long(self, size: int) -> bytes:
        return b"".join(self._fetch(self._at, size))

    def _short(self, size: int, left: int) -> bytes:
        begin = self._at - self._window_at
        if not 0 <= begin <= begin + size <= len(self._window):
            self._window = b"".join(self._fetch(self._at, min(_WINDOW_BYTES, left)))
            self._window_at, begin = self._at, 0
        return self._window[begin : begin + size]
