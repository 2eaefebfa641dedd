"""Reading studies: what is taken, what is told about it, and what is refused."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from medibloc_py.errors import NotDicom, StudyEmpty, StudyUnreadable
from medibloc_py.imaging import read_study
from medibloc_py.imaging.header import read_header
from medibloc_py.imaging.samples import sample as bundled
from tests.unit.imaging.samples import DECODABLE, WITHOUT_PIXELS, sample


def test_read_study_takes_one_file() -> None:
    (file,) = read_study(sample("CT_small.dcm")).files
    assert file.name == "0001.dcm"
    assert file.path == sample("CT_small.dcm")
    assert file.size_bytes == sample("CT_small.dcm").stat().st_size
    assert file.meta == {
        "modality": "CT",
        "rows": 128,
        "columns": 128,
        "frames": 1,
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "has_pixels": 1,
        "samples": 1,
        "bits_allocated": 16,
        "bits_stored": 16,
        "signed": 1,
        "photometric": "MONOCHROME2",
        "rescale_slope": "1",
        "rescale_intercept": "-1024",
        "row_spacing": "0.661468",
        "column_spacing": "0.661468",
        "slice_um": -75700,
        "series": 1,
        "order": 1,
        "pixels_at": 6300,
        "frame_bytes": 32768,
    }
    with file.open() as opened:
        assert opened.read() == sample("CT_small.dcm").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(["b/9", "b/10", "a", "b/c/1", ".hidden", "Z"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample(list(DECODABLE)[number]), path)
    return tmp_path


def test_read_study_takes_all_files_below_a_folder_in_order(folder: Path) -> None:
    files = read_study(folder).files
    order = [".hidden", "Z", "a", "b/10", "b/9", "b/c/1"]
    assert [file.path.relative_to(folder).as_posix() for file in files] == order
    assert [file.name for file in files] == [f"{number:04}.dcm" for number in range(1, 7)]


def test_read_study_says_nothing_of_the_patient(folder: Path) -> None:
    header = pydicom.dcmread(sample("CT_small.dcm"))
    for file in read_study(folder).files:
        told = repr((file.name, file.meta))
        assert str(header.PatientName) not in told
        assert str(header.PatientID) not in told
        assert header.SOPInstanceUID not in told


@pytest.mark.parametrize("name", DECODABLE)
def test_read_study_tells_the_shape_and_syntax(name: str) -> None:
    syntax, shape = DECODABLE[name]
    meta = read_study(sample(name)).files[0].meta
    header = pydicom.dcmread(sample(name))
    assert meta["transfer_syntax"] == syntax
    assert (meta["rows"], meta["columns"]) == (header.Rows, header.Columns)
    assert meta["frames"] == header.get("NumberOfFrames", 1)
    assert meta["has_pixels"] == 1
    assert meta["rows"] in shape


@pytest.mark.parametrize(("name", "modality"), WITHOUT_PIXELS.items())
def test_read_study_takes_objects_without_pixels(name: str, modality: str) -> None:
    meta = read_study(sample(name)).files[0].meta
    assert meta["modality"] == modality
    assert (meta["has_pixels"], meta["frames"]) == (0, 0)


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("ExplVR_LitEndNoMeta.dcm", "1.2.840.10008.1.2.1"),
        ("ExplVR_BigEndNoMeta.dcm", "1.2.840.10008.1.2.2"),
        ("no_meta_group_length.dcm", "1.2.840.10008.1.2"),
    ],
)
def test_read_study_takes_dicom_without_a_file_header(name: str, syntax: str) -> None:
    meta = read_study(sample(name)).files[0].meta
    assert meta["sop_class"]
    assert meta["transfer_syntax"] == syntax


def test_read_study_takes_a_file_whose_numbers_are_not_standard() -> None:
    assert read_study(sample("badVR.dcm")).files[0].meta["modality"] == "RTDOSE"


def test_read_study_takes_a_value_that_cannot_be_read_for_absent(tmp_path: Path) -> None:
    content = sample("CT_small.dcm").read_bytes()
    rows = b"\x28\x00\x10\x00US"
    broken = content.replace(rows + b"\x02\x00", rows + b"\x03\x00\x00")
    (tmp_path / "file").write_bytes(broken)
    meta = read_study(tmp_path).files[0].meta
    assert (meta["rows"], meta["columns"]) == (0, 128)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"A letter to the patient, not a scan.\n" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        bytes(200),
        bytes(128) + b"DICM",
        bytes(128) + b"DICM" + b"not a data set",
        os.urandom(5000),
    ],
    ids=["empty", "byte", "text", "png", "zeros", "bare", "junk", "random"],
)
def test_read_study_reverts_when_a_file_is_not_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotDicom) as caught:
        read_study(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["README.txt", "test1.json", "rtplan.dump", "zipMR.gz"])
def test_read_study_reverts_when_a_folder_holds_something_else(folder: Path, name: str) -> None:
    shutil.copy(sample(name), folder / "b")
    with pytest.raises(NotDicom, match=name):
        read_study(folder)


def test_read_study_reverts_when_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    with pytest.raises(StudyEmpty):
        read_study(tmp_path)
    with pytest.raises(StudyUnreadable, match="No such file"):
        read_study(tmp_path / "missing")


def test_read_study_reverts_when_a_link_leads_nowhere(folder: Path) -> None:
    (folder / "broken").symlink_to(folder / "missing")
    with pytest.raises(StudyUnreadable):
        read_study(folder)


def test_read_study_does_not_walk_in_circles(folder: Path) -> None:
    (folder / "b" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(read_study(folder).files) == 6


def test_read_study_does_not_wait_on_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(NotDicom, match="regular"):
        read_study(folder)


def test_read_study_reverts_when_a_folder_may_not_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a mock: who runs the tests may be allowed everything."""
    scandir = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == "c":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(StudyUnreadable, match="Permission denied"):
        read_study(folder)


def test_read_study_tells_a_failing_disk_from_bad_bytes() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 1000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output"):
        read_header(Failing(sample("CT_small.dcm").read_bytes()), "ct")


def test_open_reverts_when_the_file_is_gone(folder: Path) -> None:
    file = read_study(folder).files[0]
    file.path.unlink()
    with pytest.raises(StudyUnreadable):
        file.open()


def test_read_study_reads_headers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            data = super().read(size)
            read += len(data)
            return data

    content = sample("examples_rgb_color.dcm").read_bytes()
    read_header(Counting(content), "us")
    assert read < len(content) / 20


@pytest.mark.parametrize("room", ["storage", "imaging"])
def test_importing_a_room_is_cheap(room: str) -> None:
    """No foreign library but the standard one comes along."""
    program = f"import sys, medibloc_py.{room}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    foreign = {"pydicom", "numpy", "ipfshttpclient", "requests", "dag_cbor", "multiformats"}
    assert not foreign & set(done.stdout.decode().split())


def test_sample_names_a_bundled_file_or_reverts() -> None:
    assert bundled("CT_small.dcm") == sample("CT_small.dcm")
    with pytest.raises(StudyUnreadable, match="bundle"):
        bundled("no_such_file.dcm")
