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
SIGNED_HEAD = ("bytes1", "bytes1", "address", "uint256", "address", "string")
ATTRIBUTE = ("bytes32", "bytes", "uint256")
DELEGATE = ("bytes32", "address", "uint256")
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

    name = "ethr-did, relayed"

    def __init__(self, world: World, relay: Relay) -> None:
        self._world = world
        self._relay = relay
        self._registry = world.chain.deploy(artifact(ETHR), sender=world.governance)

    def play(self, size: int) -> Iterator[Act]:
        """Enrols, consents, revokes."""
        self._send([self._enrolment(who, number) for number, who in enumerate(patients(size))])
        yield Act.ENROL
        self._send([self._consent(who, number) for number, who in enumerate(patients(size))])
        yield Act.CONSENT
        self._send([self._revocation(patients(size)[0])])
        yield Act.REVOKE

    def _enrolment(self, who: LocalAccount, number: int) -> str:
        return self._signed(who, 0, "setAttribute", ATTRIBUTE, KEY, _key(number), YEAR)

    def _consent(self, who: LocalAccount, number: int) -> str:
        return self._signed(who, 1, "setAttribute", ATTRIBUTE, CONSENT, _consent(number), YEAR)

    def _revocation(self, who: LocalAccount) -> str:
        return self._signed(who, 2, "revokeAttribute", ATTRIBUTE[:-1], CONSENT, _consent(0))

    def _send(self, calls: list[str]) -> None:
        for batch in batches(calls):
            self._relay.send(self._registry, batch)

    def _signed(
        self, who: LocalAccount, nonce: int, function: str, types: tuple[str, ...], *args: Any
    ) -> str:
        """Signs an act as the registry checks it, and encodes its call."""
        head = (b"\x19", b"\0", self._registry.address, nonce, who.address, function)
        digest = Web3.solidity_keccak([*SIGNED_HEAD, *types], [*head, *args])
        signature = who.unsafe_sign_hash(digest)
        r, s = (part.to_bytes(32, "big") for part in (signature.r, signature.s))
        word = [who.address, signature.v, r, s, *args]
        return str(self._registry.encode_abi(f"{function}Signed", word))


class EthrDidLikeOurs(EthrDidRelayed):
    """The same, with what ours gives: our keys, and a consent that a contract can ask for."""

    name = "ethr-did, relayed, like ours"

    def _enrolment(self, who: LocalAccount, number: int) -> str:
        return self._signed(who, 0, "setAttribute", ATTRIBUTE, KEY, key_bundle(number), YEAR)

    def _consent(self, who: LocalAccount, number: int) -> str:  # noqa: ARG002 -- one for all
        steward = self._world.hospital
        return self._signed(who, 1, "addDelegate", DELEGATE, CONSENT, steward, YEAR)

    def _revocation(self, who: LocalAccount) -> str:
        steward = self._world.hospital
        return self._signed(who, 2, "revokeDelegate", DELEGATE[:-1], CONSENT, steward)


def _key(number: int) -> bytes:
    return secret("key", number)


def _consent(number: int) -> bytes:
    return secret("consent", number)
