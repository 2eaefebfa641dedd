"""The demo's tables: every step, every refusal, every balance."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr

import pytest

from medibloc_py.cli import demo
from medibloc_py.cli.report import Refusal, Report, Step

REPORT = Report(
    records=4,
    arrays_compared=9,
    escrow=0,
    gas={"register": 52_877},
    steps=[
        Step("alice", "sign [the] contribution"),
        Step("bob", "act", "0x" + "ab" * 32, 52_877, 0.5),
    ],
    refused=[Refusal("a stranger buys", "NotAccredited", f"0x{'ab' * 32} is not accredited.")],
    before={"alice": 0, "bob": 5_000_000, "carol": 0},
    after={"alice": 1_500_000, "bob": 3_500_000, "carol": 0},
)


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    demo._print(REPORT, 4.0)
    out = capsys.readouterr().out
    for shown in (
        "sign [the] contribution", "0xabababab…", "52,877", "500", "NotAccredited",
        "0xabababab… is not accredited.", "+1.500000", "-1.500000", "3.500000",
        "4 records, 9 pixel arrays equal bit for bit, 1 acts refused, escrow 0, 4.0 s.",
    ):  # fmt: skip
        assert shown in out, shown


def test_the_report_for_machines() -> None:
    body = demo.as_json(REPORT, 1.23456)
    assert body["payouts"] == {"alice": 1_500_000, "bob": -1_500_000}
    assert body["arrays_equal"] is True
    assert body["seconds"] == 1.235
    assert body["refused"] == [
        {
            "act": "a stranger buys",
            "error": "NotAccredited",
            "message": f"0x{'ab' * 32} is not accredited.",
        }
    ]


def test_steps_are_told_in_lines_to_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with demo._telling() as tell:
        tell("fund alice")
    assert capsys.readouterr().err == "· fund alice\n"


def test_steps_are_told_in_one_line_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with redirect_stderr(Terminal()) as screen:
        assert sys.stderr is screen
        with demo._telling() as tell:
            tell("fund alice")
    assert "fund alice" in screen.getvalue()
