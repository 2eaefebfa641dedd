"""Handing hostile bytes to pydicom, and making sense of what it raises."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

from medibloc_py.errors.plain import plain

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset
    from pydicom.tag import BaseTag

MAX_INFLATED_BYTES: Final = 1 << 27
"""Most that a deflated data set may unpack to: deflate packs a thousand bytes into one, and
several copies of what they unpack to are held at a time."""
_PLAIN_SYNTAXES: Final[dict[tuple[bool | None, bool | None], str]] = {
    # (implicit VR, little endian), PS3.5 annex A
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
MOST_ELEMENTS: Final = 1 << 16
"""Most that a data set may hold, those in its sequences not counted."""
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
"""The transfer syntax Deflated Explicit VR Little Endian."""
_PIXEL_GROUP: Final = 0x7FE0
_PIXELS: Final = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
_PIECE_BYTES: Final = 1 << 20
_QUOTED: Final = re.compile(r"""b?(['"]).*?\1""")


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


class ElementLimit:
    """Stops a parser at a data set that has more elements than PS3.6 could fill.

    A few bytes can inflate to millions of elements, each of which costs time.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self._left = MOST_ELEMENTS

    def __call__(self, _tag: BaseTag, _vr: str | None, _length: int) -> bool:
        """Count an element; as pydicom's `stop_when`, never where to stop.

        Raises:
            ValueError: it is one too many.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {MOST_ELEMENTS} elements")
        return False


class PixelElement(NamedTuple):
    """Where a file holds its pixels.

    Attributes:
        keyword: of the element: integers, floats or double floats.
        vr: its value representation; None where it is implicit.
        start: first byte of its value, from the start of the file.
        length: bytes of the value; `UNDEFINED_LENGTH` when it goes up to a delimiter.
    """

    keyword: str
    vr: str | None
    start: int
    length: int


UNDEFINED_LENGTH: Final = 0xFFFFFFFF


def read_up_to_pixels(
    file: BinaryIO, keywords: Sequence[str]
) -> tuple[FileDataset, PixelElement | None]:
    """Parse a file's header as far as its pixels, which are not read.

    Args:
        file: a seekable file at its start.
        keywords: the elements that are wanted; what else is long is skipped.

    Returns:
        These elements, and where the pixels are; None if it has none. Within a deflated data
        set the place means nothing outside.
    """
    # Imported late: pydicom and numpy cost most of a second.
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_partial

    source = DicomSource(file)
    found: PixelElement | None = None
    count = ElementLimit()

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        nonlocal found
        count(tag, vr, length)
        if keyword := _PIXELS.get(int(tag)):
            found = PixelElement(keyword, vr, source.tell(), length)
        return found is not None or tag.group > _PIXEL_GROUP

    header = read_partial(
        cast("BinaryIO", source),
        stop_when=at_pixels,
        force=True,
        specific_tags=[tag for name in keywords if (tag := tag_for_keyword(name)) is not None],
    )
    return header, found


def read_all(file: BinaryIO) -> FileDataset:
    """Parse a whole file, with or without the head of PS3.10.

    Args:
        file: a seekable file at its start.
    """
    from pydicom.filereader import read_partial

    source = cast("BinaryIO", DicomSource(file))
    return read_partial(source, stop_when=ElementLimit(), force=True)


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
    """What went wrong, in one line without control characters.

    What a parser quotes may be a patient's name: it is left out.
    """
    said = " ".join(str(error).split()) or type(error).__name__
    return plain(_QUOTED.sub("'…'", said))
