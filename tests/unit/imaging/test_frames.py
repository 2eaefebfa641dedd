"""One frame at a time: the very pixels that decoding all gives, and little else read."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medibloc_py.errors import Corrupted, InvalidValue, MediBlocError, PixelsUnreadable
from medibloc_py.imaging import FrameReader, arrays, fragments
from tests.unit.imaging.samples import ALL, WITHOUT_PIXELS, sample
from tests.unit.imaging.test_pixels import mutated


class Watched(io.BytesIO):
    """A file that counts what is read of it, and can be told to fail at a read."""

    def __init__(self, content: bytes, fails_at: int = -1) -> None:
        super().__init__(content)
        self.count = 0
        self.reads = 0
        self.fails_at = fails_at

    def read(self, size: int | None = -1, /) -> bytes:
        if self.reads == self.fails_at:
            raise Corrupted(name="block", reason="of the store")
        self.reads += 1
        data = super().read(size)
        self.count += len(data)
        return data


def every_frame(content: bytes, name: str) -> NDArray[Any]:
    """All pixels with an axis of frames, also where there is one."""
    pixels = arrays(content, name)
    header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
    return pixels if pixels.ndim > 2 + (header.SamplesPerPixel > 1) else pixels[None]


def assert_frames_are_those_of_all(content: bytes, name: str = "x") -> FrameReader:
    every = every_frame(content, name)
    reader = FrameReader(io.BytesIO(content), name)
    assert len(every) >= reader.frames
    for number in {0, 1, 2, reader.frames // 2, reader.frames - 1} & set(range(reader.frames)):
        frame = reader.read(number)
        assert frame.dtype == every.dtype
        assert frame.shape == every[number].shape
        assert frame.tobytes() == every[number].tobytes()
    return reader


@pytest.mark.filterwarnings("ignore")
def test_every_bundled_file_gives_the_frames_that_decoding_all_gives() -> None:
    compared, many = 0, 0
    for path in ALL:
        content = path.read_bytes()
        try:
            arrays(content, path.name)
        except PixelsUnreadable:
            with pytest.raises(PixelsUnreadable):
                FrameReader(io.BytesIO(content), path.name).read(0)
        else:
            many += assert_frames_are_those_of_all(content, path.name).frames > 1
            compared += 1
    assert compared > 80
    assert many >= 7


def saved(dataset: pydicom.Dataset, syntax: UID | None = None) -> bytes:
    out = io.BytesIO()
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(
        out,
        dataset,
        implicit_vr=dataset.file_meta.TransferSyntaxUID.is_implicit_VR,
        little_endian=dataset.file_meta.TransferSyntaxUID.is_little_endian,
        force_encoding=True,
    )
    return out.getvalue()


def native(pixels: bytes, syntax: UID = ExplicitVRLittleEndian, **values: Any) -> bytes:
    """A file of these pixels, which has what `values` says beside the usual."""
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    usual = {
        "Rows": 3,
        "Columns": 5,
        "NumberOfFrames": 9,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for keyword, value in (usual | values).items():
        setattr(dataset, keyword, value)
    pixels += bytes(len(pixels) % 2)
    if "FloatPixelData" in values:
        del dataset.PixelData
    else:
        vr = "OW" if dataset.BitsAllocated != 8 or syntax == ExplicitVRBigEndian else "OB"
        dataset.add_new("PixelData", vr, pixels)
    return saved(dataset, syntax)


def noise(size: int) -> bytes:
    return np.random.default_rng(1).bytes(size)


RGB = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
BIT = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
WORD = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}
LITTLE, IMPLICIT, BIG = ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian


@pytest.mark.parametrize(
    ("syntax", "size", "values"),
    [
        (LITTLE, 15 * 9, {}),
        (IMPLICIT, 15 * 9, {}),
        (BIG, 15 * 9, {}),  # words of two bytes, frames of an odd length
        (BIG, 15 * 9 * 3, RGB),
        (BIG, 16 * 9, {"Rows": 4, "Columns": 4}),
        (LITTLE, 15 * 9 * 3, RGB),
        (LITTLE, 15 * 9 * 3, RGB | {"PlanarConfiguration": 1}),
        (LITTLE, 15 * 9 * 2, WORD),
        (BIG, 15 * 9 * 2, WORD),
        (LITTLE, 15 * 9 * 4, {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}),
        (LITTLE, 17, BIT),  # 135 bits
        (IMPLICIT, 17, BIT),
        (LITTLE, 9 * 8, BIT | {"Rows": 8, "Columns": 8}),
        (LITTLE, 2, BIT | {"Rows": 1, "Columns": 1}),
        (LITTLE, 4 * 4 * 9 * 2, RGB | {"Rows": 4, "Columns": 4,
                                       "PhotometricInterpretation": "YBR_FULL_422"}),
    ],
    ids=str,
)  # fmt: skip
def test_native_frames_of_every_depth(syntax: UID, size: int, values: dict[str, Any]) -> None:
    content = native(noise(size), syntax, **values)
    assert assert_frames_are_those_of_all(content).frames == 9


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), number=st.integers(1, 12))
def test_frames_of_bits_begin_anywhere(rows: int, columns: int, number: int) -> None:
    size = -(-rows * columns * number // 8)
    values = BIT | {"Rows": rows, "Columns": columns, "NumberOfFrames": number}
    content = native(noise(size), **values)
    every = arrays(content, "x").reshape(number, rows, columns)
    reader = FrameReader(io.BytesIO(content), "x")
    for frame in range(number):
        assert np.array_equal(reader.read(frame), every[frame])


def test_frames_of_floats() -> None:
    values = np.random.default_rng(2).standard_normal(9 * 15).astype("f4")
    content = native(b"", FloatPixelData=values.tobytes(), BitsAllocated=32)
    reader = assert_frames_are_those_of_all(content)
    assert np.array_equal(reader.read(8).ravel(), values[-15:])


# Compressed, with every way to say where a frame is.


def compressed(name: str) -> tuple[pydicom.Dataset, list[bytes]]:
    dataset = pydicom.dcmread(sample(name))
    count = int(dataset.get("NumberOfFrames", 1))
    return dataset, list(generate_frames(dataset.PixelData, number_of_frames=count))


def with_tables(dataset: pydicom.Dataset, encoded: list[bytes]) -> pydicom.Dataset:
    dataset.PixelData, offsets, lengths = encapsulate_extended(encoded)
    dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    return dataset


def refilled(**options: Any) -> Callable[[pydicom.Dataset, list[bytes]], pydicom.Dataset]:
    def fill(dataset: pydicom.Dataset, encoded: list[bytes]) -> pydicom.Dataset:
        dataset.PixelData = encapsulate(encoded, **options)
        return dataset

    return fill


TABLES = {
    "extended": with_tables,
    "basic": refilled(has_bot=True),
    "none": refilled(has_bot=False),
    "fragments": refilled(has_bot=True, fragments_per_frame=3),
    "marked": refilled(has_bot=False, fragments_per_frame=3),
}
MANY = ["examples_ybr_color.dcm", "SC_rgb_rle_16bit_2frame.dcm", "rtdose_rle.dcm"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "table"),
    # Without a table only JPEG tells where a frame of several fragments ends.
    [(name, table) for name in MANY for table in TABLES if table != "marked" or "rle" not in name],
)
def test_compressed_frames_are_found_by_every_table(name: str, table: str) -> None:
    dataset, encoded = compressed(name)
    every = arrays(sample(name).read_bytes(), name)
    content = saved(TABLES[table](dataset, encoded))
    reader = FrameReader(io.BytesIO(content), name)
    assert reader.frames == len(every)
    for number in (len(every) - 1, 0, 1):
        assert np.array_equal(reader.read(number), every[number])


@pytest.mark.parametrize("table", TABLES)
def test_little_is_read_besides_the_frame(table: str) -> None:
    name = "examples_ybr_color.dcm"
    dataset, encoded = compressed(name)
    file = Watched(saved(TABLES[table](dataset, encoded)))
    reader = FrameReader(file, name)
    assert file.count < 10_000
    file.count = 0
    reader.read(7)
    frames_read = 8 * len(encoded) * 3 + 10 * len(encoded) * 3 + len(encoded[7]) + 1000
    assert len(encoded[7]) <= file.count < frames_read
    file.count = 0
    reader.read(8)
    assert file.count < len(encoded[8]) + 100  # where the others are is known by now


def test_of_native_pixels_only_the_frame_is_read() -> None:
    content = native(noise(64 * 64 * 100), Rows=64, Columns=64, NumberOfFrames=100)
    file = Watched(content)
    reader = FrameReader(file, "x")
    assert file.count < 10_000
    file.count = 0
    reader.read(99)
    assert file.count == 64 * 64


def test_what_stands_before_the_pixels_is_skipped() -> None:
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    dataset.add_new(0x00091001, "OB", bytes(1 << 20))
    file = Watched(saved(dataset))
    FrameReader(file, "x")
    assert file.count < 10_000


def test_a_deflated_file_is_read_whole() -> None:
    file = Watched(sample("image_dfl.dcm").read_bytes())
    reader = FrameReader(file, "x")
    assert np.array_equal(reader.read(0), arrays(file.getvalue(), "x"))
    assert file.count > len(file.getvalue())


# What is not there.


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtdose.dcm", "rtdose_rle.dcm", "image_dfl.dcm"])
def test_read_reverts_when_there_is_no_such_frame(name: str) -> None:
    reader = FrameReader(io.BytesIO(sample(name).read_bytes()), name)
    for frame in (-1, reader.frames, 1 << 70):
        with pytest.raises(InvalidValue, match="frame"):
            reader.read(frame)


@pytest.mark.parametrize("name", WITHOUT_PIXELS)
def test_a_file_without_pixels_has_no_frames(name: str) -> None:
    with pytest.raises(PixelsUnreadable) as caught:
        FrameReader(io.BytesIO(sample(name).read_bytes()), "0007.dcm")
    assert caught.value.values["name"] == "0007.dcm"


@pytest.mark.parametrize("content", [b"", b"text", bytes(128) + b"DICM", bytes(1000)])
def test_what_is_not_dicom_has_no_frames(content: bytes) -> None:
    with pytest.raises(PixelsUnreadable):
        FrameReader(io.BytesIO(content), "x")


def test_pixels_without_a_file_header_have_frames() -> None:
    content = sample("MR_small_implicit.dcm").read_bytes()
    header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    start = 132 + 12 + header.file_meta.FileMetaInformationGroupLength
    reader = FrameReader(io.BytesIO(content[start:]), "x")
    assert np.array_equal(reader.read(0), arrays(content, "x"))


@pytest.mark.parametrize(
    "values",
    [
        {"NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 10},
        {"NumberOfFrames": -1},
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 0},
        {"SamplesPerPixel": 65535},
        {"BitsAllocated": 65535},
        {"BitsAllocated": 12},
        {"Rows": [3, 3]},
        {"Rows": None},
    ],
    ids=str,
)
def test_read_reverts_when_the_header_declares_what_is_not_there(values: dict[str, Any]) -> None:
    with pytest.raises(PixelsUnreadable):
        FrameReader(io.BytesIO(native(noise(15 * 9), **values)), "x").read(0)


def test_colours_that_are_not_subsampled_as_declared_are_refused() -> None:
    values = RGB | {"Rows": 4, "Columns": 4, "PhotometricInterpretation": "YBR_FULL_422"}
    content = native(noise(4 * 4 * 9 * 3), **values)
    with pytest.raises(PixelsUnreadable):
        arrays(content, "x")
    with pytest.raises(PixelsUnreadable, match="subsampled"):
        FrameReader(io.BytesIO(content), "x").read(0)


@pytest.mark.parametrize(
    "values", [{"NumberOfFrames": 31}, {"Rows": 65535, "Columns": 65535}, {"Rows": 100}], ids=str
)
@pytest.mark.parametrize("table", ["extended", "basic", "none"])
def test_compressed_frames_are_held_to_their_header(table: str, values: dict[str, int]) -> None:
    dataset, encoded = compressed("examples_ybr_color.dcm")
    dataset = TABLES[table](dataset, encoded)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    with pytest.raises(PixelsUnreadable):
        FrameReader(io.BytesIO(saved(dataset)), "x").read(0)


def items(*fragments: bytes, table: bytes = b"") -> bytes:
    every = (table, *fragments)
    return b"".join(struct.pack("<2L", 0xE000FFFE, len(each)) + each for each in every)


@pytest.mark.parametrize(
    "pixels",
    [
        b"",
        b"\xfe\xff\x00\xe0",
        items(),
        items(b"", b""),
        items(table=bytes(3)),
        items(b"ab", table=struct.pack("<2L", 1 << 31, 0)),
        items() + b"text of eight bytes and more",
        items() + struct.pack("<2L", 0xE000FFFE, 1 << 30),
        items() + struct.pack("<2L", 0xE000FFFE, 0xFFFFFFFF),
        items(*[b""] * 20),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_broken_fragments_are_refused(pixels: bytes, count: int) -> None:
    dataset, _ = compressed("SC_rgb_rle_16bit_2frame.dcm")
    dataset.NumberOfFrames = count
    dataset["PixelData"].is_undefined_length = False
    dataset.PixelData = pixels + bytes(len(pixels) % 2)
    header = saved(with_tables(dataset, [b"ab"]))  # pydicom writes nothing that is broken
    at = header.rindex(b"\xe0\x7f\x10\x00")
    content = header[: at + 8] + b"\xff" * 4 + pixels + struct.pack("<2L", 0xE0DDFFFE, 0)
    for _ in range(2):
        with pytest.raises(PixelsUnreadable):
            FrameReader(io.BytesIO(content), "x").read(count - 1)


def test_no_more_fragments_are_listed_than_a_file_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, encoded = compressed("examples_ybr_color.dcm")
    content = saved(TABLES["marked"](dataset, encoded))
    FrameReader(io.BytesIO(content), "x").read(0)
    monkeypatch.setattr(fragments, "_MOST_FRAGMENTS", 50)
    with pytest.raises(PixelsUnreadable, match="fragments"):
        FrameReader(io.BytesIO(content), "x").read(0)


# A file that fails, and anything at all.


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*MANY, "CT_small.dcm", "rtdose.dcm", "image_dfl.dcm"])
def test_a_failure_of_the_file_passes_as_it_is_wherever_it_comes(name: str) -> None:
    content = sample(name).read_bytes()
    whole = Watched(content)
    last = FrameReader(whole, name).frames - 1
    FrameReader(whole, name).read(last)
    for fails_at in {*range(min(whole.reads, 60)), *range(max(whole.reads - 60, 0), whole.reads)}:
        file = Watched(content, fails_at)
        with suppress(Corrupted):
            FrameReader(file, name).read(last)
            assert file.reads <= fails_at  # it is not swallowed


@settings(
    max_examples=400,
    deadline=2000,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(content=mutated(), frame=st.integers(0, 3))
def test_mutated_files_give_a_frame_or_fail_typed_and_in_time(content: bytes, frame: int) -> None:
    try:
        got = FrameReader(io.BytesIO(content), "x").read(frame)
    except MediBlocError:
        return
    with suppress(PixelsUnreadable):
        every = arrays(content, "x")
        one = every[frame] if every.ndim > got.ndim else every
        assert np.array_equal(got, one, equal_nan=got.dtype.kind == "f")
