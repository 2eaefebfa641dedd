"""The steward's commands of `medibloc dataset` that sell: quote, settle, the ledger, the bond."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from medibloc_py.cli.dataset.shared import ListingArgument, OrderArgument, token_of
from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_span, show_amount
from medibloc_py.errors.words import time as as_time

Margin = Annotated[
    str | None,
    typer.Option(help="Show no secret later than this before a deadline: 60s or more, else 2m."),
]
Confirmations = Annotated[
    int | None,
    typer.Option(
        min=0, help="Blocks on top of the purchase first; 6 if not given, 0 on a local chain."
    ),
]


def quote(
    context: typer.Context,
    listing: ListingArgument,
    account: As,
    to: Annotated[str, typer.Option(help="Buyer: name or address.")],
    purpose_text: Annotated[
        str, typer.Option("--for", help="The buyer's purpose, such as HMB+NONCOMMERCIAL.")
    ],
    out: Annotated[Path, typer.Option(help="File for the quote.")],
    window: Annotated[str, typer.Option(help="Time to settle, from now: 10m to 30d.")] = "24h",
    json: Json = False,
) -> None:
    """Quote a dataset to one buyer (steward). Only the buyer's key opens the file."""
    from medibloc_py.model import ListingId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    client = session.acting_as(account)
    deadline = client.exchange.network.now() + read_span(window)
    buyer = session.address(to)
    listing_id = ListingId(read_bytes32(listing, "listing"))
    write_atomic(out, client.quote(listing_id, buyer, purpose_text, deadline))
    Output(json).result(
        {"file": str(out), "buyer": buyer, "deadline": deadline},
        [f"Give {out} to {buyer}; settle orders before {as_time(deadline)}."],
    )


def orders(
    context: typer.Context,
    account: As,
    margin: Margin = None,
    confirmations: Confirmations = None,
    json: Json = False,
) -> None:
    """Show the open orders on your listings, and whether each can be settled now (steward)."""
    session: Session = context.obj
    client = session.acting_as(account)
    waiting = client.waiting_orders(_margin_s(margin), confirmations)
    Output(json).table(
        [
            {
                "order_id": each.order_id,
                "order": each.order,
                "can_settle": each.obstacle is None,
                "obstacle": each.obstacle.as_json() if each.obstacle else None,
            }
            for each in waiting
        ],
        "Open orders",
        ("order", "listing", "buyer", "price (units)", "deadline", "can settle"),
        [
            (
                "0x" + each.order_id.hex(),
                "0x" + each.order.listing.hex(),
                each.order.buyer,
                f"{each.order.price:,}",
                as_time(each.order.deadline),
                "yes" if each.obstacle is None else "no: " + each.obstacle.message,
            )
            for each in waiting
        ],
    )


def settle(
    context: typer.Context,
    order: OrderArgument,
    account: As,
    margin: Margin = None,
    confirmations: Confirmations = None,
    json: Json = False,
) -> None:
    """Take an order's payment by showing its secret (steward)."""
    from medibloc_py.model import OrderId

    session: Session = context.obj
    client = session.acting_as(account)
    order_id = OrderId(read_bytes32(order, "order"))
    receipt = client.settle(order_id, _margin_s(margin), confirmations)
    Output(json).result(receipt, [f"Settled in {receipt.transaction}, gas {receipt.gas_used:,}."])


def _margin_s(given: str | None) -> int:
    from medibloc_py.config import SETTLE_MARGIN_S

    return SETTLE_MARGIN_S if given is None else read_span(given)


def ledger(
    context: typer.Context,
    account: As,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Prove every entry again, and that no listing on the chain is missing."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show what your ledger of secrets says, without the secrets (steward)."""
    from medibloc_py.flows.entries import shown
    from medibloc_py.flows.ledger import Ledger

    session: Session = context.obj
    if check:
        reading = session.acting_as(account).check_ledger()
    else:
        reading = Ledger(session.identity(account)).read()
    entries = [shown(stamped) for stamped in reading.book.entries]
    if check:
        Output(json).result(
            {"path": str(reading.path), "entries": len(entries), "holds": True},
            [f"The ledger {reading.path} holds: {len(entries)} entries, no listing missing."],
        )
        return
    Output(json).table(
        {"path": str(reading.path), "torn_bytes": reading.torn_bytes, "entries": entries},
        f"Ledger {reading.path}",
        ("", "time", "entry", "of", ""),
        [
            (
                str(number),
                as_time(entry["at"]),
                entry["entry"],
                *_told_of(entry),
            )
            for number, entry in enumerate(entries, 1)
        ],
    )


def _told_of(entry: dict[str, Any]) -> tuple[str, str]:
    """What an entry is of, and its other fields, in one cell each."""
    from medibloc_py.flows.papers import as_json

    subject, *others = [
        f"{name} {as_json(value)}" for name, value in entry.items() if name not in ("entry", "at")
    ]
    return subject, ", ".join(others)


def close_out(
    context: typer.Context, listing: ListingArgument, account: As, json: Json = False
) -> None:
    """Pay a listing's bond out: to who challenged it, or back to the steward.

    To the steward 30 days after the listing closed: every order has ended by then. Anyone may
    send it.
    """
    from medibloc_py.model import ListingId

    session: Session = context.obj
    client = session.acting_as(account)
    offer = client.exchange.market.listing(ListingId(read_bytes32(listing, "listing")))
    _, decimals, symbol = token_of(client, offer.token, session)
    receipt = client.close_out(offer)
    (paid,) = (event.args for event in receipt.events if event.name == "ClosedOut")
    Output(json).result(
        receipt,
        [
            f"Paid {show_amount(paid['amount'], decimals)} {symbol} to {paid['receiver']}, "
            f"burned {show_amount(paid['burned'], decimals)}."
        ],
    )
