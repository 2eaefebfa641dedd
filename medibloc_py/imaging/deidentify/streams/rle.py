"""RLE: what is between segments, behind their last run and in unused places of the head."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

from medibloc_py.imaging.deidentify.streams.jpeg import blank

_HEAD: Final = struct.Struct("<16L")
_MOST: Final = 15
_SPELLING: Final = 0x20000000  # the least offset of which all bytes can be printed
_NOTHING: Final = 0x80


def bare(frame: bytearray, segment_bytes: int) -> None:
    """Make zeros of what is no run of a frame (PS3.5 annex G), in place.

    Args:
        frame: the encoded frame.
        segment_bytes: how many bytes a segment decodes to: a value has one in each segment.

    Raises:
        ValueError: its segments do not follow one another.
    """
    size = len(frame)
    count, *offsets = _HEAD.unpack(frame[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    del offsets[min(count, max(size // 4 - 1, 0)) :]  # of a frame that is cut off, what is there
    if count > _MOST or offsets != sorted(offsets) or not _are_places(offsets):
        raise ValueError("the segments of a compressed frame do not follow one another")
    bounds = [min(at, size) for at in (*offsets, size)]
    blank(frame, 4 + 4 * count, min(_HEAD.size, size))
    blank(frame, _HEAD.size, bounds[0])
    for start, stop in pairwise(bounds):
        blank(frame, min(_end_of_runs(frame, start, stop, segment_bytes), stop), stop)


def _are_places(offsets: list[int]) -> bool:
    return all(_HEAD.size <= at < _SPELLING for at in offsets)


def _end_of_runs(frame: bytearray, at: int, stop: int, left: int) -> int:
    """Where the runs of a segment end that decode to `left` bytes."""
    while left > 0 and at < stop:
        head = frame[at]
        if head < _NOTHING:
            at += head + 2
            left -= head + 1
        elif head > _NOTHING:
            at += 2
            left -= 257 - head
        else:
            at += 1
    return at
