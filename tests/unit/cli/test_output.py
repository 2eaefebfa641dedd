"""What is printed: whole lines for a person, JSON for a machine, no commands to a terminal."""

from __future__ import annotations

import io
import json
import re
from contextlib import ExitStack, redirect_stderr, redirect_stdout

import pytest

from medibloc_py.cli.output import Output
from medibloc_py.errors import ContractRefusal, InvalidAddress, RootUnknown

HOSTILE = "[/b] \x1b[2J\x07 [red]x\u202e :warning:"
SHOWN = "[/b] �[2J� [red]x� :warning:"


class Terminal(io.StringIO):
    """Stands for a terminal on both outputs."""

    def isatty(self) -> bool:
        return True

    def __enter__(self) -> Terminal:
        self._ends = ExitStack()
        self._ends.enter_context(redirect_stdout(self))
        self._ends.enter_context(redirect_stderr(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


def test_result_prints_lines_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).result({"a": 1}, ["one", HOSTILE])
    assert capsys.readouterr().out == f"one\n{SHOWN}\n"


def test_result_prints_json_for_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    Output(True).result({"id": b"\x01", "text": HOSTILE, "large": 2**60}, ["one"])
    out = capsys.readouterr().out
    assert json.loads(out) == {"id": "0x01", "text": HOSTILE, "large": str(2**60)}
    assert out.isascii()
    assert "\x1b" not in out


def test_table_prints_whole_cells_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).table([], "T" + HOSTILE, ("id", "label"), [("0x" + "ab" * 32, HOSTILE)] * 3)
    out = capsys.readouterr().out
    assert out.count("0x" + "ab" * 32) == 3
    assert out.count(SHOWN) == 4


def test_table_prints_json_for_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    Output(True).table([{"a": 1}], "T", ("a",), [("1",)])
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]


def test_table_fits_a_terminal() -> None:
    with Terminal() as screen:
        Output(False).table([], "T", ("id",), [("ab" * 60,)])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(map(len, plain.splitlines())) <= 80


def test_error_says_what_happened_then_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    error = RootUnknown(issuer="0xA", root=b"\x01" * 32)
    Output(False).error(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"RootUnknown: {error.message}\n{error.advice}\n"


def test_error_shows_hostile_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Output(False).error(InvalidAddress(given=HOSTILE))
    assert capsys.readouterr().err.startswith(f"InvalidAddress: {SHOWN} is not")


def test_error_for_a_machine_is_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    error = ContractRefusal(detail="x")
    Output(True).error(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err) == error.as_json()


def test_error_without_advice_ends_there(capsys: pytest.CaptureFixture[str]) -> None:
    class Short(ContractRefusal):
        fix = ""

    Output(False).error(Short(detail="x"))
    assert capsys.readouterr().err == "Short: The contract refused: x.\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_progress_is_silent_in_a_pipe(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json).progress() as tell:
        tell("seal", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_is_told_at_a_terminal() -> None:
    with Terminal() as screen, Output(False).progress() as tell:
        tell("seal", 1, 2)
        tell("seal", 2, 2)
        tell("store", 1, 1)
    assert "seal" in screen.getvalue()


def test_progress_is_silent_for_a_machine_at_a_terminal() -> None:
    with Terminal() as screen, Output(True).progress() as tell:
        tell("seal", 1, 2)
    assert screen.getvalue() == ""
