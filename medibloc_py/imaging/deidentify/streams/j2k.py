"""JPEG 2000 and HTJ2K: comments in a codestream, boxes around it (ISO/IEC 15444-1 A and I)."""

from __future__ import annotations

import re
import struct
from typing import Final

from medibloc_py.imaging.deidentify.streams.icc import bare_profile
from medibloc_py.imaging.deidentify.streams.jpeg import blank, blank_rest

SIGNATURE: Final = b"\xff\x4f\xff\x51"
BOXES: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_TILE, _DATA, _COMMENT = 0x90, 0x93, 0x64
_END_MARKER: Final = b"\xff\xd9"
# Segments of parts 1, 2 and 15 that say how samples are coded.
_CODING: Final = frozenset({*range(0x50, 0x64), *range(0x70, 0x7B)})
# How encoders sign; nothing else may stand in a comment.
_ENCODERS: Final = re.compile(
    rb"(Created by (GDCM/)?OpenJPEG version|Creator: JasPer Version|Kakadu-v?|OpenJPH Ver)"
    rb" ?[0-9]{1,3}(\.[0-9]{1,3}){1,3}\.?\0*"
)
_HEAD: Final = struct.Struct(">I4s")
_KEPT_BOXES: Final = frozenset(
    [b"jP  ", b"ftyp", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"res ", b"resc", b"resd"]
)
_COLOUR_BYTES: Final = 7
_BY_NUMBER: Final = 1


def bare(stream: bytearray, at: int = 0) -> None:
    """Make zeros of comments, and of what stands behind the image, in place.

    Args:
        stream: the frame.
        at: where its codestream begins.

    Raises:
        ValueError: another image stands behind it.
    """
    at += 2
    tile_end: int | None = None
    while stream[at : at + 2] != _END_MARKER and at + 4 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == _DATA:
            at = _behind_tile(stream, at, tile_end)
            continue
        length = int.from_bytes(stream[at + 2 : at + 4])
        start, stop = at + 4, min(at + 2 + length, len(stream))
        if marker == _TILE:
            tile_end = _end_of_tile(stream, at)
        elif marker not in _CODING and not _is_signature(marker, stream[start + 2 : stop]):
            blank(stream, start, stop)
        at = max(stop, start)
    if stream[at : at + 2] == _END_MARKER:
        at += 2
    if stream.find(SIGNATURE, at) >= 0:
        raise ValueError("it has more compressed images than frames")
    blank_rest(stream, at)


def _is_signature(marker: int, comment: bytearray) -> bool:
    return marker == _COMMENT and _ENCODERS.fullmatch(comment) is not None


def _end_of_tile(stream: bytearray, at: int) -> int | None:
    length = int.from_bytes(stream[at + 6 : at + 10])
    return at + length if length else None


def _behind_tile(stream: bytearray, at: int, end: int | None) -> int:
    """Where the tile-part ends whose data begin; one that does not say it is the last."""
    if end is not None:
        return min(max(end, at + 2), len(stream))
    found = stream.find(_END_MARKER, at)  # coded data have no marker
    return found if found >= 0 else len(stream)


def bare_boxes(stream: bytearray, at: int = 0, stop: int | None = None) -> None:
    """The same in a file of boxes; those that are not needed become free space."""
    stop = len(stream) if stop is None else stop
    while at + _HEAD.size <= stop:
        length, kind = _HEAD.unpack_from(stream, at)
        start, end = at + _HEAD.size, at + length
        if length == 1 and start + 8 <= stop:
            end = at + struct.unpack_from(">Q", stream, start)[0]
            start += 8
        if length == 0 or end > stop:
            end = stop
        if end < start:
            break
        if kind == b"jp2c":
            part = stream[start:end]
            bare(part)
            stream[start:end] = part
        elif kind == b"jp2h":
            bare_boxes(stream, start, end)
        elif kind == b"colr":
            _bare_colour(stream, start, end)
        elif kind not in _KEPT_BOXES:
            stream[at + 4 : at + 8] = b"free"
            blank(stream, start, end)
        at = end
    blank(stream, at, stop)


def _bare_colour(stream: bytearray, start: int, end: int) -> None:
    if start < end and stream[start] == _BY_NUMBER:
        blank(stream, start + _COLOUR_BYTES, end)
    else:  # method, precedence, approximation, then a profile
        profile = bytes(stream[start + 3 : end])
        stream[start + 3 : end] = bare_profile(profile) or bytes(len(profile))
