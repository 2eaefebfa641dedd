"""`medibloc imaging deidentify`: whole files, in new places, and what is refused is named."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from medibloc_py import cli
from medibloc_py.errors import DeidentificationRefused, FileExists, IdentityLeft, InvalidValue
from medibloc_py.imaging.samples import sample

Run = Callable[..., int]
DATED = "retain-longitudinal-modified-dates"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*argv: object) -> int:
        monkeypatch.setattr(sys, "argv", ["medibloc", "imaging", "deidentify", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder of two files whose names say who it is."""
    folder = tmp_path / "Jane Doe"
    (folder / "CT").mkdir(parents=True)
    (folder / "CT" / "Doe^Jane.dcm").write_bytes(sample("CT_small.dcm").read_bytes())
    (folder / "MR Doe").write_bytes(sample("MR_small.dcm").read_bytes())
    return folder


def test_a_file_becomes_a_new_file_for_its_owner_only(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out" / "ct.dcm"
    assert run(sample("CT_small.dcm"), out) == 0
    assert dcmread(out).PatientIdentityRemoved == "YES"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_folder_s_files_are_named_by_their_order(
    run: Run, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(study, tmp_path / "out", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(each["path"]).name for each in report["files"]] == ["0001.dcm", "0002.dcm"]
    assert report["refused"] == []
    assert all(each["attributes"]["remove"] for each in report["files"])
    assert not any(each["said_clean"] for each in report["files"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0001.dcm", "0002.dcm"]


def test_a_key_is_made_once_and_keeps_runs_together(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "keys" / "pseudonyms.key"
    outs = [tmp_path / name for name in ("a.dcm", "b.dcm", "c.dcm")]
    for out in outs[:2]:
        assert run(sample("CT_small.dcm"), out, "--key", key, "--option", DATED) == 0
    assert run(sample("CT_small.dcm"), outs[2], "--option", DATED) == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32
    first, second, other = map(dcmread, outs)
    assert first.StudyInstanceUID == second.StudyInstanceUID != other.StudyInstanceUID
    assert first.StudyDate == second.StudyDate


def test_nothing_is_overwritten(run: Run, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0002.dcm").write_bytes(b"mine")
    assert run(study, out) == FileExists.exit_code
    assert [path.name for path in out.iterdir()] == ["0002.dcm"]
    assert (out / "0002.dcm").read_bytes() == b"mine"


def test_what_cannot_be_done_is_named_and_the_rest_is_done(
    run: Run, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "AAA.txt").write_text("Jane Doe")
    (study / "DICOMDIR").write_bytes(sample("dicomdirtests/DICOMDIR").read_bytes())
    (study / "cut.dcm").write_bytes(sample("CT_small.dcm").read_bytes()[:1_001])
    assert run(study, tmp_path / "out", "--json") == 4
    report = json.loads(capsys.readouterr().out)
    assert len(report["files"]) == 3
    assert {Path(each["source"]).name: each["error"] for each in report["refused"]} == {
        "AAA.txt": "NotDicom",
        "cut.dcm": "DeidentificationRefused",
    }
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_what_the_check_refuses_is_not_written(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = dcmread(sample("CT_small.dcm"))
    dataset.PatientName = "Featherstone^Ada"
    dataset.Manufacturer = "Featherstone^Ada"  # where nobody would look for a name
    source, out = tmp_path / "ct.dcm", tmp_path / "out.dcm"
    dataset.save_as(source)
    assert run(source, out) == IdentityLeft.exit_code
    shown = capsys.readouterr()
    assert "(0010,0010)" in shown.err
    assert "Featherstone" not in shown.out + shown.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--option", "clean-recognizable-visual-features"], DeidentificationRefused.exit_code),
        (["--option", "retain-everything"], 2),
        (["--profile", "none"], 2),
        (["--option", DATED, "--option", "retain-longitudinal-full-dates"], InvalidValue.exit_code),
    ],
)
def test_options_that_cannot_be_are_refused(
    argv: list[str], code: int, run: Run, tmp_path: Path
) -> None:
    assert run(sample("CT_small.dcm"), tmp_path / "out.dcm", *argv) == code
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_too_short_is_refused(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    out = tmp_path / "out.dcm"
    assert run(sample("CT_small.dcm"), out, "--key", key) == InvalidValue.exit_code
    assert not out.exists()
