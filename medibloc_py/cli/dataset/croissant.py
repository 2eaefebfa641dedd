"""`medibloc dataset croissant`: listings for catalogues, described or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.dataset.research import read_descriptions, standing, write_croissant
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32
from medibloc_py.errors import InvalidValue

if TYPE_CHECKING:
    from medibloc_py.flows.catalogue import Description
    from medibloc_py.flows.parties import Exchange
    from medibloc_py.model import ListingId


def croissant(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the files, <listing>.croissant.json.")],
    listings: Annotated[
        list[str] | None, typer.Argument(metavar="[LISTING]...", help="Listing ids.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every listing of this market, open or closed.")
    ] = False,
    described: Annotated[
        list[Path] | None,
        typer.Option(
            help="A description, or a folder of them (*.description.json), to tell more by; "
            "repeatable."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write listings as Croissant 1.0 (JSON-LD), for catalogues of datasets.

    Told is what the chain has: steward, terms, price, since when and until when. Of a listing
    whose steward signed a description (--described) that is told, too, once the chain agrees;
    what does not hold is left out and named. A file of an earlier run is written anew. Needs no
    account. Example: `medibloc dataset croissant --all --described catalogue --out croissants`.
    """
    from medibloc_py.flows.croissant import croissant_of, croissant_of_offer
    from medibloc_py.flows.offers import read_offers

    if everything == bool(listings):
        given = "both" if everything else "not set"
        raise InvalidValue(name="listings", given=given, allowed="ids of listings, or --all")
    wanted = None if everything else [_id(each) for each in listings or ()]
    require_writable(out)
    session: Session = context.obj
    exchange = session.client().exchange
    told, left = _described(exchange, described or [])
    written: list[dict[str, Any]] = []
    for offer in read_offers(exchange, wanted):
        said = told.get(offer.listing)
        path = out / f"{offer.listing.hex()}.croissant.json"
        write_croissant(path, croissant_of(said) if said else croissant_of_offer(offer))
        written.append({"listing": offer.listing, "path": str(path), "described": bool(said)})
    count = sum(each["described"] for each in written)
    Output(json).result(
        {"written": written, "left_out": left},
        [
            *(f"left out: {each['path']}: {each['reason']}" for each in left),
            f"{len(written)} listings in {out}, {count} as their stewards describe them.",
        ],
    )


def _id(given: str) -> ListingId:
    from medibloc_py.model import ListingId

    return ListingId(read_bytes32(given, "listing"))


def _described(
    exchange: Exchange, paths: list[Path]
) -> tuple[dict[ListingId, Description], list[dict[str, str]]]:
    """The newest description of each listing that the chain agrees with, and what was left out."""
    from medibloc_py.flows.catalogue import Hit
    from medibloc_py.model import ListingId

    found, left = read_descriptions(paths)
    hits = standing(exchange, [Hit(each, None) for each in found], found, left)
    newest = sorted((hit.description for hit in hits), key=lambda said: said.at)
    return {ListingId(said.listing): said for said in newest}, left
