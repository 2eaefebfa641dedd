"""Killed at any step of any command that writes to the chain, and the same command again.

The end is the one of a command that was never killed: it is on the chain exactly once, the money
is where it belongs, no file is half, no blob is without a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from medibloc_py.chain.courier import Courier
from medibloc_py.chain.journal import Journal
from medibloc_py.cli.output import Output
from tests.faults.acts import ACTS
from tests.faults.rehearsal import Rehearsals
from tests.flow.dying import Step, after, at_call, before
from tests.flow.world import World

SENDING: dict[str, Step] = {
    "about to be noted": (Journal, "write", before),
    "half noted": (Journal, "write", after),
    "noted": (Courier, "hand_over", before),
    "handed over": (Courier, "hand_over", after),
    "mined": (Journal, "end", before),
    "receipt kept": (Journal, "end", after),
}
"""Of each transaction of a command."""
TELLING: dict[str, Step] = {
    "about to tell": (Output, "result", before),
    "told": (Output, "result", after),
}
CHOSEN = ("access grant, receipt kept", "dataset purchase, noted")
"""The short form tries these each time."""


def _cases() -> Iterator[object]:
    for name, act in ACTS.items():
        steps = {
            f"{name}, {step}" + (f" {number}" if act.sends > 1 else ""): (
                place, method, at_call(number, wrap)
            )
            for number in range(1, act.sends + 1)
            for step, (place, method, wrap) in SENDING.items()
        }  # fmt: skip
        for case, step in (steps | {f"{name}, {step}": TELLING[step] for step in TELLING}).items():
            marks = [pytest.mark.chosen] if case in CHOSEN else []
            yield pytest.param(name, step, id=case, marks=marks)


@pytest.fixture(scope="module")
def rehearse(_stage: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsals]:
    chain = _stage.chain
    rehearsals = Rehearsals(
        _stage, tmp_path_factory.mktemp, lambda: partial(chain.revert, chain.snapshot())
    )
    yield rehearsals
    rehearsals.close()


@pytest.mark.fault("client killed", short=2)
@pytest.mark.parametrize(("name", "step"), list(_cases()))
def test_a_command_that_was_killed_is_done_once(
    rehearse: Rehearsals, name: str, step: Step
) -> None:
    rehearsal = rehearse(name)
    with rehearsal.take() as (house, start):
        house.kill(step, *rehearsal.argv)
        house.world.chain.increase_time(7)
        house.run(*rehearsal.argv)
        rehearsal.require_same(house, start)
