"""The second look: nothing of the original may be found in the output, and the images are the same.

It knows the original and the output, and nothing of how one became the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final, NamedTuple

from medibloc_py.errors import IdentityLeft, StructureChanged
from medibloc_py.imaging.verify.blanks import Area, changed_outside, readable_frames
from medibloc_py.imaging.verify.kept import kept_tags
from medibloc_py.imaging.verify.kinds import (
    TEXTS,
    TIMES,
    describes,
    is_personal,
    is_private,
    vr_of,
)
from medibloc_py.imaging.verify.needles import DUMMIES, Sought, needles
from medibloc_py.imaging.verify.parse import Parsed, Value, parse
from medibloc_py.imaging.verify.search import pieces, search

_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_PIXEL_MODULE: Final = range(0x00280000, 0x00290000)
_NO_IMAGE: Final = frozenset({0x00280301, 0x00280302, 0x00280303, 0x00281199, 0x00281214})
_SYNTAX: Final = 0x00020010
_UNCOMPRESSED: Final = b"1.2.840.10008.1.2.1"
_COMPRESSED: Final = (b"1.2.840.10008.1.2.4.", b"1.2.840.10008.1.2.5")
# Photometric Interpretation and Planar Configuration: decoded colour is RGB, pixel by pixel.
_LAYOUT: Final = frozenset({0x00280004, 0x00280006})
# What a loss is said by: pixels that lost something must say so once they are uncompressed.
_LOSS: Final = frozenset({0x00282110, 0x00282112, 0x00282114})
_LOSSY: Final = (0x00282110,)
_CHARSET: Final = 0x00080005
_NUMBER_OR_CODE: Final = re.compile(rb"[-+0-9.eE \\]+|[A-Z_][A-Z0-9_ ]*")
_PLACES_SHOWN: Final = 8


class Verdict(NamedTuple):
    """What the check found out.

    Attributes:
        searched: how many values of the original were searched for.
        left: tags of the original whose values are still there, a tag for each value.
        changed: what is not as it was, or empty.
        readable: frames, from 0, in whose pixels a text can be read; looked for with the
            option `clean-pixel-data` only.
    """

    searched: int
    left: list[int]
    changed: str
    readable: list[int]


def verify(
    original: bytes,
    output: bytes,
    options: Collection[str] = (),
    *,
    name: str = "",
    blanked: Collection[Area] = (),
) -> int:
    """Prove that a de-identified file holds nothing of its original but the images.

    Args:
        original: the file before.
        output: the file after.
        options: names of the options that were chosen, such as `retain-uids`.
        name: what to call the file in errors.
        blanked: parts of frames that are said to have been made black; elsewhere pixels must
            be what they were.

    Returns:
        How many values were searched for.

    Raises:
        IdentityLeft: something was found. It names attributes, never values.
        ExtraMissing: with `clean-pixel-data`, rapidocr is not installed.
        StructureChanged: pixels or their description are not what they were.
    """
    verdict = compare(original, output, options, blanked)
    if verdict.left:
        tags = sorted(set(verdict.left))
        places = ", ".join(f"({tag >> 16:04x},{tag & 0xFFFF:04x})" for tag in tags[:_PLACES_SHOWN])
        more = f" and {len(tags) - _PLACES_SHOWN} more" if len(tags) > _PLACES_SHOWN else ""
        raise IdentityLeft(name=name, count=len(verdict.left), places=places + more)
    if verdict.changed:
        raise StructureChanged(name=name, reason=verdict.changed)
    if verdict.readable:
        numbers = ", ".join(str(number + 1) for number in verdict.readable[:_PLACES_SHOWN])
        places = f"the pixels, in frames such as {numbers}"
        raise IdentityLeft(name=name, count=len(verdict.readable), places=places)
    return verdict.searched


def compare(
    original: bytes,
    output: bytes,
    options: Collection[str] = (),
    blanked: Collection[Area] = (),
) -> Verdict:
    """All that the check finds out, without judging it."""
    before, after = parse(original), parse(output)
    kept = kept_tags(options)
    sought = needles(
        before,
        _codecs(before),
        Sought(
            dates="retain-longitudinal-full-dates" not in options,
            uids="retain-uids" not in options,
            words="clean-descriptors" not in options,
            private="retain-safe-private" not in options,
            kept=kept,
        ),
    )
    left = {
        *search(
            sought,
            after,
            moved_dates="retain-longitudinal-modified-dates" in options,
            kept=kept,
        ),
        *_same_place(before, after, options),
    }
    has_pixels = any(each.path[0] in _PIXELS for each in after.values)
    texts = "clean-pixel-data" in options and has_pixels
    faces = "clean-recognizable-visual-features" in options and has_pixels
    areas = blanked if texts or faces else ()
    changed = _changed(before, after, partial(changed_outside, original, output, areas))
    readable = readable_frames(output) if texts and not changed else []
    return Verdict(len(sought), [tag for tag, _ in left], changed, readable)


def _same_place(
    before: Parsed, after: Parsed, options: Collection[str]
) -> Iterator[tuple[int, bytes]]:
    """Values too short to search for, or moved: the same attribute must not have them still."""
    kept = kept_tags(options)
    then = {each.path: before.data[each.start : each.end].strip(b"\0 ") for each in before.values}
    for each in after.values:
        value = after.data[each.start : each.end].strip(b"\0 ")
        if not value or then.get(each.path) != value or each.tag in kept or value in DUMMIES:
            continue
        if "retain-safe-private" in options and is_private(each.tag):
            continue
        vr = vr_of(each, value)
        if vr in TIMES:
            if _must_change(vr, value, options):
                yield each.tag, value
        elif vr not in TEXTS:
            if is_personal(each.tag) and value.strip(b"0"):
                yield each.tag, value
        elif not ("clean-descriptors" in options and describes(each.tag, value)):
            yield each.tag, value


def _must_change(vr: str, value: bytes, options: Collection[str]) -> bool:
    """Whether a date or a time of day may not be what it was; midnight tells nothing."""
    if "retain-longitudinal-full-dates" in options:
        return False
    stays = "retain-longitudinal-modified-dates" in options and vr == "TM"
    return not stays and value.strip(b"0") != b""


def _changed(before: Parsed, after: Parsed, elsewhere: Callable[[], str]) -> str:
    """What of the images is another, in words.

    `elsewhere` decodes the pixels, whose bytes may differ where they are no values, and says it
    of those that were not blanked.
    """
    then, now = _images(before), _images(after)
    same = _same_pixels(then.pixels, now.pixels)
    if not same and (reason := elsewhere()):
        return reason
    unpacked = not same and now.syntax == _UNCOMPRESSED and then.syntax.startswith(_COMPRESSED)
    if then.syntax and then.syntax != now.syntax and not unpacked:
        return "its transfer syntax is another"
    may_change = _LAYOUT | _LOSS if now.described.get(_LOSSY) == b"01" else _LAYOUT
    for path, value in then.described.items():
        if now.described.get(path) != value and not (unpacked and path[-1] in may_change):
            return f"({path[-1] >> 16:04x},{path[-1] & 0xFFFF:04x}) is another"
    return ""


def _same_pixels(then: list[memoryview], now: list[memoryview]) -> bool:
    if [len(each) for each in then] != [len(each) for each in now]:
        return False
    pairs = zip(then, now, strict=True)
    return all(
        a == b for pair in pairs for a, b in zip(*(pieces(each) for each in pair), strict=True)
    )


class _Images(NamedTuple):
    pixels: list[memoryview]
    syntax: bytes
    described: dict[tuple[int, ...], bytes]


def _images(file: Parsed) -> _Images:
    def value(each: Value) -> bytes:
        return file.data[each.start : each.end]

    at_top = [each for each in file.values if len(each.path) == 1]
    return _Images(
        [memoryview(file.data)[each.start : each.end] for each in at_top if each.tag in _PIXELS],
        b"".join(value(each) for each in at_top if each.tag == _SYNTAX).strip(b"\0 "),
        {
            each.path: value(each).strip(b"\0 ")
            for each in at_top
            if each.tag in _PIXEL_MODULE and each.tag not in _NO_IMAGE and each.tag & 0xFFFF
            if _describes(vr_of(each, b""), value(each))
        },
    )


def _describes(vr: str, value: bytes) -> bool:
    """Whether a value of the pixel module is a number or a code, and a valid one."""
    if vr in ("IS", "DS", "CS"):
        return _NUMBER_OR_CODE.fullmatch(value.strip(b"\0 ")) is not None
    return vr in ("US", "SS", "UL", "FD", "FL")


def _codecs(file: Parsed) -> list[str]:
    """The Python codecs of a file's texts."""
    from pydicom.charset import python_encoding

    for each in file.values:
        if each.path == (_CHARSET,):
            names = file.data[each.start : each.end].decode("latin-1").strip("\0 ").split("\\")
            return [python_encoding.get(name.strip(), "latin-1") for name in names]
    return ["latin-1"]
