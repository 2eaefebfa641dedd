"""A chain that goes back: what it took back is on it again exactly once, of every command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from medibloc_py.chain import courier
from tests.faults.acts import ACTS
from tests.faults.outcome import Outcome, outcome
from tests.faults.rehearsal import Rehearsals
from tests.faults.reorganising import DEPTHS, REORGANISED, take_back
from tests.flow.command import run
from tests.flow.world import World

CHOSEN = ("consent revoke, 3",)


@pytest.fixture(autouse=True)
def _one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind this URL is one machine, and it is never late."""
    monkeypatch.setattr(courier, "_LAG_MAX_S", 0.05)


@pytest.fixture(scope="module")
def rehearse(_stage: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsals]:
    chain = _stage.chain
    rehearsals = Rehearsals(
        _stage, tmp_path_factory.mktemp, lambda: partial(chain.revert, chain.snapshot())
    )
    yield rehearsals
    rehearsals.close()


def on_chain(left: Outcome) -> tuple[object, ...]:
    return left.sent, left.events, left.tokens, left.waiting[1]


def wait_for_the_blocks(world: World) -> None:
    """What is sent again is not waited for by its command, and Anvil takes its time to mine."""
    give_up = time.monotonic() + 30
    while int(world.exchange.network.rpc.ask("txpool_status")["pending"], 16):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def _cases() -> Iterator[object]:
    for name in ACTS:
        for depth in DEPTHS:
            case = f"{name}, {depth}"
            marks = [pytest.mark.chosen] if case in CHOSEN else []
            yield pytest.param(name, depth, id=case, marks=marks)


@pytest.mark.fault(REORGANISED, short=3)
@pytest.mark.parametrize(("name", "depth"), list(_cases()))
def test_what_was_told_and_undone_is_done_once(rehearse: Rehearsals, name: str, depth: int) -> None:
    """The same command again does it, or whatever is sent next says that it is sent again."""
    rehearsal = rehearse(name)
    with rehearsal.take() as (house, start):
        snapshot = house.world.chain.snapshot()
        house.run(*rehearsal.argv)
        take_back(house.world, start, depth, snapshot)
        nothing = outcome(house, start)
        assert (set(nothing.sent.values()), sum(nothing.events.values())) == ({0}, 0)
        again = run(*house.words(*rehearsal.argv))
        wait_for_the_blocks(house.world)
        found = outcome(house, start)
        assert on_chain(found) == on_chain(rehearsal.left), again
        if again.code == 0:
            rehearsal.require_same(house, start)
        else:
            assert again.json["error"] == "TransactionsUndone", again
