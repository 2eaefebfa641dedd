"""Attributes as they are encoded: read and replaced without parsing what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

    Element = DataElement | RawDataElement

SCHEME: Final = 0x00080102
"""Coding Scheme Designator."""


def text_of(item: Dataset, tag: int) -> str:
    """A text as it stands in the file, without its padding; its attribute stays unparsed."""
    return plain(item.get_item(tag).value) if tag in item else ""


def plain(value: Any) -> str:
    """The text of an attribute's value, encoded or not."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0")


def put(item: Dataset, tag: BaseTag, element: Element, vr: str, value: bytes) -> None:
    """Put encoded bytes in the place of an attribute's value."""
    from pydicom.dataelem import RawDataElement

    implicit, little = item.original_encoding
    shown = element.VR if element.VR not in (None, "UN") else vr
    item[tag] = RawDataElement(
        tag, shown, len(value), value, 0, bool(implicit), little is not False, True, False
    )
