"""The page of sealing and keys says what was measured, and the files hold every figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import keys, seal_page, seal_rounds
from benchmarks.seal_rounds import RATIOS, Rounds, Took

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def figures_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / name).read_text(encoding="utf-8"))
    return found


SEAL, KEYS = figures_of("seal.json"), figures_of("keys.json")


def test_page_has_the_tables_of_sealing_that_were_measured() -> None:
    table = seal_page.table(SEAL)
    assert table in PAGE, f"write into docs/benchmarks.md:\n{table}"


def test_page_has_the_table_of_keys_that_was_measured() -> None:
    table = keys.table(KEYS)
    assert table in PAGE, f"write into docs/benchmarks.md:\n{table}"


@pytest.mark.parametrize("goal", seal_page.GOALS, ids=lambda goal: goal.figure)
def test_every_goal_of_sealing_was_measured(goal: seal_page.Goal) -> None:
    assert SEAL[goal.figure] > 0
    told = "met" if goal.least <= SEAL[goal.figure] <= goal.most else "missed"
    row = next(line for line in PAGE.splitlines() if f"`{goal.figure}`" in line)
    assert row.endswith(f"| {told} |")


def test_sealing_was_measured_at_full_size_beside_every_peer() -> None:
    assert SEAL["file_bytes"] == 2_000_000_000
    assert SEAL["small_files"] == 10_000
    assert SEAL["peers"].keys() == seal_page.PEERS.keys()
    for took in SEAL["peers"].values():
        assert "missing" in took or took["mb_per_s"] > 0
    assert "OpenSSL" in SEAL["versions"]["cipher"]


def test_a_missed_goal_and_a_missing_peer_are_told() -> None:
    figures = SEAL | {"seal_over_ceiling": 0.89, "peak_rss_mb": 60.1}
    figures["medians"] = {"seal_over_ceiling": 0.95}
    figures["peers"] = SEAL["peers"] | {"age": {"missing": "age: No such file"}}
    told = seal_page.table(figures)
    assert "| at least 0.9 | 0.89 | 0.95 | missed |" in told
    assert "| at most 60 | 60.1 |  | missed |" in told
    assert "missing: age: No such file" in told


def test_both_sides_of_a_figure_are_chosen_alike() -> None:
    """The best round of each, and the median of what each round says; never two ways at once."""
    names = {*seal_page.WORKS, "whole", "frame", "age"}
    rounds: Rounds = {name: [Took(2, 20), Took(3, 30), Took(4, 40)] for name in names}
    rounds["seal"] = [Took(9, 40), Took(9, 25), Took(9, 50)]
    rounds["frame"] = [Took(1, 9), Took(0.5, 9), Took(0.25, 9)]
    rounds["age"] = [Took(9, 70), Took(9, 50), Took(9, 60)]
    told = seal_rounds.figures_of(rounds, 100_000_000)
    assert told["seal_over_ceiling"] == 20 / 25
    assert told["medians"]["seal_over_ceiling"] == 0.8  # of 20/40, 30/25, 40/50
    assert told["frame_over_whole"] == 2 / 0.25
    assert told["medians"]["frame_over_whole"] == 6  # of 2/1, 3/0.5, 4/0.25
    assert told["medians"].keys() == RATIOS.keys() <= told.keys()
    assert told["mb_per_s"]["seal_cid"] == 5  # of a core
    assert told["mb_per_s"]["seal_cid_two_cores"] == 50  # by the clock
    assert seal_rounds.peer_of(rounds, "age", 100_000_000) == {
        "mb_per_s": 2, "seal_over_it": 2, "seal_cid_over_it": 2.5,
    }  # fmt: skip


def test_the_hybrid_adds_what_its_format_says() -> None:
    for what in ("grant object", "quote of 1 MB"):
        payload = KEYS["payload_bytes"][what]
        assert KEYS[what]["hybrid"]["bytes"] - payload == 1 + 1120 + 16
        assert KEYS[what]["x25519"]["bytes"] - payload == 32 + 16
    assert KEYS["locator"]["x25519"]["bytes"] == 80
    assert KEYS["key pair"]["hybrid"]["bytes"] == 1249
