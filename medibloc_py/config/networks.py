"""What is said of a network: its chain, its nodes, what a transaction may cost there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What one coin costs, for people to see; nothing is computed from it on chain."""

    amount: Decimal
    money: str


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """A chain and what serves it; `chain_id` is checked on every connection.

    Attributes:
        rpc_url: RPC URL of a node; several with commas between, the best first.
        store: where its records are kept, as `Settings.store`; empty for the usual place.
        max_fee_wei: largest fee of one transaction.
        timeout_s: longest wait for a transaction to be mined.
        coin: what the chain's coin is called.
        price: what one coin costs, and in which money; None where nobody said.
        witness_url: RPC URL of a second node, of another operator, which is asked the same; empty
            where one node is believed.
    """

    name: str
    chain_id: int | None
    rpc_url: str
    store: str = ""
    max_fee_wei: int = 10**18
    timeout_s: float = 180.0
    coin: str = "ETH"
    price: Price | None = None
    witness_url: str = ""


USUAL = (
    NetworkSettings("local", 31337, "http://127.0.0.1:8545"),
    NetworkSettings("anvil", 31337, "http://127.0.0.1:8545"),
    NetworkSettings("ganache", 1337, "http://127.0.0.1:8545"),
    NetworkSettings("sepolia", 11155111, ""),
)
"""Those that need no file."""
