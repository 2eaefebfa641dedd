"""Numbers and bytes that stay: without a text that takes their place or stands behind them."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from medibloc_py.imaging.deidentify.streams import bare_profile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PROFILE: Final = 0x00282000
# Data of palettes, and where the descriptor of each is.
_PALETTES: Final = {0x00281201 + at: 0x00281101 + at for at in range(4)}
_BULK: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010, 0x54001010})
_SPELT: Final = re.compile(rb"[\x20-\x7e\r\n\t]+\0*")
_LETTERS: Final = re.compile(rb"[A-Za-z]{4}")
# So many bytes of numbers are all printable by chance once in a million values; of a tag, whose
# group begins with other bytes, never.
_LEAST: Final = {"AT": 4}
_LEAST_BYTES: Final = 16
_BYTE_BITS: Final = 8


def bare_bulk(item: Dataset, tag: int, vr: str, value: bytes) -> bytes:
    """A value of the same length without texts; empty if nothing in it is what it should be.

    Args:
        item: the data set it is in.
        tag: its tag; pixels and signals stay what they are.
        vr: of numbers or bytes.
        value: as it is encoded.
    """
    if tag in _BULK:
        return value
    if tag == _PROFILE:
        return bare_profile(value)
    if tag in _PALETTES:
        size = _palette_bytes(item, _PALETTES[tag], value)
        value = value[:size] + bytes(max(len(value) - size, 0))
    return bytes(len(value)) if _is_spelt(vr, value) else value


def _is_spelt(vr: str, value: bytes) -> bool:
    if len(value) < _LEAST.get(vr, _LEAST_BYTES) or not _SPELT.fullmatch(value):
        return False
    return vr == "AT" or _LETTERS.search(value) is not None


def _palette_bytes(item: Dataset, descriptor: int, value: bytes) -> int:
    """How many bytes the entries of a palette have; all, if that is not told."""
    told = item.get_item(descriptor).value if descriptor in item else None
    if not isinstance(told, bytes) or len(told) != 6:
        return len(value)
    big = item.original_encoding[1] is False
    entries, _, bits = struct.unpack(">3H" if big else "<3H", told)
    entries = entries or 1 << 16
    words = value[: 2 * entries]
    low, high = (words[1::2], words[::2]) if big else (words[::2], words[1::2])
    in_words = bits > _BYTE_BITS or (len(words) == 2 * entries and (high == low or not any(high)))
    return 2 * entries if in_words else entries
