"""The market with everyone at it: makes datasets, lists them, orders them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from brownie import chain

from medibloc_py import purpose
from medibloc_py.crypto import ids, sale
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import (
    Address,
    Contribution,
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
WINDOW_S = 86_400


@dataclass(frozen=True)
class Dataset:
    """A listing and the contributions whose root it has."""

    listing: Listing
    contributions: tuple[Contribution, ...]

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
                key_commitment=KeyCommitment(secrets.token_bytes(32)),
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
            closes_at=now() + YEAR,
            salt=secrets.token_bytes(32),
        )
        return Dataset(replace(listing, **fields), contributions)

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
