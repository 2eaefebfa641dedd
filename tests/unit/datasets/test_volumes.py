"""What was bought, as volumes: in order, on their grid, fetched as far as asked for."""

from __future__ import annotations

import importlib.util
import io
import secrets
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.crypto.manifest import Manifest, ManifestEntry
from medibloc_py.datasets import (
    Volume,
    VolumeCache,
    VolumeDataset,
    Volumes,
    learning,
    volumes_of,
)
from medibloc_py.errors import GridMissing, InvalidValue, PixelsUnreadable
from medibloc_py.imaging.geometry import facts_of_frames
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from tests.unit.datasets.records import ORIGIN, SPACING, Bought, bytes_of, ct_slice, enhanced

SHUFFLED = (3, 0, 4, 1, 2)
STACK = [ct_slice(number) for number in SHUFFLED]


def only(*files: bytes) -> Volume:
    (volume,) = Volumes(Bought(files))
    return volume


# In order, with what is known of them.


def test_a_series_is_a_volume_from_feet_to_head() -> None:
    volume = only(*STACK)
    assert volume.facts.modality == "CT"
    assert volume.facts.shape == volume.array.shape == (5, 128, 128)
    assert volume.facts.spacing == SPACING[1:]
    assert volume.array[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    below = imaging.arrays(STACK[SHUFFLED.index(2)], "file")
    np.testing.assert_array_equal(volume.array[2], below)


def test_its_cells_lie_where_the_headers_say() -> None:
    grid = only(*STACK).grid
    assert grid.spacing == pytest.approx(SPACING)
    assert grid.orientation == "SPL"
    slice_, row, column = 3, 10, 20
    place = grid.affine @ (slice_, row, column, 1)
    expected = (ORIGIN[0] + column * 0.5, ORIGIN[1] + row * 0.75, ORIGIN[2] + slice_ * 2.5, 1)
    np.testing.assert_allclose(place, expected)


def test_its_values_are_those_meant() -> None:
    volume = only(*STACK)
    values = volume.values()
    assert values.dtype == np.float32
    assert {(each.slope, each.intercept) for each in volume.frames} == {(1.0, -1024.0)}
    np.testing.assert_array_equal(values, volume.array.astype(np.float32) - 1024)


def test_each_slice_has_its_own_scale() -> None:
    scaled = [ct_slice(n, RescaleSlope=n + 1, RescaleIntercept=-n) for n in (1, 0)]
    volume = only(*scaled)
    np.testing.assert_array_equal(volume.values()[1], volume.array[1] * 2.0 - 1)
    np.testing.assert_array_equal(volume.values()[0], volume.array[0])


def test_frames_of_one_file_are_a_volume_on_their_grid() -> None:
    volume = only(enhanced(3))
    assert volume.facts.shape == volume.array.shape == (3, 128, 128)
    assert volume.grid.spacing == pytest.approx(SPACING)
    assert [each.slope for each in volume.frames] == [1, 2, 3]
    np.testing.assert_array_equal(volume.values()[2], volume.array[2] * 3.0 - 2)


def test_series_and_sizes_are_volumes_of_their_own() -> None:
    files = [
        ct_slice(0),
        ct_slice(1, series="9.9", SeriesNumber=7),
        sample("examples_ybr_color.dcm").read_bytes(),
        sample("rtplan.dcm").read_bytes(),
        ct_slice(2),
    ]
    shapes = {each.facts.shape for each in Volumes(Bought(files))}
    assert shapes == {(2, 128, 128), (1, 128, 128), (30, 240, 320, 3)}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([ct_slice(0), ct_slice(1), ct_slice(3)], "distances"),
        ([ct_slice(0), ct_slice(1, axes=(0, 1, 0, 0, 0, -1))], "parallel"),
        ([ct_slice(0), ct_slice(0, z=ORIGIN[2])], "distances"),
        ([ct_slice(0, SliceThickness="", SpacingBetweenSlices="")], "thick"),
        ([ct_slice(0), ct_slice(1, ImagePositionPatient="")], "where they lie"),
        ([ct_slice(0), ct_slice(1, axes=(1, 0, 0, 1, 0, 0))], "where they lie"),
        ([sample("examples_ybr_color.dcm").read_bytes()], "where they lie"),
    ],
)
def test_slices_on_no_grid_are_an_array_all_the_same(files: list[bytes], reason: str) -> None:
    volume = only(*files)
    assert len(volume.array) == len(volume)
    with pytest.raises(GridMissing, match=reason):
        _ = volume.grid


