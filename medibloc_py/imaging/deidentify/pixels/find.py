"""Finds text that is burned into a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.imaging.deidentify.pixels.cells import darkest
from medibloc_py.imaging.ocr import Box, Text, texts
from medibloc_py.imaging.picture import (
    coloured,
    eight_bit,
    levelled,
    photometric,
    three,
    windowed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    Values = NDArray[Any]

_ROUNDS: Final = 4
"""Looks at one frame: what is beside a text is easier to find once the text is gone."""
_MOST_VALUES: Final = 100_000_000
"""Of one frame: a look takes some fifty bytes for each."""
_LEAST_SIDE: Final = 5
"""Rows or columns that the smallest letters need."""
_NEAR: Final = 256
"""Rows and columns around what was found that are looked at again."""
# Measured on the images bundled with pydicom: anatomy that looks like text is read as one
# character at most, or not at all, and is about as tall as wide.
_READ: Final = 0.5
_READ_ONE: Final = 0.8
_LINE: Final = (3.0, 0.6, 48)
"""What is so elongated, so surely found, and of lines so low (pixels) that letters in it may be
too small to read, is a line of text even if it is not read."""


def find_text(values: Values, header: Dataset) -> list[Box]:
    """Boxes around all text in a frame, with room for what was not seen of it.

    Args:
        values: decoded, of shape (rows, columns) or (rows, columns, samples); colour is RGB.
        header: the attributes of its file.

    Raises:
        ExtraMissing: rapidocr is not installed.
        ValueError: the frame is too large to be looked at.
    """
    if values.size > _MOST_VALUES:
        raise ValueError(f"frames of more than {_MOST_VALUES} values are not looked at")
    if min(values.shape[:2]) < _LEAST_SIDE:
        return []
    left = values.copy()
    said = "RGB" if values.ndim == 3 else photometric(header)
    boxes: list[Box] = []
    rows, columns = values.shape[:2]
    region = Box(0, 0, rows, columns)
    for _ in range(_ROUNDS):
        if left.min() == left.max():
            break
        found = {box for picture in _pictures(left, header) for box in _lines(picture, region)}
        if not found:
            break
        region = _around(found, rows, columns)
        black = darkest(left if left.ndim == 3 else left[..., None], said, header)
        for box in found:
            left[box.top : box.bottom, box.left : box.right] = black
        boxes += found
    return [box for box in sorted(set(boxes)) if not any(_within(box, each) for each in boxes)]


def _pictures(values: Values, header: Dataset) -> Iterator[Values]:
    """A frame in two ways that show its text: as it is seen, and so that nothing is too faint.

    Of a palette the second are its bare numbers: two that look alike may be far apart.
    """
    seen = coloured(values, header)
    if seen is not values:
        yield three(eight_bit(seen))
        yield three(levelled(values))
    elif values.ndim == 3:
        yield three(eight_bit(values))
        yield three(levelled(values.mean(axis=2)))
    else:
        yield three(windowed(values))
        yield three(levelled(values))


def _lines(picture: Values, region: Box) -> Iterator[Box]:
    """Boxes with room around the text in a region of a picture."""
    rows, columns = picture.shape[:2]
    for text in texts(picture[region.top : region.bottom, region.left : region.right]):
        if _is_text(text):
            box = text.box.moved(region.top, region.left)
            above, beside = 2 + box.shorter // 5, 3 + box.shorter // 2
            yield box.widened(above, beside, rows, columns)


def _around(boxes: set[Box], rows: int, columns: int) -> Box:
    """Where the rest of a text may be of which boxes were found."""
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    whole = Box(min(tops), min(lefts), max(bottoms), max(rights))
    return whole.widened(_NEAR, _NEAR, rows, columns)


def _is_text(text: Text) -> bool:
    if text.read >= (_READ if text.chars > 1 else _READ_ONE):
        return True
    elongation, found, height = _LINE
    is_line = text.box.elongation >= elongation and text.box.shorter <= height
    return is_line and text.found >= found


def _within(box: Box, other: Box) -> bool:
    return (
        box != other
        and other.top <= box.top
        and other.left <= box.left
        and other.bottom >= box.bottom
        and other.right >= box.right
    )
