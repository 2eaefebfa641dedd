"""The contact sheet: what is shown, what is outlined, and that it names nobody."""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import dcmread

from medibloc_py import cli
from medibloc_py.errors import FileExists, InvalidValue, StudyUnreadable
from medibloc_py.imaging.review import Pair, html, png, rows_of
from tests.unit.imaging.samples import sample
from tests.unit.imaging.test_deid_pixels import saved


def pair_of(name: str) -> Pair:
    """A file, and the same with its upper left corner black."""
    dataset = dcmread(sample(name))
    before = saved(dataset)
    pixels = dataset.pixel_array.copy()
    pixels[..., :20, :40] = pixels.min()
    dataset.PixelData = pixels.tobytes()
    return Pair("0001.dcm", before, saved(dataset))


def test_a_row_shows_both_and_outlines_what_changed() -> None:
    (row,) = rows_of(pair_of("CT_small.dcm"))
    assert (row.name, row.frame) == ("0001.dcm", 1)
    assert row.note == "4.9% blanked"
    assert row.before is not None
    assert row.after is not None
    assert row.before.shape == row.after.shape == (360, 360, 3)
    red = (row.after[..., 0] > 200) & (row.after[..., 1] < 60)
    rows, columns = np.nonzero(red)
    assert 50 < rows.max() < 80  # 20 of 128 rows, a little around them, enlarged
    assert 110 < columns.max() < 140


def test_the_middle_frame_stands_for_all_unless_all_are_asked_for() -> None:
    data = sample("rtdose.dcm").read_bytes()
    pair = Pair("0001.dcm", data, data)
    assert [row.frame for row in rows_of(pair)] == [8]
    assert [row.frame for row in rows_of(pair, all_frames=True)] == list(range(1, 16))
    assert next(rows_of(pair)).note == "nothing blanked in any of 15 frames"


def test_of_many_frames_the_one_with_most_blanked_is_shown() -> None:
    dataset = dcmread(sample("rtdose.dcm"))
    before = saved(dataset)
    pixels = dataset.pixel_array.copy()
    pixels[2, :2], pixels[11, :5] = 0, 0
    dataset.PixelData = pixels.tobytes()
    (row,) = rows_of(Pair("0001.dcm", before, saved(dataset)))
    assert (row.frame, row.note) == (12, "50.0% blanked; something in 2 of 15 frames")


def test_what_is_no_number_is_not_taken_for_blanked() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    dataset.BitsAllocated = 32
    values = np.full((128, 128), np.nan, np.float32)
    values[64:] = 1.0
    dataset.FloatPixelData = values.tobytes()
    data = saved(dataset)
    assert next(rows_of(Pair("0001.dcm", data, data))).note == "nothing blanked"


def test_a_large_picture_keeps_what_a_person_must_be_able_to_read() -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.Rows, dataset.Columns = 1200, 2000
    dataset.PixelData = np.arange(2_400_000, dtype="<i2").tobytes()
    data = saved(dataset)
    (row,) = rows_of(Pair("0001.dcm", data, data))
    assert row.after is not None
    assert row.after.shape == (614, 1024, 3)
    sheet = cv2.imdecode(np.frombuffer(png([row]), np.uint8), 1)
    assert sheet.shape == (24 + 24 + 24 + 216, 720, 3)


def test_what_has_no_picture_says_why() -> None:
    data = sample("rtplan.dcm").read_bytes()
    assert "no picture" in next(rows_of(Pair("0001.dcm", data, data))).note
    assert "refused" in next(rows_of(Pair("0001.dcm", data, None))).note
    other = sample("MR_small.dcm").read_bytes()
    assert "size" in next(rows_of(Pair("1", sample("CT_small.dcm").read_bytes(), other))).note


def test_the_page_needs_nothing_else_and_escapes_names() -> None:
    page = html([*rows_of(pair_of("CT_small.dcm")._replace(name="<b>"))], left_out=3)
    assert "&lt;b&gt;" in page
    assert "3 more files" in page
    assert "CompressedSamples" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 2
    for source in sources:
        head, _, data = source.partition(",")
        assert head == "data:image/jpeg;base64"
        assert cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), 1).shape == (360, 360, 3)


def test_one_picture_holds_all_rows() -> None:
    rows = [*rows_of(pair_of("CT_small.dcm")), *rows_of(Pair("2", b"", None))]
    sheet = cv2.imdecode(np.frombuffer(png(rows), np.uint8), 1)
    assert sheet.shape == (24 + 24 + 24 + 360 + 24, 720, 3)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*argv: object) -> int:
        monkeypatch.setattr(sys, "argv", ["medibloc", "imaging", "review", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return run


def test_the_command_pairs_files_by_their_order(run: Callable[..., int], tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (before / name).write_bytes(sample(name).read_bytes())
    (after / "0002.dcm").write_bytes(sample("MR_small.dcm").read_bytes())
    out = tmp_path / "sheets" / "review.html"
    assert run(before, after, "--out", out) == 0
    page = out.read_text()
    assert page.count("data:image") == 2
    assert "refused" in page
    assert "CT_small" not in page
    assert run(before, after, "--out", out) == FileExists.exit_code
    assert "1 shown, 0 with something blanked" in page
    assert run(before, tmp_path / "no", "--out", tmp_path / "1.html") == StudyUnreadable.exit_code
    assert run(before / "CT_small.dcm", after, "--out", tmp_path / "1.html") != 0
    assert not (tmp_path / "1.html").exists()
    assert out.stat().st_mode & 0o777 == 0o600
    other = out.with_suffix(".pdf")
    assert run(before, after, "--out", other) == InvalidValue.exit_code
    picture = out.with_suffix(".png")
    assert run(before, after, "--out", picture, "--skip", 1) == 0
    assert cv2.imread(str(picture)).shape == (24 + 24 + 24 + 360, 720, 3)
