"""Handing hostile bytes to pydicom, and making sense of what it raises."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

MAX_INFLATED_BYTES: Final = 1 << 30
"""Most that a deflated data set may unpack to: deflate packs a thousand bytes into one."""
_PLAIN_SYNTAXES: Final[dict[tuple[bool | None, bool | None], str]] = {
    # (implicit VR, little endian), PS3.5 annex A
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
_PIECE_BYTES: Final = 1 << 20
_REASON_CHARS: Final = 200


class DicomSource:
    """A file as pydicom reads it, with a limit on what it may inflate.

    pydicom reads up to the end in one place only: where it inflates the rest of a file
    in Deflated Explicit VR Little Endian at once (PS3.5 A.5).
    """

    def __init__(self, file: BinaryIO) -> None:
        """Wrap a seekable file."""
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, or up to the end.

        Raises:
            ValueError: what follows would inflate to too much.
        """
        data = self._file.read(size)
        if size < 0:
            _check_inflated(data)
        return data


def _check_inflated(deflated: bytes) -> None:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = 0
    while deflated and not inflater.eof:
        inflated += len(inflater.decompress(deflated, _PIECE_BYTES))
        if inflated > MAX_INFLATED_BYTES:
            raise ValueError(f"it inflates to more than {MAX_INFLATED_BYTES} bytes")
        deflated = inflater.unconsumed_tail


def plain_syntax(dataset: FileDataset) -> str:
    """The uncompressed transfer syntax a data set was found in, for one that declares none."""
    return _PLAIN_SYNTAXES[dataset.original_encoding]


def parse_failures() -> tuple[type[Exception], ...]:
    """What pydicom and the codecs raise on bytes that are not what they seem.

    There is no root class for it: whatever the parser stumbles over comes through. An
    `OSError` with a number is not the parser's, but the disk's.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ArithmeticError,
        AssertionError,
        AttributeError,
        BytesLengthException,
        EOFError,
        InvalidDicomError,
        LookupError,
        MemoryError,
        OSError,
        RuntimeError,  # with NotImplementedError and RecursionError
        StopIteration,
        TypeError,
        ValueError,  # with UnicodeError
        struct.error,
        zlib.error,
    )


def reason_of(error: BaseException) -> str:
    """What went wrong, in one line without control characters."""
    text = str(error) or type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text[:_REASON_CHARS])
