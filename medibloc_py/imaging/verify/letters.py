"""Texts of a file in Unicode, whatever character sets it says they are in (PS3.5 chapter 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from unicodedata import normalize

_ESCAPED: Final = re.compile(rb"\x1b([\x20-\x2f]+[\x30-\x7e])([^\x1b]*)", re.DOTALL)
# Codecs by what is designated; those of ISO 2022 need the escape themselves.
_BY_ESCAPE: Final = {
    b"$B": "iso2022_jp",
    b"$@": "iso2022_jp",
    b"$(D": "iso2022_jp_2",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
    b")I": "shift_jis",
    b"(I": "shift_jis",
    b"(J": "ascii",
    b"(B": "ascii",
}
_BACK: Final = b"\x1b(B"
NARROW: Final = ("utf-8", "latin-1", "gb18030", "shift_jis", "euc_jp", "euc_kr", "iso2022_jp")
WIDE: Final = ("utf-16-le", "utf-16-be")
"""Encodings in which what is planted could stand, besides a file's own."""


def in_unicode(value: bytes, codecs: list[str]) -> str:
    """A value decoded.

    Args:
        value: as it is encoded.
        codecs: Python's names of the file's character sets, the first for what has no escape.
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    start = value.find(b"\x1b")
    if start < 0:
        return _decoded(value, codecs)
    parts = [_decoded(value[:start], codecs)]
    for escape, content in _ESCAPED.findall(value[start:]):
        codec = _BY_ESCAPE.get(escape)
        if codec and codec.startswith("iso2022"):
            content = b"\x1b" + escape + content + _BACK
        parts.append(_decoded(content, [codec] if codec else codecs))
    return "".join(parts)


def encodings(text: str, codecs: Iterable[str]) -> set[bytes]:
    """A text as it may stand in a file, letters of ASCII small.

    Capitals that are not of ASCII, and letters apart from their accents, are other bytes.
    """
    forms = {text, text.lower(), text.upper(), text.title()}
    forms |= {normalize(form, each) for each in forms for form in ("NFC", "NFD")}
    found = set()
    for codec in codecs:
        for form in forms:
            with suppress(LookupError, UnicodeError):
                found.add(form.encode(codec).lower())
    return found


def _decoded(value: bytes, codecs: list[str]) -> str:
    for codec in codecs:
        with suppress(LookupError, UnicodeError):
            return value.decode(codec)
    return value.decode("latin-1")
