"""The page of assurance has the table of faults that was measured, and no fault is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.recorder import KINDS, table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    path = ROOT / "tests" / "faults" / "results.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_page_has_the_table_that_was_measured(results: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "assurance.md").read_text(encoding="utf-8")
    assert table(results) in page, f"write into docs/assurance.md:\n{table(results)}"


def test_no_fault_is_lost(results: dict[str, Any]) -> None:
    assert results["total"]["lost"] == 0
    assert results["total"]["tried"] == results["total"]["survived"]


def test_every_kind_of_fault_was_tried(results: dict[str, Any]) -> None:
    assert results["kinds"].keys() == KINDS.keys()
    assert all(counts["tried"] for counts in results["kinds"].values())
