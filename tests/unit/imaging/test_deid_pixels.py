"""Text in pixels: found, blanked in every layout and transfer syntax, and looked for again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import Dataset, FileDataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medibloc_py.errors import (
    DeidentificationRefused,
    ExtraMissing,
    IdentityLeft,
    StructureChanged,
)
from medibloc_py.imaging.deidentify import Option, Pseudonyms, deidentify
from medibloc_py.imaging.deidentify.pixels.cells import without_unused_bits
from medibloc_py.imaging.deidentify.pixels.compressed import EXPLICIT, replace_frames
from medibloc_py.imaging.deidentify.pixels.find import find_text
from medibloc_py.imaging.deidentify.pixels.native import NativePixels
from medibloc_py.imaging.frames import FrameReader
from medibloc_py.imaging.ocr import Box
from medibloc_py.imaging.release import release
from medibloc_py.imaging.verify import verify
from tests.unit.imaging.samples import sample

CLEAN = Option.CLEAN_PIXEL_DATA
BOX = Box(2, 4, 6, 8)
KEYS = Pseudonyms(bytes(range(32)))


def saved(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def frames(data: bytes) -> list[np.ndarray[Any, Any]]:
    reader = FrameReader(BytesIO(data), "test")
    return [reader.read(number) for number in range(reader.frames)]


def drawn(pixels: np.ndarray[Any, Any], text: str = "DOE^JANE", at: int = 40) -> None:
    """Write a text into a frame, as light as its lightest value."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.putText(mask, text, (6, at), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1, 1)
    pixels[mask > 0] = pixels.max()


def with_text(**attributes: Any) -> FileDataset:
    """A CT image that shows a name, uncompressed."""
    dataset = dcmread(sample("CT_small.dcm"))
    pixels = dataset.pixel_array.copy()
    drawn(pixels)
    dataset.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def blank_only(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], box: Box) -> None:
    """Assert that a frame is the same but for a box of one value."""
    inside = np.zeros(before.shape[:2], bool)
    inside[box.top : box.bottom, box.left : box.right] = True
    assert np.array_equal(before[~inside], after[~inside])
    assert (after[inside] == after[inside][0]).all()


# Layouts of uncompressed pixels.


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",  # signed, little endian
        "MR_small_bigendian.dcm",
        "MR_small_padded.dcm",  # more bytes than pixels
        "6154",  # MONOCHROME1, 12 of 16 bit
        "examples_palette.dcm",
        "examples_rgb_color.dcm",
        "ExplVR_BigEnd.dcm",  # one plane for each colour, bytes in big-endian words
        "SC_ybr_full_422_uncompressed.dcm",  # two pixels share their colour
        "liver_1frame.dcm",  # one bit for each
        "liver_expb_1frame.dcm",
        "rtdose.dcm",  # 32 bit, 15 frames
        "rtdose_expb.dcm",
    ],
)
def test_a_box_is_blanked_and_all_else_keeps_its_bits(name: str) -> None:
    path = next(sample(".").rglob(name), None) or next(sample(".").parent.rglob(name), sample(name))
    dataset = dcmread(path)
    before = frames(path.read_bytes())
    last = len(before) - 1
    little = dataset.original_encoding[1]
    pixels = NativePixels(dataset, "PixelData", little=bool(little))
    assert pixels.data() == dataset.PixelData
    assert pixels.blank(last, [BOX]) == [BOX]
    assert len(pixels.data()) == len(dataset.PixelData)
    dataset["PixelData"].value = pixels.data()
    after = frames(saved(dataset))
    blank_only(before[last], after[last], BOX)
    assert all(np.array_equal(*pair) for pair in zip(before[:last], after[:last], strict=True))


def test_subsampled_colour_is_blanked_by_whole_cells() -> None:
    dataset = dcmread(sample("SC_ybr_full_422_uncompressed.dcm"))
    pixels = NativePixels(dataset, "PixelData", little=True)
    assert pixels.blank(0, [Box(2, 5, 6, 8)]) == [Box(2, 4, 6, 8)]


def test_inverse_pixels_are_blanked_with_their_darkest_value() -> None:
    dataset = dcmread(next(sample("dicomdirtests").rglob("6154")))
    pixels = NativePixels(dataset, "PixelData", little=True)
    most = pixels.cells.max()
    pixels.blank(0, [BOX])
    assert (pixels.cells[0, 2:6, 4:8] == most).all()


# Unused bits.


def test_an_overlay_in_unused_bits_goes_and_signs_and_padding_stay() -> None:
    header = Dataset()
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    clean = np.array([[0, 1], [4095, 7]], "<u2")
    assert without_unused_bits(clean, header) is clean
    hidden = clean | np.array([[1 << 12, 0], [0, 0]], "<u2")
    assert np.array_equal(without_unused_bits(hidden, header), clean)
    header.PixelPaddingValue = 0xF830
    padded = np.array([[0xF830, 1]], "<u2")
    assert without_unused_bits(padded, header) is padded
    header.PixelRepresentation = 1
    negative = np.array([[-3, 5]], "<i2")
    assert without_unused_bits(negative, header) is negative
    assert np.array_equal(
        without_unused_bits(np.array([[-3, 5 | 1 << 13]], "<i2"), header), negative
    )


