"""What a compressed frame says of its own size, before a decoder believes it.

Decoders allocate and loop by the numbers in the codestream, not by those in the
DICOM header. A frame that differs from its header is not decoded: it would end in an
error at best, and in minutes of work or gigabytes of memory at worst.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_JPEG: Final = b"\xff\xd8"
_J2K: Final = b"\xff\x4f\xff\x51"
_JP2: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MIN_BOX_BYTES: Final = 8
# SOF0 to SOF15 but DHT, JPG and DAC (ISO/IEC 10918-1 table B.1), SOF55 of JPEG-LS.
_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_DHP: Final = 0xDE  # a hierarchical image, of another size than its frames


class FrameSize(NamedTuple):
    """Rows, columns and samples a pixel."""

    rows: int
    columns: int
    samples: int


def frame_size(frame: bytes) -> FrameSize:
    """The size a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame declares.

    Raises:
        ValueError: none of these, or nothing that could be decoded.
    """
    try:
        if frame.startswith(_JPEG):
            return _jpeg_size(frame)
        if frame.startswith(_JP2):
            return _j2k_size(frame, _codestream_box(frame))
        if frame.startswith(_J2K):
            return _j2k_size(frame, 0)
    except (IndexError, struct.error) as error:
        raise ValueError("a compressed frame is cut off") from error
    raise ValueError("a compressed frame is in no known format")


def _jpeg_size(frame: bytes) -> FrameSize:
    """Walk the segments up to the frame header (ISO/IEC 10918-1 B.2)."""
    at = len(_JPEG)
    while True:
        if frame[at] != 0xFF:
            raise ValueError("a JPEG frame has data where a marker must be")
        marker = frame[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        (length,) = struct.unpack_from(">H", frame, at + 2)
        if marker in _FRAME_MARKERS:
            return FrameSize(*struct.unpack_from(">HHB", frame, at + 5))
        if marker == _DHP or length < 2:
            raise ValueError("a JPEG frame has a segment that cannot be")
        at += 2 + length


def _codestream_box(frame: bytes) -> int:
    """Where the codestream begins among the boxes of a JP2 file (ISO/IEC 15444-1 annex I)."""
    at = len(_JP2)
    while True:
        length, kind = struct.unpack_from(">I4s", frame, at)
        if kind == b"jp2c":
            return at + _MIN_BOX_BYTES
        if length < _MIN_BOX_BYTES:  # zero would stand still for ever
            raise ValueError("a JP2 frame has a box that cannot be")
        at += length


def _j2k_size(frame: bytes, at: int) -> FrameSize:
    """The image area of the SIZ segment (ISO/IEC 15444-1 A.5.1)."""
    if not frame.startswith(_J2K, at):
        raise ValueError("a JPEG 2000 frame does not begin with its size")
    right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
    (samples,) = struct.unpack_from(">H", frame, at + 40)
    return FrameSize(bottom - top, right - left, samples)
