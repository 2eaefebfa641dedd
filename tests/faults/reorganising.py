"""A chain that goes back: other blocks, and empty ones, in the place of what it had."""

from __future__ import annotations

import gc

from tests.faults.outcome import Before
from tests.flow.world import World

REORGANISED = "reorganisation"
DEPTHS = (1, 3, 7)


def take_back(world: World, start: Before, depth: int, snapshot: str = "") -> None:
    """Other blocks, and empty ones, in the place of at least `depth`, and of all since a start.

    Args:
        snapshot: of the start, if there is one; else the node is told to reorganise. It keeps
            only so many old states for that.
    """
    network = world.exchange.network
    world.chain.mine(max(depth - (network.block_number() - start.block), 0))
    tip = network.block_number()
    if snapshot:
        assert network.rpc.ask("evm_revert", snapshot) is True
        world.chain.mine(tip - start.block)
    else:
        network.rpc.ask("anvil_reorg", tip - start.block, [])
    world.chain.mine()
    assert network.block_number() == tip + 1
    gc.collect()  # the process that sent it is gone
