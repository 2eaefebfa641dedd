"""What must not be found: everything in an original that could tell who, where or when.

No table of the profile is used. Whatever is text is taken for identifying, unless the
attribute's name says that it is about a device, a method or a code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Final, NamedTuple

from medibloc_py.imaging.verify.carried import comments, profile_texts
from medibloc_py.imaging.verify.kinds import (
    PRINTABLE,
    TEXTS,
    TIMES,
    describes,
    is_defined,
    is_private,
    names_file,
    names_patient,
    tells,
    vr_of,
)
from medibloc_py.imaging.verify.letters import NARROW, WIDE, encodings, in_unicode
from medibloc_py.imaging.verify.parse import UNFOLLOWED, Parsed

_OF_TEXT: Final = TEXTS | TIMES | {"CS", "DS", "IS", "UI", "technical", "class"}
MIN_CHARS: Final = 4
"""A shorter value is compared with the same attribute only: it may stand anywhere by chance."""
STRONG_CHARS: Final = 8
"""A value this long is also searched for among pixels and signals."""

_ROWS: Final = 0x00280010
_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_PROFILE: Final = 0x00282000
_PUBLIC_UID: Final = b"1.2.840.10008."
_DAY: Final = re.compile(rb"(?<!\d)((?:1[89]|20)\d\d)[.\-/]?([01]\d)[.\-/]?([0-3]\d)")
_WORDS: Final = re.compile(rb"[a-z0-9]+")
_RUNS: Final = (re.compile(rb"[\x20-\x7e]{8,}"), re.compile(rb"[\x20-\x7e\x80-\xff]{8,}"))
_LETTERS: Final = re.compile(rb"[A-Za-z]{4}")
_NUMBERS: Final = frozenset(["AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"])
_NOWHERE: Final = 0x00100010  # what is worst
_PARTS: Final = re.compile(r"[\^=\s,;\\]+")
DUMMIES: Final = frozenset({b"REMOVED", b"19000101", b"000000", b"urn:removed", b"000Y"})


class Needle(NamedTuple):
    """A value to search for.

    Attributes:
        value: its bytes, in one of its encodings, letters of ASCII small.
        tag: where the original has it.
        wide: whether it is in an encoding of more than one byte a character.
        alone: whether it counts only where it stands by itself, not in a longer word or number.
        patient: whether it names the patient, so that no option lets it stand.
    """

    value: bytes
    tag: int
    wide: bool
    alone: bool
    patient: bool


class Sought(NamedTuple):
    """What must be gone, by the options chosen.

    Attributes:
        dates: whether dates must.
        uids: whether UIDs must.
        words: whether descriptions must, or only names and numbers in them.
        private: whether texts of private attributes must.
        kept: tags whose values may stay.
    """

    dates: bool = True
    uids: bool = True
    words: bool = True
    private: bool = True
    kept: Collection[int] = ()


def needles(original: Parsed, codecs: list[str], sought: Sought) -> list[Needle]:
    """All values of an original that its de-identified copy must not hold.

    Args:
        original: the file before.
        codecs: Python's names of its character sets.
        sought: what must be gone.
    """
    texts: dict[bytes, int] = {}
    # Values that stand in the output by right, for any text, and even for a name.
    harmless, certain = {each.lower() for each in DUMMIES}, set[bytes]()
    numbers = set[bytes]()  # a file may be called by the number of its instance
    is_image = any(each.path == (_ROWS,) for each in original.values)
    for each in original.values:
        value = original.data[each.start : each.end].strip(b"\0 ")
        vr = vr_of(each, value)
        if not value:
            continue
        plain = value if value.isascii() and b"\x1b" not in value else _in_utf8(value, codecs)
        hides = each.vr == UNFOLLOWED or _swallows(each.tag, vr, value)
        if hides or (each.tag in _PIXELS and not is_image):
            # A length that swallows what is behind it: nobody knows whose text is in it.
            texts.update((run, _NOWHERE) for run in _runs(value))
        elif each.tag in _PIXELS or each.tag == _PROFILE:
            said = profile_texts(value) if each.tag == _PROFILE else comments(value)
            texts.update((text, each.tag) for text in said)
        elif each.tag in sought.kept:
            continue
        elif is_defined(each.tag):
            certain |= _values_and_words(plain)
        elif vr in ("CS", "technical", "class"):
            harmless |= _values_and_words(plain)
        elif vr == "IS":
            numbers.add(value)
        elif vr == "UI":
            if sought.uids:
                texts.update((uid, each.tag) for uid in _uids(value))
        elif vr in TIMES:
            if sought.dates:
                texts.update((day, each.tag) for day in _times(value))
        elif vr in TEXTS and (sought.private or not is_private(each.tag)):
            if sought.words or not describes(each.tag, value):
                texts.update((part, each.tag) for part in (value, *_parts(vr, plain)))
            if sought.dates:
                texts.update((day, each.tag) for day in _times(value))
    found: list[Needle] = []
    joined = b"\0".join(harmless)
    for text, tag in texts.items():
        small = text.lower()
        if len(text) < MIN_CHARS or small in certain or (small in harmless and not tells(tag)):
            continue
        if text in numbers and names_file(tag):
            continue
        if not (is_private(tag) and small in joined):  # a model's name, cut off
            found += _encodings(text, tag, codecs)
    return found


def _values_and_words(value: bytes) -> set[bytes]:
    value = value.lower()
    return {value, *(part.strip() for part in value.split(b"\\")), *_WORDS.findall(value)}


def _runs(value: bytes) -> Iterator[bytes]:
    """What could be words, with letters that are not of ASCII and without."""
    for pattern in _RUNS:
        yield from filter(_LETTERS.search, pattern.findall(value))


def _swallows(tag: int, vr: str, value: bytes) -> bool:
    """Whether a value could hold attributes that stood behind it."""
    if vr in _OF_TEXT:
        return not PRINTABLE.fullmatch(value)
    return vr in _NUMBERS and not _may_be_long(tag)


@cache
def _may_be_long(tag: int) -> bool:
    """Whether PS3.6 sets no limit to how many numbers an attribute has, or does not know it."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VM

    return not dictionary_has_tag(tag) or dictionary_VM(tag).endswith("n")


