"""The market with everyone at it: makes datasets, lists them, orders them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from brownie import chain

from medibloc_py import purpose
from medibloc_py.chain import Signer, typed_digest
from medibloc_py.crypto import ids, sale
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import (
    Address,
    Contribution,
    ContributionTerms,
    IssuerShare,
    KeyCommitment,
    Listing,
    ListingId,
    Order,
    OrderId,
    RecordId,
    Root,
)
from support.clock import YEAR, now

SECRET = 0x5EC2E7
LOCK = sale.lock_of(SECRET)
TERMS = purpose.HMB | purpose.NCU
PURPOSE = purpose.HMB | purpose.NONCOMMERCIAL
PRICE = 1_000_003
FEE_BPS = 1_000
ISSUER_BPS = 300
BOND = 70_000_001
WINDOW_S = 86_400
TYPES = {
    "Contribution": (
        ("address", "patient"),
        ("address", "signer"),
        ("address", "steward"),
        ("address", "token"),
        ("uint64", "terms"),
        ("uint96", "minPrice"),
        ("uint16", "maxFeeBps"),
        ("address", "payee"),
        ("bytes32", "record"),
        ("bytes32", "keyCommitment"),
        ("uint96", "weight"),
        ("uint96", "maxTotalWeight"),
        ("uint40", "expiresAt"),
    ),
    "Withdrawal": (("bytes32", "listing"), ("bytes32", "leaf"), ("uint40", "deadline")),
    "Claim": (
        ("bytes32", "listing"),
        ("bytes32", "leaf"),
        ("address", "to"),
        ("uint256", "claimed"),
        ("uint40", "deadline"),
    ),
}
"""What is signed for the market, by EIP-712."""


@dataclass(frozen=True)
class Dataset:
    """A listing, and the contributions and issuers whose roots it has."""

    listing: Listing
    contributions: tuple[Contribution, ...]
    issuers: tuple[IssuerShare, ...] = ()

    @property
    def struct(self) -> tuple[Any, ...]:
        """The listing as the contract takes it."""
        return astuple(self.listing)

    def leaf(self, number: int = 0) -> bytes:
        return ids.contribution_leaf(self.contributions[number])

    def member(self, number: int = 0) -> tuple[Any, ...]:
        """What claims and withdrawals take: listing, contribution, proof."""
        tree = MerkleTree([ids.contribution_leaf(each) for each in self.contributions])
        leaf = self.leaf(number)
        return self.struct, astuple(self.contributions[number]), tree.proof(leaf)

    def share(self, number: int = 0) -> tuple[Any, ...]:
        """What an issuer's claim takes: listing, share, proof."""
        leaves = [ids.issuer_leaf(each) for each in self.issuers]
        proof = MerkleTree(leaves).proof(leaves[number])
        return self.struct, astuple(self.issuers[number]), proof

    def changed(self, **fields: Any) -> Dataset:
        """The same contributions under other terms; another id."""
        return replace(self, listing=replace(self.listing, **fields))


