"""The node killed while a command sends, started again from its disk, and the same command again.

A node that is killed has what it forced to its disk: the block that it made last, or not.
"""

from __future__ import annotations

import gc
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from medibloc_py.chain import LocalNode, courier
from medibloc_py.chain.courier import Courier
from medibloc_py.chain.entries import Attempt
from medibloc_py.errors import TransportError
from tests.faults.acts import ACTS
from tests.faults.rehearsal import Rehearsals
from tests.flow.command import run
from tests.flow.world import World, build

DEATHS = ("before it was handed over", "handed over, and not on the disk", "mined, on the disk")


def _number(block: dict[str, Any]) -> int:
    return int(block["header"]["number"], 16)


def _born(block: dict[str, Any]) -> int:
    return int(block["header"]["timestamp"], 16)


class Mortal:
    """A chain that dies, and lives on from a state of before."""

    def __init__(self) -> None:
        self.node = LocalNode.start(block_time_s=None)
        self._port = int(self.node.url.rpartition(":")[2])

    def state(self) -> str:
        """What it has on its disk; of its first blocks one, for Anvil adds one with each life."""
        dumped = self.node.network.rpc.ask("anvil_dumpState")
        state = json.loads(gzip.decompress(bytes.fromhex(dumped[2:])))
        first = min((each for each in state["blocks"] if not _number(each)), key=_born)
        state["blocks"] = [first, *(each for each in state["blocks"] if _number(each))]
        return "0x" + gzip.compress(json.dumps(state).encode(), 1).hex()

    def die(self) -> None:
        os.killpg(self.node._process.pid, signal.SIGKILL)
        self.node.wait()
        self.node.stop()

    def rise(self, state: str) -> None:
        self.node = LocalNode.start(block_time_s=None, port=self._port)
        self.node.network.rpc.ask("anvil_loadState", state)
        # Its clock stood where the last block is, perhaps in days to come.
        ahead = self.node.network.now() - int(time.time())
        self.node.network.rpc.ask("evm_increaseTime", max(ahead, 0))

    def keep(self, forget: Callable[[], None]) -> Callable[[], None]:
        """Gives what brings it back to where it is now, whatever became of it.

        Args:
            forget: lets those who are no part of the fault forget what they sent since.
        """
        state = self.state()

        def back() -> None:
            if self.node._process.poll() is None:
                self.die()
            self.rise(state)
            forget()

        return back


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    mortal = Mortal()
    yield mortal
    mortal.node.stop()


@pytest.fixture(scope="module")
def stage(mortal: Mortal, tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(mortal.node, tmp_path_factory.mktemp("stage") / "home")


@pytest.fixture(scope="module")
def rehearse(mortal: Mortal, stage: World, tmp_path_factory: pytest.TempPathFactory) -> Rehearsals:
    forget = stage.exchange.network.outbox.forget
    return Rehearsals(stage, tmp_path_factory.mktemp, lambda: mortal.keep(forget))


@pytest.mark.fault("chain killed", short=1)
@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("name", ACTS)
def test_a_command_whose_node_died_is_done_once(
    mortal: Mortal, rehearse: Rehearsals, monkeypatch: pytest.MonkeyPatch, name: str, death: str
) -> None:
    """It dies at the last transaction of the command."""
    rehearsal, calls, disk = rehearse(name), [], []
    real = Courier.hand_over

    def mined(attempt: Attempt) -> bool:
        ask = mortal.node.network.rpc.ask
        return ask("eth_getTransactionReceipt", attempt.hash) is not None

    def hand_over(courier: Courier, attempt: Attempt) -> None:
        calls.append(attempt)
        last = len(calls) == ACTS[name].sends
        if last:
            disk.append(mortal.state())
            if death == DEATHS[0]:
                mortal.die()
        real(courier, attempt)
        if last:
            if death == DEATHS[2]:
                while not mined(attempt):
                    time.sleep(0.01)
                disk.append(mortal.state())
            mortal.die()

    with rehearsal.take() as (house, start):
        with monkeypatch.context() as patch:
            patch.setattr(Courier, "hand_over", hand_over)
            patch.setattr(courier, "_OUTAGE_MAX_S", 0.1)
            cut_off = run(*house.words(*rehearsal.argv))
        assert cut_off.code == TransportError.exit_code, cut_off
        gc.collect()  # as where its process ends
        mortal.rise(disk[-1])
        house.world.chain.increase_time(7)
        house.run(*rehearsal.argv)
        rehearsal.require_same(house, start)


@pytest.mark.fault("chain killed", short=0)
def test_a_command_outlives_a_short_death_of_its_node(
    mortal: Mortal, rehearse: Rehearsals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node is back within seconds: the command waits, and offers once more what was lost."""
    rehearsal = rehearse("consent set")
    real = Courier.hand_over

    def hand_over(courier: Courier, attempt: Attempt) -> None:
        real(courier, attempt)
        state = mortal.state()
        mortal.die()
        mortal.rise(state)

    with rehearsal.take() as (house, start):
        with monkeypatch.context() as patch:
            patch.setattr(Courier, "hand_over", hand_over)
            house.run(*rehearsal.argv)
        rehearsal.require_same(house, start)
