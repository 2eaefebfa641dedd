"""The technical facts in a DICOM header, read without its pixels."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py.errors import NotDicom
from medibloc_py.imaging.parsing import (
    parse_failures,
    plain_syntax,
    read_up_to_pixels,
    reason_of,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CODE_STRING: Final = re.compile(r"[A-Z0-9 _]{1,16}")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_TAGS: Final = ("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames")


def read_header(file: BinaryIO, path: str) -> dict[str, str | int]:
    """The facts of one file, as `StudyFile.meta` lists them.

    With the preamble of PS3.10, a transfer syntax makes it DICOM; without, it must
    parse as a data set that has a SOP class or pixels.

    Raises:
        NotDicom: it is not, or cannot be parsed.
        OSError: it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not standard is judged here
        return _facts(file, path)


def _facts(file: BinaryIO, path: str) -> dict[str, str | int]:
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
    return {
        "modality": _fact(_CODE_STRING, header, "Modality"),
        "rows": int(_fact(_COUNT, header, "Rows") or 0),
        "columns": int(_fact(_COUNT, header, "Columns") or 0),
        "frames": frames if has_pixels else 0,
        "transfer_syntax": syntax or plain_syntax(header),
        "sop_class": sop_class,
        "has_pixels": int(has_pixels),
    }


def _fact(pattern: re.Pattern[str], header: Dataset, keyword: str) -> str:
    """The value of one element, or nothing if it is absent or not of the form it must have."""
    try:
        text = str(header.get(keyword))
    except parse_failures():
        return ""
    return text if pattern.fullmatch(text) else ""
