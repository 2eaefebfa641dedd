"""The technical facts in a DICOM header, read without its pixels."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from medibloc_py.errors import NotDicom
from medibloc_py.imaging.parsing import DicomSource, parse_failures, plain_syntax, reason_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag

_PIXEL_GROUP: Final = 0x7FE0
_PIXELS: Final = {0x7FE00008, 0x7FE00009, 0x7FE00010}  # float, double float, integer
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
        header, has_pixels = _parse(file)
    except parse_failures() as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's own; pydicom raises some without a number
        raise NotDicom(path=path, reason=reason_of(error)) from error
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


def _parse(file: BinaryIO) -> tuple[FileDataset, bool]:
    # Imported late: pydicom and numpy cost most of a second.
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_partial

    has_pixels = False

    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal has_pixels
        has_pixels = int(tag) in _PIXELS
        return has_pixels or tag.group > _PIXEL_GROUP

    tags = [tag for name in _TAGS if (tag := tag_for_keyword(name)) is not None]
    header = read_partial(
        cast("BinaryIO", DicomSource(file)),
        stop_when=at_pixels,
        force=True,
        specific_tags=[*tags],
    )
    return header, has_pixels


def _fact(pattern: re.Pattern[str], header: Dataset, keyword: str) -> str:
    """The value of one element, or nothing if it is absent or not of the form it must have."""
    try:
        text = str(header.get(keyword))
    except parse_failures():
        return ""
    return text if pattern.fullmatch(text) else ""
