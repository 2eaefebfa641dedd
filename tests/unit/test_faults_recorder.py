"""The recorder of faults counts each once, whatever becomes of it, and draws the same again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.fault("clock")
def test_survived():
    assert True

@pytest.mark.fault("clock", faults=3)
def test_lost():
    assert False

@pytest.mark.fault("full disk")
def test_not_here():
    pytest.skip("no disk")

@pytest.fixture
def broken():
    yield
    raise RuntimeError

@pytest.mark.fault("full disk")
def test_lost_at_the_end(broken):
    assert True

@pytest.mark.fault("line cut", short=2)
@pytest.mark.parametrize("case", [*range(20), pytest.param(20, marks=pytest.mark.chosen)])
def test_drawn(case):
    assert True

def test_no_fault():
    assert False
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of its own, beside which no setting of this one stands but the recorder."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    fault\n    chosen\n")
    conftest = (ROOT / "tests" / "faults" / "conftest.py").read_text(encoding="utf-8")
    stage = next(line for line in conftest.splitlines() if "tests.flow.conftest" in line)
    (tmp_path / "conftest.py").write_text(conftest.replace(stage, ""))
    (tmp_path / "test_suite.py").write_text(SUITE)
    return tmp_path


def counted(suite: Path, *options: str) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-v", "test_suite.py",
         "--faults-table", "found.json", *options],
        env={"PYTHONPATH": str(ROOT), "FAULTS_SEED": "7", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=suite, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((suite / "found.json").read_text(encoding="utf-8"))
    return found, done.stdout


def test_each_fault_counts_once_in_whichever_process(suite: Path) -> None:
    found, _ = counted(suite, "-n", "0", "--faults-long")
    assert found["kinds"]["clock"] == {"tried": 4, "survived": 1, "lost": 3}
    assert found["kinds"]["full disk"] == {"tried": 1, "survived": 0, "lost": 1}
    assert found["kinds"]["line cut"] == {"tried": 21, "survived": 21, "lost": 0}
    assert found["total"] == {"tried": 26, "survived": 22, "lost": 4}


def test_the_short_form_keeps_what_is_chosen_and_draws_alike_in_all_processes(suite: Path) -> None:
    found, told = counted(suite, "-n", "2")
    assert found["kinds"]["line cut"] == {"tried": 3, "survived": 3, "lost": 0}
    assert found["kinds"]["clock"] == {"tried": 4, "survived": 1, "lost": 3}
    assert "test_drawn[20]" in told
    assert "faults: 8 tried, 4 survived, 4 lost; FAULTS_SEED=7" in told
