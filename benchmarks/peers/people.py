"""Who takes part, and with what: the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from benchmarks.peers.chain import Chain

BATCH = 100
"""Acts in one transaction, where acts can be sent together."""

PRICE = 3_000_000_000
"""Price of the dataset in the token's units; every size divides it."""

KEY_BYTES = 1248
"""Public keys for locators (X25519) and payloads (ML-KEM-768 with X25519)."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """One chain with its people and its money.

    Attributes:
        token: a plain ERC-20 that everybody is paid in; the researcher has plenty.
        governance: deploys what is shared.
        hospital: issuer, steward, relayer.
        researcher: buyer.
    """

    chain: Chain
    token: Contract
    governance: str
    hospital: str
    researcher: str

    @classmethod
    def on(cls, chain: Chain, token: Contract) -> World:
        """Gives people their parts, and the researcher her money."""
        governance, hospital, *_ = chain.actors
        chain.send(token, "mint", researcher().address, 4 * PRICE, sender=governance)
        return cls(chain, token, governance, hospital, researcher().address)

    def require_paid(self, size: int, token: Contract | None = None, scale: int = 1) -> None:
        """Checks that the sale reached every patient.

        Args:
            size: patients.
            token: that they were paid in, if not the common one.
            scale: its units to one of the common token's.

        Raises:
            RuntimeError: somebody has another amount than her share.
        """
        share = PRICE // size * scale
        for who in patients(size):
            has = (token or self.token).functions.balanceOf(who.address).call()
            if has != share:
                raise RuntimeError(f"{who.address} was paid {has}, not {share}")


@cache
def _person(what: str, number: int) -> LocalAccount:
    key: LocalAccount = Account.from_key(secret(what, number))
    return key


def patients(count: int) -> tuple[LocalAccount, ...]:
    """Derives patients from their numbers."""
    return tuple(_person("patient", number) for number in range(count))


def researcher() -> LocalAccount:
    """Derives the buyer, who signs a permit."""
    return _person("researcher", 0)


def secret(what: str, number: int) -> bytes:
    """Derives 32 bytes that stand for a key, a key's commitment, a record."""
    return bytes(Web3.keccak(text=f"{what} {number}"))


def key_bundle(number: int) -> bytes:
    """Derives what stands for a patient's key bundle, as ours publish it: 1,249 bytes."""
    stream = (secret(f"key of {number}", part) for part in range(KEY_BYTES // 32))
    return b"\x01" + b"".join(stream)


def batches(items: Sequence[Item], size: int = BATCH) -> Iterator[Sequence[Item]]:
    """Cuts a sequence into batches."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
