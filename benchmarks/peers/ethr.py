"""ethr-did-registry: keys and statements of a patient as attributes of a DID."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3

from benchmarks.peers.framework import Relay
from benchmarks.peers.packages import ETHR, artifact
from benchmarks.peers.people import World, batches, key_bundle, patients, secret
from benchmarks.peers.scenario import Act

KEY = b"did/pub/X25519/enc/hex".ljust(32, b"\0")
CONSENT = b"did/svc/Consent".ljust(32, b"\0")
YEAR = 365 * 86_400


class EthrDid:
    """Every patient sends her own transactions, and so holds ether."""

    name = "ethr-did, own"

    def __init__(self, world: World) -> None:
        self._world = world
        self._registry = world.chain.deploy(artifact(ETHR), sender=world.governance)

    def play(self, size: int) -> Iterator[Act]:
        """Enrols, consents, revokes."""
        for number, who in enumerate(patients(size)):
            self._send(who, "setAttribute", KEY, _key(number), YEAR)
        yield Act.ENROL
        for number, who in enumerate(patients(size)):
            self._send(who, "setAttribute", CONSENT, _consent(number), YEAR)
        yield Act.CONSENT
        self._send(patients(size)[0], "revokeAttribute", CONSENT, _consent(0))
        yield Act.REVOKE

    def _send(self, patient: LocalAccount, function: str, *args: object) -> None:
        who = patient.address
        self._world.chain.send(self._registry, function, who, *args, sender=who)


class EthrDidRelayed:
    """Patients sign; the hospital relays batches through the forwarder of Superfluid's host."""

    def __init__(self, world: World, relay: Relay, *, our_keys: bool = False) -> None:
        """Deploys the registry.

        Args:
            world: people and chain.
            relay: sends the batches.
            our_keys: patients publish the keys that ours publish, instead of 32 bytes.
        """
        self.name = "ethr-did, relayed" + (", our keys" if our_keys else "")
        self._our_keys = our_keys
        self._relay = relay
        self._registry = world.chain.deploy(artifact(ETHR), sender=world.governance)

    def play(self, size: int) -> Iterator[Act]:
        """Enrols, consents, revokes."""
        key = key_bundle if self._our_keys else _key
        keys = [
            self._signed(who, 0, "setAttribute", KEY, key(number), YEAR)
            for number, who in enumerate(patients(size))
        ]
        self._send(keys)
        yield Act.ENROL
        consents = [
            self._signed(who, 1, "setAttribute", CONSENT, _consent(number), YEAR)
            for number, who in enumerate(patients(size))
        ]
        self._send(consents)
        yield Act.CONSENT
        self._send([self._signed(patients(size)[0], 2, "revokeAttribute", CONSENT, _consent(0))])
        yield Act.REVOKE

    def _send(self, calls: list[str]) -> None:
        for batch in batches(calls):
            self._relay.send(self._registry, batch)

    def _signed(self, patient: LocalAccount, nonce: int, function: str, *args: Any) -> str:
        types = ["bytes1", "bytes1", "address", "uint256", "address", "string", "bytes32", "bytes"]
        types += ["uint256"] * (len(args) - 2)
        head = (b"\x19", b"\0", self._registry.address, nonce, patient.address, function)
        signature = patient.unsafe_sign_hash(Web3.solidity_keccak(types, [*head, *args]))
        r, s = (part.to_bytes(32, "big") for part in (signature.r, signature.s))
        return self._registry.encode_abi(
            f"{function}Signed", [patient.address, signature.v, r, s, *args]
        )


def _key(number: int) -> bytes:
    return secret("key", number)


def _consent(number: int) -> bytes:
    return secret("consent", number)
