"""The grid a volume's cells lie on: parallel slices, evenly spaced, in patient coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from medibloc_py.errors import GridMissing
from medibloc_py.imaging.geometry import FrameFacts, Plane, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAME_DIRECTION: Final = 1e-3
"""How far direction cosines of parallel slices may differ: they are rounded texts."""
_UNEVEN: Final = 0.02
"""How far a slice may lie from its even place, in distances between slices."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells of an array of shape (slices, rows, columns) lie.

    Coordinates are DICOM's: millimetres to the patient's left, back and head (LPS).

    Attributes:
        origin: of the middle of cell (0, 0, 0), in millimetres.
        steps: what one slice, one row and one column further adds to it, in millimetres.
    """

    origin: Vector
    steps: tuple[Vector, Vector, Vector]

    @property
    def spacing(self) -> Vector:
        """Distance between slices, rows and columns, in millimetres."""
        return tuple(float(np.linalg.norm(step)) for step in self.steps)

    @property
    def affine(self) -> NDArray[Any]:
        """The 4 x 4 matrix from (slice, row, column, 1) to (x, y, z, 1), millimetres in LPS."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(self.steps).T
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def orientation(self) -> str:
        """Where slices, rows and columns run to, such as `SPL`: superior, posterior, left.

        The letter of each is the patient's axis it is nearest to: L or R, P or A, S or I.
        """
        return "".join(_towards(step) for step in self.steps)


def grid_of(frames: Sequence[FrameFacts], name: str) -> Grid:
    """The grid that slices make, in their order.

    Args:
        frames: what is known of each slice.
        name: of the volume, for errors.

    Raises:
        GridMissing: they say not where they lie, or lie on none.
    """
    planes = [each.plane for each in frames if each.plane is not None]
    if not planes or len(planes) < len(frames):
        raise GridMissing(name=name, reason="the files do not say where they lie")
    first = planes[0]
    _require_parallel(planes, name)
    steps = (
        _between(planes, name),
        tuple(first.spacing[0] * each for each in first.along_column),
        tuple(first.spacing[1] * each for each in first.along_row),
    )
    if abs(np.linalg.det(np.array(steps))) < _SAME_DIRECTION:
        raise GridMissing(name=name, reason="they lie side by side and not on one another")
    return Grid(first.position, steps)


def _require_parallel(planes: Sequence[Plane], name: str) -> None:
    same = np.array([each.along_row + each.along_column + each.spacing for each in planes])
    if np.abs(same - same[0]).max() > _SAME_DIRECTION:
        raise GridMissing(name=name, reason="they are not parallel, or of different spacing")


def _between(planes: Sequence[Plane], name: str) -> Vector:
    """From one slice to the next; of a single one along its normal, by its thickness."""
    first = planes[0]
    if len(planes) == 1:
        if first.thickness is None:
            raise GridMissing(name=name, reason="its only slice does not say how thick it is")
        step = np.cross(first.along_row, first.along_column) * first.thickness
        return tuple(step.tolist())
    places = np.array([each.position for each in planes])
    step = (places[-1] - places[0]) / (len(planes) - 1)
    distance = np.linalg.norm(step)
    even = places[0] + np.arange(len(planes))[:, None] * step
    if not distance or np.abs(places - even).max() > _UNEVEN * distance:
        raise GridMissing(name=name, reason="the distances between them differ")
    return tuple(step.tolist())


def _towards(step: Vector) -> str:
    axis = int(np.argmax(np.abs(step)))
    return ("RL", "AP", "IS")[axis][step[axis] > 0]
