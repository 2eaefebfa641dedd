"""The technical facts in a DICOM header, read without its pixels."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py.errors import NotDicom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag

PARSE_FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,  # with NotImplementedError and RecursionError
    TypeError,
    ValueError,  # with UnicodeError
    struct.error,
    zlib.error,
)
"""What pydicom and the codecs raise on bytes that are not what they seem: it has no root
class for it, and lets through whatever the parser stumbles over."""

_PIXEL_GROUP: Final = 0x7FE0
_PIXELS: Final = {0x7FE00008, 0x7FE00009, 0x7FE00010}  # float, double float, integer
_CODE_STRING: Final = re.compile(r"[A-Z0-9 _]{1,16}")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_TAGS: Final = ("SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames")
_IMPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"


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
    except PARSE_FAILURES as error:
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
        "transfer_syntax": syntax or _IMPLICIT_LITTLE_ENDIAN,
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
    header = read_partial(file, stop_when=at_pixels, force=True, specific_tags=[*tags])
    return header, has_pixels


def _fact(pattern: re.Pattern[str], header: Dataset, keyword: str) -> str:
    """The value of one element, or nothing if it is absent or not of the form it must have."""
    try:
        text = str(header.get(keyword))
    except PARSE_FAILURES:
        return ""
    return text if pattern.fullmatch(text) else ""


def reason_of(error: BaseException) -> str:
    """What went wrong, in one line without control characters."""
    text = str(error) or type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text[:200])
