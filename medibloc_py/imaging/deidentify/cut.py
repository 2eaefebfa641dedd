"""Files that are not whole: which may go as far as they reach, and which are refused."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Final, TypeGuard

from medibloc_py.errors import DeidentificationRefused
from medibloc_py.imaging.parsing import DEFLATED, UNDEFINED_LENGTH, read_all, read_up_to_pixels

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag

PIXELS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ROWS: Final = 0x00280010
_SOP_CLASS: Final = 0x00080016
_ITEM: Final = struct.pack("<2HL", 0xFFFE, 0xE000, 0)[:4]
_END: Final = struct.pack("<2HL", 0xFFFE, 0xE0DD, 0)
_HEAD_BYTES: Final = 8


def read_whole(data: bytes, name: str) -> FileDataset:
    """Read a file; of one that is cut off in its pixels or in a sequence what is there.

    Pixels become shorter ones, of whole pairs of bytes; a value that is not whole goes.

    Raises:
        DeidentificationRefused: it is cut off elsewhere, or its pixels are missing.
    """
    dataset = read_all(BytesIO(data))
    if len(dataset) == 0:  # pydicom gives nothing of a data set whose end is missing
        dataset = read_all(BytesIO(_closed(data)))
    if len(dataset) == 0:
        if dataset.preamble or dataset.file_meta:
            raise _refused(name)
        return dataset  # nothing that could be told from any other bytes
    if not (dataset.preamble or dataset.file_meta or _SOP_CLASS in dataset or _has_pixels(dataset)):
        return dataset  # other bytes, in which something looks like an attribute
    shortened = False
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if not _is_cut(element):
            continue
        shortened = True
        if tag in PIXELS:
            even = (element.value or b"")[: len(element.value or b"") & ~1]
            dataset[tag] = element._replace(value=even, length=len(even))
        elif dataset[tag].VR == "SQ" and not (_ROWS in dataset and not _has_pixels(dataset)):
            _drop_last(dataset, tag)
        else:
            raise _refused(name)
    if not shortened and _ends_in_a_head(dataset, data):
        raise _refused(name)
    return dataset


def _ends_in_a_head(dataset: FileDataset, data: bytes) -> bool:
    """Whether the file ends before the length of a value; pydicom passes over these bytes."""
    from pydicom.dataelem import RawDataElement

    if dataset.file_meta.get("TransferSyntaxUID") == DEFLATED:
        return False
    last = dataset.get_item(list(dataset.keys())[-1])
    if not isinstance(last, RawDataElement) or last.length == UNDEFINED_LENGTH:
        return False
    rest = data[last.value_tell + last.length :]
    return len(rest) < _HEAD_BYTES and rest.strip(b"\0") != b""


def _is_cut(element: DataElement | RawDataElement) -> TypeGuard[RawDataElement]:
    length = getattr(element, "length", UNDEFINED_LENGTH)
    return length not in (UNDEFINED_LENGTH, 0) and len(element.value or b"") < length


def _drop_last(item: Dataset, tag: BaseTag) -> None:
    """Remove what is not whole from the end of a sequence."""
    while item[tag].VR == "SQ" and item[tag].value:
        item = item[tag].value[-1]
        if not len(item):
            return
        tag = list(item.keys())[-1]
        element = item.get_item(tag)
        if _is_cut(element) and item[tag].VR != "SQ":
            del item[tag]
            return


def _has_pixels(dataset: Dataset) -> bool:
    return any(tag in dataset for tag in PIXELS)


def _refused(name: str) -> DeidentificationRefused:
    return DeidentificationRefused(name=name, reason="it is cut off")


def _closed(data: bytes) -> bytes:
    """The same with its fragments of pixels ended where the file ends (PS3.5 A.4)."""
    header, pixels = read_up_to_pixels(BytesIO(data), ())
    deflated = header.file_meta.get("TransferSyntaxUID") == DEFLATED
    if pixels is None or pixels.length != UNDEFINED_LENGTH or deflated:
        return data
    at = pixels.start
    while data[at : at + 4] == _ITEM and at + _HEAD_BYTES <= len(data):
        start = at + _HEAD_BYTES
        (length,) = struct.unpack_from("<L", data, at + 4)
        left = (len(data) - start) & ~1
        if length > left > 0:
            return data[: at + 4] + struct.pack("<L", left) + data[start : start + left] + _END
        if length > left:
            break
        at = start + length
    return data[:at] + _END if at > pixels.start else data
