"""Where the frames of encapsulated pixels lie, without reading the pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

_ITEM: Final = 0xE000FFFE
_DELIMITER: Final = 0xE0DDFFFE
_ITEM_HEAD_BYTES: Final = 8
_END_OF_IMAGE: Final = b"\xff\xd9"
_END_BYTES: Final = 10  # in which the marker and padding stand
_MOST_FRAGMENTS: Final = 1 << 20

_Fragment = tuple[int, int]
"""Where a fragment's bytes lie in the file, and how many they are."""


class EncapsulatedFrames:
    """Where the frames of encapsulated pixels lie (PS3.5 A.4, PS3.3 C.7.6.3.1.8)."""

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        stop: int,
        frames: int,
        extended: tuple[bytes, bytes] | None,
    ) -> None:
        """Read the offset table; without one, the headers of all fragments.

        Raises:
            ValueError: there are fewer frames than declared.
            struct.error: an item or a table is cut off.
        """
        from pydicom.encaps import parse_basic_offsets

        self._file = file
        self._stop = stop
        file.seek(start)
        self._offsets = parse_basic_offsets(file)
        self._first = file.tell()
        self._lengths: list[int] | None = None
        self._grouped: list[list[_Fragment]] = []
        if extended is not None and len(extended[0]) == len(extended[1]):
            self._offsets, self._lengths = map(_numbers, extended)
        if not self._offsets:
            self._grouped = self._group(frames)
        found = len(self._offsets) or len(self._grouped)
        if found < frames:
            raise ValueError(f"it has {found} of {frames} frames")

    def read(self, frame: int) -> bytes:
        """The encoded bytes of a frame.

        Raises:
            ValueError: its fragments do not follow one another, or are too many.
            struct.error: a fragment is cut off.
        """
        return b"".join(read_at(self._file, start, length) for start, length in self._of(frame))

    def spans(self, frames: int) -> list[tuple[int, int]]:
        """Where each frame begins and ends, with the heads of its items.

        Raises:
            ValueError: its fragments do not follow one another, or are too many.
            struct.error: a fragment is cut off.
        """
        found = []
        for frame in range(frames):
            fragments = self._of(frame)
            if not fragments:
                raise ValueError("a frame has no fragment")
            begin, end = fragments[0][0] - _ITEM_HEAD_BYTES, sum(fragments[-1])
            told = self._lengths is not None  # perhaps without the byte that makes it even
            found.append((begin, end + (end - begin) % 2 if told else end))
        return found

    def _of(self, frame: int) -> list[_Fragment]:
        """The fragments that make up a frame."""
        if self._grouped:
            return self._grouped[frame]
        start = self._first + self._offsets[frame]
        if self._lengths is not None:  # one fragment, and its length is told
            return [(start + _ITEM_HEAD_BYTES, self._lengths[frame])]
        if frame + 1 == len(self._offsets):
            return list(self._walk(start, self._stop))
        return list(self._walk(start, self._first + self._offsets[frame + 1]))

    def _group(self, frames: int) -> list[list[_Fragment]]:
        fragments = list(self._walk(self._first, self._stop))
        if frames == 1:
            return [fragments]
        if len(fragments) <= frames:
            return [[fragment] for fragment in fragments]
        groups: list[list[_Fragment]] = [[]]
        for start, length in fragments:
            groups[-1].append((start, length))
            tail = min(length, _END_BYTES)
            if _END_OF_IMAGE in read_at(self._file, start + length - tail, tail):
                groups.append([])
        return [group for group in groups if group]

    def _walk(self, at: int, stop: int) -> Iterator[_Fragment]:
        """The fragments from one place to another, by their headers."""
        for _ in range(_MOST_FRAGMENTS):
            if at >= stop:
                return
            tag, length = struct.unpack("<2L", read_at(self._file, at, _ITEM_HEAD_BYTES))
            if tag == _DELIMITER:
                return
            at += _ITEM_HEAD_BYTES
            if tag != _ITEM or at + length > stop:
                raise ValueError("its fragments do not follow one another")
            yield at, length
            at += length
        raise ValueError(f"it has more than {_MOST_FRAGMENTS} fragments")


def _numbers(table: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack("<Q", table)]


def read_at(file: BinaryIO, start: int, size: int) -> bytes:
    """Up to `size` bytes of a file from `start`."""
    file.seek(start)
    return file.read(size)
