"""NIfTI files: the same cells at the same places, as a program of others reads them."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medibloc_py.datasets import Volume, Volumes, save_nifti
from medibloc_py.errors import ExtraMissing, FileExists, GridMissing, InvalidValue
from medibloc_py.imaging.samples import sample
from tests.unit.datasets.records import SPACING, Bought, ct_slice, enhanced

OBLIQUE = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0)


def only(*files: bytes) -> Volume:
    (volume,) = Volumes(Bought(files))
    return volume


def written(volume: Volume, path: Path) -> Any:
    save_nifti(volume, path)
    return nibabel.load(path)


@pytest.mark.parametrize("name", ["volume.nii", "volume.nii.gz"])
@pytest.mark.parametrize("axes", [(1, 0, 0, 0, 1, 0), OBLIQUE])
def test_every_cell_lies_where_it_lay(tmp_path: Path, name: str, axes: tuple[float, ...]) -> None:
    volume = only(*(ct_slice(number, axes=axes) for number in (2, 0, 1)))
    image = written(volume, tmp_path / name)
    assert image.shape == (128, 128, 3)
    assert image.header.get_zooms() == pytest.approx(SPACING[::-1])
    for slice_, row, column in ((0, 0, 0), (2, 17, 90), (1, 127, 3)):
        left, back, head, _ = volume.grid.affine @ (slice_, row, column, 1)
        right, front, up, _ = image.affine @ (column, row, slice_, 1)
        assert (right, front, up) == pytest.approx((-left, -back, head), abs=1e-4)
        assert image.dataobj[column, row, slice_] == volume.values()[slice_, row, column]
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)


def test_stored_values_stay_as_they_are(tmp_path: Path) -> None:
    volume = only(ct_slice(0), ct_slice(1))
    image = written(volume, tmp_path / "volume.nii")
    assert (image.dataobj.slope, image.dataobj.inter) == (1, -1024)
    stored = image.dataobj.get_unscaled()
    assert stored.dtype == volume.array.dtype
    np.testing.assert_array_equal(stored.transpose(2, 1, 0), volume.array)


def test_slices_of_different_scales_are_written_as_meant(tmp_path: Path) -> None:
    volume = only(enhanced(3))
    image = written(volume, tmp_path / "volume.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), volume.values())


def test_the_same_volume_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.nii.gz", "other.nii.gz"):
        save_nifti(only(ct_slice(0)), tmp_path / name)
    one, other = ((tmp_path / name).read_bytes() for name in ("one.nii.gz", "other.nii.gz"))
    assert one == other
    assert (tmp_path / "one.nii.gz").stat().st_mode & 0o077 == 0


def test_what_has_no_place_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    for files in ([sample("examples_ybr_color.dcm").read_bytes()], [ct_slice(0), ct_slice(1, z=0)]):
        if len(files) == 2:
            files.append(ct_slice(5))
        with pytest.raises(GridMissing):
            save_nifti(only(*files), tmp_path / "volume.nii")
    with pytest.raises(InvalidValue):
        save_nifti(only(ct_slice(0)), tmp_path / "volume.img")
    (tmp_path / "there.nii").touch()
    with pytest.raises(FileExists):
        save_nifti(only(ct_slice(0)), tmp_path / "there.nii")
    assert [path.name for path in tmp_path.iterdir()] == ["there.nii"]


def test_without_nibabel_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("nibabel"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExtraMissing, match="research"):
        save_nifti(only(ct_slice(0)), tmp_path / "volume.nii")
