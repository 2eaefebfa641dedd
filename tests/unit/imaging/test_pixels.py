"""Decoding pixels: the same as pydicom, from bytes as from a file, and no further."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medibloc_py.errors import MediBlocError, NotDicom, PixelsUnreadable
from medibloc_py.imaging import arrays, parsing, pixels
from medibloc_py.imaging.codestream import frame_size
from medibloc_py.imaging.header import read_header
from tests.unit.imaging.samples import ALL, DECODABLE, WITHOUT_PIXELS, sample


@pytest.mark.parametrize("name", DECODABLE)
def test_arrays_are_those_of_the_file_bit_for_bit(name: str) -> None:
    path = sample(name)
    from_bytes = arrays(path.read_bytes(), name)
    with path.open("rb") as file:
        from_file = arrays(file, name)
    reference = pydicom.dcmread(path).pixel_array
    assert from_bytes.shape == DECODABLE[name][1]
    for other in (from_file, reference):
        assert from_bytes.dtype == other.dtype
        assert from_bytes.tobytes() == other.tobytes()


@pytest.mark.filterwarnings("ignore")
def test_arrays_decodes_what_pydicom_decodes_and_nothing_else() -> None:
    decoded = 0
    for path in ALL:
        try:
            reference = pydicom.dcmread(path).pixel_array
        except Exception:  # whatever it is, we must raise our own
            if path.name != "badVR.dcm" and path.read_bytes()[128:132] == b"DICM":
                with pytest.raises(PixelsUnreadable):
                    arrays(path.read_bytes(), path.name)
        else:
            np.testing.assert_array_equal(arrays(path.read_bytes(), path.name), reference)
            decoded += 1
    assert decoded > 80


@pytest.mark.parametrize("name", WITHOUT_PIXELS)
def test_arrays_reverts_when_there_are_no_pixels(name: str) -> None:
    with pytest.raises(PixelsUnreadable) as caught:
        arrays(sample(name).read_bytes(), "0007.dcm")
    assert caught.value.values["name"] == "0007.dcm"


@pytest.mark.parametrize("content", [b"", b"text", bytes(128) + b"DICM", bytes(1000)])
def test_arrays_reverts_when_it_is_not_dicom(content: bytes) -> None:
    with pytest.raises(PixelsUnreadable):
        arrays(content, "x")


def test_arrays_reverts_when_the_file_is_closed() -> None:
    file = io.BytesIO(sample("CT_small.dcm").read_bytes())
    file.close()
    with pytest.raises(PixelsUnreadable):
        arrays(file, "x")


def test_arrays_decodes_pixels_without_a_file_header() -> None:
    content = sample("MR_small_implicit.dcm").read_bytes()
    header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    start = 132 + 12 + header.file_meta.FileMetaInformationGroupLength
    assert np.array_equal(arrays(content[start:], "x"), arrays(content, "x"))


# A header or a frame that asks for too much.


def with_values(name: str, **values: object) -> bytes:
    dataset = pydicom.dcmread(sample(name))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "CT_small.dcm"]
)
@pytest.mark.parametrize(
    "values",
    [
        {"NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 2},
        {"NumberOfFrames": -1},
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 0},
        {"Columns": 2000},
        {"SamplesPerPixel": 65535},
        {"BitsAllocated": 65535},
    ],
    ids=str,
)
def test_arrays_reverts_when_the_header_declares_what_is_not_there(
    name: str, values: dict[str, int]
) -> None:
    with pytest.raises(PixelsUnreadable):
        arrays(with_values(name, **values), name)


def test_arrays_does_not_decode_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    content = sample("JPEG2000.dcm").read_bytes()
    size = arrays(content, "x").nbytes
    monkeypatch.setattr(pixels, "MAX_DECODED_BYTES", size)
    arrays(content, "x")
    monkeypatch.setattr(pixels, "MAX_DECODED_BYTES", size - 1)
    with pytest.raises(PixelsUnreadable, match="declares"):
        arrays(content, "x")


def test_a_deflated_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = sample("image_dfl.dcm").read_bytes()
    header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    start = 132 + 12 + header.file_meta.FileMetaInformationGroupLength
    deflater = zlib.compressobj(9, wbits=-15)
    bomb = content[:start] + deflater.compress(bytes(1 << 24)) + deflater.flush()
    monkeypatch.setattr(parsing, "MAX_INFLATED_BYTES", 1 << 23)
    with pytest.raises(PixelsUnreadable, match="inflates"):
        arrays(bomb, "x")
    with pytest.raises(NotDicom, match="inflates"):
        read_header(io.BytesIO(bomb), "x")
    assert arrays(content, "x").shape == (512, 512)


# Codestreams.

J2K = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 30, 20, 10, 5) + bytes(16) + b"\0\3"
JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 3, 4, 1), (3, 4, 1)),
        (b"\xff\xd8\xff\xe0\0\4AB\xff\xff\xf7" + struct.pack(">HBHHB", 11, 16, 5, 6, 3), (5, 6, 3)),
        (J2K, (15, 20, 3)),
        (JP2 + struct.pack(">I4s", 12, b"jp2h") + bytes(4) + bytes(4) + b"jp2c" + J2K, (15, 20, 3)),
    ],
)
def test_frame_size_is_that_of_the_codestream(frame: bytes, size: tuple[int, ...]) -> None:
    assert frame_size(frame) == size


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"GIF89a",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xff\xff",
        b"\xff\xd8\x00\xc0" + bytes(20),
        b"\xff\xd8\xff\xe0\0\0" + bytes(20),  # a segment of no length
        b"\xff\xd8\xff\xde\0\x11" + bytes(20),  # hierarchical
        b"\xff\xd8\xff\xc4\xff\xff" + bytes(20),
        b"\xff\xd8\xff\xc0\0\x11\x08",
        J2K[:30],
        JP2,
        JP2 + bytes(8),  # a box of no length: pydicom itself would stand still
        JP2 + struct.pack(">I4s", 8, b"jp2h"),
        JP2 + struct.pack(">I4s", 0, b"jp2c") + b"\xff\x4f",
    ],
)
def test_frame_size_reverts_when_there_is_none(frame: bytes) -> None:
    with pytest.raises(ValueError, match="frame"):
        frame_size(frame)


@given(head=st.sampled_from([b"\xff\xd8\xff", J2K[:4], JP2]), tail=st.binary(max_size=100))
def test_frame_size_never_fails_untyped(head: bytes, tail: bytes) -> None:
    try:
        frame_size(head + tail)
    except ValueError:
        return


@pytest.mark.parametrize("name", ["GDCMJ2K_TextGBR.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_arrays_does_not_stand_still_at_a_frame_of_no_size(name: str) -> None:
    content = bytearray(sample(name).read_bytes())
    if name.startswith("GDCM"):
        at = content.index(b"jp2h") - 4
        content[at : at + 4] = bytes(4)
    else:
        at = content.index(b"\xff\xf7") + 5
        content[at : at + 2] = bytes(2)
    with pytest.raises(PixelsUnreadable, match="frame"):
        arrays(bytes(content), name)


# Anything at all.

SEEDS = [
    sample(name).read_bytes() for name in DECODABLE if sample(name).stat().st_size < 40_000
] + [sample(name).read_bytes() for name in ("reportsi.dcm", "rtplan.dcm", "nested_priv_SQ.dcm")]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file, changed in a few places: mostly in its header, or about its pixels."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        pixels_at = max(content.rfind(b"\xe0\x7f\x10\x00"), 0)
        low, high = draw(
            st.sampled_from([(0, 400), (0, 3000), (pixels_at, pixels_at + 200), (0, len(content))])
        )
        at = min(draw(st.integers(low, high)), len(content))
        match draw(st.sampled_from(["set", "length", "insert", "delete", "cut"])):
            case "set":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "length":
                content[at : at + 4] = draw(
                    st.sampled_from(
                        [b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\xfe\xff\x0d\xe0"]
                    )
                )
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=30))
            case "delete":
                del content[at : at + draw(st.integers(1, 60))]
            case _:
                del content[at:]
    return bytes(content)


# Derandomized: the decoders are C, and a crash of theirs would be found by a search of
# its own, not by whoever happens to run the tests.
@settings(
    max_examples=400,
    deadline=2000,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(content=mutated())
def test_mutated_files_decode_or_fail_typed_and_in_time(content: bytes) -> None:
    for read in (lambda: read_header(io.BytesIO(content), "x"), lambda: arrays(content, "x")):
        with suppress(MediBlocError):
            read()
