"""What can be de-identified at all, by what a file says it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from medibloc_py.errors import DeidentificationRefused
from medibloc_py.imaging.deidentify.cut import PIXELS
from medibloc_py.imaging.deidentify.raw import text_of
from medibloc_py.imaging.parsing import plain_syntax

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_DOCUMENTS: Final = "1.2.840.10008.5.1.4.1.1.104."
PDF: Final = _DOCUMENTS + "1"
"""The class of an encapsulated PDF."""
_SOUNDS: Final = frozenset({"1.2.840.10008.5.1.4.1.1.9.4.1", "1.2.840.10008.5.1.4.1.1.9.4.2"})
_MODALITY, _IMAGE_TYPE, _LABEL_SHOWN = 0x00080060, 0x00080008, 0x00480010
_GE_BIG_ENDIAN: Final = "1.2.840.113619.5.2"


def admit(dataset: Dataset, sop_class: str, name: str) -> None:
    """Let in what can be de-identified.

    Raises:
        DeidentificationRefused: nothing could be taken from it, nor take its place.
    """
    reason = ""
    if sop_class.startswith(_DOCUMENTS) and sop_class != PDF:
        reason = "it is a document, and not a PDF: nothing can take its place"
    elif sop_class in _SOUNDS or text_of(dataset, _MODALITY) == "AU":
        reason = "it is sound, and a voice says who speaks"
    elif text_of(dataset, _LABEL_SHOWN) == "YES" or "LABEL" in _kinds(dataset):
        reason = "it shows the label of a slide, with its text and bars"
    elif sum(tag in dataset for tag in PIXELS) > 1:
        reason = "it has pixels of two kinds, of which only one is looked at"
    if reason:
        raise DeidentificationRefused(name=name, reason=reason)


def _kinds(dataset: Dataset) -> list[str]:
    return [each.strip() for each in text_of(dataset, _IMAGE_TYPE).upper().split("\\")]


def known_syntax(dataset: FileDataset) -> str:
    """The transfer syntax a file says it has, or else the one it was found in.

    Raises:
        ValueError: nobody can tell what it is.
    """
    from pydicom._uid_dict import UID_dictionary

    said = uid_of(dataset.file_meta.get("TransferSyntaxUID"))
    if said and said not in UID_dictionary and said != _GE_BIG_ENDIAN:
        raise ValueError("its transfer syntax is none of the standard's")
    return said or plain_syntax(dataset)


def uid_of(value: object) -> str:
    """A UID, or nothing if it is another text."""
    text = str(value or "")
    return text if _UID.fullmatch(text) else ""
