"""The chain's clock, to the second: Anvil and Ganache name the same thing differently."""

from __future__ import annotations

from typing import Any

from brownie import chain, web3

YEAR = 31_536_000


def now() -> int:
    """The time of the latest block, unix seconds."""
    return int(chain[-1].timestamp)


def next_block_at(timestamp: int) -> int:
    """Gives the next block this very time; returns it."""
    if web3.client_version.lower().startswith("anvil"):
        _ask("evm_setNextBlockTimestamp", timestamp)
    else:
        _ask("evm_setTime", timestamp * 1000)
    return timestamp


def pass_to(timestamp: int) -> int:
    """Mines a block of this very time, so that views see it; returns it."""
    next_block_at(timestamp)
    _ask("evm_mine")
    assert now() == timestamp
    return timestamp


def _ask(method: str, *parameters: Any) -> None:
    answer = web3.provider.make_request(method, list(parameters))
    assert "error" not in answer, answer
