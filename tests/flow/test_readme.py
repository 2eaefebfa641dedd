"""The README does what it says: its commands run as pasted, its tables are the program's own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import typer.main

from medibloc_py import errors
from medibloc_py.cli import app
from medibloc_py.errors import MediBlocError

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = Path(sys.executable).parent
_WALK_TIMEOUT_S = 900  # a minute alone; many times that beside other work


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks in any of the languages, in their order."""
    return [found for found in _BLOCK.findall(README) if found[0] in languages]


def table(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its two head rows."""
    rows = README.split(f"## {heading}\n", 1)[1].split("\n\n|", 1)[1].split("\n\n", 1)[0]
    lines = rows.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a stranger's shell holds: no setting of ours, this interpreter's programs first."""
    path = f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.timeout(_WALK_TIMEOUT_S + 60)
def test_the_walk_runs_as_pasted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    script = "".join(
        text if language == "bash" else f"python - <<'PYTHON'\n{text}PYTHON\n"
        for language, text in blocks("bash", "python")
    )
    log = tmp_path / "walk.log"  # a pipe would stay open as long as the chain of a walk that failed
    with log.open("wb") as told:
        walk = subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            env=environment(home, TMPDIR=str(tmp_path), MEDIBLOC_PORT=str(free_port())),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group to stop, with the chain in it
        )
    try:
        with suppress(subprocess.TimeoutExpired):  # what it said until then is shown below
            walk.wait(_WALK_TIMEOUT_S)
    finally:
        with suppress(ProcessLookupError):  # it ended, and its chain with it
            os.killpg(walk.pid, signal.SIGKILL)
        walk.wait()
    output = log.read_text(encoding="utf-8")
    assert walk.returncode == 0, output
    assert "HMB+COMMERCIAL: DENY" in output
    assert "mandate.json: name a delegate (Consents.setDelegateFor)" in output
    assert "HMB+NONCOMMERCIAL: PERMIT" in output
    assert "reviewed: justified" in output
    assert output.count("refused with exit code 4") == 2
    assert "became P-" in output  # who the patient is, in what was bought
    assert "Paid 1,140,000,000 token units" in output  # of 1,200 less the steward's 5 %
    assert "(64, 64)" in output  # the array that Python opened
    assert list(home.iterdir()) == [], "the walk wrote into HOME"


def test_the_demo_is_the_programs_own(tmp_path: Path) -> None:
    """The shortened print, but for its figures: they differ from run to run."""
    ran = subprocess.run(
        [_PROGRAMS / "medibloc", "demo"],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        text=True,
    )
    (excerpt,) = (text for _, text in blocks("text") if "hospital-a" in text)
    assert pairs(excerpt) <= pairs(ran.stdout.replace("┃", "│"))
    assert without_seconds(excerpt) == without_seconds(ran.stdout)


def pairs(printed: str) -> set[tuple[str, ...]]:
    """The first two cells of each row; one row of a table may be printed on several lines."""
    rows = [line.split("│") for line in printed.splitlines() if "│" in line]
    return {tuple(cell.strip() for cell in row[1:3]) for row in rows}


def without_seconds(printed: str) -> str:
    return printed.strip().splitlines()[-1].rsplit(",", 1)[0]


def test_the_help_is_the_programs_own(tmp_path: Path) -> None:
    shown = subprocess.run(
        [_PROGRAMS / "medibloc", "--help"],
        env=environment(tmp_path, COLUMNS="80"),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    (printed,) = (text for _, text in blocks("text") if "Usage: medibloc" in text)
    lines = [line.rstrip() for line in shown.splitlines()]
    assert printed.strip("\n") == "\n".join(lines).strip("\n")


def test_the_verbs_are_the_programs_own() -> None:
    root = typer.main.get_command(app)
    groups = {
        f"`{name}`": ", ".join(f"`{verb}`" for verb in command.commands)
        for name, command in root.commands.items()
        if hasattr(command, "commands")
    }
    assert {noun: verbs for noun, verbs, *_ in table("Commands")} == groups


def test_the_exit_codes_are_the_errors_own() -> None:
    known = {each.exit_code: name for name, each in vars(errors).items() if _is_category(each)}
    told = {int(code): name.strip("`") for code, name, *_ in table("Exit codes") if name}
    assert told == known | {MediBlocError.exit_code: "MediBlocError"}


def _is_category(each: object) -> bool:
    return isinstance(each, type) and MediBlocError in each.__bases__
