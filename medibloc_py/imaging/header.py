"""The technical facts in a DICOM header, read without its pixels."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py.errors import NotDicom, PixelsUnreadable
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.parsing import (
    DEFLATED,
    parse_failures,
    plain_syntax,
    read_up_to_pixels,
    reason_of,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    Facts = dict[str, str | int]

_CODE_STRING: Final = re.compile(r"[A-Z0-9 _]{1,16}")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_DECIMAL: Final = re.compile(r"[-+]?[0-9.]{1,16}(?:[eE][-+]?[0-9]{1,3})?")
_COUNTS: Final = {
    "samples": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "signed": "PixelRepresentation",
    "planar": "PlanarConfiguration",
}
_DECIMALS: Final = {
    "window_center": "WindowCenter",
    "window_width": "WindowWidth",
    "rescale_slope": "RescaleSlope",
    "rescale_intercept": "RescaleIntercept",
}
_SPACINGS: Final = {"row_spacing": 0, "column_spacing": 1}
_TAGS: Final = (
    "SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "PhotometricInterpretation",
    "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", *_COUNTS.values(), *_DECIMALS.values(),
)  # fmt: skip
_UM_PER_MM: Final = 1000
_MOST_UM: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Header:
    """What is read of one file.

    Attributes:
        meta: what is told of any file, see `StudyFile.meta`; without its place in the study.
        shown: how its pixels are to be shown.
        frames: where its frames lie, as facts of a manifest; empty where that cannot be told.
        series: UID of its series, or empty; for numbering, and told to nobody.
        series_number: as the header has it; 0 where it has none.
        instance_number: as the header has it; 0 where it has none.
    """

    meta: Facts
    shown: Facts
    frames: Facts
    series: str
    series_number: int
    instance_number: int


def read_header(file: BinaryIO, path: str) -> Header:
    """Read one file's facts, and where its frames lie.

    With the preamble of PS3.10, a transfer syntax makes it DICOM; without, it must
    parse as a data set that has a SOP class or pixels.

    Raises:
        NotDicom: it is not, or cannot be parsed.
        OSError: it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not standard is judged here
        return _header(file, path)


def _header(file: BinaryIO, path: str) -> Header:
    try:
        header, pixels = read_up_to_pixels(file, _TAGS)
    except parse_failures() as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's own; pydicom raises some without a number
        raise NotDicom(path=path, reason=reason_of(error)) from error
    has_pixels = pixels is not None
    media_class = _fact(_UID, header.file_meta, "MediaStorageSOPClassUID")
    sop_class = _fact(_UID, header, "SOPClassUID") or media_class
    syntax = _fact(_UID, header.file_meta, "TransferSyntaxUID")
    if not (sop_class or has_pixels or (header.preamble and syntax)):
        raise NotDicom(path=path, reason="it has neither a SOP class nor pixels")
    frames = int(_fact(_COUNT, header, "NumberOfFrames") or 1)
    meta: Facts = {
        "modality": _fact(_CODE_STRING, header, "Modality"),
        "rows": int(_fact(_COUNT, header, "Rows") or 0),
        "columns": int(_fact(_COUNT, header, "Columns") or 0),
        "frames": frames if has_pixels else 0,
        "transfer_syntax": syntax or plain_syntax(header),
        "sop_class": sop_class,
        "has_pixels": int(has_pixels),
    }
    shown: Facts = _of_pixels(header) if has_pixels else {}
    if pixels is not None and pixels.keyword != "PixelData":
        shown["floats"] = 1
    return Header(
        meta,
        shown,
        _layout(file, path, syntax) if has_pixels else {},
        _fact(_UID, header, "SeriesInstanceUID"),
        int(_fact(_NUMBER, header, "SeriesNumber") or 0),
        int(_fact(_NUMBER, header, "InstanceNumber") or 0),
    )


def _of_pixels(header: Dataset) -> Facts:
    """How to show the values; what the header does not say is left out."""
    facts: Facts = {}
    for name, keyword in _COUNTS.items():
        if count := _fact(_COUNT, header, keyword):
            facts[name] = int(count)
    if photometric := _fact(_CODE_STRING, header, "PhotometricInterpretation"):
        facts["photometric"] = photometric
    for name, keyword in _DECIMALS.items():
        if values := _decimals(header, keyword):
            facts[name] = values[0]
    spacings = _decimals(header, "PixelSpacing")
    if len(spacings) == len(_SPACINGS):
        facts |= {name: spacings[at] for name, at in _SPACINGS.items()}
    position = _slice_um(header)
    return facts if position is None else facts | {"slice_um": position}


def _slice_um(header: Dataset) -> int | None:
    """Where a slice lies along the axis of its series, in micrometres (PS3.3 C.7.6.2.1.1)."""
    position, axes = (
        [float(each) for each in _decimals(header, keyword)]
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient")
    )
    if len(position) != 3 or len(axes) != 6:
        return None
    (ax, ay, az), (bx, by, bz) = axes[:3], axes[3:]
    normal = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    um = _UM_PER_MM * sum(one * other for one, other in zip(position, normal, strict=True))
    return round(um) if math.isfinite(um) and abs(um) < _MOST_UM else None


def _layout(file: BinaryIO, path: str, syntax: str) -> Facts:
    if syntax == DEFLATED:  # it would be inflated again, to learn that it tells nothing
        return {}
    try:
        layout = FrameReader(file, path).layout()
    except PixelsUnreadable:
        return {}
    return layout.facts() if layout else {}


def _fact(pattern: re.Pattern[str], header: Dataset, keyword: str) -> str:
    """The value of one element, or nothing if it is absent or not of the form it must have."""
    try:
        text = str(header.get(keyword))
    except parse_failures():
        return ""
    return text if pattern.fullmatch(text) else ""


def _decimals(header: Dataset, keyword: str) -> list[str]:
    """The values of one element as they are written, or none if one is no decimal number."""
    try:
        value = header.get(keyword)
        texts = [
            str(each) for each in ([value] if isinstance(value, (str, float)) else value or ())
        ]
        if all(_DECIMAL.fullmatch(text) and math.isfinite(float(text)) for text in texts):
            return texts
    except parse_failures():
        pass
    return []
