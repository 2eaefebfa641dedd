"""What the chain alone tells of listings, whether their stewards describe them or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medibloc_py.chain import Scanner
from medibloc_py.errors import ListingUnknown, NodeAnsweredWrong
from medibloc_py.flows.parties import Exchange
from medibloc_py.model import Address, ListingId


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing as the chain has it. Of whose images it is made, a chain does not tell.

    Attributes:
        chain_id, contract: of Market, where the listing stands.
        listing: its id.
        steward: who lists it.
        terms: what it may be used for, a word of `medibloc_py.purpose`.
        token, price: what it costs, in units of the token.
        listed_at: when it was listed, by the block; unix seconds.
        closes_at: last second an order may be opened, or could be; unix seconds.
    """

    chain_id: int
    contract: Address
    listing: ListingId
    steward: Address
    terms: int
    token: Address
    price: int
    listed_at: int
    closes_at: int


def read_offers(exchange: Exchange, wanted: Sequence[ListingId] | None = None) -> list[Offer]:
    """Reads listings, open and closed, oldest first.

    Args:
        exchange: the deployment.
        wanted: which; all if None.

    Raises:
        ListingUnknown: one of those wanted is none.
        NodeAnsweredWrong: an id is not that of its content, or a block is missing.
    """
    market, contracts = exchange.market, exchange.deployment.contracts
    found = {listing_id: (listing, block) for listing_id, listing, block in market.listings()}
    for listing_id in wanted or ():
        if listing_id not in found:
            raise ListingUnknown(listing=listing_id)
    scanner = Scanner(exchange.network, contracts)
    times: dict[int, int] = {}
    offers = []
    for listing_id, (listing, block) in found.items():
        if wanted is not None and listing_id not in wanted:
            continue
        if block not in times:
            times[block] = _time_of(scanner, block)
        offers.append(
            Offer(
                chain_id=exchange.chain_id,
                contract=market.address,
                listing=listing_id,
                steward=listing.steward,
                terms=listing.terms,
                token=listing.token,
                price=listing.price,
                listed_at=times[block],
                closes_at=market.listing_state(listing_id).closes_at,
            )
        )
    return offers


def _time_of(scanner: Scanner, block: int) -> int:
    header = scanner.header(block)
    if header is None:
        raise NodeAnsweredWrong(url=scanner.url, reason=f"it has no block {block}")
    return header.timestamp
