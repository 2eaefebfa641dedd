"""The steward's commands of `medibloc dataset` that offer one: list, list again, claim files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.dataset.shared import ListingArgument, token_of
from medibloc_py.cli.dataset.show import show_all
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_amount, read_bytes32, read_time, show_amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medibloc_py.flows import papers
    from medibloc_py.flows.listing import DatasetListed
    from medibloc_py.model import ListingId

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