def test_a_single_slice_is_as_thick_as_it_says() -> None:
    assert only(ct_slice(0, SliceThickness=7)).grid.spacing == pytest.approx((7, *SPACING[1:]))


@pytest.mark.parametrize("name", ["rtdose.dcm", "MR_small_bigendian.dcm", "liver_1frame.dcm"])
def test_real_files_say_of_their_frames_what_they_can(name: str) -> None:
    for facts in facts_of_frames(io.BytesIO(sample(name).read_bytes()), name):
        assert facts.slope


def test_a_file_that_is_not_what_its_manifest_says_is_refused() -> None:
    import pydicom

    volume = only(*STACK)
    other = pydicom.dcmread(sample("MR_small.dcm"))
    volume._opened.read = lambda place: bytes_of(other)  # type: ignore[method-assign]
    with pytest.raises(PixelsUnreadable, match="size"):
        _ = volume.array


@pytest.mark.parametrize("spacing", ["nan", "-1", "1e999", "0", "x"])
def test_a_manifest_that_says_nonsense_is_not_believed(spacing: str) -> None:
    size: dict[str, str | int] = {"frames": 1 << 60, "rows": 2, "columns": 2, "samples": "x"}
    place = {"row_spacing": spacing, "column_spacing": "1", "series": -1, "slice_um": "x"}
    meta = {"has_pixels": 1, **size, **place}
    manifest = Manifest(1, (ManifestEntry("0001.dcm", 0, 0, 0, meta),))
    (facts,) = volumes_of(RecordId(bytes(32)), manifest)
    assert facts.shape == (1 << 60, 2, 2)
    assert facts.spacing is None
    volume = Volume(Bought([ct_slice(0)]).record(0), facts)
    with pytest.raises(PixelsUnreadable, match="frames"):
        _ = volume.frames
    with pytest.raises(PixelsUnreadable, match="size"):
        _ = volume.array


# Only what is asked for.


def large(number: int) -> bytes:
    """A slice of 2 MiB."""
    data = np.random.default_rng(number).integers(0, 1000, (1024, 1024), np.int16)
    return ct_slice(number, Rows=1024, Columns=1024, PixelData=data.tobytes())


def test_a_slice_is_fetched_without_the_others() -> None:
    bought = Bought([large(number) for number in range(6)], [large(0)])
    volumes = Volumes(bought)
    first = next(iter(volumes))
    listed = bought.fetched_bytes
    assert listed <= 2 << 20
    first.slice(4)
    assert bought.fetched_bytes - listed <= 5 << 20
    assert len(bought._opened) == 1


def test_they_are_a_sequence() -> None:
    volumes = Volumes(Bought(STACK, [ct_slice(0)], [sample("rtplan.dcm").read_bytes()]))
    assert len(volumes) == 2
    assert [each.facts for each in volumes] == volumes.facts
    assert volumes[-1].facts == volumes.facts[1]
    assert [each.facts for each in volumes[:1]] == volumes.facts[:1]
    assert [len(each) for each in volumes.of_record(0)] == [5]
    with pytest.raises(IndexError):
        _ = volumes[2]
    with pytest.raises(InvalidValue):
        volumes.of_record(3)


