"""Text across the tiles of one large image: found, and blanked in each of them."""

from __future__ import annotations

from io import BytesIO
from itertools import product

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread

from medibloc_py.errors import DeidentificationRefused
from medibloc_py.imaging.deidentify.pixels import clean_pixels
from medibloc_py.imaging.deidentify.pixels.tiles import _blocks, _span, _tiles, text_across
from tests.unit.imaging.samples import sample

TILE = 96
EXPLICIT = "1.2.840.10008.1.2.1"


def slide(across: int, down: int, *, sparse: bool = False, rows: int = TILE) -> Dataset:
    """The header of an image of so many tiles; if sparse, from the last to the first."""
    header = Dataset()
    header.Rows = header.Columns = rows
    header.PhotometricInterpretation = "RGB"
    header.TotalPixelMatrixColumns, header.TotalPixelMatrixRows = across * rows, down * rows
    groups = []
    for row, column in reversed(list(product(range(down), range(across)))):
        place, group = Dataset(), Dataset()
        place.RowPositionInTotalImagePixelMatrix = row * rows + 1
        place.ColumnPositionInTotalImagePixelMatrix = column * rows + 1
        group.PlanePositionSlideSequence = [place]
        groups.append(group)
    if sparse:
        header.PerFrameFunctionalGroupsSequence = groups
    return header


@pytest.mark.parametrize("sparse", [False, True])
def test_a_name_that_lies_across_tiles_is_blanked_in_each(sparse: bool) -> None:
    image = np.full((2 * TILE, 2 * TILE, 3), 230, np.uint8)
    cv2.putText(image, "DOE^JANE", (20, TILE + 12), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 60), 2)
    corners = list(product((0, TILE), repeat=2))
    tiles = [image[top : top + TILE, left : left + TILE].copy() for top, left in corners]
    tiles = tiles[::-1] if sparse else tiles
    found = text_across(slide(2, 2, sparse=sparse), 4, tiles.__getitem__)
    assert set(found) == {0, 1, 2, 3}
    for frame, boxes in found.items():
        for box in boxes:
            assert 0 <= box.top < box.bottom <= TILE
            assert 0 <= box.left < box.right <= TILE
            tiles[frame][box.top : box.bottom, box.left : box.right] = 230
    assert all((each == 230).all() for each in tiles)


@pytest.mark.parametrize(("across", "down", "rows"), [(9, 3, 256), (3, 3, 2000), (40, 30, 96)])
def test_tiles_that_touch_are_looked_at_together(across: int, down: int, rows: int) -> None:
    header = slide(across, down, rows=rows)
    tiles = list(_tiles(header, across * down))
    places = {(tile.top // rows, tile.left // rows): tile.frame for tile in tiles}
    together = set()
    looks = 0
    for (top, left), near in _blocks(tiles, rows, rows):
        looks += len(near)
        frames = {tile.frame for tile in near}
        together |= set(product(frames, frames))
        for tile in near:
            assert top - rows < tile.top < top + _span(rows)
            assert left - rows < tile.left < left + _span(rows)
    for (row, column), frame in places.items():
        for beside in ((0, 1), (1, 0), (1, 1), (1, -1)):
            other = places.get((row + beside[0], column + beside[1]))
            assert other is None or (frame, other) in together
    assert looks <= 4 * len(tiles)


def test_frames_of_several_layers_are_not_mixed() -> None:
    tiles = list(_tiles(slide(2, 2), 8))
    assert [tile.layer for tile in tiles] == [("0",)] * 4 + [("1",)] * 4
    assert all(len({tile.layer for tile in near}) == 1 for _, near in _blocks(tiles, TILE, TILE))


def test_frames_that_are_no_tiles_are_left_to_others() -> None:
    header = slide(2, 2)
    assert list(_tiles(header, 1)) == []
    del header.TotalPixelMatrixRows
    assert list(_tiles(header, 4)) == []


@pytest.mark.parametrize(("keyword", "value"), [("Columns", 3 * TILE), ("Rows", 5 * TILE)])
def test_tiles_that_do_not_say_where_they_lie_are_refused(keyword: str, value: int) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.NumberOfFrames = 4
    dataset.PixelData = dataset.PixelData * 4
    dataset.TotalPixelMatrixColumns = dataset.TotalPixelMatrixRows = 256
    setattr(dataset, f"TotalPixelMatrix{keyword}", value)
    out = BytesIO()
    dataset.save_as(out)
    with pytest.raises(DeidentificationRefused, match="do not say where they lie"):
        clean_pixels(out.getvalue(), EXPLICIT, "slide.dcm")


def test_a_tile_outside_of_its_image_is_refused() -> None:
    header = slide(2, 2, sparse=True)
    place = header.PerFrameFunctionalGroupsSequence[1].PlanePositionSlideSequence[0]
    place.RowPositionInTotalImagePixelMatrix = -5
    with pytest.raises(ValueError, match="outside"):
        list(_tiles(header, 4))
