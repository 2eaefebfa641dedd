"""Which files may show a face, by what their headers say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydicom import Dataset

VOLUMES: Final = frozenset({"CT", "MR"})
"""Modalities in which faces are looked for."""
_PLACED: Final = frozenset({"CT", "MR", "PT"})
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_CLASSES: Final = {
    _STORAGE + ending: modality
    for modality, endings in {
        "CT": ("2", "2.1", "2.2"),
        "MR": ("4", "4.1", "4.4"),
        "PT": ("128", "128.1", "130"),
    }.items()
    for ending in endings
}
"""Images, enhanced ones, and those converted to them."""
_NO_FACE: Final = frozenset(
    {"BI", "BMD", "CR", "DX", "ECG", "EPS", "HD", "IO", "IVOCT", "IVUS", "MG", "NM", "OCT",
     "OPT", "PX", "RF", "RG", "RTDOSE", "RTIMAGE", "SM", "US", "XA"}
)  # fmt: skip
"""Modalities whose pixels show no face: shadows, layers of an organ, curves."""
_SHAPES: Final = frozenset({"RTSTRUCT", "SEG", "M3D", "FID"})
"""Modalities that may hold the form of a face without an image of it."""
_CAPTURED: Final = "1.2.840.10008.5.1.4.1.1.7"
_OTHER_PARTS: Final = frozenset(
    {"ABDOMEN", "ABDOMENPELVIS", "ADRENAL", "ANKLE", "AORTA", "ARM", "BLADDER", "BREAST",
     "BRONCHUS", "CALCANEUS", "CALF", "CHEST", "CHESTABDOMEN", "CLAVICLE", "COCCYX", "COLON",
     "ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND", "HEART", "HIP",
     "HUMERUS", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LUNG", "PANCREAS", "PATELLA",
     "PELVIS", "PROSTATE", "RECTUM", "RIB", "SCAPULA", "SHOULDER", "SPLEEN", "SSPINE",
     "STERNUM", "STOMACH", "THIGH", "THORAX", "THUMB", "TIBIA", "TOE", "UTERUS", "WRIST"}
)  # fmt: skip
"""Body Part Examined of what is no head, and far from one."""


def refusal(header: Dataset, has_pixels: bool) -> str:
    """Why a file that is no volume may show a face; empty if it cannot."""
    modality = modality_of(header)
    if modality in _SHAPES:
        return f"it may hold the form of a face, which is not removed from {modality}"
    if not has_pixels or modality in _NO_FACE:
        return ""
    captured = str(header.get("SOPClassUID") or "").startswith(_CAPTURED)
    if captured or modality not in _PLACED:
        return "it may be a picture of a face: it is no volume in which one could be found"
    return ""


def is_placed(header: Dataset) -> bool:
    """Whether it is of a kind whose frames lie in the patient's space."""
    return modality_of(header) in _PLACED


def modality_of(header: Dataset) -> str:
    """Its modality: by its SOP class if that is one of volumes, else as it says."""
    by_class = _CLASSES.get(str(header.get("SOPClassUID") or ""))
    return by_class or str(header.get("Modality") or "").strip().upper()


def part_of(header: Dataset) -> str:
    """Its Body Part Examined, letters and digits alone."""
    text = str(header.get("BodyPartExamined") or "")
    return "".join(each for each in text.upper() if each.isalnum())


def is_elsewhere(part: str) -> bool:
    """Whether a part of the body is known, and far from the head."""
    return part in _OTHER_PARTS
