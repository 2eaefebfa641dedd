"""ICC profiles: numbers stay, texts, names and dates go (ICC.1:2022)."""

from __future__ import annotations

import struct
from typing import Final

_HEAD_BYTES: Final = 128
_MAGIC: Final = slice(36, 40)
# Of the head: date, maker, model and creator of the profile, its digest.
_WHO: Final = ((4, 8), (24, 36), (48, 56), (80, 100), (100, 128))
_ENTRY: Final = struct.Struct(">4sII")
_MOST_TAGS: Final = 256
# Types of values that hold numbers only.
_NUMBERS: Final = frozenset(
    b"XYZ curv para mft1 mft2 mAB mBA mpet sf32 uf32 chrm meas view sig cicp".split()
)
# Texts that say nothing, by type: a description of v2 (one NUL), of v4 (no language).
_EMPTY: Final = {b"desc": struct.pack(">4xI", 1), b"mluc": struct.pack(">4xII", 0, 12)}


def bare_profile(profile: bytes) -> bytes:
    """A profile of the same length with its numbers only; empty if it is none."""
    if len(profile) < _HEAD_BYTES + 4 or profile[_MAGIC] != b"acsp":
        return b""
    (count,) = struct.unpack_from(">I", profile, _HEAD_BYTES)
    start = _HEAD_BYTES + 4
    if count > _MOST_TAGS or start + count * _ENTRY.size > len(profile):
        return b""
    bare = bytearray(len(profile))
    bare[:start] = profile[:start]
    for begin, end in _WHO:
        bare[begin:end] = bytes(end - begin)
    for number in range(count):
        place = start + number * _ENTRY.size
        bare[place : place + _ENTRY.size] = profile[place : place + _ENTRY.size]
        _, offset, size = _ENTRY.unpack_from(profile, place)
        if offset < start + count * _ENTRY.size or offset + size > len(profile):
            return b""
        value = profile[offset : offset + size]
        bare[offset : offset + size] = value if _is_numbers(value) else _emptied(value)
    return bytes(bare)


def _is_numbers(value: bytes) -> bool:
    return value[:4].rstrip(b" ") in _NUMBERS and value[4:8] == bytes(4)


def _emptied(value: bytes) -> bytes:
    kind = value[:4]
    content = _EMPTY.get(kind, b"")
    head = kind if content or kind == b"text" else b""
    return (head + content).ljust(len(value), b"\0")[: len(value)]
