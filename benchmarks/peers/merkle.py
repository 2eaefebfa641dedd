"""Uniswap's merkle-distributor: a root of shares, and a claim with a proof for each."""

from __future__ import annotations

from collections.abc import Iterator

from web3 import Web3

from benchmarks.peers.framework import Relay
from benchmarks.peers.packages import MERKLE, artifact
from benchmarks.peers.people import PRICE, World, batches, patients
from benchmarks.peers.scenario import Act


class MerkleDistributor:
    """A distributor for the sale, filled by the steward; claims come one by one, or relayed."""

    def __init__(self, world: World, relay: Relay | None = None) -> None:
        self.name = "merkle-distributor" + (", relayed" if relay else "")
        self._world = world
        self._relay = relay

    def play(self, size: int) -> Iterator[Act]:
        """Fills a distributor with a sale's price; all claim."""
        chain, hospital = self._world.chain, self._world.hospital
        share = PRICE // size
        chain.send(self._world.token, "mint", hospital, PRICE, sender=hospital)
        chain.taken()
        leaves = [leaf(number, who.address, share) for number, who in enumerate(patients(size))]
        tree = Tree(leaves)
        distributor = chain.deploy(
            artifact(f"{MERKLE}/MerkleDistributor"),
            self._world.token.address,
            tree.root,
            sender=hospital,
        )
        chain.send(self._world.token, "transfer", distributor.address, PRICE, sender=hospital)
        yield Act.SALE
        calls = [
            distributor.encode_abi("claim", [number, who.address, share, tree.proof(number)])
            for number, who in enumerate(patients(size))
        ]
        if self._relay is None:
            for call, who in zip(calls, patients(size), strict=True):
                chain.call(distributor, call, sender=who.address)
        else:
            for batch in batches(calls):
                self._relay.send(distributor, batch)
        self._world.require_paid(size)
        yield Act.CLAIM


def leaf(number: int, account: str, amount: int) -> bytes:
    """Hashes a share as the distributor does."""
    return bytes(Web3.solidity_keccak(["uint256", "address", "uint256"], [number, account, amount]))


class Tree:
    """A Merkle tree over sorted leaves with sorted pairs, an odd one carried up: Uniswap's own.

    Attributes:
        root: of the tree.
    """

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves
        self._levels = [sorted(leaves)]
        while len(level := self._levels[-1]) > 1:
            pairs = [sorted(level[start : start + 2]) for start in range(0, len(level), 2)]
            self._levels.append(
                [bytes(Web3.keccak(b"".join(pair))) if pair[1:] else pair[0] for pair in pairs]
            )
        self.root = self._levels[-1][0]

    def proof(self, number: int) -> list[bytes]:
        """Gives the siblings on the way from a leaf to the root."""
        place, proof = self._levels[0].index(self._leaves[number]), []
        for level in self._levels[:-1]:
            if (sibling := place ^ 1) < len(level):
                proof.append(level[sibling])
            place //= 2
        return proof
