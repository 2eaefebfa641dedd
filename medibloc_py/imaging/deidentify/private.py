"""Private attributes that the standard knows to be safe (PS3.15 E.3.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from medibloc_py.imaging.deidentify import tables
from medibloc_py.imaging.deidentify.raw import text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FIRST_IN_A_BLOCK: Final = 0x1000


def safe_tags(item: Dataset) -> dict[int, str]:
    """Tags of the private attributes of one data set that are safe, with their VRs.

    A private creator is among them if one of its attributes is (PS3.5 7.8.1).
    """
    found: dict[int, str] = {}
    for tag in list(item.keys()):  # the items of a data set would be parsed
        if not tag.is_private or tag.element < _FIRST_IN_A_BLOCK:
            continue
        creator = tag.group << 16 | tag.element >> 8
        key = (text_of(item, creator), tag.group, tag.element & 0xFF)
        vr = tables.safe_private().get(key)
        if vr is not None:
            found |= {int(tag): vr, creator: "LO"}
    return found
