"""A command on a stage that is the same each time, and what it leaves if nothing goes wrong."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest

from tests.faults.acts import ACTS, Act, Argv
from tests.faults.outcome import Before, Outcome, outcome
from tests.flow.house import House
from tests.flow.world import PASSWORD, World

Keep = Callable[[], Callable[[], object]]
"""Remembers where the chain is; what it gives brings it back there, once."""


@dataclass
class Rehearsal:
    """A world in which a command can be run again and again, each time from the same state.

    Attributes:
        argv: the command.
        left: what it leaves if nothing goes wrong.
    """

    world: World
    folder: Path
    argv: Argv
    keep: Keep
    left: Outcome = field(init=False)
    _takes: Iterator[int] = field(default_factory=itertools.count, init=False)

    @classmethod
    def of(cls, act: Act, stage: World, folder: Path, keep: Keep) -> Rehearsal:
        """Makes a copy of the stage ready for an act, and does it once."""
        (folder / "here").mkdir()
        world = stage.moved_to(folder / "home")
        argv = (*act.prepare(world, folder / "here"), "--json")
        rehearsal = cls(world, folder, argv, keep)
        with rehearsal.take() as (house, start):
            house.run(*argv)
            rehearsal.left = outcome(house, start)
        return rehearsal

    @contextmanager
    def take(self) -> Iterator[tuple[House, Before]]:
        """A house of its own to run the command in; the chain goes back in the end."""
        folder = self.folder / f"take {next(self._takes)}"
        shutil.copytree(self.folder / "here", folder / "here")
        back = self.keep()
        world = self.world.moved_to(folder / "home")
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder / "here")
                patch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
                yield House(world, folder / "here", str(world.home / "store")), Before.of(world)
        finally:
            back()
            shutil.rmtree(folder)

    def require_same(self, house: House, start: Before) -> None:
        """What is left is what is left if nothing goes wrong."""
        found = outcome(house, start)
        others = {
            each.name: (getattr(found, each.name), getattr(self.left, each.name))
            for each in fields(Outcome)
            if getattr(found, each.name) != getattr(self.left, each.name)
        }
        assert not others, "\n".join(
            f"{name}: {is_} where {was} was" for name, (is_, was) in others.items()
        )
        assert house.parts() == []


class Rehearsals:
    """Makes a stage ready for an act; for the next one, only when another is asked for."""

    def __init__(self, stage: World, folder: Callable[[str], Path], keep: Keep) -> None:
        self._stage = stage
        self._folder = folder
        self._keep = keep
        self._back = keep()
        self._ready: dict[str, Rehearsal] = {}

    def __call__(self, name: str) -> Rehearsal:
        if name not in self._ready:
            self.close()
            self._back = self._keep()
            folder = self._folder("rehearsal")
            self._ready = {name: Rehearsal.of(ACTS[name], self._stage, folder, self._keep)}
        return self._ready[name]

    def close(self) -> None:
        """Brings the stage back to where it was."""
        self._back()
