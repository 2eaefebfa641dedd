"""A contributor's commands of `medibloc dataset`: contribute, withdraw, claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.acting import act, sign_acts
from medibloc_py.cli.dataset.shared import ClaimFile, token_of
from medibloc_py.cli.options import (
    WEEK,
    As,
    Json,
    OnBehalfOf,
    Session,
    Sign,
    ValidFor,
    read_bytes,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_amount, read_bytes32, read_time

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.model import Receipt


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
    on_behalf_of: OnBehalfOf = None,
    json: Json = False,
) -> None:
    """Sign a record into a steward's listing. Nothing is sent; give the file to the steward."""
    from medibloc_py.flows import papers
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    client = session.acting_as(account)
    address, decimals, _ = token_of(client, token, session)
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
        patient=session.address(on_behalf_of) if on_behalf_of else None,
    )
    write_atomic(out, papers.write("contribution", signed))
    Output(json).result(signed, [f"Signed; give {out} to the steward."])


def withdraw(
    context: typer.Context,
    file: ClaimFile,
    account: As,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Leave a listing: it takes no order from the next block on. Earnings so far stay.

    The patient may always, and a delegate for selling; anyone else once the patient's consent
    no longer permits the listing's terms.
    """
    session: Session = context.obj
    client = session.acting_as(account)
    prepared = client.withdrawal(read_bytes(file), file)
    said = "Withdrawn; the listing is closed"
    act(Output(json), client, prepared, sign, valid_for, said)


def claim(
    context: typer.Context,
    account: As,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Claim files, of contributors or issuers.")
    ] = None,
    fee_of: Annotated[
        str | None, typer.Option("--fee-of", help="Pay the steward's part of a listing instead.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="Another address than the payee's; only the payee may say so."),
    ] = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Pay shares out to their payees, or with --fee-of the steward's part; anyone may send it.

    Several files, of any listings, go a hundred in a transaction; those with nothing due are
    passed by.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.model import ListingId

    session: Session = context.obj
    given = files or []
    elsewhere = to is not None
    if bool(given) == (fee_of is not None) or (elsewhere and len(given) != 1):
        raise InvalidValue(
            name="claim",
            given=f"given {len(given)} files" + (" and --fee-of" if fee_of else ""),
            allowed="given either claim files or --fee-of; one file with --to",
        )
    if sign is not None and not elsewhere:
        raise InvalidValue(
            name="--sign", given="given without --to", allowed="left out: anyone may send a claim"
        )
    console = Output(json)
    client = session.acting_as(account)
    if fee_of is not None:
        listing_id = ListingId(read_bytes32(fee_of, "listing"))
        receipts = [client.claim_fee(client.exchange.market.listing(listing_id))]
    elif to is not None:
        prepared = client.claim_to(read_bytes(given[0]), given[0], session.address(to))
        if sign is not None:
            sign_acts(console, client, [prepared], sign, valid_for)
            return
        receipts = [prepared.send()]
    else:
        receipts = _claim_all(client, given, console)
    paid = sum(
        event.args["amount"]
        for receipt in receipts
        for event in receipt.events
        if event.name in ("Claimed", "IssuerClaimed", "FeeClaimed")
    )
    sent = ", ".join(receipt.transaction for receipt in receipts)
    console.result(
        {"amount": paid, "receipts": receipts}, [f"Paid {paid:,} token units in {sent}."]
    )


def _claim_all(client: Client, files: list[Path], console: Output) -> list[Receipt]:
    """Claims for issuers one by one, for contributors together."""
    from medibloc_py.flows import papers

    read = [(read_bytes(file), file) for file in files]
    if len(read) == 1:
        return [client.claim(*read[0])]
    issuers = [each for each in read if papers.kind_of(each[0]) == "issuer-claim"]
    contributors = [each for each in read if each not in issuers]
    receipts = [client.claim(*each) for each in issuers]
    if contributors:
        with console.progress() as progress:
            receipts += client.claim_many(contributors, progress)
    return receipts
