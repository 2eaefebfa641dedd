"""Which instance a DICOM file is, and whose: what a gateway must know to file it.

These facts name the patient: who reads them seals them.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from medibloc_py.errors import InstanceUnusable
from medibloc_py.imaging.parsing import parse_failures, read_up_to_pixels

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PREAMBLE_BYTES: Final = 128
_MAGIC: Final = b"DICM"
_GROUP_LENGTH: Final = struct.Struct("<HH2sHI")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")
_LONGEST: Final = 256
_TAGS: Final = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
    "PatientID",
    "IssuerOfPatientID",
)


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance, as its header says.

    Attributes:
        number: its place in the series; 0 if it has none.
        patient_id, patient_issuer: empty if absent.
        body: where its data set begins in the file, behind the file's own head; bytes.
    """

    sop_class: str
    sop_instance: str
    study: str
    series: str
    number: int
    patient_id: str
    patient_issuer: str
    transfer_syntax: str
    body: int


def read_instance(file: bytes | BinaryIO) -> Instance:
    """Reads which instance a DICOM file is (PS3.10), without its pixels.

    Args:
        file: its bytes, or a seekable file.

    Raises:
        InstanceUnusable: it is no such file, cannot be parsed, or lacks a UID it must have.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    body = _body(source)
    source.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is not standard is judged here
        try:
            header, _ = read_up_to_pixels(source, _TAGS)
            found = Instance(
                sop_class=_uid(header, "SOPClassUID"),
                sop_instance=_uid(header, "SOPInstanceUID"),
                study=_uid(header, "StudyInstanceUID"),
                series=_uid(header, "SeriesInstanceUID"),
                number=_number(header),
                patient_id=_text(header, "PatientID"),
                patient_issuer=_text(header, "IssuerOfPatientID"),
                transfer_syntax=_uid(header.file_meta, "TransferSyntaxUID"),
                body=body,
            )
        except parse_failures():
            # What a parser says of a file may quote it.
            raise InstanceUnusable(reason="it cannot be parsed as DICOM") from None
    return found


def _body(file: BinaryIO) -> int:
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(_PREAMBLE_BYTES)
    head = file.read(len(_MAGIC) + _GROUP_LENGTH.size)
    if not head.startswith(_MAGIC):
        raise InstanceUnusable(reason="it is no DICOM file with a preamble")
    try:
        group, element, vr, _, length = _GROUP_LENGTH.unpack_from(head, len(_MAGIC))
    except struct.error:
        raise InstanceUnusable(reason="it ends in its head") from None
    if (group, element, vr) != (2, 0, b"UL"):
        raise InstanceUnusable(reason="its head does not say how long it is")
    body = _PREAMBLE_BYTES + len(head) + int(length)
    if body >= size_bytes:
        raise InstanceUnusable(reason="it ends in its head")
    return body


def _uid(header: Dataset, keyword: str) -> str:
    text = _text(header, keyword)
    if not _UID.fullmatch(text):
        raise InstanceUnusable(reason=f"it has no {keyword}, or one that is no UID")
    return text


def _number(header: Dataset) -> int:
    text = _text(header, "InstanceNumber")
    return int(text) if _NUMBER.fullmatch(text) else 0


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    text = "" if value is None else str(value).strip(" \0")
    if len(text) > _LONGEST:  # cut off, it could be that of another patient
        raise InstanceUnusable(reason=f"its {keyword} is too long")
    return text
