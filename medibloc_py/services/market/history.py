"""What the market's events tell, held against the ids they name."""

from __future__ import annotations

from medibloc_py.chain import Contract, Network
from medibloc_py.errors import ListingUnknown, NodeAnsweredWrong, OrderNotOpen
from medibloc_py.model import Address, Event, Listing, ListingId, Order, OrderId, OrderState
from medibloc_py.services.market.hashes import content_id


class MarketHistory:
    """Listings, orders and settlements so far.

    Listings and orders are ids on chain, hashes of their content. What an event tells of
    them is held against the id here, so no node can pass another's terms off for them.
    """

    def __init__(self, network: Network, address: Address, deployed_at: int = 0) -> None:
        self.address = address
        self._network = network
        self._contract = Contract("Market", address, deployed_at)

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

    def _events(self, name: str, **wanted: object) -> list[Event]:
        return self._network.events(self._contract, name, wanted)

    def _listed(self, event: Event) -> tuple[ListingId, Listing, int]:
        listing = Listing(*event.args["listing"])
        self._require_id(event.args["id"], listing)
        return ListingId(event.args["id"]), listing, event.block

    def _purchased(self, event: Event) -> tuple[OrderId, Order]:
        order = Order(*event.args["order"])
        self._require_id(event.args["orderId"], order)
        return OrderId(event.args["orderId"]), order

    def _require_id(self, given: bytes, content: Listing | Order) -> None:
        if content_id(self._contract, self._network.chain_id, content) != given:
            raise NodeAnsweredWrong(
                url=self._network.url, reason=f"0x{given.hex()} is not the id of what it gave"
            )
