"""A DICOM file with a value of its own in each attribute of PS3.15 table E.1-1, thrice deep."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

TABLE = (
    Path(__file__).parents[1] / "medibloc_py" / "imaging" / "deidentify" / "tables" / "profile.csv"
)
DEPTHS = ("top", "nested_1", "nested_2")
# Sequences that no profile removes, one in the other.
OUTER, INNER = 0x52009229, 0x00289110
_SKIPPED = {
    "MediaStorageSOPInstanceUID",  # of the file meta information
    "ReferencedSOPInstanceUIDInFile",  # of a directory
    "PatientIdentityRemoved",
}


@dataclass
class Canary:
    """The file and what was put into it.

    Attributes:
        data: the bytes of the file.
        planted: per depth, the planted value of each attribute by its tag, as encoded.
    """

    data: bytes = b""
    planted: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def found(self, output: bytes) -> dict[str, int]:
        """How many planted values are still in the bytes of an output, by depth."""
        return {
            depth: sum(value in output for value in values.values())
            for depth, values in self.planted.items()
        }


def attributes() -> list[tuple[int, str]]:
    """Tag and VR of what can be planted: no repeating group, and known to pydicom."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    found = []
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        if "x" in row["tag"] or row["keyword"] in _SKIPPED:
            continue
        tag = int(row["tag"], 16)
        if tag >> 16 >= 8 and dictionary_has_tag(tag):
            found.append((tag, dictionary_VR(tag).split(" or ")[0]))
    return found


def make() -> Canary:
    """The canary: a CT image of four pixels."""
    root, outer, inner = Dataset(), Dataset(), Dataset()
    canary = Canary()
    for number, (depth, item) in enumerate(zip(DEPTHS, (root, outer, inner), strict=True)):
        canary.planted[depth] = _plant(item, number)
    _image(root)
    outer.add_new(INNER, "SQ", Sequence([inner]))
    root.add_new(OUTER, "SQ", Sequence([outer]))
    out = BytesIO()
    root.save_as(out, enforce_file_format=True)
    canary.data = out.getvalue()
    values = [value for depth in canary.planted.values() for value in depth.values()]
    assert len(values) == len(set(values))
    assert all(value in canary.data for value in values)
    return canary


def _plant(item: Dataset, depth: int) -> dict[int, bytes]:
    planted = {}
    for number, (tag, vr) in enumerate(attributes()):
        value = _value(vr, depth * 1000 + number)
        if value is None:
            continue
        if vr == "SQ":
            inside = Dataset()
            inside.add_new(0x00081030, "LO", value)  # Study Description
            item.add_new(tag, "SQ", Sequence([inside]))
        else:
            item[tag] = DataElement(tag, vr, value)
        planted[tag] = value if isinstance(value, bytes) else str(value).encode()
    return planted


def _value(vr: str, number: int) -> str | bytes | None:
    """A value for a VR that stands nowhere else; none where it would be too small to be told."""
    digits = f"{number:04}"
    word = f"Canary{digits}Q"
    return {
        "PN": f"Canary{digits}Q^Bird",
        "AE": word.upper(),
        "AS": None,
        "CS": f"CANARY_{digits}",
        "DA": f"{1902 + number // 300}{1 + number % 300 // 28:02}{1 + number % 300 % 28:02}",
        "DT": f"19{number % 90:02}0203040506.77{digits}",
        "TM": f"040506.88{digits}",
        "DS": f"7.7{digits}77",
        "IS": f"66{digits}66",
        "UI": f"1.2.3.444.1{digits}.5",
        "UR": f"https://{word}.example",
        "SQ": f"Inside{digits}Q",
        **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT"), word),
        **dict.fromkeys(("OB", "OW", "UN"), f"Bytes{digits}Q ".encode()),
    }.get(vr)


def _image(root: Dataset) -> None:
    root.SOPClassUID = CTImageStorage
    root.Modality = "CT"
    root.Rows = root.Columns = 2
    root.SamplesPerPixel, root.PhotometricInterpretation = 1, "MONOCHROME2"
    root.BitsAllocated = root.BitsStored = 16
    root.HighBit, root.PixelRepresentation = 15, 0
    root.PixelData = bytes(8)
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
