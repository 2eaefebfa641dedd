"""The comparison with peers: what was written is what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.report import STACKS, Sizes, from_json, tables, to_json, total
from benchmarks.peers.scenario import Act

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "peers.json"
TX_GAS_CAP = 16_777_216


@pytest.fixture(scope="module")
def measured() -> Sizes:
    return from_json(RESULT.read_text(encoding="utf-8"))


def test_page_has_the_tables_that_were_measured(measured: Sizes) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")

    assert tables(measured) in page


def test_result_keeps_every_figure_when_read_and_written(measured: Sizes) -> None:
    assert to_json(measured) == RESULT.read_text(encoding="utf-8")


def test_ours_and_every_stack_play_the_whole_scenario(measured: Sizes) -> None:
    # Whoever makes no listing of its own lists by making the asset.
    needed = set(Act) - {Act.LIST}

    for contenders in measured.values():
        for name in ("MediBloc", *(stack.name for stack in STACKS)):
            assert needed <= contenders[name].keys(), name


def test_stacks_cost_what_their_parts_cost(measured: Sizes) -> None:
    for contenders in measured.values():
        for stack in STACKS:
            parts = [
                contenders[peer][act].gas
                for peer, acts in stack.parts.items()
                for act in acts
                if act in contenders[peer]
            ]
            assert total(contenders[stack.name]).gas == sum(parts), stack.name


def test_no_transaction_exceeds_the_cap(measured: Sizes) -> None:
    for contenders in measured.values():
        for name, costs in contenders.items():
            assert total(costs).largest <= TX_GAS_CAP, name
