"""Measures de-identification: what is left, what becomes invalid, how fast; ours and others.

    python benchmarks/deid.py --peers PYTHON [--json]

Over every DICOM file bundled with pydicom and pydicom-data, and a canary that has a value of
its own in each attribute of PS3.15 table E.1-1 at three depths. All tools get the same files
in the same run. Ours blanks text in forty images and the faces of eight heads, too, which the
others do not look for.
PYTHON is the interpreter that has the other tools and pydicom-data. What is counted is said in
docs/deidentification.md. Writes benchmarks/deid.json.

Validity is judged by `dciodvfy`, of Debian's package dicom3tools; where it is not there that
column is left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import burn_ins, canary, deid_faces, deid_pixels
from benchmarks.deid_score import DCIODVFY, Score, errors_of, score
from medibloc_py.errors import MediBlocError
from medibloc_py.imaging.header import read_header

OUT = Path(__file__).with_suffix(".json")
RUNNER = Path(__file__).with_name("deid_tools.py")
OURS = ("medibloc", "medibloc_unchecked")
PEERS = ("dicom-anonymizer", "dicognito", "deid")
GOAL_FILES_PER_S = 100
MOST_BRAIN_LOST = 0.001
DETAILS = ("refused", "burned_in_missed", "faces_missed")
NONE_OF = (
    "values_left", "uids_left", "private_left", "canary_top", "canary_nested_1", "canary_nested_2",
    "files_made_invalid", "files_refused",
)  # fmt: skip


def ask(python: str, code: str) -> str:
    """What a line of Python prints in another environment."""
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def bundled(python: str) -> list[Path]:
    """Every file of the two packages that is DICOM."""
    roots = (
        "import pydicom; print(pydicom.__path__[0] + '/data/test_files')",
        "import data_store; print(data_store.__path__[0] + '/data')",
    )
    files = (path for code in roots for path in sorted(Path(ask(python, code)).rglob("*")))
    return [path for path in files if path.is_file() and is_dicom(path)]


def is_dicom(path: Path) -> bool:
    """Whether a file has the head of PS3.10, or a data set that says what it is."""
    with path.open("rb") as file:
        if file.read(132)[128:] == b"DICM":
            return True
        file.seek(0)
        try:
            read_header(file, path.name)
        except (MediBlocError, OSError):
            return False
    return True


def run(tool: str, python: str, pairs: list[tuple[Path, Path]]) -> dict[str, Any]:
    """Lets a tool do all files, in the environment it lives in."""
    given = json.dumps([[str(source), str(target)] for source, target in pairs])
    done = subprocess.run(
        [python, "-P", str(RUNNER), tool], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{tool} could not be run: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judged(
    pairs: list[tuple[Path, Path]], ran: dict[str, Any], bird: canary.Canary, valid: dict[Path, int]
) -> dict[str, Any]:
    """The figures of one tool."""
    total, invalid = Score(), 0
    *files, (_, bird_target) = pairs
    for source, target in files:
        if target.exists():
            total.add(score(source.read_bytes(), target.read_bytes()))
            invalid += bool(DCIODVFY) and errors_of(target) > valid[source]
    found = bird.found(bird_target.read_bytes()) if bird_target.exists() else {}
    figures = {
        **vars(total),
        **{f"canary_{depth}": found.get(depth) for depth in canary.DEPTHS},
        "files_made_invalid": invalid,
        "files_refused": len(ran["refused"]),
        "files_per_s": round(len(pairs) / ran["core_seconds"], 1),
        "refused": {
            "/".join(Path(path).parts[-2:]): error for path, error in sorted(ran["refused"].items())
        },
    }
    if not DCIODVFY:
        del figures["files_made_invalid"]
    return figures


def measure(python: str) -> dict[str, Any]:
    """All figures, as they are written."""
    bird = canary.make()
    with tempfile.TemporaryDirectory() as name, Progress(console=Console(stderr=True)) as progress:
        folder = Path(name)
        planted = folder / "canary.dcm"
        planted.write_bytes(bird.data)
        sources = [*bundled(python), planted]
        step = progress.add_task("files before", total=len(OURS) + len(PEERS) + 1)
        valid = {path: errors_of(path) for path in sources} if DCIODVFY else {}
        tools = {}
        for tool in (*OURS, *PEERS):
            progress.update(step, description=tool, advance=1)
            pairs = []
            for number, source in enumerate(sources):
                target = folder / tool / str(number) / source.name
                target.parent.mkdir(parents=True)
                pairs.append((source, target))
            ran = run(tool, sys.executable if tool in OURS else python, pairs)
            tools[tool] = judged(pairs, ran, bird, valid)
        progress.advance(step)
        burned = progress.add_task("burned-in text", total=len(burn_ins.PLANS))
        pixels = deid_pixels.measure(sources, lambda done: progress.update(burned, completed=done))
        tools["medibloc"] |= pixels  # the others do not find text
        defaced = progress.add_task("faces", total=len(deid_faces.PLANS))
        tools["medibloc"] |= deid_faces.measure(
            lambda done: progress.update(defaced, completed=done)
        )
    versions = json.loads(
        ask(
            python,
            "import json; from importlib.metadata import version;"
            f"print(json.dumps({{n: version(n) for n in {[*PEERS, 'pydicom-data']!r}}}))",
        )
    )
    return {
        "command": "make bench-deid",
        "files": len(sources),
        "canary_values_each_depth": {depth: len(each) for depth, each in bird.planted.items()},
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            "pydicom": version("pydicom"),
            "rapidocr-onnxruntime": version("rapidocr-onnxruntime"),
            **versions,
        },
        "tools": tools,
        "goals": goals(tools["medibloc"]),
    }


def goals(ours: dict[str, Any]) -> list[dict[str, Any]]:
    """What is aimed at, and whether it is met."""
    asked = [
        {"figure": each, "at_most": 0, "met": ours[each] == 0} for each in NONE_OF if each in ours
    ]
    asked.append(
        {
            "figure": "brain_lost",
            "at_most": MOST_BRAIN_LOST,
            "met": ours["brain_lost"] <= MOST_BRAIN_LOST,
        }
    )
    least = {
        "files_per_s": GOAL_FILES_PER_S,
        "burned_in_blanked": ours["burned_in"],
        "faces_removed": ours["heads"],
    }
    asked += [
        {"figure": each, "at_least": least[each], "met": ours[each] >= least[each]}
        for each in least
    ]
    return asked


def show(console: Console, figures: dict[str, Any]) -> None:
    """Prints the figures side by side, and what of the goals is not met."""
    table = Table(title=f"{figures['files']} files; core seconds of one core")
    table.add_column("")
    for tool in figures["tools"]:
        table.add_column(tool, justify="right")
    names = [name for name in figures["tools"]["medibloc"] if name not in DETAILS]
    for name in names:
        table.add_row(name, *(str(each.get(name, "")) for each in figures["tools"].values()))
    console.print(table)
    missed = [each["figure"] for each in figures["goals"] if not each["met"]]
    console.print(f"Goals not met: {', '.join(missed) or 'none'}.")
    if not DCIODVFY:
        console.print("files_made_invalid is left out: `apt-get install dicom3tools` has dciodvfy.")


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", required=True, help="interpreter that has the other tools")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    figures = measure(asked.peers)
    text = json.dumps(figures, indent=2) + "\n"
    OUT.write_text(text, encoding="utf-8")
    if asked.json:
        sys.stdout.write(text)
    else:
        show(Console(), figures)


if __name__ == "__main__":
    main()
