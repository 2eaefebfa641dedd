"""A coarse volume along the patient's own axes, from frames that may lie in any direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.imaging.deidentify.faces.region import Plane, dot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

_VOXEL_MM: Final = 3.0
_MOST_VOXELS: Final = 1 << 21
_TOP_MM: Final = 400.0
"""How far below the highest point of a series is looked at; a head with raised arms is within."""
_MOST_SLICES: Final = 400
_MOST_VALUES: Final = 1 << 26
_SLICE_MM: Final = 2.0
"""Slices that lie closer are not all read."""


class Volume(NamedTuple):
    """What a series shows, coarsely.

    Attributes:
        values: of shape (left, back, up), in the units of the modality.
        seen: where the series has pixels at all.
        origin: centre of the first voxel, mm.
        voxel_mm: from one voxel to the next.
        is_ct: whether values are Hounsfield units.
    """

    values: Values
    seen: Values
    origin: Values
    voxel_mm: float
    is_ct: bool

    def level_mm(self, number: float) -> float:
        """How high a level of voxels lies."""
        return float(self.origin[2]) + number * self.voxel_mm

    def points_mm(self, mask: Values) -> Values:
        """Centres of the voxels of a mask, of shape (voxels, 3)."""
        import numpy as np

        points: Values = np.argwhere(mask) * self.voxel_mm + self.origin
        return points


class Slice(NamedTuple):
    """A frame that lies in a volume: where, and what reads its values in the modality's units."""

    plane: Plane
    read: Callable[[], Values]


def chosen_slices(slices: Sequence[Slice]) -> list[Slice]:
    """One slice for each place along the axis of a series, in order, and not too many."""
    normal = slices[0].plane.normal
    ordered = sorted(slices, key=lambda each: dot(normal, each.plane.origin))
    taken: list[Slice] = []
    last = None
    for each in ordered:
        at = dot(normal, each.plane.origin)
        if last is None or at - last >= _SLICE_MM:
            taken.append(each)
            last = at
    return taken[:: -(-len(taken) // _MOST_SLICES)]


def volume_of(slices: Sequence[Slice], *, is_ct: bool) -> Volume:
    """The volume of slices of one direction, as `chosen_slices` gives them.

    Raises:
        ValueError: they fill no space.
    """
    import numpy as np

    low, high = _bounds([each.plane for each in slices])
    low[2] = max(low[2], high[2] - _TOP_MM)
    size = high - low
    voxel = max(_VOXEL_MM, float(np.prod(size) / _MOST_VOXELS) ** (1 / 3))
    shape = (size / voxel).astype(int) + 1
    if not np.isfinite(size).all() or shape.min() < 2 or np.prod(shape) > 2 * _MOST_VOXELS:
        raise ValueError("its slices fill no space")
    stack = _Stack(slices)
    values = np.zeros(shape, np.float32)
    seen = np.zeros(shape, bool)
    across = np.stack(
        np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), [0], indexing="ij"), axis=-1
    )
    for level in range(shape[2]):
        points = low + voxel * (across + np.array((0, 0, level)))
        values[:, :, level], seen[:, :, level] = (each[..., 0] for each in stack.at(points, voxel))
    return Volume(values, seen, low, voxel, is_ct)


class _Stack:
    """Slices of one direction, made small, that tell the value nearest to a point."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        import numpy as np

        plane = slices[0].plane
        self._normal = np.array(plane.normal)
        self._axes = np.array([plane.along_column, plane.along_row])
        self._origins = np.array([each.plane.origin for each in slices])
        self._at = self._origins @ self._normal
        steps = [max(1, int(_VOXEL_MM / mm)) for mm in (plane.row_mm, plane.column_mm)]
        self._mm = np.array([plane.row_mm, plane.column_mm]) * steps
        self._first = (np.array(steps) - 1) / 2 / steps  # of small pixels
        if plane.rows * plane.columns / np.prod(steps) * len(slices) > _MOST_VALUES:
            raise ValueError("its slices fill too much space")
        self._values = np.stack([_small(each.read(), steps) for each in slices])
        gaps = np.diff(self._at)
        self._half_gap = float(gaps.max()) / 2 if gaps.size else 0.0

    def at(self, points: Values, voxel_mm: float) -> tuple[Values, Values]:
        """Values at points of shape (..., 3), and whether a slice is there."""
        import numpy as np

        height = points @ self._normal
        after = np.searchsorted(self._at, height).clip(1, len(self._at) - 1)
        nearest = after - (height - self._at[after - 1] < self._at[after] - height)
        away = np.abs(height - self._at[nearest])
        place = (points - self._origins[nearest]) @ self._axes.T / self._mm - self._first
        index = np.rint(place).astype(int)
        size = np.array(self._values.shape[1:])
        seen = (away <= max(self._half_gap, voxel_mm / 2)) & ((index >= 0) & (index < size)).all(-1)
        index = index.clip(0, size - 1)
        values = self._values[nearest, index[..., 0], index[..., 1]]
        return np.where(seen, values, self._values.min()), seen


def _small(values: Values, steps: Sequence[int]) -> Values:
    """A frame with blocks of pixels become their mean."""
    import numpy as np

    rows, columns = (length // step for length, step in zip(values.shape, steps, strict=True))
    if not rows or not columns:
        raise ValueError("its frames are too small")
    blocks = values[: rows * steps[0], : columns * steps[1]]
    blocks = blocks.reshape(rows, steps[0], columns, steps[1])
    means = blocks.mean(axis=(1, 3), dtype=np.float32)
    small: Values = np.nan_to_num(means, posinf=0.0, neginf=0.0)
    return small


def _bounds(planes: Sequence[Plane]) -> tuple[Values, Values]:
    import numpy as np

    corners = np.array([corner for plane in (planes[0], planes[-1]) for corner in _corners(plane)])
    return corners.min(axis=0), corners.max(axis=0)


def _corners(plane: Plane) -> Iterator[Values]:
    import numpy as np

    for row in (0, plane.rows - 1):
        for column in (0, plane.columns - 1):
            down = row * plane.row_mm * np.array(plane.along_column)
            beside = column * plane.column_mm * np.array(plane.along_row)
            yield np.array(plane.origin) + down + beside
