"""The page of gas figures says what was measured, and the file holds every act."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.gas import CAP, GOALS, OUT, differences, page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
KEYS = {
    "register_1",
    "register_100000",
    "consent",
    "consent_relayed",
    "consent_relayed_each_of_100",
    "grant",
    "grant_each_of_100",
    "revoke",
    "list",
    "purchase_1",
    "settle_1",
    "purchase_1000",
    "settle_1000",
    "purchase_1000000",
    "settle_1000000",
    "first_sale",
    "claim_first_131072",
    "claim_131072",
    "refund",
    "withdraw",
    "challenge",
    "largest_transaction",
}


@pytest.fixture(scope="module")
def found() -> dict[str, int]:
    figures: dict[str, int] = json.loads(OUT.read_text(encoding="utf-8"))
    return figures


def test_page_has_the_table_that_was_measured(found: dict[str, int]) -> None:
    table = page(found)
    assert table in PAGE.read_text(encoding="utf-8"), f"write into {PAGE.name}:\n{table}"


def test_every_act_was_measured(found: dict[str, int]) -> None:
    assert found.keys() >= KEYS
    assert GOALS.keys() <= found.keys()
    assert 0 < max(found.values()) <= CAP


@pytest.mark.parametrize("act", ["purchase", "settle"])
def test_a_sale_costs_the_same_for_any_number_of_patients(found: dict[str, int], act: str) -> None:
    costs = [found[f"{act}_{size}"] for size in (1, 1_000, 1_000_000)]
    assert max(costs) - min(costs) <= min(costs) // 100


def test_any_difference_is_told(found: dict[str, int]) -> None:
    assert differences(found, found) == []
    changed = {**found, "grant": found["grant"] + 1, "another": 1}
    del changed["revoke"]
    assert differences(found, changed) == [
        ("another", None, 1),
        ("grant", found["grant"], found["grant"] + 1),
        ("revoke", found["revoke"], None),
    ]
