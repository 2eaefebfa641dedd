"""The entry point: errors of ours become a message and a status, Ctrl-C becomes 130."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from types import TracebackType

import pytest

from medibloc_py import chain, cli
from medibloc_py.chain import LocalNode
from medibloc_py.errors import NetworkUnknown


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
