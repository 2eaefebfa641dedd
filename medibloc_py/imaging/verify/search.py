"""Searching an output's bytes: its text, and what could be text among its pixels."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from medibloc_py.imaging.verify.kinds import TEXTS, TIMES, vr_of
from medibloc_py.imaging.verify.needles import STRONG_CHARS, Needle
from medibloc_py.imaging.verify.parse import UNFOLLOWED, Parsed, Value

_BULK_BYTES: Final = 4096
_SEARCHED: Final = TEXTS | {UNFOLLOWED}
# Inside a number or a word a value is another one: 0.120000 is no time.
_WORD: Final = re.compile(rb"[0-9a-z.\x80-\xff]")
_METHODS: Final = 0x00120064
# The meanings of PS3.16 CID 7050.
_METHOD: Final = re.compile(
    rb"Basic Application Confidentiality Profile ?|(Clean|Retain) [A-Z][A-Za-z ]{2,48} Option ?"
)
_TEXT_FLAGS: Final = bytes(32) + b"\1" * 95 + bytes(129)
_RUN: Final = b"\1" * STRONG_CHARS
_PIECE_BYTES: Final = 1 << 22
_OVERLAP_BYTES: Final = 1 << 10


def search(
    sought: list[Needle], after: Parsed, *, moved_dates: bool, kept: Collection[int] = ()
) -> Iterator[tuple[int, bytes]]:
    """Those of the values that stand in an output, with the tag the original has them in.

    Args:
        sought: what to look for.
        after: the output.
        moved_dates: whether dates may stand where a date is: one may have become another.
        kept: tags whose values an option retains; nothing that names the patient may be there.
    """
    text, bulk = _areas(after, moved_dates, ())
    rest = _areas(after, moved_dates, kept)[0] if kept else text
    runs = b"\0".join(run for part in bulk for run in _text_runs(part)).lower()
    in_bulk = _found_in_bulk(sought, bulk, runs)
    for needle in sought:
        if _found(needle, text if needle.patient else rest) or needle in in_bulk:
            yield needle.tag, needle.value


def _areas(
    after: Parsed, moved_dates: bool, kept: Collection[int]
) -> tuple[bytes, list[memoryview]]:
    """The output in two parts: all that is not bulk in small letters, and each bulk value.

    What is retained, and dates if they were moved, is in neither.
    """
    text: list[bytes] = []
    bulk: list[memoryview] = []
    at = 0
    for each in sorted(after.values, key=lambda value: value.start):
        is_bulk = each.end - each.start > _BULK_BYTES and each.vr not in _SEARCHED
        if (
            is_bulk
            or each.tag in kept
            or _is_method(after, each)
            or (moved_dates and vr_of(each, b"") in TIMES)
        ):
            text.append(after.data[at : each.start])
            at = max(at, each.end)
            if is_bulk:
                bulk.append(memoryview(after.data)[each.start : each.end])
    text.append(after.data[at:])
    return b"\0".join(text).lower(), bulk


def _found_in_bulk(sought: list[Needle], bulk: list[memoryview], runs: bytes) -> set[Needle]:
    """What stands among pixels and signals, of what is too long to be there by chance."""
    strong = [each for each in sought if not each.wide and len(each.value) >= STRONG_CHARS]
    found = {each for each in strong if each.value.isascii() and _found(each, runs)}
    others = [each for each in strong if not each.value.isascii()]
    for part in bulk if others else ():
        for piece in pieces(part):
            small = piece.lower()
            found.update(each for each in others if _found(each, small))
    return found


def pieces(bulk: memoryview) -> Iterator[bytes]:
    """A bulk value in pieces that overlap, so that nothing is cut in two."""
    for at in range(0, len(bulk), _PIECE_BYTES):
        yield bytes(bulk[at : at + _PIECE_BYTES + _OVERLAP_BYTES])


def _is_method(file: Parsed, value: Value) -> bool:
    """Whether a value says by which options a file was done: words that a name may have too."""
    if value.path[0] != _METHODS:
        return False
    return _METHOD.fullmatch(file.data[value.start : value.end]) is not None


def _text_runs(bulk: memoryview) -> Iterator[bytes]:
    """Runs of ASCII that are long enough to tell who somebody is."""
    for piece in pieces(bulk):
        flags = piece.translate(_TEXT_FLAGS)
        at = 0
        while (start := flags.find(_RUN, at)) >= 0:
            at = flags.find(b"\0", start)
            at = len(piece) if at < 0 else at
            yield piece[start:at]


def _found(needle: Needle, where: bytes) -> bool:
    """Whether a value stands somewhere, and if need be by itself."""
    value, at = needle.value, -1
    while (at := where.find(value, at + 1)) >= 0:
        before, behind = where[at - 1 : at] if at else b"", where[at + len(value) :][:1]
        if not (needle.alone and (_WORD.match(before) or _WORD.match(behind))):
            return True
    return False
