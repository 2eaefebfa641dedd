"""MediBloc: patients sign, the hospital relays; a record, a share is a leaf of a root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from benchmarks.peers.chain import GENESIS
from benchmarks.peers.packages import ours
from benchmarks.peers.people import PRICE, World, batches, key_bundle, patients, researcher, secret
from benchmarks.peers.scenario import Act
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.sale import lock_of
from medibloc_py.purpose import GRU, HMB

ISSUER, RESEARCHER = 0, 2
"""Places of the roles in `IAccounts.Role`."""

ALL_RECORDS = bytes(32)
WEEK, YEAR = 7 * 86_400, 365 * 86_400


class MediBloc:
    """Our own contracts; no patient needs ether."""

    name = "MediBloc"

    def __init__(self, world: World) -> None:
        self._world = world
        chain, governance = world.chain, world.governance
        self._records = chain.deploy(ours("Records"), governance, sender=governance)
        accounts = self._records.address
        self._consents = chain.deploy(ours("Consents"), accounts, sender=governance)
        self._market = chain.deploy(
            ours("Market"), accounts, self._consents.address, sender=governance
        )
        chain.send(self._records, "setAccreditor", governance, True, sender=governance)
        for account, role in ((world.hospital, ISSUER), (world.researcher, RESEARCHER)):
            chain.send(self._records, "accredit", account, role, GENESIS + YEAR, sender=governance)

    def play(self, size: int) -> Iterator[Act]:
        """Plays every act."""
        keys = [self._key(who, number) for number, who in enumerate(patients(size))]
        self._relay(self._records, keys)
        yield Act.ENROL
        records = [secret("record", number) for number in range(size)]
        self._send(self._records, "register", MerkleTree(records).root, size)
        yield Act.RECORD
        self._relay(self._consents, [self._consent(who) for who in patients(size)])
        yield Act.CONSENT
        dataset = Dataset.of(self._world, self._market, records)
        self._send(self._market, "list", dataset.listing)
        yield Act.LIST
        self._sell(dataset)
        yield Act.SALE
        claims = [
            (dataset.listing, contribution, dataset.proof(contribution))
            for contribution in dataset.contributions
        ]
        for batch in batches(claims):
            self._send(self._market, "claimMany", batch)
        self._world.require_paid(size)
        yield Act.CLAIM
        self._relay(self._consents, [self._revocation(patients(size)[0])])
        self._send(self._market, "withdraw", *claims[0])
        yield Act.REVOKE

    def _sell(self, dataset: Dataset) -> None:
        scalar = int.from_bytes(secret("sale", 0), "big")
        terms = (HMB, lock_of(scalar), GENESIS + WEEK)
        permit = self._permit()
        chain, buyer = self._world.chain, self._world.researcher
        chain.send(
            self._market, "purchaseWithPermit", dataset.listing, *terms, permit, sender=buyer
        )
        order = (dataset.id, buyer, self._world.token.address, PRICE, *terms)
        self._send(self._market, "settle", order, scalar)

    def _key(self, who: LocalAccount, number: int) -> str:
        bundle = key_bundle(number)
        word = self._word(
            self._records,
            "MediBloc Accounts",
            who,
            "EncryptionKey(address account,bytes bundle,uint32 version,uint40 deadline)",
            [who.address, bundle, 1],
        )
        return str(self._records.encode_abi("publishKeyFor", [bundle, word]))

    def _consent(self, who: LocalAccount) -> str:
        consent = [who.address, ALL_RECORDS, GRU, GENESIS + YEAR, secret("form", 0)]
        word = self._word(
            self._consents,
            "MediBloc Consents",
            who,
            "Consent(address patient,bytes32 record,uint64 terms,uint40 expiresAt,bytes32 form,"
            "uint32 version,uint40 deadline)",
            [*consent, 1],
        )
        return str(self._consents.encode_abi("setFor", [*consent, word]))

    def _revocation(self, who: LocalAccount) -> str:
        word = self._word(
            self._consents,
            "MediBloc Consents",
            who,
            "Revocation(address patient,bytes32 record,uint32 version,uint40 deadline)",
            [who.address, ALL_RECORDS, 2],
        )
        return str(self._consents.encode_abi("revokeFor", [who.address, ALL_RECORDS, word]))

    def _permit(self) -> tuple[Any, ...]:
        name = self._world.token.functions.name().call()
        signed = _sign(
            researcher(),
            _domain(self._world.token, name),
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
            [researcher().address, self._market.address, PRICE, 0, GENESIS + YEAR],
        )
        r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
        return GENESIS + YEAR, signed.v, r, s

    def _word(
        self, contract: Contract, name: str, who: LocalAccount, kind: str, values: list[Any]
    ) -> tuple[str, int, bytes]:
        deadline = GENESIS + YEAR
        signed = _sign(who, _domain(contract, name), kind, [*values, deadline])
        return who.address, deadline, bytes(signed.signature)

    def _relay(self, contract: Contract, calls: list[str]) -> None:
        for batch in batches(calls):
            if len(batch) == 1:
                self._world.chain.call(contract, batch[0], sender=self._world.hospital)
            else:
                self._send(contract, "multicall", batch, False)

    def _send(self, contract: Contract, function: str, *args: object) -> None:
        self._world.chain.send(contract, function, *args, sender=self._world.hospital)


@dataclass(frozen=True)
class Dataset:
    """A listing over contributions of equal weight, without fee and bond, which no peer has."""

    listing: tuple[Any, ...]
    id: bytes
    contributions: list[tuple[Any, ...]]
    leaves: dict[bytes, bytes]
    tree: MerkleTree

    @classmethod
    def of(cls, world: World, market: Contract, records: list[bytes]) -> Dataset:
        """Lists one record of each patient."""
        contributions = [
            (who.address, who.address, record, 1, secret("signed", number))
            for number, (who, record) in enumerate(
                zip(patients(len(records)), records, strict=True)
            )
        ]
        leaves = {each[2]: _leaf(each) for each in contributions}
        tree = MerkleTree(leaves.values())
        listing = (
            world.hospital,
            tree.root,
            world.token.address,
            PRICE,
            len(records),
            GRU,
            0,
            0,
            bytes(32),
            0,
            GENESIS + YEAR,
            secret("salt", 0)[:8],
        )
        identity = market.functions.listingId(listing).call()
        return cls(listing, identity, contributions, leaves, tree)

    def proof(self, contribution: tuple[Any, ...]) -> tuple[bytes, ...]:
        """Gives the way from a contribution to the listing's root."""
        return self.tree.proof(self.leaves[contribution[2]])


def _leaf(contribution: tuple[Any, ...]) -> bytes:
    from eth_abi.abi import encode

    types = ["address", "address", "bytes32", "uint96", "bytes32"]
    return bytes(Web3.keccak(Web3.keccak(encode(types, contribution))))


def _domain(contract: Contract, name: str) -> dict[str, Any]:
    chain_id = contract.w3.eth.chain_id
    return {
        "name": name,
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": contract.address,
    }


def _sign(who: LocalAccount, domain: dict[str, Any], kind: str, values: list[Any]) -> Any:
    """Signs EIP-712 data of a type that is given as `Name(type name,...)`."""
    name, fields = kind.rstrip(")").split("(")
    pairs = [field.split(" ") for field in fields.split(",")]
    types = {name: [{"type": type_, "name": field} for type_, field in pairs]}
    message = {field: value for (_, field), value in zip(pairs, values, strict=True)}
    return who.sign_typed_data(domain, types, message)
