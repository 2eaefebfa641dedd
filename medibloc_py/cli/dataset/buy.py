"""The buyer's commands of `medibloc dataset`: check, purchase, open, frame, refund, challenge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from medibloc_py.cli.dataset.shared import OrderArgument, QuoteFile, token_of
from medibloc_py.cli.frame import FileName, FrameNumber, FrameOut, require_free, save_frame
from medibloc_py.cli.options import Arrays, As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import told_of
from medibloc_py.cli.saving import saving
from medibloc_py.cli.times import read_amount, read_bytes32, show_amount
from medibloc_py.errors.words import time as as_time

PurposeMeant = Annotated[
    str,
    typer.Option("--for", help="Your purpose; an order puts it on record, promises included."),
]


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
    _, decimals, symbol = token_of(client, listing.token, session)
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
    _, decimals, symbol = token_of(client, checked.quote.listing.token, session)
    done = client.purchase(checked, read_amount(amount, decimals) if amount else None)
    console.result(
        {"order_id": done.order_id, "order": done.order, "receipt": done.receipt},
        [
            f"order     0x{done.order_id.hex()}",
            f"locked    {show_amount(done.order.price, decimals)} {symbol}",
            f"deadline  {as_time(done.order.deadline)}; unsettled by then, take the refund",
        ],
    )


def refund(context: typer.Context, order: OrderArgument, account: As, json: Json = False) -> None:
    """Send an unsettled order's payment back to its buyer, after the deadline."""
    from medibloc_py.model import OrderId

    session: Session = context.obj
    receipt = session.acting_as(account).refund(OrderId(read_bytes32(order, "order")))
    Output(json).result(receipt, [f"Refunded in {receipt.transaction}."])


def open_(
    context: typer.Context,
    order: OrderArgument,
    account: As,
    out: Annotated[Path, typer.Option(help="New folder for what was bought.")],
    arrays: Arrays = False,
    json: Json = False,
) -> None:
    """Open a settled order: one folder for each record.

    Was it stopped or killed, the same command goes on where it was. Each record's
    de-identification receipt must be its issuer's and of its files.
    """
    from medibloc_py.model import OrderId

    session: Session = context.obj
    order_id = OrderId(read_bytes32(order, "order"))
    dataset = session.acting_as(account).open_dataset(order_id)
    console = Output(json)
    saved: list[dict[str, Any]] = []
    lines: list[str] = []
    with saving(out, order_id) as place:
        with console.progress() as progress:
            for opened in dataset:
                folder = out / opened.record.hex()[:16]
                files = place.save(opened, folder, progress, arrays=arrays)
                done, told = told_of(opened, files)
                saved.append({"record": opened.record, "files": files, "deidentification": done})
                lines += [f"0x{opened.record.hex()} {line}" for line in told]
        console.result(saved, [f"{len(saved)} records in {out}.{place.remark}", *lines])


def frame(
    context: typer.Context,
    order: OrderArgument,
    account: As,
    out: FrameOut,
    record: Annotated[
        str | None, typer.Option(help="Id of the record; else the first one of the order.")
    ] = None,
    file: FileName = None,
    number: FrameNumber = 0,
    json: Json = False,
) -> None:
    """Save the pixels of one frame of a record that a settled order bought.

    Nothing else of the record is fetched than what holds this frame, the file's header and
    the list of files. What is fetched is checked as if all were; what is not fetched is not.
    """
    from medibloc_py.model import OrderId, RecordId

    session: Session = context.obj
    order_id = OrderId(read_bytes32(order, "order"))
    wanted = RecordId(read_bytes32(record, "record")) if record else None
    require_free(out)
    dataset = session.acting_as(account).open_dataset(order_id)
    opened = dataset.find(wanted) if wanted else dataset.record(0)
    save_frame(opened, file, number, out, Output(json))


def challenge(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Quote file; or a claim file with --evidence.")],
    account: As,
    evidence: Annotated[
        Path | None,
        typer.Option(help="The signed contribution behind a claim file."),
    ] = None,
    json: Json = False,
) -> None:
    """Take a steward's bond by a contribution that nobody signed; closes the listing.

    A quote shows every contribution of its listing. The first that its patient did not sign
    for this listing is the evidence. Half of the bond is yours (`dataset close-out`), half is
    burned, so that no steward gains by challenging itself.
    """
    from medibloc_py.flows import papers
    from medibloc_py.model import SignedContribution

    session: Session = context.obj
    client = session.acting_as(account)
    data = read_bytes(file)
    if evidence is None:
        done = client.challenge_quote(data, file)
    else:
        signed = papers.read("contribution", SignedContribution, read_bytes(evidence), evidence)
        done = client.challenge_claim(data, file, signed)
    Output(json).result(
        done,
        [
            f"listing  0x{done.listing_id.hex()} is closed",
            f"because  the contribution of {done.evidence.terms.patient}: {done.flaw}",
            "bond     take your half with `medibloc dataset close-out`",
        ],
    )
