"""What is left of a command: on the chain, in the stores, on the disk. Without what is drawn."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from medibloc_py.chain.entries import State
from medibloc_py.chain.journal import Journal
from tests.flow.house import House
from tests.flow.world import PEOPLE, World

_DRAWN = re.compile(r"[0-9a-f]{16,}|bafk\w+|bafy\w+|Qm\w+", re.IGNORECASE)
"""Ids, digests and addresses in names."""


@dataclass(frozen=True)
class Outcome:
    """What a command left; equal for two that did the same.

    Attributes:
        sent: transactions of each person.
        events: how often each event was left, by contract and topic.
        tokens: what each person and the market hold.
        blobs: how many the store has, and how many of them nobody names.
        documents: names in the vaults, ids left out.
        files: names in the folder it ran in, ids left out.
        waiting: transactions of which it is not known what became, and blocks do not have.
    """

    sent: dict[str, int]
    events: Counter[str]
    tokens: dict[str, int]
    blobs: tuple[int, int]
    documents: Counter[str]
    files: Counter[str]
    waiting: tuple[int, int]


@dataclass(frozen=True)
class Before:
    """Where the chain stood before a command."""

    block: int
    nonces: dict[str, int]

    @classmethod
    def of(cls, world: World) -> Before:
        return cls(world.exchange.network.block_number(), _nonces(world, "latest"))


def outcome(house: House, before: Before) -> Outcome:
    world = house.world
    nonces = _nonces(world, "latest")
    blobs = house.blobs()
    return Outcome(
        sent={name: nonces[name] - before.nonces[name] for name in nonces},
        events=_events(world, before.block),
        tokens=_tokens(world),
        blobs=(len(blobs), len(blobs - house.named())),
        documents=_names(world.home / "vault"),
        files=_names(house.here),
        waiting=(_open(world), sum(_nonces(world, "pending").values()) - sum(nonces.values())),
    )


def _accounts(world: World) -> dict[str, str]:
    faucet = world.node.accounts[0].address
    return {name: str(world.address(name)) for name in PEOPLE} | {"faucet": faucet}


def _nonces(world: World, block: str) -> dict[str, int]:
    ask = world.exchange.network.rpc.ask
    return {
        name: int(ask("eth_getTransactionCount", address, block), 16)
        for name, address in _accounts(world).items()
    }


def _events(world: World, before: int) -> Counter[str]:
    """After a block, of all contracts, those that a command deployed included."""
    found = world.exchange.network.rpc.ask("eth_getLogs", {"fromBlock": hex(before)})
    known = {at: name for name, at in world.exchange.deployment.contracts.items()}
    return Counter(
        f"{known.get(each['address'], 'another')} {each['topics'][0][:10]}"
        for each in found
        if int(each["blockNumber"], 16) > before
    )


def _tokens(world: World) -> dict[str, int]:
    holders = _accounts(world) | {"market": str(world.exchange.market.address)}
    return {name: world.token.balance(address) for name, address in holders.items()}


def _names(folder: Path) -> Counter[str]:
    return Counter(
        _DRAWN.sub("…", str(path.relative_to(folder)))
        for path in folder.rglob("*")
        if path.is_file()
    )


def _open(world: World) -> int:
    """Entries of the journal whose end is not known."""
    path = world.home / "journal.sqlite"
    if not path.exists():
        return 0
    network = world.exchange.network
    journal = Journal(path, f"{network.chain_id}:{network.rpc.block(0).hash.hex()}")
    try:
        return len(journal.entries(state=State.OPEN))
    finally:
        journal.close()
