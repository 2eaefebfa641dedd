"""Superfluid: a pool of units; a distribution costs the same for any number of members."""

from __future__ import annotations

from collections.abc import Iterator

from eth_abi.abi import encode

from benchmarks.peers.framework import GDA, Framework, Relay
from benchmarks.peers.packages import SUPERFLUID, in_file
from benchmarks.peers.people import PRICE, World, batches, patients
from benchmarks.peers.scenario import Act

UPGRADE, CALL_AGREEMENT = 101, 201
"""Kinds of operation in the host's batchCall, sent in the name of its sender."""

BATCH = 80
"""Acts in one transaction: these are dear, and 100 exceed the cap."""

SCALE = 10**12
"""A super token has 18 decimals, the token behind it 6."""


class Superfluid:
    """The hospital keeps a pool with a unit per record; the researcher distributes the price."""

    name = "Superfluid"

    def __init__(self, world: World, framework: Framework, relay: Relay) -> None:
        self._world = world
        self._relay = relay
        chain = world.chain
        self._gda = chain.at(in_file(GDA, "GeneralDistributionAgreementV1"), framework.gda)
        factory = chain.at(
            in_file(f"{SUPERFLUID}/superfluid", "SuperTokenFactory"), framework.token_factory
        )
        token = chain.create(
            factory,
            "createERC20Wrapper(address,uint8,string,string)",
            world.token.address,
            1,
            "Super Test",
            "TESTx",
            sender=world.governance,
        )
        self._token = chain.at(in_file(f"{SUPERFLUID}/superfluid", "SuperToken"), token)

    def play(self, size: int) -> Iterator[Act]:
        """Makes the pool, distributes, and moves each member's part to her balance."""
        chain, hospital, buyer = (
            self._world.chain,
            self._world.hospital,
            self._world.researcher,
        )
        pool = chain.at(
            in_file(GDA, "SuperfluidPool"),
            chain.create(
                self._gda,
                "createPool(address,address,(bool,bool))",
                self._token.address,
                hospital,
                (False, True),
                sender=hospital,
            ),
        )
        for batch in batches(patients(size), BATCH):
            calls = [
                self._agreement("updateMemberUnits", pool.address, who.address, 1, b"")
                for who in batch
            ]
            self._relay.operate(calls, hospital)
        yield Act.LIST
        chain.send(self._world.token, "approve", self._token.address, PRICE, sender=buyer)
        upgrade = (UPGRADE, self._token.address, encode(["uint256"], [PRICE * SCALE]))
        distribute = self._agreement(
            "distribute", self._token.address, buyer, pool.address, PRICE * SCALE, b""
        )
        self._relay.operate([upgrade, distribute], buyer)
        yield Act.SALE
        for batch in batches(patients(size), BATCH):
            claims = [pool.encode_abi("claimAll(address)", [who.address]) for who in batch]
            self._relay.send(pool, claims)
        self._world.require_paid(size, self._token, SCALE)
        yield Act.CLAIM
        chain.send(pool, "updateMemberUnits", patients(size)[0].address, 0, sender=hospital)
        yield Act.REVOKE

    def _agreement(self, function: str, *args: object) -> tuple[int, str, bytes]:
        call = bytes.fromhex(self._gda.encode_abi(function, args).removeprefix("0x"))
        return CALL_AGREEMENT, self._gda.address, encode(["bytes", "bytes"], [call, b""])
