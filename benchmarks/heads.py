"""A head as a phantom, with brain, eyes, nose, lips and chin: CT or MR in any direction.

Sizes are those of an adult, in millimetres from the middle of the skull's vault: to the left,
to the back, to the head. Lower parts of the brain and the floor of the skull lie where the
MNI152 atlas has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

Points = np.ndarray[Any, Any]

AIR, SOFT, BONE, BRAIN, FAT, REST = range(6)
VALUES = {
    "CT": (-1000, 40, 900, 35, -90, -150),
    "MR": (4, 280, 30, 420, 640, 4),
}
NOISE = {"CT": 12, "MR": 8}
CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)
TILT = np.radians(15)
OBLIQUE = (1, 0, 0, 0, float(np.cos(TILT)), float(-np.sin(TILT)))
DIRECTIONS = {"axial": AXIAL, "sagittal": SAGITTAL, "coronal": CORONAL, "oblique": OBLIQUE}
MIDDLE = np.array((12.0, -30.0, 400.0))
"""Where the head lies in the scanner."""
CHIN_MM = 150


@dataclass(frozen=True)
class Scan:
    """A series of a head.

    Attributes:
        files: one for each slice.
        brain: which pixels are brain, of shape (slices, rows, columns).
        face: which pixels are the surface of eyes, nose, lips or chin.
    """

    files: list[bytes]
    brain: Points
    face: Points


def scan(
    modality: str,
    direction: str = "axial",
    *,
    pitch: float = 0,
    yaw: float = 0,
    roll: float = 0,
    mm: float = 4,
    slice_mm: float = 4,
    size: float = 1,
    top_cut_mm: float = 0,
    **attributes: Any,
) -> Scan:
    """A series of a head.

    Args:
        modality: CT or MR.
        direction: of the slices.
        pitch: how far the head is bent forward, degrees.
        yaw: how far it is turned to the left, degrees.
        roll: how far it leans to its right shoulder, degrees.
        mm: from one pixel to the next.
        slice_mm: from one slice to the next.
        size: of the head; 1 is an adult's.
        top_cut_mm: how much of the top of the head is not in axial slices.
        attributes: more of each file, by keyword.
    """
    axes = np.array(DIRECTIONS[direction], float).reshape(2, 3)
    normal = np.cross(*axes)
    pixels = int(260 / mm) & ~1
    count = int(270 / slice_mm)
    # The field reaches from below the chin to above the top, whatever the direction.
    field = MIDDLE + size * np.array((0.0, -8.0, -40.0))
    high = (count - 1) / 2 * slice_mm
    places = np.arange(count) * slice_mm - high
    if top_cut_mm:
        places = places[(field + np.outer(places, normal))[:, 2] < MIDDLE[2] + 78 - top_cut_mm]
    random = np.random.default_rng(7)
    turn = _turn(pitch, yaw, roll)
    beside = (np.arange(pixels) - (pixels - 1) / 2) * mm
    grid = beside[:, None, None] * axes[1] + beside[None, :, None] * axes[0]
    files, brains, faces = [], [], []
    for number, place in enumerate(places, 1):
        points = field + place * normal + grid
        tissue, feature = head((points - MIDDLE) @ turn / size)
        noise = random.normal(0, NOISE[modality], tissue.shape)
        values = np.array(VALUES[modality])[tissue] + noise
        plane = Dataset()
        plane.ImagePositionPatient = [f"{each:.6f}" for each in points[0, 0]]
        plane.ImageOrientationPatient = [f"{each:.6f}" for each in axes.ravel()]
        plane.PixelSpacing = [mm, mm]
        plane.SliceThickness = slice_mm
        files.append(_file(modality, values, plane, number, attributes))
        brains.append(tissue == BRAIN)
        faces.append(feature)
    return Scan(files, np.array(brains), np.array(faces))


def head(points: Points) -> tuple[Points, Points]:
    """What is at points of a head, and whether it is the surface of the face.

    Args:
        points: of shape (..., 3).

    Returns:
        A tissue for each, and whether it is of eyes, nose, lips or chin, and no deeper than
        6 mm.
    """
    x, y, z = np.moveaxis(points, -1, 0)

    def ball(middle: tuple[float, float, float], half: tuple[float, float, float]) -> Points:
        inside: Points = sum(
            ((each - at) / size) ** 2
            for each, at, size in zip((x, y, z), middle, half, strict=True)
        )
        return inside < 1

    tissue = np.full(x.shape, AIR)
    tissue[(np.hypot(x, y - 15) < 56) & (z < -60)] = SOFT
    tissue[ball((0, -34, -80), (62, 58, 70))] = SOFT
    vault = ball((0, 0, 0), (77, 98, 79))
    tissue[vault] = FAT
    features = {
        "nose": (ball((0, -96, -66), (15, 22, 20)), ball((0, -92, -66), (9, 15, 14))),
        "lips": (ball((0, -90, -108), (25, 9, 10)), ball((0, -84, -108), (20, 5, 6))),
        "chin": (ball((0, -78, -134), (22, 16, 15)), ball((0, -74, -134), (16, 10, 9))),
    }
    for whole, _ in features.values():
        tissue[whole] = SOFT
    skull = ball((0, 0, 0), (71, 92, 73))
    tissue[skull & (z > -62)] = BONE
    tissue[(np.hypot(x, y - 32) < 17) & (z < -70)] = BONE
    tissue[(np.abs(np.hypot(x / 0.8, y + 34) - 50) < 5) & (y < -10) & (np.abs(z + 125) < 12)] = BONE
    inner = ball((0, 0, 0), (64, 84, 66))
    floor = np.where(y < -30, -18, np.where(y < 20, -57, -66))
    tissue[inner & (z > floor)] = BRAIN
    tissue[ball((0, 36, -46), (50, 38, 31))] = BRAIN
    tissue[(np.hypot(x, y - 14) < 13) & (z > -92) & (z < -40)] = BRAIN
    eyes = ball((32, -72, -54), (12, 12, 12)) | ball((-32, -72, -54), (12, 12, 12))
    tissue[eyes] = SOFT
    # A head rest and a table, which touch the back of the head.
    tissue[(np.abs(np.hypot(x, y + 10) - 110) < 3) & (y > 60) & (tissue == AIR)] = REST
    face = eyes & (y < -72)
    for whole, deep in features.values():
        face |= whole & ~deep & (y < -80)
    return tissue, face & (tissue == SOFT)


def _turn(pitch: float, yaw: float, roll: float) -> Points:
    """Takes directions of the scanner to those of the head."""
    a, b, c = np.radians((pitch, yaw, roll))
    bend = np.array([(1, 0, 0), (0, np.cos(a), np.sin(a)), (0, -np.sin(a), np.cos(a))])
    turned = np.array([(np.cos(b), np.sin(b), 0), (-np.sin(b), np.cos(b), 0), (0, 0, 1)])
    lean = np.array([(np.cos(c), 0, np.sin(c)), (0, 1, 0), (-np.sin(c), 0, np.cos(c))])
    all_three: Points = bend @ turned @ lean
    return all_three.T


def _file(
    modality: str, values: Points, plane: Dataset, number: int, attributes: dict[str, Any]
) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(CLASSES[modality])
    meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(CLASSES[modality]), UID(f"1.2.3.{number}")
    dataset.PatientName, dataset.PatientID = "Featherstone^Ada", "PH-4711"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = UID("1.2.3"), UID("1.2.3.4")
    dataset.FrameOfReferenceUID = UID("1.2.3.5")
    dataset.Modality, dataset.InstanceNumber = modality, number
    dataset.StudyID, dataset.SeriesNumber = "", 1
    dataset.update(plane)
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 0
    if modality == "CT":
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
        values = values + 1024
    dataset.PixelData = np.clip(np.rint(np.abs(values)), 0, 4095).astype("<u2").tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
