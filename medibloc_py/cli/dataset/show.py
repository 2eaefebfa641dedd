"""`medibloc dataset show`, and `list` without files: what the chain tells of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from medibloc_py.cli.dataset.shared import ListingArgument, token_of
from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, show_amount
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.client import Client


def show(context: typer.Context, listing: ListingArgument, json: Json = False) -> None:
    """Show a listing and its orders, from the chain."""
    from medibloc_py import purpose
    from medibloc_py.model import ListingId

    session: Session = context.obj
    client = session.client()
    market = client.exchange.market
    listing_id = ListingId(read_bytes32(listing, "listing"))
    offer = market.listing(listing_id)
    state = market.listing_state(listing_id)
    _, decimals, symbol = token_of(client, offer.token, session)
    orders = [
        (order_id, order, market.order_state(order_id).name)
        for order_id, order in market.purchases(listing=listing_id)
    ]
    Output(json).result(
        {
            "listing_id": listing_id,
            "listing": offer,
            "state": state,
            "orders": [
                {"order_id": order_id, "order": order, "state": name}
                for order_id, order, name in orders
            ],
        },
        [
            f"steward  {offer.steward}",
            f"terms    {purpose.render(offer.terms, purpose.TERM_NAMES)}",
            f"price    {show_amount(offer.price, decimals)} {symbol}",
            f"parts    steward {offer.fee_bps} bps, issuers {offer.issuer_bps} bps",
            f"bond     {show_amount(offer.bond, decimals)} {symbol}, {state.bond.name.lower()}",
            f"closes   {as_time(state.closes_at)}",
            f"earned   {show_amount(state.earned, decimals)} {symbol}",
            f"paid     {show_amount(state.paid, decimals)} {symbol}",
            *(f"order    0x{order_id.hex()} {name}" for order_id, _, name in orders),
        ],
    )


def show_all(client: Client, console: Output) -> None:
    """Shows every listing, whether it is open, and its price."""
    from medibloc_py import purpose

    now = client.exchange.network.now()
    data, rows = [], []
    for listing_id, listing, _ in client.exchange.market.listings():
        state = client.exchange.market.listing_state(listing_id)
        is_open = state.closes_at >= now
        data.append({"listing_id": listing_id, "listing": listing, "open": is_open})
        rows.append(
            (
                "0x" + listing_id.hex(),
                listing.steward,
                purpose.render(listing.terms, purpose.TERM_NAMES),
                f"{listing.price:,}",
                "open" if is_open else "closed",
            )
        )
    console.table(data, "Listings", ("listing", "steward", "terms", "price (units)", ""), rows)
