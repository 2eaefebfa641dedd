"""Coded entries: a code of a public scheme stays in its form, its meaning in known words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.deidentify.raw import SCHEME, text_of
from medibloc_py.imaging.deidentify.values import PUBLIC_SCHEMES, REMOVED, is_known, known_words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

VALUES: Final = (0x00080100, 0x00080119, 0x00080120)
"""Code Value, Long Code Value, URN Code Value."""
MEANING: Final = 0x00080104
REGISTRY: Final = 0x00080112
VERSION: Final = 0x00080103
CODED: Final = frozenset({*VALUES, MEANING, REGISTRY, SCHEME, VERSION})
_FORMS: Final = {
    "DCM": re.compile(r"[0-9]{4,6}|"),
    "SCT": re.compile(r"[0-9]{6,18}|"),
    "LN": re.compile(r"[0-9]{1,7}-[0-9]|"),
}
_ANY_FORM: Final = re.compile(r"[!-~]{0,64}")
_VERSION: Final = re.compile(r"(?=.*[0-9])[0-9A-Za-z._\-]{1,16}")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MOST_CHARS: Final = 64
_MOST_LETTERS: Final = 5  # of a code, in succession, that is no word of the standard
_FEW_LETTERS: Final = 2  # of a word of a meaning, that is nobody's name


def is_public(item: Dataset) -> bool:
    """Whether an item names a public scheme, and has codes that could be of it."""
    scheme = text_of(item, SCHEME)
    if scheme not in PUBLIC_SCHEMES:
        return False
    form = _FORMS.get(scheme, _ANY_FORM)
    codes = [text_of(item, tag) for tag in VALUES]
    return all(form.fullmatch(each) and _is_no_text(each) for each in codes)


def kept(item: Dataset, tag: int, names: frozenset[str]) -> str:
    """What stays of an attribute of an item whose code is public.

    Args:
        item: the item.
        tag: one of `CODED`.
        names: words, in capitals, that name somebody in the same file.
    """
    text = text_of(item, tag)
    if tag == MEANING:
        return _meaning(text_of(item, SCHEME), text_of(item, VALUES[0]), text, names)
    if tag == VERSION:
        return text if _VERSION.fullmatch(text) and _is_no_text(text) else REMOVED
    if tag == REGISTRY:
        return text if text == "HL7" else ""
    return text


def _meaning(scheme: str, code: str, text: str, names: frozenset[str]) -> str:
    if all(_may_stay(word, names) for word in _WORD.findall(text)) and text.isascii():
        return text
    standard = _meanings().get((scheme, code), "")
    if standard and not any(word.upper() in names for word in _WORD.findall(standard)):
        return standard
    return known_words(text, names) or REMOVED


def _may_stay(word: str, names: frozenset[str]) -> bool:
    return word.upper() not in names and (len(word) <= _FEW_LETTERS or is_known(word))


def _is_no_text(code: str) -> bool:
    return all(len(word) <= _MOST_LETTERS or is_known(word) for word in _WORD.findall(code))


@cache
def _meanings() -> dict[tuple[str, str], str]:
    """Meanings of PS3.16 by scheme and code, as far as an attribute of VR LO can hold them."""
    from pydicom.sr import _concepts_dict

    concepts: Any = _concepts_dict.concepts
    return {
        (scheme, code): meaning
        for scheme, names in concepts.items()
        for codes in names.values()
        for code, (meaning, _) in codes.items()
        if meaning.isascii() and len(meaning) <= _MOST_CHARS
    }
