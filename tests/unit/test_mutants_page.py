"""The last run of mutation testing: good enough, explained one by one, and told as it was."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIELDS = ("file", "function", "original", "mutated")
RESULTS = json.loads((ROOT / "tests/mutants/results.json").read_text(encoding="utf-8"))
REASONS = tomllib.loads((ROOT / "tests/mutants/survivors.toml").read_text(encoding="utf-8"))


def names(entries: list[dict[str, object]]) -> set[tuple[object, ...]]:
    return {(*(one[field] for field in FIELDS), one.get("place", 0)) for one in entries}


def test_all_mutants_were_judged_and_few_survived() -> None:
    assert RESULTS["whole"]
    judged = RESULTS["killed"] + RESULTS["survived"]
    assert judged + RESULTS["not_compiling"] + RESULTS["equivalent_bytecode"] == RESULTS["mutants"]
    assert RESULTS["score"] == round(RESULTS["killed"] / judged, 4) >= 0.95


def test_each_survivor_is_explained_and_no_other() -> None:
    assert names(RESULTS["survivors"]) == names(REASONS["survivor"])
    assert all(one["reason"] for one in REASONS["survivor"])
    assert len(RESULTS["survivors"]) == RESULTS["survived"]


def test_the_page_tells_the_figures() -> None:
    page = " ".join((ROOT / "docs/assurance.md").read_text(encoding="utf-8").split())
    killed, survived = RESULTS["killed"], RESULTS["survived"]
    told = f"noticed {killed:,} of {killed + survived:,}, a score of {RESULTS['score']}"
    assert told in page
    assert f"none of the {survived} others" in page
