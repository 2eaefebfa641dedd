"""JPEG and JPEG-LS: segments that a decoder does not need (ISO/IEC 10918-1 annex B, 14495-1)."""

from __future__ import annotations

import re
from typing import Final

SIGNATURE: Final = b"\xff\xd8"
_SCAN, _END = 0xDA, 0xD9
_ALONE: Final = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
# Frames, tables of Huffman codes and of quantization, restarts, of JPEG-LS its parameters.
_CODING: Final = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8})
# Applications' segments that say how samples become colours: how each begins, and how many of
# its bytes say it. Of JFIF a thumbnail goes, and its size.
_NEEDED: Final = {
    0xE0: ((b"JFIF\0", 12),),
    0xE8: ((b"SPIFF\0", 30), (b"\0\0\0\1\xff\xd8", 6), (b"mrfx", 5)),
    0xEE: ((b"Adobe", 12),),
}
# In coded data a byte of ones is followed by a zero, a bit of zero or the number of a restart.
_MARKER: Final = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")


def bare(frame: bytearray) -> None:
    """Make zeros of what is no image in a frame, in place.

    Raises:
        ValueError: another image stands behind it.
    """
    at = len(SIGNATURE)
    while at + 2 <= len(frame):
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0:  # no marker: a decoder passes over it
            frame[at] = 0
            at += 1
        elif marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker == _END:
            _bare_rest(frame, at + 2)
            return
        else:
            at = _segment(frame, at, marker)


def _segment(frame: bytearray, at: int, marker: int) -> int:
    """Clean one segment; tells where the next marker is."""
    if at + 4 > len(frame):
        return len(frame)
    length = int.from_bytes(frame[at + 2 : at + 4])
    start, stop = at + 4, min(at + 2 + length, len(frame))
    if marker == _SCAN:
        found = _MARKER.search(frame, stop)
        return found.start() if found else len(frame)
    if marker not in _CODING:
        kept = next((n for head, n in _NEEDED.get(marker, ()) if frame.startswith(head, start)), 0)
        blank(frame, start + kept, stop)
    return max(stop, start)


def _bare_rest(frame: bytearray, at: int) -> None:
    if frame.find(SIGNATURE + b"\xff", at) >= 0:
        raise ValueError("it has more compressed images than frames")
    blank_rest(frame, at)


def blank_rest(data: bytearray, at: int) -> None:
    """Make zeros of what stands behind an image; a padding of zeros or of ones stays."""
    if data[at:].strip(b"\0\xff"):
        blank(data, at, len(data))


def blank(data: bytearray, start: int, stop: int) -> None:
    """Make zeros of a part."""
    if start < stop:
        data[start:stop] = bytes(stop - start)
