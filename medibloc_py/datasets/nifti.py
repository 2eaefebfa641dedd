"""A volume as a NIfTI-1 file: the only door to nibabel (extra `research`)."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from medibloc_py.datasets.volume import Volume
from medibloc_py.errors import ExtraMissing, FileExists, GridMissing, InvalidValue
from medibloc_py.storage.files import make_folder, write_atomic

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES: Final = (".nii", ".nii.gz")
_LPS_TO_RAS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER: Final = 1
"""NIfTI's code for coordinates of the scanner that made the images."""


def save_nifti(volume: Volume, path: Path) -> None:
    """Writes a volume as a new NIfTI-1 file, `.nii` or `.nii.gz`.

    Cells are (columns, rows, slices), coordinates millimetres to the patient's right, front and
    head (RAS), as NIfTI wants them. Stored values stay as they are where one slope and
    intercept fits all slices, and the header says these; else the values meant are written, as
    float32. The file is plaintext, readable by its owner only.

    Raises:
        ExtraMissing: nibabel is not installed.
        FileExists: something has this name.
        InvalidValue: the name has another suffix.
        GridMissing: the slices make no even grid, or are in colour.
        MediBlocError: the volume cannot be read.
    """
    if not path.name.endswith(SUFFIXES):
        raise InvalidValue(name="file", given=path.name, allowed="a name with .nii or .nii.gz")
    if os.path.lexists(path):
        raise FileExists(path=path)
    data = as_nifti(volume)
    make_folder(path.parent)
    # No name and no time in the gzip head: the same volume gives the same file.
    write_atomic(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def as_nifti(volume: Volume) -> bytes:
    """The bytes of a volume's NIfTI-1 file; raises as `save_nifti`."""
    try:
        from nibabel.nifti1 import Nifti1Image
    except ImportError:
        raise ExtraMissing(extra="research") from None
    if len(volume.facts.shape) > 3:
        raise GridMissing(name=volume.facts.name, reason="they are in colour")
    affine = _LPS_TO_RAS @ volume.grid.affine
    affine = affine[:, [2, 1, 0, 3]]  # columns, rows, slices
    cells, scale = _cells(volume)
    image = Nifti1Image(cells.transpose(2, 1, 0), affine, dtype=cells.dtype)
    image.set_sform(affine, code=_SCANNER)
    image.set_qform(affine, code=_SCANNER, strip_shears=True)
    image.header.set_xyzt_units("mm")
    if scale is not None:
        image.header.set_slope_inter(*scale)
    data: bytes = image.to_bytes()
    return data


def _cells(volume: Volume) -> tuple[NDArray[Any], tuple[float, float] | None]:
    """The values to write, and how they are to be scaled."""
    array = volume.array
    scales = {(each.slope, each.intercept) for each in volume.frames}
    if len(scales) == 1 and array.dtype.kind in "iu" and all(_fits(x) for x in min(scales)):
        return array, min(scales)
    return volume.values(), None


def _fits(number: float) -> bool:
    """Whether NIfTI's 32 bits hold a number as it is."""
    return float(np.float32(number)) == number
