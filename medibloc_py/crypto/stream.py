"""One sealed stream: padded content under C2SP chunked encryption, Cobblestone-256.

    plaintext = u64be length || content || zeros up to the Padmé length

16 KiB chunks of AES-256-GCM with a key commitment in the header. Both ways stream in
large buffers and constant memory: the only door to cryptography's Cobblestone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from medibloc_py.crypto.cbor import Refusal

BUFFER_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
"""Plaintext that is sealed at once: with its ciphertext it stays in a core's cache."""
CHUNK_BYTES = 16 << 10
"""Plaintext of one Cobblestone chunk."""
HEADER_BYTES = 56
"""Cobblestone's salt (24) and key commitment (32)."""
TAG_BYTES = 16
LENGTH_BYTES = 8
"""The u64 before a stream's content, and the one at the end of a record."""
_ZEROS = memoryview(bytes(PIECE_BYTES))
_MOST_SEALED_PIECE = HEADER_BYTES + PIECE_BYTES + TAG_BYTES * (PIECE_BYTES // CHUNK_BYTES + 1)
_MOST_LENT = 64  # as many as leaves take that wait to be hashed; who holds more gets new ones


def padme(length: int) -> int:
    """Gives the Padmé length of `length` bytes: at most 12 % more, 1 % on average.

    Only the top `log2(log2(length)) + 1` bits of the length stay visible (Nikitin et
    al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019).
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    hidden = (1 << (exponent - exponent.bit_length())) - 1
    return (length + hidden) & ~hidden


def padded_size(length: int) -> int:
    """Bytes of the padded plaintext of a stream with `length` bytes of content."""
    return padme(LENGTH_BYTES + length)


def sealed_size(length: int) -> int:
    """Bytes of the sealed stream with `length` bytes of content."""
    padded = padded_size(length)
    # The last chunk is never full: a whole number of chunks is followed by an empty one.
    return HEADER_BYTES + padded + TAG_BYTES * (padded // CHUNK_BYTES + 1)


class Buffers:
    """What the streams of one record are sealed in, one after the other.

    New memory costs more than the cipher does, so buffers are used again.

    Attributes:
        plain: for a piece of plaintext.
    """

    def __init__(self) -> None:
        self.plain = memoryview(bytearray(PIECE_BYTES))
        self._lent: deque[bytearray] = deque(maxlen=_MOST_LENT)

    def lend(self) -> memoryview:
        """A buffer for a sealed piece that nobody else holds, nor a part of it."""
        for buffer in self._lent:
            if _is_free(buffer):
                return memoryview(buffer)
        buffer = bytearray(_MOST_SEALED_PIECE)
        self._lent.append(buffer)
        return memoryview(buffer)


def _is_free(buffer: bytearray) -> bool:
    """Tells whether nobody holds a view: as long as somebody does, the size is fixed."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


def seal_stream(
    fill: Callable[[memoryview], object], length: int, key: bytes, context: bytes, buffers: Buffers
) -> Iterator[memoryview]:
    """Seals a content of known length.

    Args:
        fill: fills a view with the bytes of the content that are next, or raises.
        length: of the content, in bytes; so many are asked for.
        key: of this stream, 32 bytes.
        context: of this stream; the same bytes open it again.
        buffers: of the record. A piece that nobody holds any longer becomes another.
    """
    encryptor = Cobblestone256Encryptor(key, context)
    plain = buffers.plain
    plain[:LENGTH_BYTES] = length.to_bytes(LENGTH_BYTES, "big")
    begin = LENGTH_BYTES
    padded = padded_size(length)
    for start in range(0, padded, PIECE_BYTES):
        size = min(PIECE_BYTES, padded - start)
        end = min(max(LENGTH_BYTES + length - start, 0), size)
        fill(plain[begin:end])
        plain[end:size] = _ZEROS[: size - end]
        begin = 0
        sealed = buffers.lend()
        written = encryptor.update_into(plain[:size], sealed)
        if start + size == padded:
            last = encryptor.finalize()
            sealed[written : written + len(last)] = last
            written += len(last)
        yield sealed[:written].toreadonly()


def commits(sealed: bytes, key: bytes, context: bytes) -> bool:
    """Tells whether a sealed stream was made under this key and context."""
    try:
        Cobblestone256Decryptor(key, context).update(sealed[:HEADER_BYTES])
    except InvalidTag:
        return False
    return True


def open_stream(
    sealed: Iterable[bytes], key: bytes, context: bytes, length: int | None, refuse: Refusal
) -> Iterator[bytes]:
    """Gives the content of a sealed stream, without its length and padding.

    Args:
        sealed: the whole sealed stream.
        key: of this stream.
        context: of this stream.
        length: what the content must have; None when only the stream itself knows.
        refuse: makes the error for whatever does not hold.
    """
    plain = _decrypt(sealed, Cobblestone256Decryptor(key, context), refuse)
    head = b""
    while len(head) < LENGTH_BYTES and (buffer := next(plain, None)) is not None:
        head += buffer
    if len(head) < LENGTH_BYTES:
        raise refuse("it is too short to say its length")
    left = int.from_bytes(head[:LENGTH_BYTES], "big")
    if length is not None and left != length:
        raise refuse("its length is not that of the manifest")
    for buffer in chain([head[LENGTH_BYTES:]], plain):
        content, padding = buffer[:left], buffer[left:]
        left -= len(content)
        if content:
            yield content
        if padding.count(0) != len(padding):
            raise refuse("its padding is not zero")
    if left:
        raise refuse("it is shorter than it says")


def _decrypt(
    sealed: Iterable[bytes], decryptor: Cobblestone256Decryptor, refuse: Refusal
) -> Iterator[bytes]:
    try:
        for buffer in sealed:
            yield decryptor.update(buffer)
        yield decryptor.finalize()
    except InvalidTag:
        raise refuse("its bytes are not those that were sealed") from None
