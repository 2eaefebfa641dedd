"""`medibloc dataset`: from a patient's signature to a paid share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.files import require_writable, save_opened
from medibloc_py.cli.options import Arrays, As, Json, Session, read_bytes, test_token
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import (
    read_amount,
    read_bytes32,
    read_span,
    read_time,
    show_amount,
)
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medibloc_py.client import Client
    from medibloc_py.flows import papers
    from medibloc_py.model import Address, ListingId

app = typer.Typer(
    no_args_is_help=True,
    help="Datasets: contribute, list, quote, check, purchase, settle, open, claim.",
)

ListingArgument = Annotated[str, typer.Argument(help="Listing id.")]
OrderArgument = Annotated[str, typer.Argument(help="Order id.")]
PurposeMeant = Annotated[
    str,
    typer.Option("--for", help="Your purpose; an order puts it on record, promises included."),
]
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
QuoteFile = Annotated[Path, typer.Argument(help="Quote file from the steward.")]
ClaimFile = Annotated[Path, typer.Argument(help="Claim file from the steward.")]


def _token(client: Client, given: str | None, session: Session) -> tuple[Address, int, str]:
    """A token's address, decimals and symbol; the deployment's test token if none is given."""
    from medibloc_py.services import TokenService

    exchange = client.exchange
    token = (
        TokenService(exchange.network, session.address(given)) if given else test_token(exchange)
    )
    return token.address, token.decimals(), token.symbol()


@app.command("contribute")
def contribute(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    steward: Annotated[str, typer.Option(help="Who may list it: name or address.")],
    terms: Annotated[str, typer.Option(help="Terms of the listing, such as HMB+NCU.")],
    min_price: Annotated[str, typer.Option(help="Lowest price per sale, in whole tokens.")],
    of: Annotated[
        int,
        typer.Option(min=1, help="Largest total weight: your share is --weight of --of or more."),
    ],
    out: Annotated[Path, typer.Option(help="File for the signed contribution.")],
    max_fee_bps: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Largest part of the price for the steward, in basis points."
        ),
    ] = 1000,
    until: Annotated[str, typer.Option(help="The listing must close by then.")] = "365d",
    weight: Annotated[int, typer.Option(min=1, help="Weight of the share.")] = 1,
    payee: Annotated[
        str | None, typer.Option(help="Who is paid; the account if not given.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="ERC-20; else the test token.")] = None,
    json: Json = False,
) -> None:
    """Sign a record into a steward's listing. Nothing is sent; give the file to the steward."""
    from medibloc_py.flows import papers
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    client = session.acting_as(account)
    address, decimals, _ = _token(client, token, session)
    signed = client.contribute(
        RecordId(read_bytes32(record, "record")),
        steward=session.address(steward),
        token=address,
        terms=terms,
        min_price=read_amount(min_price, decimals),
        max_fee_bps=max_fee_bps,
        max_total_weight=of,
        expires_at=read_time(until, client.exchange.network.now()),
        weight=weight,
        payee=session.address(payee) if payee else None,
    )
    write_atomic(out, papers.write("contribution", signed))
    Output(json).result(signed, [f"Signed; give {out} to the steward."])


