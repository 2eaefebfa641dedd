"""Files whose end is missing: pixels stay as far as they reach, all else is refused by name."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from medibloc_py.errors import (
    DeidentificationRefused,
    IdentityLeft,
    NotDicom,
    PixelsUnreadable,
    StructureChanged,
)
from medibloc_py.imaging import FrameReader, arrays
from medibloc_py.imaging.deidentify import Pseudonyms, deidentify
from medibloc_py.imaging.header import read_header
from medibloc_py.imaging.release import release
from medibloc_py.imaging.verify import verify
from tests.unit.imaging.samples import sample

PSEUDONYMS = Pseudonyms(bytes(range(32)))
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def fragments(data: bytes) -> list[bytes]:
    return list(generate_fragments(dcmread(BytesIO(data)).PixelData))


@pytest.mark.parametrize("missing", [1, 2, 7, 101, 20_000])
def test_plain_pixels_stay_as_far_as_they_reach(missing: int) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    del dataset[0xFFFCFFFC]
    out = BytesIO()
    dataset.save_as(out)
    cut = out.getvalue()[:-missing]
    after = dcmread(BytesIO(release(cut, PSEUDONYMS).data))
    kept = len(dataset.PixelData) - missing - missing % 2
    assert after.PixelData == dataset.PixelData[:kept]


def test_fragments_stay_and_the_last_is_ended() -> None:
    data = sample("SC_rgb_rle_2frame.dcm").read_bytes()
    *whole, last = fragments(data)
    end = data.rindex(last) + len(last)
    for cut in (data[:end], data[: end + 5], data[: end - 11], data[: end - len(last)]):
        after = fragments(release(cut, PSEUDONYMS).data)
        assert after[:2] == whole
        left = len(cut) - (end - len(last))
        assert b"".join(after[2:]) == last[: min(max(left, 0), len(last)) & ~1]
    one = fragments(release(data[: end - len(last) - 8], PSEUDONYMS).data)
    assert one == whole


def test_the_pixels_that_are_there_decode_as_before() -> None:
    data = sample("SC_rgb_rle_2frame.dcm").read_bytes()
    last = fragments(data)[-1]
    cut = data[: data.rindex(last) + 10]
    after = FrameReader(BytesIO(release(cut, PSEUDONYMS).data), "after")
    assert np.array_equal(after.read(0), dcmread(BytesIO(data)).pixel_array[0])
    with pytest.raises(PixelsUnreadable):
        after.read(1)


def test_the_check_allows_no_other_cut() -> None:
    data = sample("SC_rgb_rle_2frame.dcm").read_bytes()
    last = fragments(data)[-1]
    cut = data[: data.rindex(last) + 10]
    with pytest.raises(StructureChanged):  # nobody cut the original there
        verify(data, deidentify(cut, PSEUDONYMS).data)
    shorter = data[: data.rindex(last) + 8]
    with pytest.raises(StructureChanged):
        verify(cut, deidentify(shorter, PSEUDONYMS).data)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"])
def test_what_is_cut_off_elsewhere_is_refused(name: str) -> None:
    data = sample(name).read_bytes()
    for end in (395, 403, 897, 911):
        with pytest.raises(DeidentificationRefused):
            deidentify(data[:end], PSEUDONYMS, name=name)


def test_pixels_of_which_nothing_is_there_are_refused() -> None:
    data = sample("MR_small_RLE.dcm").read_bytes()
    start = data.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    for end in (start, start + 7):
        with pytest.raises(DeidentificationRefused, match="cut off"):
            deidentify(data[:end], PSEUDONYMS)


def test_a_sequence_that_is_cut_off_keeps_its_whole_values() -> None:
    before = dcmread(sample("rtplan_truncated.dcm"))
    after = dcmread(BytesIO(release(sample("rtplan_truncated.dcm"), PSEUDONYMS).data))
    last = after.BeamSequence[-1].ControlPointSequence[-1]
    kept = before.BeamSequence[-1].ControlPointSequence[-1]
    assert "IsocenterPosition" in kept
    assert "IsocenterPosition" not in last
    assert len(last) == len(kept) - 1


def bomb(unit: bytes, times: int) -> bytes:
    """A few bytes that say they are deflated, and inflate to many."""
    syntax = b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99"
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join(packer.compress(unit) for _ in range(times)) + packer.flush()
    return bytes(128) + b"DICM" + syntax + packed


CLASS = b"\x08\x00\x16\x00UI\x02\x001\0"


@pytest.mark.parametrize(
    ("unit", "times"), [(CLASS * 4096, 64), (bytes(1 << 20), 129)], ids=["elements", "bytes"]
)
def test_what_a_few_bytes_inflate_to_is_bounded(unit: bytes, times: int) -> None:
    data = bomb(unit, times)
    assert len(data) < 1 << 18
    with pytest.raises(DeidentificationRefused, match="more than"):
        deidentify(data, PSEUDONYMS)
    with pytest.raises(NotDicom, match="more than"):
        read_header(BytesIO(data), "bomb")
    with pytest.raises(PixelsUnreadable, match="more than"):
        arrays(data, "bomb")


def test_pixels_that_no_header_describes_hide_no_text() -> None:
    """A tag or a length that is wrong makes pixels of all that stands behind it."""
    data = sample("CT_small.dcm").read_bytes()
    at = data.index(b"\x08\x00\x05\x00CS")
    head = b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<I", len(data) - at)
    with pytest.raises(IdentityLeft):
        release(data[:at] + head + data[at:], PSEUDONYMS)
