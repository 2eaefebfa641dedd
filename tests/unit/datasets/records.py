"""Sealed records of real DICOM files, put where slices of a scan would lie."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from medibloc_py.crypto.envelope import SourceFile, seal_record
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.imaging.header import read_header
from medibloc_py.imaging.samples import sample
from medibloc_py.imaging.study import facts_of_study
from medibloc_py.model import RecordId
from tests.fakes.memory_store import MemoryStore

SPACING = (2.5, 0.75, 0.5)
"""Between slices, rows and columns, in millimetres."""
ORIGIN = (-60.0, -45.0, 100.0)


def bytes_of(dataset: pydicom.FileDataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def ct_slice(
    number: int,
    *,
    z: float | None = None,
    series: str = "1.2.3",
    axes: Sequence[float] = (1, 0, 0, 0, 1, 0),
    **changed: object,
) -> bytes:
    """A CT whose cells tell which slice it is, `number` slices above the first."""
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    dataset.SeriesInstanceUID = series
    dataset.SOPInstanceUID = f"{series}.{number + 1}"
    dataset.InstanceNumber = 100 - number  # numbered from head to feet
    height = ORIGIN[2] + number * SPACING[0] if z is None else z
    dataset.ImagePositionPatient = [*ORIGIN[:2], height]
    dataset.ImageOrientationPatient = list(axes)
    dataset.PixelSpacing = list(SPACING[1:])
    pixels = dataset.pixel_array.copy()
    pixels[0, 0] = number
    dataset.PixelData = pixels.tobytes()
    for keyword, value in changed.items():
        setattr(dataset, keyword, value)
    return bytes_of(dataset)


def enhanced(frames: int) -> bytes:
    """Frames of one file, with what they say of themselves in functional groups."""
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    pixels = np.stack([dataset.pixel_array + number for number in range(frames)])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
                    "RescaleSlope", "RescaleIntercept"):  # fmt: skip
        delattr(dataset, keyword)
    dataset.NumberOfFrames = frames
    dataset.PixelData = pixels.tobytes()
    shared = Dataset()
    measures, axes = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING[1:]), SPACING[0]
    axes.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([axes])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    groups = []
    for number in range(frames):
        own, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + number * SPACING[0]]
        values.RescaleSlope, values.RescaleIntercept = number + 1, -number
        own.PlanePositionSequence = Items([position])
        own.PixelValueTransformationSequence = Items([values])
        groups.append(own)
    dataset.PerFrameFunctionalGroupsSequence = Items(groups)
    return bytes_of(dataset)


class Bought:
    """Records as a settled order gives them, in a store that counts what was asked of it."""

    def __init__(self, *studies: Sequence[bytes]) -> None:
        self.store = MemoryStore()
        self._opened: list[OpenedRecord] = []
        self._places = [self._put(number, files) for number, files in enumerate(studies)]

    def _put(self, number: int, files: Sequence[bytes]) -> tuple[object, ...]:
        metas = facts_of_study([read_header(io.BytesIO(data), "file") for data in files])
        sources = [
            SourceFile(f"{place:04}.dcm", len(data), partial(io.BytesIO, data), meta)
            for place, (data, meta) in enumerate(zip(files, metas, strict=True), 1)
        ]
        cek, salt = bytes([number]) * 32, b"s" * 32
        blob = self.store.put(seal_record(sources, cek, salt))
        return RecordId(bytes([number + 1]) * 32), blob.cid, blob.size_bytes, cek, salt

    def __len__(self) -> int:
        return len(self._places)

    def record(self, index: int) -> OpenedRecord:
        self._opened.append(OpenedRecord(self.store, *self._places[index]))  # type: ignore[arg-type]
        return self._opened[-1]

    @property
    def fetched_bytes(self) -> int:
        """What was fetched of all records together."""
        return sum(each.fetched.size_bytes for each in self._opened)