@app.command("list")
def list_(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Signed contributions; none: show all listings.")
    ] = None,
    account: Annotated[str | None, typer.Option("--as", help="The steward's account.")] = None,
    price: Annotated[str | None, typer.Option(help="Price per sale, in whole tokens.")] = None,
    fee_bps: Annotated[
        int, typer.Option(min=0, max=10_000, help="The steward's part, in basis points.")
    ] = 0,
    until: Annotated[str, typer.Option(help="Last moment to order.")] = "90d",
    out: Annotated[Path, typer.Option(help="Folder for the claim files.")] = Path("claims"),
    json: Json = False,
) -> None:
    """List a dataset from signed contributions; without files, show all listings."""
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows import papers
    from medibloc_py.model import SignedContribution

    session: Session = context.obj
    console = Output(json)
    if not files:
        _show_listings(session.client(), console)
        return
    if account is None or price is None:
        raise InvalidValue(name="--as and --price", given="missing", allowed="given to list")
    signed = [
        papers.read("contribution", SignedContribution, read_bytes(file), file) for file in files
    ]
    require_writable(out)
    client = session.acting_as(account)
    _, decimals, symbol = _token(client, signed[0].terms.token, session)
    with console.progress() as progress:
        done = client.list_dataset(
            signed,
            price=read_amount(price, decimals),
            fee_bps=fee_bps,
            closes_at=read_time(until, client.exchange.network.now()),
            progress=progress,
        )
    paths = _write_claims(out, done.listing_id, done.claims)
    console.result(
        {
            "listing_id": done.listing_id,
            "listing": done.listing,
            "receipt": done.receipt,
            "claims": paths,
        },
        [
            f"listing  0x{done.listing_id.hex()}",
            f"price    {show_amount(done.listing.price, decimals)} {symbol}",
            f"claims   {len(paths)} files in {out}: give each patient theirs",
            f"gas      {done.receipt.gas_used:,}"
            if done.receipt
            else "An earlier run had sent it; nothing was sent now.",
        ],
    )


def _write_claims(out: Path, listing: ListingId, claims: Sequence[papers.Claim]) -> list[str]:
    from medibloc_py.flows import papers
    from medibloc_py.storage.files import write_atomic

    paths = []
    for number, claim in enumerate(claims):
        name = f"{listing.hex()[:16]}-{number:04}-{claim.contribution.patient}.claim.json"
        write_atomic(out / name, papers.write("claim", claim))
        paths.append(str(out / name))
    return paths


@app.command("claims")
def claims(
    context: typer.Context,
    listing: ListingArgument,
    account: As,
    out: Annotated[Path, typer.Option(help="Folder for the claim files.")] = Path("claims"),
    json: Json = False,
) -> None:
    """Write the claim files of a listing once more (steward), should they be lost."""
    from medibloc_py.model import ListingId

    session: Session = context.obj
    listing_id = ListingId(read_bytes32(listing, "listing"))
    client = session.acting_as(account)
    require_writable(out)
    paths = _write_claims(out, listing_id, client.claims_of(listing_id))
    Output(json).result(
        {"listing_id": listing_id, "claims": paths},
        [f"{len(paths)} claim files in {out}: give each patient theirs."],
    )


def _show_listings(client: Client, console: Output) -> None:
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


@app.command("show")
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
    _, decimals, symbol = _token(client, offer.token, session)
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
            f"price    {show_amount(offer.price, decimals)} {symbol}, fee {offer.fee_bps} bps",
            f"closes   {as_time(state.closes_at)}",
            f"earned   {show_amount(state.earned, decimals)} {symbol}",
            f"paid     {show_amount(state.paid, decimals)} {symbol}",
            *(f"order    0x{order_id.hex()} {name}" for order_id, _, name in orders),
        ],
    )


@app.command("quote")
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


@app.command("check")
def check(
    context: typer.Context,
    file: QuoteFile,
    account: As,
    purpose_text: PurposeMeant,
    json: Json = False,
) -> None:
    """Check a quote in full, without paying."""
    from medibloc_py import purpose

    session: Session = context.obj
    client = session.acting_as(account)
    console = Output(json)
    with console.progress() as progress:
        checked = client.check_quote(read_bytes(file), file, purpose_text, progress)
    listing = checked.quote.listing
    _, decimals, symbol = _token(client, listing.token, session)
    console.result(
        {
            "listing_id": checked.listing_id,
            "records": len(checked.quote.rows),
            "price": listing.price,
            "terms": purpose.render(listing.terms, purpose.TERM_NAMES),
            "deadline": checked.quote.deadline,
            "holds": True,
        },
        [
            f"The quote holds: {len(checked.quote.rows)} records for "
            f"{show_amount(listing.price, decimals)} {symbol}, "
            f"to settle by {as_time(checked.quote.deadline)}.",
            f"Their terms are {purpose.render(listing.terms, purpose.TERM_NAMES)}.",
        ],
    )


