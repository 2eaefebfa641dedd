"""The suite of faults: which are tried, on what stage, and what became of them.

`make faults` tries all and writes the table; without `--faults-long` a part of the cases is drawn.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import pytest

from tests.faults.recorder import Recorder, left_out, tell
from tests.flow.conftest import _stage, house, idle_miner, kubo, node, world

__all__ = ["_stage", "house", "idle_miner", "kubo", "node", "world"]

SEED: Final = "FAULTS_SEED"
"""Names the draw of the short form; processes that test side by side share it."""
_RECORDER: Final = pytest.StashKey[Recorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--faults-long", action="store_true", help="try every fault; else some, drawn")
    group.addoption("--faults-table", metavar="FILE", help="write how many were tried and lost")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ.setdefault(SEED, str(secrets.randbits(32)))
        config.stash[_RECORDER] = Recorder()
        config.pluginmanager.register(config.stash[_RECORDER])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tell(items)
    if not config.getoption("--faults-long"):
        out = set(left_out(items, os.environ[SEED]))
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    total = config.stash[_RECORDER].results()["total"]
    terminalreporter.write_line(
        f"faults: {total['tried']} tried, {total['survived']} survived, {total['lost']} lost; "
        f"{SEED}={os.environ[SEED]}"
    )
    path = config.getoption("--faults-table")
    if path and (exitstatus == pytest.ExitCode.OK or total["lost"]):
        config.stash[_RECORDER].write(Path(path))