# Compressed pixels.


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("MR_small_RLE.dcm", True),
        ("SC_rgb_rle_16bit_2frame.dcm", True),
        ("rtdose_rle.dcm", False),  # 32 bit may not be written
        ("MR_small_jp2klossless.dcm", True),
        ("GDCMJ2K_TextGBR.dcm", True),  # YBR_RCT
        ("JPEG2000.dcm", True),  # lossy, one sample
        ("SC_rgb_gdcm_KY.dcm", False),  # lossy JPEG 2000, colour
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", False),  # JPEG, subsampled
        ("SC_jpeg_no_color_transform.dcm", False),
        ("JPGExtended.dcm", False),
        ("SC_rgb_jpeg_gdcm.dcm", False),  # JPEG lossless
        ("MR_small_jpeg_ls_lossless.dcm", False),
        ("JPEGLSNearLossless_16.dcm", False),
    ],
)
def test_a_compressed_frame_is_written_again_without_loss(name: str, stays: bool) -> None:
    data = sample(name).read_bytes()
    dataset = dcmread(BytesIO(data))
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    before = frames(data)
    last = len(before) - 1
    changed = before[last].copy()
    changed[2:6, 4:8] = 0
    written = replace_frames(dataset, syntax, {last: changed}, lambda number: before[number])
    assert written.syntax == (syntax if stays else EXPLICIT)
    old = list(generate_frames(dataset.PixelData, number_of_frames=len(before)))
    dataset.update(written.elements)
    dataset.file_meta.TransferSyntaxUID = UID(written.syntax)
    after = frames(saved(dataset))
    assert np.array_equal(after[last], changed)
    assert all(np.array_equal(*pair) for pair in zip(before[:last], after[:last], strict=True))
    if stays:
        new = list(generate_frames(dataset.PixelData, number_of_frames=len(before)))
        assert new[:last] == old[:last]
    else:
        lossless = syntax in (RLELossless, JPEGLosslessSV1, JPEGLSLossless)
        assert (dataset.get("LossyImageCompression") == "01") is not lossless
        assert dataset.PhotometricInterpretation in ("RGB", "MONOCHROME2")


# The whole way.


def test_a_name_is_blanked_and_the_file_says_so() -> None:
    original = saved(with_text())
    done = release(original, KEYS, [CLEAN])
    after = dcmread(BytesIO(done.data))
    assert after.BurnedInAnnotation == "NO"
    assert done.said_clean
    assert "113101" in [each.CodeValue for each in after.DeidentificationMethodCodeSequence]
    assert done.blanked
    assert {each.frame for each in done.blanked} == {0}
    clean, seen = dcmread(sample("CT_small.dcm")).pixel_array, after.pixel_array
    kept = np.ones(clean.shape, bool)
    for area in done.blanked:
        kept[area.top : area.bottom, area.left : area.right] = False
    assert np.array_equal(seen[kept], clean[kept])
    assert (with_text().pixel_array[kept] == clean[kept]).all()  # all of the name is blanked


def test_of_two_frames_only_the_one_with_text_is_written_again() -> None:
    dataset = dcmread(sample("SC_rgb_rle_2frame.dcm"))
    dataset.decompress(generate_instance_uid=False)
    pixels = dataset.pixel_array.copy()
    drawn(pixels[1], at=60)
    dataset.PixelData = pixels.tobytes()
    dataset.compress(RLELossless, generate_instance_uid=False)
    done = release(saved(dataset), KEYS, [CLEAN])
    after = dcmread(BytesIO(done.data))
    assert after.file_meta.TransferSyntaxUID == RLELossless
    assert {each.frame for each in done.blanked} == {1}
    then, now = (generate_frames(each.PixelData, number_of_frames=2) for each in (dataset, after))
    assert next(then) == next(now)
    assert next(then) != next(now)


def test_an_image_without_text_keeps_its_bytes_and_is_known_to_be_clean() -> None:
    original = sample("MR_small_jp2klossless.dcm").read_bytes()
    done = release(original, KEYS, [CLEAN])
    assert (done.blanked, done.said_clean) == ((), True)
    assert dcmread(BytesIO(done.data)).PixelData == dcmread(BytesIO(original)).PixelData


def test_a_file_that_says_it_shows_a_name_is_done_if_the_name_is_found() -> None:
    release(saved(with_text(BurnedInAnnotation="YES")), KEYS, [CLEAN])
    bare = dcmread(sample("MR_small.dcm"))
    bare.BurnedInAnnotation = "YES"
    with pytest.raises(DeidentificationRefused, match="no text was found"):
        release(saved(bare), KEYS, [CLEAN])


def test_pixels_that_cannot_be_decoded_are_refused_by_name() -> None:
    dataset = dcmread(sample("MR_small_jp2klossless.dcm"))
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")  # MPEG-4
    with pytest.raises(DeidentificationRefused, match=r"video\.dcm"):
        release(saved(dataset), KEYS, [CLEAN], name="video.dcm")


