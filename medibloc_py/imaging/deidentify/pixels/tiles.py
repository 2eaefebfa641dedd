"""Text that lies across the tiles of one large image, such as a whole slide.

A letter that two frames share can be read in neither. So tiles are looked at together, too, as
they lie in the image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.imaging.deidentify.pixels.find import find_text
from medibloc_py.imaging.ocr import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

    Values = NDArray[Any]

_STEP: Final = 1024
"""Rows and columns, about, from one look to the next."""
_OVERLAP: Final = 512
"""By how many rows and columns looks overlap, but by no more than a tile."""


class Tile(NamedTuple):
    """A frame, and where its first pixel lies.

    Attributes:
        frame: its number, from 0.
        layer: of a stack of images, which it is a part of.
        top, left: row and column in that image.
    """

    frame: int
    layer: tuple[str, ...]
    top: int
    left: int


def text_across(
    header: Dataset, frames: int, read: Callable[[int], Values]
) -> dict[int, list[Box]]:
    """Boxes around the text of an image that is cut into tiles, by frame.

    Args:
        header: the attributes of its file.
        frames: how many it has.
        read: decodes one.

    Returns:
        Nothing, if its frames are no tiles of one image.

    Raises:
        ValueError: they are, and it does not say where they lie.
    """
    tiles = list(_tiles(header, frames))
    rows, columns = int(header.Rows), int(header.Columns)
    found: defaultdict[int, list[Box]] = defaultdict(list)
    for (top, left), near in _blocks(tiles, rows, columns):
        canvas = _together(near, top, left, read)
        for box in find_text(canvas, header):
            for tile in near:
                part = box.moved(top - tile.top, left - tile.left).widened(0, 0, rows, columns)
                if part.top < part.bottom and part.left < part.right:
                    found[tile.frame].append(part)
    return found


def _tiles(header: Dataset, frames: int) -> Iterator[Tile]:
    """Where the frames lie in their image (PS3.3 C.7.6.17.3 and C.8.12.14)."""
    across = int(header.get("TotalPixelMatrixColumns") or 0)
    down = int(header.get("TotalPixelMatrixRows") or 0)
    rows, columns = int(header.Rows), int(header.Columns)
    if frames < 2 or not (across and down):
        return
    groups = header.get("PerFrameFunctionalGroupsSequence") or ()
    sparse = len(groups) == frames and all("PlanePositionSlideSequence" in each for each in groups)
    wide, high = -(-across // columns), -(-down // rows)
    if not sparse and frames % (wide * high):
        raise ValueError("its frames are tiles, and do not say where they lie")
    for number in range(frames):
        if sparse:
            yield _placed(number, groups[number])
        else:
            layer, place = divmod(number, wide * high)
            yield Tile(number, (str(layer),), place // wide * rows, place % wide * columns)


def _placed(number: int, group: Dataset) -> Tile:
    """A frame by what it says of itself."""
    place = group.PlanePositionSlideSequence[0]
    layer = (
        str(place.get("ZOffsetInSlideCoordinateSystem")),
        _told(group, "OpticalPathIdentificationSequence", "OpticalPathIdentifier"),
        _told(group, "SegmentIdentificationSequence", "ReferencedSegmentNumber"),
    )
    top = int(place.RowPositionInTotalImagePixelMatrix) - 1
    left = int(place.ColumnPositionInTotalImagePixelMatrix) - 1
    if top < 0 or left < 0:
        raise ValueError("one of its tiles lies outside of the image")
    return Tile(number, layer, top, left)


def _told(group: Dataset, sequence: str, keyword: str) -> str:
    """What the first item of a sequence says, if there is one."""
    items = group.get(sequence)
    return str(items[0].get(keyword)) if items else ""


def _blocks(
    tiles: list[Tile], rows: int, columns: int
) -> Iterator[tuple[tuple[int, int], list[Tile]]]:
    """Tiles that lie beside each other, and the corner of what they are looked at in."""
    blocks: defaultdict[tuple[Any, ...], list[Tile]] = defaultdict(list)
    for tile in tiles:
        for down in _starts(tile.top, rows):
            for across in _starts(tile.left, columns):
                blocks[tile.layer, down, across].append(tile)
    for (_, down, across), near in blocks.items():
        if len(near) > 1:
            yield (down, across), near


def _step(length: int) -> int:
    """From one look to the next: whole tiles."""
    return max(1, _STEP // length) * length


def _starts(at: int, length: int) -> range:
    """Where the looks begin that meet a tile."""
    step = _step(length)
    return range((at + length - 1) // step * step, max(-1, at - _span(length)), -step)


def _span(length: int) -> int:
    """How many rows or columns are looked at together."""
    return _step(length) + min(length, _OVERLAP)


def _together(near: list[Tile], top: int, left: int, read: Callable[[int], Values]) -> Values:
    """The tiles of a block as they lie, without what reaches out of it."""
    import numpy as np

    first = read(near[0].frame)
    rows, columns = first.shape[:2]
    height = min(_span(rows), max(tile.top for tile in near) + rows - top)
    width = min(_span(columns), max(tile.left for tile in near) + columns - left)
    canvas = np.full((height, width, *first.shape[2:]), first.max(), first.dtype)
    for tile in near:
        down, across = tile.top - top, tile.left - left
        inside = canvas[max(0, down) : down + rows, max(0, across) : across + columns]
        values = read(tile.frame)[max(0, -down) :, max(0, -across) :]
        inside[...] = values[: inside.shape[0], : inside.shape[1]]
    return canvas
