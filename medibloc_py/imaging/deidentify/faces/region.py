"""A part of a patient's space, and where it lies in the pixels of a frame."""

from __future__ import annotations

import math
from typing import NamedTuple

from medibloc_py.imaging.ocr import Box

Vector = tuple[float, float, float]
"""In the patient's coordinates, mm: to the left, to the back, to the head (PS3.3 C.7.6.2.1.1)."""


def dot(one: Vector, other: Vector) -> float:
    """The product of two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))


class Plane(NamedTuple):
    """Where a frame lies (PS3.3 C.7.6.2.1.1).

    Attributes:
        origin: centre of its first pixel.
        along_row: unit vector from one column to the next.
        along_column: unit vector from one row to the next.
        row_mm, column_mm: from one row to the next, and from one column to the next.
        rows, columns: its size.
    """

    origin: Vector
    along_row: Vector
    along_column: Vector
    row_mm: float
    column_mm: float
    rows: int
    columns: int

    @property
    def normal(self) -> Vector:
        """The axis across the frame."""
        (ax, ay, az), (bx, by, bz) = self.along_row, self.along_column
        return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


class HalfSpace(NamedTuple):
    """All points on one side of a plane: those with `dot(normal, point) >= at_mm`."""

    normal: Vector
    at_mm: float


Region = tuple[HalfSpace, ...]
"""What half-spaces have in common: it has no hollows, so a row of pixels meets it once."""


def boxes_in(region: Region, plane: Plane) -> list[Box]:
    """The pixels of a frame whose centres lie in a region, as boxes that do not overlap."""
    boxes: list[Box] = []
    for row in range(plane.rows):
        left, right = _run(region, plane, row)
        if left >= right:
            continue
        last = boxes[-1] if boxes else None
        if last and (last.bottom, last.left, last.right) == (row, left, right):
            boxes[-1] = last._replace(bottom=row + 1)
        else:
            boxes.append(Box(row, left, row + 1, right))
    return boxes


def _run(region: Region, plane: Plane, row: int) -> tuple[int, int]:
    """The columns of a row that lie in a region; the end is not in it."""
    low, high = 0.0, plane.columns - 1.0
    for normal, at_mm in region:
        step = dot(normal, plane.along_row) * plane.column_mm
        first = dot(normal, plane.origin) + row * dot(normal, plane.along_column) * plane.row_mm
        room = at_mm - first
        if abs(step) < 1e-9:
            if room > 0:
                return 0, 0
        elif step > 0:
            low = max(low, room / step)
        else:
            high = min(high, room / step)
    return math.ceil(low), math.floor(high) + 1