@app.command("purchase")
def purchase(
    context: typer.Context,
    file: QuoteFile,
    account: As,
    purpose_text: PurposeMeant,
    amount: Annotated[
        str | None, typer.Option(help="What you mean to pay, in whole tokens; else the price.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a quote in full, then lock its price until it is settled or refunded."""
    session: Session = context.obj
    client = session.acting_as(account)
    console = Output(json)
    with console.progress() as progress:
        checked = client.check_quote(read_bytes(file), file, purpose_text, progress)
    _, decimals, symbol = _token(client, checked.quote.listing.token, session)
    done = client.purchase(checked, read_amount(amount, decimals) if amount else None)
    console.result(
        {"order_id": done.order_id, "order": done.order, "receipt": done.receipt},
        [
            f"order     0x{done.order_id.hex()}",
            f"locked    {show_amount(done.order.price, decimals)} {symbol}",
            f"deadline  {as_time(done.order.deadline)}; unsettled by then, take the refund",
        ],
    )


@app.command("orders")
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


@app.command("settle")
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


@app.command("ledger")
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


@app.command("refund")
def refund(context: typer.Context, order: OrderArgument, account: As, json: Json = False) -> None:
    """Send an unsettled order's payment back to its buyer, after the deadline."""
    from medibloc_py.model import OrderId

    session: Session = context.obj
    receipt = session.acting_as(account).refund(OrderId(read_bytes32(order, "order")))
    Output(json).result(receipt, [f"Refunded in {receipt.transaction}."])


@app.command("open")
def open_(
    context: typer.Context,
    order: OrderArgument,
    account: As,
    out: Annotated[Path, typer.Option(help="New folder for what was bought.")],
    arrays: Arrays = False,
    json: Json = False,
) -> None:
    """Open a settled order: one folder for each record."""
    from medibloc_py.model import OrderId

    session: Session = context.obj
    dataset = session.acting_as(account).open_dataset(OrderId(read_bytes32(order, "order")))
    console = Output(json)
    saved: list[dict[str, Any]] = []
    with console.progress() as progress:
        for opened in dataset:
            folder = out / opened.record.hex()[:16]
            files = save_opened(opened, folder, progress, arrays=arrays)
            saved.append({"record": opened.record, "files": files})
    console.result(saved, [f"{len(saved)} records in {out}."])


@app.command("withdraw")
def withdraw(context: typer.Context, file: ClaimFile, account: As, json: Json = False) -> None:
    """Leave a listing: it takes no order from the next block on. Earnings so far stay."""
    session: Session = context.obj
    receipt = session.acting_as(account).withdraw(read_bytes(file), file)
    Output(json).result(receipt, [f"Withdrawn in {receipt.transaction}; the listing is closed."])


@app.command("claim")
def claim(
    context: typer.Context,
    account: As,
    file: Annotated[Path | None, typer.Argument(help="Claim file from the steward.")] = None,
    fee_of: Annotated[
        str | None, typer.Option("--fee-of", help="Pay the steward's part of a listing instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Pay a share out to its payee, or with --fee-of the steward's part; anyone may send it."""
    from medibloc_py.errors import InvalidValue
    from medibloc_py.model import ListingId

    session: Session = context.obj
    if (file is None) == (fee_of is None):
        raise InvalidValue(
            name="claim",
            given="given nothing" if file is None else "given both",
            allowed="given either a claim file or --fee-of",
        )
    if file is not None:
        data = read_bytes(file)
        receipt = session.acting_as(account).claim(data, file)
    else:
        listing_id = ListingId(read_bytes32(str(fee_of), "listing"))
        client = session.acting_as(account)
        receipt = client.claim_fee(client.exchange.market.listing(listing_id))
    paid = sum(event.args["amount"] for event in receipt.events if "amount" in event.args)
    Output(json).result(
        {"amount": paid, "receipt": receipt},
        [f"Paid {paid:,} token units in {receipt.transaction}."],
    )
