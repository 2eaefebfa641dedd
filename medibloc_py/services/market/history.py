"""What the market's events tell, held against the ids they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from eth_hash.auto import keccak

from medibloc_py.chain import Room, abi
from medibloc_py.errors import ListingUnknown, NodeAnsweredWrong, OrderNotOpen
from medibloc_py.model import Address, Event, Listing, ListingId, Order, OrderId, OrderState


class MarketHistory(Room):
    """Listings, orders and settlements so far.

    Listings and orders are ids on chain, hashes of their content. What an event tells of
    them is held against the id here, so no node can pass another's terms off for them.
    """

    CONTRACT = "Market"

    def listings(self, steward: Address | None = None) -> list[tuple[ListingId, Listing, int]]:
        """Reads all listings, or a steward's, oldest first.

        Raises:
            NodeAnsweredWrong: an id is not that of its content.
        """
        return [self._listed(event) for event in self._events("Listed", steward=steward)]

    def listing(self, listing: ListingId) -> Listing:
        """Reads the content of a listing.

        Raises:
            ListingUnknown: there is none.
            NodeAnsweredWrong: the id is not that of the content.
        """
        for event in self._events("Listed", id=listing):
            return self._listed(event)[1]
        raise ListingUnknown(listing=listing)

    def purchases(
        self, listing: ListingId | None = None, buyer: Address | None = None
    ) -> list[tuple[OrderId, Order]]:
        """Reads all orders, or a listing's, or a buyer's, oldest first.

        Raises:
            NodeAnsweredWrong: an id is not that of its content.
        """
        events = self._events("Purchased", listing=listing, buyer=buyer)
        return [self._purchased(event) for event in events]

    def order(self, order: OrderId) -> Order:
        """Reads the content of an order.

        Raises:
            OrderNotOpen: there is none.
            NodeAnsweredWrong: the id is not that of the content.
        """
        for event in self._events("Purchased", orderId=order):
            return self._purchased(event)[1]
        raise OrderNotOpen(order=order, state=OrderState.NONE.value)

    def purchased_at(self, order: OrderId) -> int:
        """Reads the block in which an order was made; of several that a node tells, the newest.

        Raises:
            OrderNotOpen: there is none.
        """
        blocks = [event.block for event in self._events("Purchased", orderId=order)]
        if not blocks:
            raise OrderNotOpen(order=order, state=OrderState.NONE.value)
        return max(blocks)

    def settled(self, order: OrderId) -> int | None:
        """Reads the secret that settled an order; None while nothing did.

        Hold it against the order's lock before use: the node may lie.
        """
        for event in self._events("Settled", orderId=order):
            return int(event.args["secret"])
        return None

    def settlements(self, listing: ListingId | None = None) -> list[tuple[OrderId, int]]:
        """Reads all settled orders, or a listing's, with their secrets, oldest first."""
        return [
            (OrderId(event.args["orderId"]), event.args["secret"])
            for event in self._events("Settled", listing=listing)
        ]

    def withdrawals(self, listing: ListingId | None = None) -> list[bytes]:
        """Reads the leaves that were withdrawn, oldest first."""
        return [event.args["leaf"] for event in self._events("Withdrawn", listing=listing)]

    def challenges(self, listing: ListingId | None = None) -> list[tuple[bytes, Address]]:
        """Reads the leaves shown to lack a valid signature, each with who showed it."""
        return [
            (event.args["leaf"], event.args["challenger"])
            for event in self._events("Challenged", listing=listing)
        ]

    def _listed(self, event: Event) -> tuple[ListingId, Listing, int]:
        listing = Listing(*event.args["listing"])
        self._require_id(event.args["id"], listing)
        return ListingId(event.args["id"]), listing, event.block

    def _purchased(self, event: Event) -> tuple[OrderId, Order]:
        order = Order(*event.args["order"])
        self._require_id(event.args["orderId"], order)
        return OrderId(event.args["orderId"]), order

    def _require_id(self, given: bytes, content: Listing | Order) -> None:
        if self._id_of(content) != given:
            raise NodeAnsweredWrong(
                url=self._network.url, reason=f"0x{given.hex()} is not the id of what it gave"
            )

    def _id_of(self, content: Listing | Order) -> bytes:
        """Computes an id: keccak256 over chain, market and content, typed by the ABI."""
        function = "listingId" if isinstance(content, Listing) else "orderId"
        params: Sequence[Mapping[str, Any]] = [
            {"name": "chain", "type": "uint256"},
            {"name": "market", "type": "address"},
            *self._contract.artifact.functions[function]["inputs"],
        ]
        values = (self._network.chain_id, self.address, astuple(content))
        return keccak(abi.encode(params, values, function))
