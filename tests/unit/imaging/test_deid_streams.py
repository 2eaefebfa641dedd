"""What travels with pixels and is none goes, and the pixels keep every value."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_fragments, generate_frames
from pydicom.uid import MPEG4HP41, UID

from medibloc_py.errors import DeidentificationRefused, IdentityLeft
from medibloc_py.imaging import arrays
from medibloc_py.imaging.deidentify import Option, Pseudonyms
from medibloc_py.imaging.deidentify.streams import bare_profile
from medibloc_py.imaging.release import release
from medibloc_py.imaging.verify import compare
from tests.unit.imaging.samples import sample

KEYS = Pseudonyms(bytes(range(32)))
NAME = b"Quenchwater, Ysolde 1951"
ITEM = b"\xfe\xff\x00\xe0"
JPEG, LOSSLESS = "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm"
JPEG_LS, J2K, RLE = "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "MR_small_RLE.dcm"


def saved(dataset: FileDataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def frame_of(name: str) -> bytes:
    (frame,) = generate_frames(dcmread(sample(name)).PixelData, number_of_frames=1)
    return frame


def with_frame(name: str, frame: bytes) -> bytes:
    dataset = dcmread(sample(name))
    dataset.PixelData = encapsulate([frame])
    return saved(dataset)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def behind_start(marker: int, content: bytes) -> Callable[[bytes], bytes]:
    return lambda frame: frame[:2] + segment(marker, content) + frame[2:]


def before_coding(content: bytes) -> Callable[[bytes], bytes]:
    return lambda frame: frame.replace(b"\xff\x52", content + b"\xff\x52", 1)


def in_a_tile(frame: bytes) -> bytes:
    at = frame.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", frame, at + 6)
    comment = segment(0x64, b"\0\1" + NAME)
    longer = struct.pack(">I", length + len(comment))
    return frame[: at + 6] + longer + frame[at + 10 : at + 12] + comment + frame[at + 12 :]


def boxed(*before: bytes, after: bytes = b"") -> Callable[[bytes], bytes]:
    size = struct.pack(">IIHBBBB", 64, 64, 1, 0x8F, 7, 0, 0)
    head = box(b"ihdr", size) + box(b"colr", b"\1\0\0\0\0\0\x11" + NAME)
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", head)
    return lambda frame: start + b"".join(before) + box(b"jp2c", frame.rstrip(b"\0")) + after


def between_segments(frame: bytes) -> bytes:
    count, first, second, *rest = struct.unpack("<16L", frame[:64])
    head = struct.pack("<16L", count, first, second + len(NAME), *rest)
    return head + frame[64:second] + NAME + frame[second:]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (JPEG, behind_start(0xFE, NAME)),
        (JPEG, behind_start(0xE1, b"Exif\0\0" + NAME)),
        (JPEG, behind_start(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + NAME)),
        (JPEG, behind_start(0xE2, b"ICC_PROFILE\0\1\1" + NAME)),
        (JPEG, behind_start(0xED, b"Photoshop 3.0\x008BIM" + NAME)),
        (JPEG, behind_start(0xF0, NAME)),
        (JPEG, behind_start(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\4" + NAME)),  # a thumbnail
        (JPEG, lambda frame: frame.replace(b"\xff\xda", segment(0xFE, NAME) + b"\xff\xda")),
        (JPEG, lambda frame: frame.rstrip(b"\0") + NAME),
        (LOSSLESS, behind_start(0xEE, b"Adobe\0\x64\0\0\0\0\0" + NAME)),
        (JPEG_LS, behind_start(0xFE, NAME)),
        (JPEG_LS, behind_start(0xE8, NAME)),
        (J2K, before_coding(segment(0x64, b"\0\1" + NAME))),
        (J2K, in_a_tile),
        (J2K, lambda frame: frame.rstrip(b"\0") + NAME),
        (J2K, boxed(box(b"xml ", b"<a>" + NAME + b"</a>"))),
        (J2K, boxed(box(b"uuid", bytes(16) + NAME), after=box(b"asoc", NAME))),
        (RLE, lambda frame: frame[:20] + NAME + frame[20 + len(NAME) :]),
        (RLE, between_segments),
        (RLE, lambda frame: frame + NAME),
    ],
)
def test_what_is_no_image_in_a_frame_goes(name: str, change: Callable[[bytes], bytes]) -> None:
    given = with_frame(name, change(frame_of(name)))
    assert NAME in given
    done = release(given, KEYS).data
    assert NAME[:6] not in done
    assert np.array_equal(arrays(done, ""), arrays(sample(name).read_bytes(), ""))


@pytest.mark.parametrize("name", [JPEG, LOSSLESS, JPEG_LS, J2K, RLE, "JPEG2000.dcm"])
def test_a_frame_without_words_keeps_every_byte(name: str) -> None:
    assert frame_of(name) in release(sample(name), KEYS).data


def test_fragments_behind_the_last_frame_become_zeros() -> None:
    dataset = dcmread(sample(RLE))
    dataset.PixelData += ITEM + struct.pack("<L", len(NAME)) + NAME
    done = release(saved(dataset), KEYS).data
    *_, last = generate_fragments(dcmread(BytesIO(done)).PixelData)
    assert last == bytes(len(NAME))


@pytest.mark.parametrize("table", [b"\0\0\0\0" + NAME, b"\0\0\0\0" + NAME[:4]])
def test_an_offset_table_that_is_none_goes(table: bytes) -> None:
    dataset = dcmread(sample(RLE))
    frame = frame_of(RLE)
    dataset.PixelData = b"".join(
        ITEM + struct.pack("<L", len(each)) + each for each in (table, frame)
    )
    done = dcmread(BytesIO(release(saved(dataset), KEYS).data))
    assert done.PixelData[:8] == ITEM + bytes(4)


@pytest.mark.parametrize(("good", "left"), [(True, True), (False, False)])
def test_an_extended_offset_table_stays_if_it_is_true(good: bool, left: bool) -> None:
    dataset = dcmread(sample("SC_rgb_rle_2frame.dcm"))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=2))
    dataset.PixelData = encapsulate(frames, has_bot=False)
    offsets = struct.pack("<2Q", 0, len(frames[0]) + 8)
    dataset.add_new(0x7FE00001, "OV", offsets if good else NAME[:16])
    dataset.add_new(0x7FE00002, "OV", struct.pack("<2Q", *map(len, frames)))
    done = release(saved(dataset), KEYS).data
    after = dcmread(BytesIO(done))
    assert ("ExtendedOffsetTable" in after, "ExtendedOffsetTableLengths" in after) == (left, left)
    assert np.array_equal(
        arrays(done, ""), arrays(saved(dataset), "") if good else arrays(done, "")
    )


@pytest.mark.parametrize(
    ("name", "tag"), [("CT_small.dcm", 0x7FE00010), ("MR_small_bigendian.dcm", 0x7FE00010)]
)
def test_what_stands_behind_plain_values_goes(name: str, tag: int) -> None:
    dataset = dcmread(sample(name))
    values = dataset[tag].value
    dataset[tag].value = values + NAME
    done = release(saved(dataset), KEYS).data
    assert dcmread(BytesIO(done))[tag].value == values + bytes(len(NAME))


@pytest.mark.parametrize(("vr", "tag", "bits"), [("OF", 0x7FE00008, 32), ("OD", 0x7FE00009, 64)])
def test_what_stands_behind_floats_goes(vr: str, tag: int, bits: int) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    values = np.arange(128 * 128, dtype=f"<f{bits // 8}").tobytes()
    del dataset.PixelData
    dataset.BitsAllocated = bits
    dataset.add_new(tag, vr, values + NAME)
    after = dcmread(BytesIO(release(saved(dataset), KEYS).data))
    assert after[tag].value == values + bytes(len(NAME))


def test_an_overlay_in_unused_bits_goes_and_a_sign_stays() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
    values = np.frombuffer(dataset.PixelData, "<u2") & 0xFFF
    drawn = values | (np.arange(values.size, dtype="<u2") % 7 == 0) * np.uint16(0x8000)
    dataset.PixelData = drawn.astype("<u2").tobytes()
    after = dcmread(BytesIO(release(saved(dataset), KEYS).data))
    assert after.PixelData == values.tobytes()

    dataset.PixelRepresentation = 1
    signed = (values.astype("<i2") - 2048).tobytes()
    dataset.PixelData = signed
    assert dcmread(BytesIO(release(saved(dataset), KEYS).data)).PixelData == signed


def profile(text: bytes) -> bytes:
    """A profile with a text in each of the forms it may have, and a white point."""
    wide = text.decode().encode("utf-16-be")
    values = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(79),
        b"cprt": b"text\0\0\0\0" + text + b"\0",
        b"dmdd": b"mluc\0\0\0\0" + struct.pack(">IIIII", 1, 12, 0, len(wide), 28) + wide,
        b"meta": b"dict\0\0\0\0" + text,
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3I", 63190, 65536, 54061),
    }
    at = 132 + 12 * len(values)
    table = body = b""
    for name, value in values.items():
        value += b"\0" * (-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value
    size = struct.pack(">I", at + len(body))
    head = size + b"lcms\2\x40\0\0mntrRGB XYZ \7\xb7\0\5\0\6\0\7\0\x08\0\x09acspAPPL"
    return head.ljust(128, b"\0") + struct.pack(">I", len(values)) + table + body


def test_a_colour_profile_keeps_its_numbers_only() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    path = Dataset()
    dataset.ICCProfile = path.ICCProfile = profile(NAME)
    dataset.OpticalPathSequence = [path]
    done = release(saved(dataset), KEYS).data
    after = dcmread(BytesIO(done)).ICCProfile
    assert NAME not in done
    assert NAME.decode().encode("utf-16-be") not in done
    assert len(after) == len(dataset.ICCProfile)
    assert after[-20:] == dataset.ICCProfile[-20:]  # the white point
    assert after[24:36] == bytes(12)  # when it was made
    assert compare(saved(dataset), saved(dataset)).left  # the check would have seen it


@pytest.mark.parametrize("data", [b"", NAME * 10, profile(NAME)[:140], bytes(128) + b"\xff" * 40])
def test_what_is_no_profile_goes(data: bytes) -> None:
    assert bare_profile(data) == b""


@pytest.mark.parametrize(
    ("bits", "given", "kept"),
    [
        (8, bytes(range(250)) + NAME, bytes(range(250)) + bytes(len(NAME))),
        (16, bytes(500) + NAME, bytes(500) + bytes(len(NAME))),
        (8, b"A\0" * 250 + NAME, b"A\0" * 250 + bytes(len(NAME))),  # a word for each
        (8, NAME * 10 + b"Ysolde^Qu ", bytes(250)),
    ],
)
def test_a_palette_holds_no_text(bits: int, given: bytes, kept: bytes) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.add_new(0x00281101, "US", [250, 0, bits])
    dataset.RedPaletteColorLookupTableData = given
    after = dcmread(BytesIO(release(saved(dataset), KEYS).data))
    assert after.RedPaletteColorLookupTableData == kept


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("FrameIncrementPointer", "AT", NAME[:8]),
        ("GraphicData", "FL", NAME),
        ("TableOfYBreakPoints", "FD", NAME),
        ("ChannelMinimumValue", "OW", NAME),
    ],
)
def test_a_number_does_not_spell_a_text(keyword: str, vr: str, value: bytes) -> None:
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    dataset = dcmread(sample("CT_small.dcm"))
    tag = Tag(tag_for_keyword(keyword) or 0)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True, True, False)
    assert value not in release(saved(dataset), KEYS).data


def labelled(dataset: FileDataset) -> None:
    dataset.SpecimenLabelInImage = "YES"


def of_a_label(dataset: FileDataset) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]


def of_sound(dataset: FileDataset) -> None:
    dataset.Modality = "AU"


def video(dataset: FileDataset) -> None:
    dataset.file_meta.TransferSyntaxUID = MPEG4HP41
    dataset.PixelData = encapsulate([b"\0\0\0\1\6\5" + NAME])


def of_another_syntax(dataset: FileDataset) -> None:
    dataset.PixelData = encapsulate([b"\xff\x0a" + NAME])


def of_two_images(dataset: FileDataset) -> None:
    dataset.PixelData = encapsulate([frame_of(JPEG) * 2])


def of_more_frames(dataset: FileDataset) -> None:
    dataset.PixelData = encapsulate([frame_of(JPEG)] * 2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (labelled, "label of a slide"),
        (of_a_label, "label of a slide"),
        (of_sound, "voice"),
        (video, "form"),
        (of_another_syntax, "form"),
        (of_two_images, "more compressed images"),
        (of_more_frames, "more pixels"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    change: Callable[[FileDataset], None], told: str
) -> None:
    dataset = dcmread(sample(JPEG))
    change(dataset)
    with pytest.raises(DeidentificationRefused, match=told):
        release(saved(dataset), KEYS)


def test_an_unknown_transfer_syntax_is_refused() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    given = saved(dataset).replace(b"1.2.840.10008.1.2.1\0", b"1.2.777.19510307.1\0\0")
    assert UID("1.2.777.19510307.1").encode() in given
    with pytest.raises(DeidentificationRefused, match="syntax"):
        release(given, KEYS)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (JPEG, behind_start(0xFE, NAME)),
        (JPEG, lambda frame: frame.rstrip(b"\0") + NAME),
        (J2K, before_coding(segment(0x64, b"\0\1" + NAME))),
        (J2K, boxed(box(b"xml ", b"<a>" + NAME + b"</a>"))),
    ],
)
def test_the_check_finds_a_comment_that_was_left(
    name: str, change: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from medibloc_py.imaging.deidentify import file

    monkeypatch.setattr(file, "bare_pixels", lambda *_: None)
    with pytest.raises(IdentityLeft, match="7fe0,0010"):
        release(with_frame(name, change(frame_of(name))), KEYS)


def test_a_retained_value_excuses_itself_and_nothing_else() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.PatientName, dataset.StationName = "Quenchwater^Ysolde", "Quenchwater"
    with pytest.raises(IdentityLeft, match="0010,0010"):
        release(saved(dataset), KEYS, [Option.RETAIN_DEVICE_IDENTITY])
    dataset.PatientName, dataset.StudyDescription = "Other^Person", "Quenchwater"
    release(saved(dataset), KEYS, [Option.RETAIN_DEVICE_IDENTITY])
