"""A small reader of DICOM bytes for the check: where each value stands, at any depth.

It is written apart from the library that de-identifies, so that what one overlooks the
other may see. It never fails on what it cannot follow: the rest is given as one value.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from typing import Final, NamedTuple

_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS: Final = 0x7FE00010
_TRANSFER_SYNTAX: Final = 0x00020010
_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"
_BIG_ENDIAN: Final = b"1.2.840.10008.1.2.2"
_LONG: Final = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_MAX_DEPTH: Final = 64
_HEAD_BYTES: Final = 132
UNFOLLOWED: Final = "??"
"""In the place of a VR: bytes in which no attribute could be told, and any may be."""


class Value(NamedTuple):
    """One value in the bytes.

    Attributes:
        path: tags of the sequences around it and numbers of their items, then its tag.
        vr: as declared, or empty; `UNFOLLOWED` for a rest.
        start: where its bytes begin.
        end: where they end.
    """

    path: tuple[int, ...]
    vr: str
    start: int
    end: int

    @property
    def tag(self) -> int:
        """Its own tag."""
        return self.path[-1]


class Parsed(NamedTuple):
    """A file as the check sees it: its bytes and its values.

    The bytes are inflated if they were deflated. Of pixels that the file's end cuts off the
    last item is given the length that it has.
    """

    data: bytes
    values: list[Value]


def parse(data: bytes, limit: int = 1 << 30) -> Parsed:
    """Find every value of a file.

    Args:
        data: the bytes of the file, with or without the head of PS3.10.
        limit: most that a deflated data set may inflate to, bytes.
    """
    at = _HEAD_BYTES if data[128:_HEAD_BYTES] == b"DICM" else 0
    values: list[Value] = []
    syntax = b""
    while data[at : at + 2] == b"\x02\x00":
        found, at = _Reader(data, "<").element(at, len(data), ())
        values += found
        if found and found[0].tag == _TRANSFER_SYNTAX:
            syntax = data[found[0].start : found[0].end].strip(b"\0 ")
    if syntax == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        with suppress(zlib.error):  # what does not inflate is searched as it stands
            data = data[:at] + inflater.decompress(data[at:], limit)
    reader = _Reader(data, ">" if _is_big(data, at, syntax) else "<")
    values += reader.data_set(at)
    if reader.cut is not None:
        data = _closed(data, reader.cut)
        values[-1] = values[-1]._replace(end=len(data))
    return Parsed(data, values)


def _closed(data: bytes, item: int) -> bytes:
    """The same with its last item of pixels as long as what is there of it, in whole pairs."""
    left = (len(data) - item - 8) & ~1
    if left <= 0:
        return data[:item]
    return data[: item + 4] + struct.pack("<I", left) + data[item + 8 : item + 8 + left]


def _is_big(data: bytes, at: int, syntax: bytes) -> bool:
    if syntax:
        return syntax == _BIG_ENDIAN
    little, big = (struct.unpack_from(f"{order}H", data, at)[0] if len(data) > at + 1 else 0
                   for order in "<>")  # fmt: skip
    return 0 < big < little


class _Reader:
    def __init__(self, data: bytes, order: str) -> None:
        self.cut: int | None = None  # the item of pixels in which the file ends
        self._data = data
        self._tag = struct.Struct(f"{order}HH").unpack_from
        self._u32 = struct.Struct(f"{order}I").unpack_from
        self._u16 = struct.Struct(f"{order}H").unpack_from

    def data_set(self, at: int) -> list[Value]:
        values: list[Value] = []
        end = len(self._data)
        while at + 8 <= end:
            found, at = self.element(at, end, ())
            values += found
        return values

    def element(self, at: int, end: int, path: tuple[int, ...]) -> tuple[list[Value], int]:
        """The values of the element at `at`, and where the next begins."""
        try:
            group, number = self._tag(self._data, at)
            vr, length, start = self._head(at)
        except struct.error:
            return [Value((*path, 0), UNFOLLOWED, at, end)], end
        inside = (*path, group << 16 | number)
        if length == _UNDEFINED and inside[-1] == _PIXELS and len(path) % 2 == 0 and self._raw(vr):
            return self._fragments(inside, vr, start, end)
        if (
            vr == "SQ"
            or (length == _UNDEFINED and vr in ("", "UN"))
            or self._holds_items(vr, start, length)
        ):
            return self._items(inside, start, end if length == _UNDEFINED else start + length, end)
        stop = end if length == _UNDEFINED else min(start + length, end)
        if inside == (_PIXELS,) and length != _UNDEFINED and stop < start + length:
            stop -= (stop - start) % 2  # cut off: of a number half is nothing
        return [Value(inside, vr, start, stop)], stop

    @staticmethod
    def _raw(vr: str) -> bool:
        return vr in ("OB", "OW", "UN", "")

    def _head(self, at: int) -> tuple[str, int, int]:
        """VR, length and where the value begins; a head without a VR is implicit."""
        vr = self._data[at + 4 : at + 6]
        if vr in _LONG:
            return vr.decode(), self._u32(self._data, at + 8)[0], at + 12
        if vr in _SHORT:
            return vr.decode(), self._u16(self._data, at + 6)[0], at + 8
        return "", self._u32(self._data, at + 4)[0], at + 8

    def _holds_items(self, vr: str, start: int, length: int) -> bool:
        """Whether a value of unknown kind begins with an item that fits into it."""
        if vr not in ("", "UN") or length < 8 or length == _UNDEFINED:
            return False
        if start + 8 > len(self._data) or self._tag(self._data, start) != (0xFFFE, 0xE000):
            return False
        inner = self._u32(self._data, start + 4)[0]
        return bool(inner == _UNDEFINED or inner <= length - 8)

    def _items(
        self, path: tuple[int, ...], at: int, stop: int, end: int
    ) -> tuple[list[Value], int]:
        values: list[Value] = []
        stop = min(stop, end)
        if len(path) > _MAX_DEPTH:
            return [Value(path, UNFOLLOWED, at, stop)], stop
        number = 0
        while at + 8 <= stop:
            group, element = self._tag(self._data, at)
            length = self._u32(self._data, at + 4)[0]
            tag, at = group << 16 | element, at + 8
            if tag == _SEQUENCE_END:
                return values, at
            if tag != _ITEM:
                return [*values, Value(path, UNFOLLOWED, at - 8, stop)], stop
            limit = stop if length == _UNDEFINED else min(at + length, stop)
            while at + 8 <= limit:
                if self._tag(self._data, at) == (0xFFFE, 0xE00D):
                    at += 8
                    break
                if length == _UNDEFINED and self._tag(self._data, at) == (0xFFFE, 0xE0DD):
                    break
                found, at = self.element(at, limit, (*path, number))
                values += found
            if length != _UNDEFINED:
                if at < limit:
                    values.append(Value(path, UNFOLLOWED, at, limit))
                at = limit
            number += 1
        return values, stop

    def _fragments(
        self, path: tuple[int, ...], vr: str, at: int, end: int
    ) -> tuple[list[Value], int]:
        start = at
        while at + 8 <= end:
            group, element = self._tag(self._data, at)
            length = self._u32(self._data, at + 4)[0]
            if (group, element) == (0xFFFE, 0xE0DD):
                return [Value(path, vr, start, at)], at + 8
            if (group, element) != (0xFFFE, 0xE000):
                return [Value(path, vr, start, end)], end
            if at + 8 + length > end:
                break
            at += 8 + length
        if len(path) == 1:
            self.cut = at
        return [Value(path, vr, start, end)], end
