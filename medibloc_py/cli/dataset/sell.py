"""The steward's commands of `medibloc dataset`: list, quote, settle, and the bond."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.dataset.shared import ListingArgument, OrderArgument, token_of
from medibloc_py.cli.dataset.show import show_all
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session, read_bytes
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

    from medibloc_py.flows import papers
    from medibloc_py.flows.listing import DatasetListed
    from medibloc_py.model import ListingId

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
ClaimFolder = Annotated[Path, typer.Option(help="Folder for the claim files.")]


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
    issuer_bps: Annotated[
        int,
        typer.Option(min=0, max=10_000, help="The records' issuers' part, in basis points."),
    ] = 0,
    bond: Annotated[
        str | None,
        typer.Option(
            help="Whole tokens you stake on every contribution being signed; "
            "buyers see it. Back 30 days after the listing closed."
        ),
    ] = None,
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
        show_all(session.client(), console)
        return
    if account is None or price is None:
        raise InvalidValue(name="--as and --price", given="missing", allowed="given to list")
    signed = [
        papers.read("contribution", SignedContribution, read_bytes(file), file) for file in files
    ]
    require_writable(out)
    client = session.acting_as(account)
    _, decimals, symbol = token_of(client, signed[0].terms.token, session)
    with console.progress() as progress:
        done = client.list_dataset(
            signed,
            price=read_amount(price, decimals),
            fee_bps=fee_bps,
            issuer_bps=issuer_bps,
            bond=read_amount(bond, decimals) if bond else 0,
            closes_at=read_time(until, client.exchange.network.run.moment()),
            progress=progress,
        )
    _report(console, done, out, decimals, symbol)


def relist(
    context: typer.Context,
    listing: ListingArgument,
    account: As,
    price: Annotated[
        str | None, typer.Option(help="Price per sale, in whole tokens; else as before.")
    ] = None,
    bond: Annotated[str | None, typer.Option(help="Bond, in whole tokens; else as before.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last moment to order; else as first listed.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A record to leave out; may be given several times.")
    ] = None,
    out: ClaimFolder = Path("claims"),
    json: Json = False,
) -> None:
    """List a dataset again, under a new secret, without what left it (steward).

    A withdrawal closes a listing. This lists the rest in one transaction: contributions that
    were withdrawn, or whose consent no longer covers the terms, are left out and told.
    """
    from medibloc_py.model import ListingId, RecordId

    session: Session = context.obj
    console = Output(json)
    listing_id = ListingId(read_bytes32(listing, "listing"))
    records = [RecordId(read_bytes32(each, "record")) for each in without or []]
    require_writable(out)
    client = session.acting_as(account)
    token = client.exchange.market.listing(listing_id).token
    _, decimals, symbol = token_of(client, token, session)
    now = client.exchange.network.run.moment()
    with console.progress() as progress:
        done = client.relist(
            listing_id,
            price=read_amount(price, decimals) if price else None,
            bond=read_amount(bond, decimals) if bond else None,
            closes_at=read_time(until, now) if until else None,
            without=records,
            progress=progress,
        )
    left = [{"record": record, "reason": reason} for record, reason in done.left_out]
    _report(
        console,
        done.listed,
        out,
        decimals,
        symbol,
        extra={"left_out": left},
        lines=[f"left     0x{record.hex()}: {reason}" for record, reason in done.left_out],
    )


def _report(
    console: Output,
    done: DatasetListed,
    out: Path,
    decimals: int,
    symbol: str,
    extra: dict[str, Any] | None = None,
    lines: Sequence[str] = (),
) -> None:
    """Writes the claim files of a new listing, and tells of it."""
    paths = _write_claims(out, done.listing_id, done.claims, done.issuer_claims)
    console.result(
        {
            "listing_id": done.listing_id,
            "listing": done.listing,
            "receipt": done.receipt,
            "claims": paths,
            **(extra or {}),
        },
        [
            f"listing  0x{done.listing_id.hex()}",
            f"price    {show_amount(done.listing.price, decimals)} {symbol}",
            f"claims   {len(paths)} files in {out}: give each patient and issuer theirs",
            *lines,
            f"gas      {done.receipt.gas_used:,}"
            if done.receipt
            else "An earlier run had sent it; nothing was sent now.",
        ],
    )


def _write_claims(
    out: Path,
    listing: ListingId,
    claims: Sequence[papers.Claim],
    issuers: Sequence[papers.IssuerClaim],
) -> list[str]:
    from medibloc_py.flows import papers
    from medibloc_py.storage.files import write_atomic

    written = {
        f"{number:04}-{claim.contribution.patient}.claim.json": papers.write("claim", claim)
        for number, claim in enumerate(claims)
    } | {
        f"issuer-{claim.share.issuer}.claim.json": papers.write("issuer-claim", claim)
        for claim in issuers
    }
    paths = {out / f"{listing.hex()[:16]}-{name}": data for name, data in written.items()}
    for path, data in paths.items():
        write_atomic(path, data)
    return [str(path) for path in paths]


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
    paths = _write_claims(
        out, listing_id, client.claims_of(listing_id), client.issuer_claims_of(listing_id)
    )
    Output(json).result(
        {"listing_id": listing_id, "claims": paths},
        [f"{len(paths)} claim files in {out}: give each patient and issuer theirs."],
    )


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
