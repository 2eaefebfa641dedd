"""Where the frames of a DICOM file lie in the patient, and what their values mean.

Of a plain file that stands in the header; of an enhanced multi-frame file in the functional
groups, shared by all frames or each frame's own (PS3.3 C.7.6.16).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from medibloc_py.imaging.parsing import parse_failures, read_up_to_pixels
from medibloc_py.imaging.pixels import decoding

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SHARED: Final = "SharedFunctionalGroupsSequence"
_PER_FRAME: Final = "PerFrameFunctionalGroupsSequence"
_GROUPS: Final = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}
"""The functional group that holds an attribute."""
_NO_ANGLE: Final = 1e-3
"""How far direction cosines may be from unit vectors at right angles: they are rounded texts."""

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a frame lies, in the patient's coordinates of DICOM: left, posterior, superior.

    Attributes:
        position: of the first cell's middle, three millimetres.
        along_row: unit vector in which columns follow one another, three numbers.
        along_column: unit vector in which rows follow one another, three numbers.
        spacing: between rows and between columns, two millimetres.
        thickness: of the slice, or else the distance to the next, in millimetres; None if
            neither is said.
    """

    position: Vector
    along_row: Vector
    along_column: Vector
    spacing: Vector
    thickness: float | None


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What a header says of one frame besides its pixels.

    Attributes:
        plane: where it lies; None if that is not said.
        slope, intercept: a stored value times `slope` plus `intercept` is the value meant
            (Hounsfield units of a CT); 1 and 0 where nothing is said.
    """

    plane: Plane | None
    slope: float
    intercept: float


def facts_of_frames(file: BinaryIO, name: str) -> tuple[FrameFacts, ...]:
    """Read where frames lie; their pixels are not read.

    Args:
        file: a seekable file.
        name: what to call it in errors.

    Returns:
        One for each frame, or a single one if the header says the same of all.

    Raises:
        PixelsUnreadable: the header cannot be parsed.
    """
    with decoding(name):
        file.seek(0)
        header, _ = read_up_to_pixels(file, [_SHARED, _PER_FRAME, *_GROUPS])
        shared = next(_items(header, _SHARED), None)
        frames: list[Dataset | None] = [*_items(header, _PER_FRAME)] or [None]
        return tuple(_facts((own, shared), header) for own in frames)


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    try:
        yield from dataset.get(keyword) or ()
    except parse_failures():
        return


def _facts(groups: tuple[Dataset | None, ...], header: Dataset) -> FrameFacts:
    def numbers(keyword: str, count: int) -> Vector | None:
        for group in groups:
            held = group and next(_items(group, _GROUPS[keyword]), None)
            if held and (found := _numbers(held, keyword, count)):
                return found
        return _numbers(header, keyword, count)

    def number(keyword: str) -> float | None:
        found = numbers(keyword, 1)
        return found[0] if found else None

    slope, intercept = number("RescaleSlope"), number("RescaleIntercept")
    return FrameFacts(
        _plane(
            numbers("ImagePositionPatient", 3),
            numbers("ImageOrientationPatient", 6),
            numbers("PixelSpacing", 2),
            number("SliceThickness") or number("SpacingBetweenSlices"),
        ),
        1.0 if slope is None else slope,
        0.0 if intercept is None else intercept,
    )


def _plane(
    position: Vector | None,
    axes: Vector | None,
    spacing: Vector | None,
    thickness: float | None,
) -> Plane | None:
    if position is None or axes is None or spacing is None or min(spacing) <= 0:
        return None
    along_row, along_column = axes[:3], axes[3:]
    across = math.fsum(a * b for a, b in zip(along_row, along_column, strict=True))
    lengths = math.hypot(*along_row), math.hypot(*along_column)
    if abs(across) > _NO_ANGLE or any(abs(length - 1) > _NO_ANGLE for length in lengths):
        return None
    thickness = abs(thickness) if thickness else None  # the sign of a spacing is of no use here
    return Plane(position, along_row, along_column, spacing, thickness)


def _numbers(dataset: Dataset, keyword: str, count: int) -> Vector | None:
    """The values of one element, if they are so many finite numbers."""
    try:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            return None
        found = tuple(float(each) for each in ([value] if count == 1 else value))
    except parse_failures():
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None