def test_pixels_that_lost_something_say_so_once_they_are_uncompressed() -> None:
    dataset = dcmread(sample("SC_rgb_dcmtk_+eb+cy+np.dcm"))
    pixels = np.zeros((100, 100, 3), np.uint8)
    cv2.putText(pixels, "DOE^JANE", (6, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    encoded = cv2.imencode(".jpg", pixels)[1].tobytes()
    dataset.PixelData = encapsulate([encoded])
    dataset.LossyImageCompression = "00"  # wrong, and all that is left of the loss
    after = dcmread(BytesIO(release(saved(dataset), KEYS, [CLEAN]).data))
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == "ISO_10918_1"
    assert after.LossyImageCompressionRatio > 1


def test_a_file_with_pixels_of_two_kinds_is_refused() -> None:
    dataset = with_text()
    dataset.FloatPixelData = bytes(4 * 128 * 128)
    with pytest.raises(DeidentificationRefused, match="two kinds"):
        release(saved(dataset), KEYS, [CLEAN])


@pytest.mark.parametrize("slant", [30, -45, 120])
def test_a_text_that_slants_is_found_whichever_way_up(slant: int) -> None:
    pixels = np.full((256, 256), 40, np.uint8)
    cv2.putText(pixels, "DOE^JANE", (60, 134), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    turn = cv2.getRotationMatrix2D((128, 128), slant, 1)
    pixels = cv2.warpAffine(pixels, turn, (256, 256), borderValue=40)
    header = Dataset()
    header.PhotometricInterpretation = "MONOCHROME2"
    for box in find_text(pixels, header):
        pixels[box.top : box.bottom, box.left : box.right] = 40
    assert (pixels == 40).all()


@pytest.mark.parametrize("name", ["reportsi.dcm", "rtplan.dcm"])
def test_a_file_without_pixels_is_done_without_a_look(name: str) -> None:
    done = release(sample(name), KEYS, [CLEAN])
    assert done.said_clean
    assert "BurnedInAnnotation" not in dcmread(BytesIO(done.data))


@pytest.mark.parametrize("options", [[], [CLEAN]])
def test_images_within_sequences_go(options: list[Option]) -> None:
    dataset = dcmread(sample("MR_small.dcm"))
    frame = Dataset()
    frame.add_new(0x7FE00010, "OW", b"NAME" * 8)
    dataset.VOILUTSequence = [frame]
    assert b"NAMENAME" not in deidentify(saved(dataset), KEYS, options).data


def test_the_option_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(ExtraMissing, match=r"medibloc-py\[pixels\]"):
        deidentify(sample("CT_small.dcm"), KEYS, [CLEAN])
    deidentify(sample("CT_small.dcm"), KEYS)


# The check, with outputs that somebody got wrong.


@pytest.fixture(scope="module")
def output() -> tuple[bytes, bytes, tuple[Any, ...]]:
    original = saved(with_text())
    done = deidentify(original, KEYS, [CLEAN])
    return original, done.data, done.blanked


def spoilt(data: bytes, change: Callable[[np.ndarray[Any, Any]], None]) -> bytes:
    dataset = dcmread(BytesIO(data))
    pixels = dataset.pixel_array.copy()
    change(pixels)
    dataset["PixelData"].value = pixels.tobytes()
    return saved(dataset)


def test_the_check_refuses_a_change_where_nothing_was_blanked(
    output: tuple[bytes, bytes, tuple[Any, ...]],
) -> None:
    original, done, blanked = output

    def change(pixels: np.ndarray[Any, Any]) -> None:
        pixels[-1, -1] += 1

    with pytest.raises(StructureChanged, match="where nothing was blanked"):
        verify(original, spoilt(done, change), [CLEAN.value], blanked=blanked)
    with pytest.raises(StructureChanged, match="where nothing was blanked"):
        verify(original, done, [CLEAN.value])
    with pytest.raises(StructureChanged, match="other pixels"):
        verify(original, done, blanked=blanked)


def test_the_check_refuses_a_blank_that_is_not_blank(
    output: tuple[bytes, bytes, tuple[Any, ...]],
) -> None:
    original, done, blanked = output

    def change(pixels: np.ndarray[Any, Any]) -> None:
        pixels[blanked[0].top + 1, blanked[0].left + 1] += 1

    with pytest.raises(StructureChanged, match="not uniform"):
        verify(original, spoilt(done, change), [CLEAN.value], blanked=blanked)


def test_the_check_refuses_text_that_can_still_be_read(
    output: tuple[bytes, bytes, tuple[Any, ...]],
) -> None:
    original = output[0]
    missed = deidentify(original, KEYS).data
    with pytest.raises(IdentityLeft, match="pixels, in frames such as 1"):
        verify(original, missed, [CLEAN.value])


def test_the_check_refuses_another_transfer_syntax_of_the_same_pixels(
    output: tuple[bytes, bytes, tuple[Any, ...]],
) -> None:
    original, done, blanked = output
    dataset = dcmread(BytesIO(done))
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    with pytest.raises(StructureChanged, match="transfer syntax"):
        verify(original, saved(dataset), [CLEAN.value], blanked=blanked)
