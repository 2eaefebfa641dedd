"""The whole walk on Ethereum clients of others: their clocks, errors and limits are not Anvil's."""

from __future__ import annotations

from pathlib import Path

from medibloc_py.cli.report import Report
from medibloc_py.cli.stage import PRICE, Ground
from medibloc_py.cli.walk import Walk
from tests.flow.chain.clients import ganache, geth
from tests.flow.test_walk import REFUSED

TO_WAIT_FOR = {"the steward settles after the deadline"}
"""Refused on chains whose clock can be moved."""


def walk(ground: Ground, home: Path) -> Report:
    report = Walk(ground, home, lambda _: None).run()
    assert report.records == 4
    assert report.arrays_equal
    assert report.escrow == 0
    assert report.payouts == {
        "alice": 427_500_000,
        "bob": 285_000_000,
        "carol": 285_000_000,
        "dave": 142_500_000,
        "hospital-a": 60_000_000,
        "researcher": -PRICE,
    }
    return report


def refused(report: Report) -> dict[str, str]:
    return {each.act: each.error for each in report.refused}


def test_the_walk_on_ganache(tmp_path: Path) -> None:
    with ganache() as client:
        report = walk(client, tmp_path)
    assert refused(report) == REFUSED
    assert "refund" in report.gas


def test_the_walk_on_geth(geth_program: str, tmp_path: Path) -> None:
    with geth(geth_program) as client:
        report = walk(client, tmp_path)
    assert refused(report) == {
        act: error for act, error in REFUSED.items() if act not in TO_WAIT_FOR
    }
