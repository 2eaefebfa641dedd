"""The entry point: errors of ours become a message and a status, Ctrl-C becomes 130."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from medibloc_py import chain, cli
from medibloc_py.chain import LocalNode
from medibloc_py.errors import NetworkUnknown, OutputLost


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    def main(*argv: str) -> object:
        monkeypatch.setattr(sys, "argv", ["medibloc", *argv])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code

    return main


def test_an_error_is_told_to_people_or_machines(
    main: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--network", "mainnet", "account", "list") == NetworkUnknown.exit_code
    assert capsys.readouterr().err.startswith("NetworkUnknown: There is no network named mainnet")
    assert main("--network", "mainnet", "account", "list", "--json") == 3
    assert json.loads(capsys.readouterr().err)["error"] == "NetworkUnknown"


@pytest.mark.parametrize("argv", [["config", "show"], ["--version"], ["--help"], ["fhir", "-h"]])
def test_what_cannot_be_written_is_named_in_one_line(argv: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "medibloc_py", "--home", tmp_path, *argv],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == OutputLost.exit_code
    assert done.stderr.startswith(
        "OutputLost: What the command said could not be written: No space"
    )
    assert "Traceback" not in done.stderr


def test_a_reader_that_had_enough_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "medibloc_py", "config", "show"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_ctrl_c_before_any_command_began(
    main: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert main() == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_the_package_runs_as_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["medibloc", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("medibloc_py", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out[0].isdigit()


class Node:
    """A chain of nobody, which ends when it is waited for."""

    url = "http://127.0.0.1:8545"
    stopped = False

    class network:  # noqa: N801 - stands for an attribute
        chain_id = 31337

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        Node.stopped = True

    def wait(self) -> int:
        return 1


def test_up_tells_where_it_is_and_stops_what_it_started(
    main: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(LocalNode, "start", lambda **_: Node())
    monkeypatch.setattr(chain, "find_anvil", lambda: None)
    assert main("up") == 5
    captured = capsys.readouterr()
    assert captured.out.startswith("Chain 31337 at http://127.0.0.1:8545. Ctrl-C stops it")
    assert "it ended by itself with status 1" in captured.err
    assert Node.stopped