def _uids(value: bytes) -> Iterator[bytes]:
    for uid in value.split(b"\\"):
        uid = uid.strip(b"\0 ")
        if uid and not uid.startswith(_PUBLIC_UID):
            yield uid


def _times(value: bytes) -> Iterator[bytes]:
    """Days in several notations, and times of day if they are exact enough to tell one."""
    for year, month, day in _DAY.findall(value):
        for between in (b"", b"-", b"/", b"."):
            yield between.join((year, month, day))
            if between:
                yield between.join((day, month, year))
                yield between.join((month, day, year))
    for part in value.split(b"\\"):
        if b"." in part and len(part) >= STRONG_CHARS:
            yield part.strip()


def _in_utf8(value: bytes, codecs: list[str]) -> bytes:
    return in_unicode(value, codecs).encode(errors="replace")


def _parts(vr: str, value: bytes) -> Iterator[bytes]:
    """A text whole, each of its values and lines, and of a name each word."""
    yield value
    for part in re.split(rb"[\\\r\n]+", value):
        yield part.strip(b"\0 ")
    if vr == "PN":
        for name in _PARTS.split(value.decode(errors="surrogateescape")):
            yield name.encode(errors="surrogateescape")


def _encodings(text: bytes, tag: int, codecs: list[str]) -> Iterator[Needle]:
    # Between letters a long text stands for itself; a number is part of a longer one. Where
    # words are not spaced, a short one too.
    short = len(text) < STRONG_CHARS and text.isascii()
    alone = short or not any(char > 0x39 for char in text)
    try:
        decoded = text.decode()
    except UnicodeError:
        decoded = text.decode("latin-1")
    patient = names_patient(tag)
    if text.isascii():
        narrow, wide = {text.lower()}, {decoded.encode(codec).lower() for codec in WIDE}
    else:
        narrow = {text.lower(), *encodings(decoded, {*codecs, *NARROW})}
        wide = encodings(decoded, WIDE)
    for each in narrow:
        if len(each) >= MIN_CHARS:
            yield Needle(each, tag, False, alone, patient)
    for each in wide:
        yield Needle(each, tag, True, False, patient)
