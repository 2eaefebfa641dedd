"""R4's primitive data types, as JSON holds them (datatypes.html of FHIR 4.0.1)."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from datetime import date
from typing import Any, Final

_DAY: Final = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_WHOLE_DAY: Final = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_MOMENT: Final = rf"{_WHOLE_DAY}T{_TIME}(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_TEXTS: Final = {
    "base64Binary": r"[A-Za-z0-9+/=\s]+",
    "canonical": r"\S+",
    "code": r"\S+(\s\S+)*",
    "date": _DAY,
    "dateTime": rf"{_DAY}|{_MOMENT}",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "instant": _MOMENT,
    "markdown": r"[ \r\n\t\S]+",
    "oid": r"urn:oid:[0-2](\.(0|[1-9]\d*))+",
    "string": r"[ \r\n\t\S]+",
    "time": _TIME,
    "uri": r"\S+",
    "url": r"\S+",
    "uuid": r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "xhtml": r"<div xmlns=\"http://www\.w3\.org/1999/xhtml\">.*",
}
"""Those that are texts, by their regular expressions."""
_LEAST: Final = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_FORMATTING: Final = {
    "div",
    "p",
    "b",
    "i",
    "span",
    "br",
    "ul",
    "ol",
    "li",
    "table",
    "tr",
    "td",
    "th",
}


def is_of(kind: str, value: Any) -> bool:
    """Whether JSON's value is of a primitive type."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "decimal":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in _LEAST:
        return type(value) is int and _LEAST[kind] <= value < 2**31
    if not isinstance(value, str) or not re.fullmatch(_TEXTS[kind], value, re.ASCII | re.DOTALL):
        return False
    if kind in ("date", "dateTime", "instant") and len(value) >= len("2000-01-01"):
        return _is_date(value[: len("2000-01-01")])
    if kind == "base64Binary":
        return _is_base64(value)
    return kind != "xhtml" or set(re.findall(r"</?([a-zA-Z0-9]+)", value)) <= _FORMATTING


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return False
    return True