def test_a_slice_is_that_of_the_array() -> None:
    for files in (STACK, [enhanced(3)]):
        apart = list(only(*files))
        np.testing.assert_array_equal(np.stack(apart), only(*files).array)
    with pytest.raises(InvalidValue):
        only(*STACK).slice(5)


# On the disk, sealed.


def test_what_is_cached_is_not_fetched_again_and_never_lies_open(tmp_path: Path) -> None:
    bought = Bought(STACK)
    cache = VolumeCache(tmp_path / "cache", secrets.token_bytes(32))
    (volume,) = Volumes(bought, cache)
    array, grid = volume.array, volume.grid
    (file,) = (tmp_path / "cache").iterdir()
    sealed = file.read_bytes()
    assert array[2].tobytes() not in sealed
    assert volume.facts.record.hex() not in file.name
    assert file.stat().st_mode & 0o077 == 0
    before = bought.fetched_bytes
    (again,) = Volumes(bought, cache)
    held = bought.fetched_bytes
    np.testing.assert_array_equal(again.array, array)
    assert again.array.dtype == array.dtype
    assert again.grid == grid
    assert bought.fetched_bytes == held <= before + (2 << 20)  # no more than its manifest


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\0" * len(data)])
def test_a_damaged_cache_is_read_again(tmp_path: Path, damage: object) -> None:
    cache = VolumeCache(tmp_path, secrets.token_bytes(32))
    bought = Bought(STACK)
    (volume,) = Volumes(bought, cache)
    whole = volume.array
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    (again,) = Volumes(bought, cache)
    np.testing.assert_array_equal(again.array, whole)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cache_of_another_key_is_none(tmp_path: Path) -> None:
    for _ in range(2):
        (volume,) = Volumes(Bought(STACK), VolumeCache(tmp_path, secrets.token_bytes(32)))
        assert len(volume.array) == 5
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_cache_lets_go_of_what_was_used_longest_ago(tmp_path: Path) -> None:
    secret = secrets.token_bytes(32)
    bought = Bought([ct_slice(0)], [ct_slice(1)], [ct_slice(2)])
    one = 128 * 128 * 2
    cache = VolumeCache(tmp_path, secret, most_bytes=2 * one + 10_000)
    first, second, third = Volumes(bought, cache)
    for volume in (first, second):
        _ = volume.array
    _ = Volumes(bought, cache)[0].array  # used again
    _ = third.array
    held = [cache.get(each.facts.record.hex(), "0") is not None for each in (first, second, third)]
    assert held == [True, False, True]
    cache.clear()
    assert list(tmp_path.iterdir()) == []


# For PyTorch.


def test_items_are_channels_first() -> None:
    volumes = Volumes(Bought(STACK, [sample("examples_ybr_color.dcm").read_bytes()]))
    items = VolumeDataset(volumes)
    assert len(items) == 2
    assert items[0]["image"].shape == (1, 5, 128, 128)
    assert items[0]["spacing"] == SPACING[1:]
    assert items[1]["image"].shape == (3, 30, 240, 320)
    means = VolumeDataset(volumes, lambda volume: float(volume.array.mean()))
    assert means[0] == float(volumes[0].array.mean())


def test_where_pytorch_is_items_are_tensors_of_a_dataset_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PyTorch is too large for our environment: two names of it stand in for it here."""
    torch, data = ModuleType("torch"), ModuleType("torch.utils.data")
    data.Dataset = type("Dataset", (), {})  # type: ignore[attr-defined]
    torch.from_numpy = lambda array: ("tensor", array.flags.writeable, array)  # type: ignore[attr-defined]
    for name, module in (("torch", torch), ("torch.utils", torch), ("torch.utils.data", data)):
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("with_torch", learning.__file__)
    assert spec
    assert spec.loader
    adapter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(adapter)
    items = adapter.VolumeDataset(Volumes(Bought(STACK)))
    assert isinstance(items, data.Dataset)
    kind, writable, array = items[0]["image"]
    assert (kind, writable, array.dtype) == ("tensor", True, np.float32)
