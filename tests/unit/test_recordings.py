"""Recorded runs: what they show is there, is shown, is small, and is of no machine."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command_lines import parse

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "recordings"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_MACHINE = re.compile(r"/(?:home|Users|root|work|tmp)/|https?://(?!127\.0\.0\.1|www\.w3\.org/)")
_PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)\s]+)\)")


def tool() -> Any:
    sys.path.insert(0, str(ROOT / "tools" / "site"))
    try:
        return importlib.import_module("record")
    finally:
        sys.path.pop(0)


record = tool()
NAMES = sorted(record.RECORDINGS)


def lines_of(svg: str) -> list[str]:
    """The lines of a recorded terminal."""
    rows: dict[float, str] = {}
    for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        height = float(each.attrib["y"])
        place = round(float(each.attrib["x"]) / 12.2)
        rows[height] = rows.get(height, "").ljust(place) + (each.text or "").replace("\u00a0", " ")
    return [rows[height].rstrip() for height in sorted(rows)]


def test_all_are_there_and_small() -> None:
    files = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert set(files) == {*(f"{name}.svg" for name in NAMES), *record.PICTURES}
    assert max(files.values()) <= record.MOST_BYTES


def test_each_is_shown_and_told_in_words() -> None:
    shown = set()
    for document in [*DOCUMENTS, ROOT / "tools" / "site" / "generated.py"]:
        for told, target in _PICTURE.findall(document.read_text(encoding="utf-8")):
            assert len(told.split()) >= 4, f"{document.name}: {target}"
            shown.add(Path(target).name)
            if document.suffix == ".md":
                assert (document.parent / target).is_file(), f"{document.name}: {target}"
    assert shown == {file.name for file in FOLDER.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_of_a_command_that_is(name: str) -> None:
    recording = record.RECORDINGS[name]
    words = shlex.split(recording.command)[1:]
    if words != ["--help"]:
        parse(words)
    svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert lines_of(svg)[0] == f"$ {recording.command}"
    assert len(lines_of(svg)) > 5
    assert not _MACHINE.findall(svg)


def test_the_help_is_what_a_terminal_shows_today(tmp_path: Path) -> None:
    recording = record.RECORDINGS["help"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color"}
    printed = record.run(recording.command, recording.columns, tmp_path, environ)
    assert "\x1b[" in printed, "a terminal gets colours"
    now = record.picture("help", recording, printed)
    then = (FOLDER / "help.svg").read_text(encoding="utf-8")
    assert lines_of(now) == lines_of(then), "run `make recordings NAMES=help`"


def test_a_run_that_fails_is_not_recorded(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color"}
    with pytest.raises(RuntimeError, match="InvalidAddress"):
        record.run("medibloc account show nobody", 80, tmp_path, environ)


def test_what_tells_of_a_machine_is_not_kept(tmp_path: Path) -> None:
    for text in (str(tmp_path / "home"), str(ROOT / ".venv"), "x" * (record.MOST_BYTES + 1)):
        with pytest.raises(RuntimeError):
            record.require_ours("a picture", text, tmp_path)
    record.require_ours("a picture", "chain 31337", tmp_path)
