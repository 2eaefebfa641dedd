"""What a file's header says of its frames: where they lie, and what their values mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.imaging.deidentify.faces.region import Plane, Vector, dot

if TYPE_CHECKING:
    from pydicom import Dataset

TAGS: Final = (
    "SOPClassUID", "Modality", "BodyPartExamined", "SeriesInstanceUID", "FrameOfReferenceUID",
    "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "RescaleSlope", "RescaleIntercept", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
"""Elements that are read here."""
_MOST_FRAMES: Final = 1 << 16
_UNIT: Final = 1e-2
"""How far the axes of a frame may be from unit vectors at right angles."""
_MOST_MM: Final = 1e4
_LEAST_MM: Final = 1e-2


class Scale(NamedTuple):
    """What stored values mean: `slope * value + intercept`."""

    slope: float
    intercept: float


def planes(header: Dataset) -> list[Plane | None]:
    """Where each frame of a file lies; none where the header does not say it, or not validly.

    Raises:
        ValueError: it declares no frames, frames of no size, or too many.
    """
    rows, columns = int(header.Rows), int(header.Columns)
    count = int(header.get("NumberOfFrames") or 1)
    if not 1 <= count <= _MOST_FRAMES or rows < 1 or columns < 1:
        raise ValueError(f"it declares {count} frames of {rows} by {columns}")
    if count == 1 and "PerFrameFunctionalGroupsSequence" not in header:
        return [_plane(header, header, header, rows, columns)]
    return [
        _plane(
            _group(groups, "PlanePositionSequence"),
            _group(groups, "PlaneOrientationSequence"),
            _group(groups, "PixelMeasuresSequence"),
            rows,
            columns,
        )
        for groups in _groups(header, count)
    ]


def scales(header: Dataset) -> list[Scale]:
    """What the stored values of each frame mean; of no more frames than `planes` gives."""
    count = min(int(header.get("NumberOfFrames") or 1), _MOST_FRAMES)
    if count == 1 and "PerFrameFunctionalGroupsSequence" not in header:
        return [_scale(header)]
    return [
        _scale(_group(groups, "PixelValueTransformationSequence") or header)
        for groups in _groups(header, count)
    ]


def _groups(header: Dataset, count: int) -> Iterator[tuple[Any, Any]]:
    """The functional groups of each frame: its own, and those of all (PS3.3 C.7.6.16)."""
    each = header.get("PerFrameFunctionalGroupsSequence") or ()
    shared = header.get("SharedFunctionalGroupsSequence") or (None,)
    for number in range(count):
        yield each[number] if number < len(each) else None, shared[0]


def _group(groups: tuple[Any, Any], keyword: str) -> Any:
    for group in groups:
        if group is not None and group.get(keyword):
            return group[keyword][0]
    return None


def _plane(position: Any, orientation: Any, measures: Any, rows: int, columns: int) -> Plane | None:
    if position is None or orientation is None or measures is None:
        return None
    origin = _numbers(position, "ImagePositionPatient", 3)
    axes = _numbers(orientation, "ImageOrientationPatient", 6)
    spacing = _numbers(measures, "PixelSpacing", 2)
    if not (origin and axes and spacing) or min(spacing) < _LEAST_MM:
        return None
    along_row, along_column = _vector(axes[:3]), _vector(axes[3:])
    at_right_angles = abs(dot(along_row, along_column)) < _UNIT
    if not at_right_angles or any(
        abs(dot(each, each) - 1) > _UNIT for each in (along_row, along_column)
    ):
        return None
    return Plane(_vector(origin), along_row, along_column, spacing[0], spacing[1], rows, columns)


def _vector(values: list[float]) -> Vector:
    x, y, z = values
    return x, y, z


def _scale(header: Any) -> Scale:
    slope = _numbers(header, "RescaleSlope", 1)
    intercept = _numbers(header, "RescaleIntercept", 1)
    if not slope or not intercept or slope[0] == 0:
        return Scale(1.0, 0.0)
    return Scale(slope[0], intercept[0])


def _numbers(header: Any, keyword: str, count: int) -> list[float]:
    """The values of an element, or none if they are not as many numbers as there should be."""
    value = header.get(keyword)
    if value is None:
        return []
    try:
        found = [float(each) for each in (value if count > 1 else [value])]
    except (TypeError, ValueError):
        return []
    fits = len(found) == count and all(math.isfinite(each) for each in found)
    return found if fits and max(map(abs, found)) < _MOST_MM else []
