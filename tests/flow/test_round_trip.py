"""A DICOM folder becomes a record and a DICOM folder again, bit for bit."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pydicom
import pytest

from medibloc_py.imaging import read_study
from medibloc_py.model import KIND_TREATMENT_STUDY
from tests.flow.house import House

NOT_DICOM = {
    "README", "README.txt", "crayons.icc", "no_meta.dcm", "rtplan.dump", "rtstruct.dump",
    "test1.json", "test_PN.json", "zipMR.gz",
}  # fmt: skip
"""Texts, a profile, an archive; and a data set whose first byte was lost on purpose."""
FOLDERS = [
    b"plain",
    b"A",
    b"a",
    b"-rf",
    b"two words\n",
    "\u202eünïcode".encode(),
    b"\xff\xfe\x1b[31m",
]
"""Names of folders that differ by case alone, turn a text round, or are no text at all."""


def bundled() -> list[Path]:
    """Every DICOM file that comes with pydicom, and with pydicom-data where that is there.

    What is left out is named: a reader that refused a DICOM file would not go unnoticed.
    """
    roots = [Path(pydicom.__file__).parent / "data" / "test_files"]
    if more := find_spec("data_store"):
        roots += [Path(place) / "data" for place in more.submodule_search_locations or ()]
    return sorted(
        path
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and path.name not in NOT_DICOM and path.suffix != ".py"
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for number, path in enumerate(bundled()):
        below = folder / os.fsdecode(FOLDERS[number % len(FOLDERS)])
        below.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, below / f"{number:03}")
    (folder / "empty").mkdir()
    return folder


def test_a_folder_comes_back_bit_for_bit(house: House, study: Path) -> None:
    published = house.run(
        "record", "publish", f"alice={study}", "--as", "hospital", "--treatment", "--out", "handed",
        "--json",
    ).json  # fmt: skip
    record = published["records"][0]["record"]
    alice, clinic = house.world["alice"], house.world["clinic"]
    (handed,) = (house.here / "handed").iterdir()
    known = alice.import_record(handed.read_bytes(), handed.name)
    alice.grant(known, clinic.me.address, "TREATMENT", house.world.in_days(1))

    done = house.run("access", "open", record, "--as", "clinic", "--out", "opened", "--json").json
    assert done["kind"] == KIND_TREATMENT_STUDY
    originals = [file.path for file in read_study(study).files]
    opened = sorted(path for path in (house.here / "opened").iterdir() if path.suffix == ".dcm")
    assert len(opened) == len(originals) == len(bundled())
    differ = [
        original.name
        for original, copy in zip(originals, opened, strict=True)
        if original.read_bytes() != copy.read_bytes()
    ]
    assert differ == []
    # What came back is the same study: the same order, series and places of frames.
    assert [file.meta for file in read_study(house.here / "opened").files] == [
        file.meta for file in read_study(study).files
    ]