@dataclass(frozen=True)
class Desk:
    """Who deals with whom, and in what."""

    market: Any
    token: Any
    steward: Any
    researcher: Any
    patient: Any
    payee: Any

    def dataset(self, weights: Sequence[int] = (1, 2, 3), **fields: Any) -> Dataset:
        """A dataset with one contribution per weight, all of the patient; not listed yet."""
        contributions = tuple(
            Contribution(
                patient=Address(self.patient.address),
                payee=Address(self.payee.address),
                record=RecordId(secrets.token_bytes(32)),
                weight=weight,
                consent_digest=secrets.token_bytes(32),
            )
            for weight in weights
        )
        tree = MerkleTree([ids.contribution_leaf(each) for each in contributions])
        listing = Listing(
            steward=Address(self.steward.address),
            root=Root(tree.root),
            token=Address(self.token.address),
            price=PRICE,
            total_weight=sum(weights),
            terms=TERMS,
            fee_bps=FEE_BPS,
            issuer_bps=0,
            issuers=Root(bytes(32)),
            bond=0,
            closes_at=now() + YEAR,
            salt=secrets.token_bytes(8),
        )
        return Dataset(replace(listing, **fields), contributions)

    def issued(self, issuers: Sequence[Any], **fields: Any) -> Dataset:
        """A listed dataset whose issuers share a part of the price, weighted 1, 2, and so on."""
        shares = tuple(
            IssuerShare(Address(each.address), weight) for weight, each in enumerate(issuers, 1)
        )
        root = Root(MerkleTree([ids.issuer_leaf(share) for share in shares]).root)
        parts = {"issuer_bps": ISSUER_BPS, "issuers": root, **fields}
        return replace(self.listed(**parts), issuers=shares)

    def agreed(self, signer: Signer, **fields: Any) -> ContributionTerms:
        """What a patient with a key of its own agrees to: just what `dataset` offers."""
        terms = ContributionTerms(
            patient=signer.address,
            signer=signer.address,
            steward=Address(self.steward.address),
            token=Address(self.token.address),
            terms=TERMS,
            min_price=PRICE,
            max_fee_bps=FEE_BPS,
            payee=Address(self.payee.address),
            record=RecordId(secrets.token_bytes(32)),
            key_commitment=KeyCommitment(secrets.token_bytes(32)),
            weight=1,
            max_total_weight=1,
            expires_at=now() + 2 * YEAR,
        )
        return replace(terms, **fields)

    def joined(self, terms: ContributionTerms, signature: bytes, **fields: Any) -> Dataset:
        """A listed dataset of one contribution, with that evidence."""
        digest = ids.consent_digest(self.digest("Contribution", *astuple(terms)), signature)
        contribution = Contribution(terms.patient, terms.payee, terms.record, terms.weight, digest)
        root = Root(ids.contribution_leaf(contribution))
        dataset = self.dataset((terms.weight,), root=root, **fields)
        dataset = replace(dataset, contributions=(contribution,))
        self.market.list(dataset.struct, {"from": self.steward})
        return dataset

    def typed(self, primary: str, *values: Any) -> tuple[Any, ...]:
        """Domain, types, primary type and message of what is signed for the market."""
        domain = {
            "name": "MediBloc Market",
            "version": "1",
            "chainId": chain.id,
            "verifyingContract": self.market.address,
        }
        names = [name for _, name in TYPES[primary]]
        message = dict(zip(names, values, strict=True))
        return domain, {primary: TYPES[primary]}, primary, message

    def digest(self, primary: str, *values: Any) -> bytes:
        """The 32 bytes that are signed."""
        return typed_digest(*self.typed(primary, *values))

    def signature(self, signer: Signer, primary: str, *values: Any) -> bytes:
        """A key's signature over them."""
        return signer.sign_typed(*self.typed(primary, *values))[1]

    def listed(self, weights: Sequence[int] = (1, 2, 3), **fields: Any) -> Dataset:
        """A dataset that its steward has listed."""
        dataset = self.dataset(weights, **fields)
        self.market.list(dataset.struct, {"from": self.steward})
        return dataset

    def listing_id(self, dataset: Dataset) -> ListingId:
        return ids.listing_id(chain.id, Address(self.market.address), dataset.listing)

    def order(self, dataset: Dataset, **fields: Any) -> Order:
        """The order that a purchase of the dataset opens; not opened yet."""
        order = Order(
            listing=self.listing_id(dataset),
            buyer=Address(self.researcher.address),
            token=dataset.listing.token,
            price=dataset.listing.price,
            purpose=PURPOSE,
            lock=LOCK,
            deadline=now() + WINDOW_S,
        )
        return replace(order, **fields)

    def order_id(self, order: Order) -> OrderId:
        return ids.order_id(chain.id, Address(self.market.address), order)

    def purchase(self, dataset: Dataset, order: Order) -> Any:
        """Opens an order as its buyer; the transaction."""
        terms = order.purpose, order.lock, order.deadline
        return self.market.purchase(dataset.struct, *terms, {"from": order.buyer})

    def ordered(self, dataset: Dataset, **fields: Any) -> Order:
        """An open order on a listed dataset."""
        order = self.order(dataset, **fields)
        self.purchase(dataset, order)
        return order

    def sold(self, dataset: Dataset, **fields: Any) -> Order:
        """An order that was settled: the listing has earned its price."""
        order = self.ordered(dataset, **fields)
        self.market.settle(astuple(order), SECRET, {"from": self.steward})
        return order
