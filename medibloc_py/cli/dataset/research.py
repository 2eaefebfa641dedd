"""The commands of `medibloc dataset` around research: describe, search, export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.dataset.shared import ListingArgument, OrderArgument
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32
from medibloc_py.errors import (
    DocumentInvalid,
    FileExists,
    GridMissing,
    ListingUnknown,
    PixelsUnreadable,
)
from medibloc_py.storage.files import make_folder, write_atomic

if TYPE_CHECKING:
    from medibloc_py.flows.catalogue import Description, Hit
    from medibloc_py.flows.parties import Exchange


def describe(
    context: typer.Context,
    listing: ListingArgument,
    account: As,
    name: Annotated[str, typer.Option(help="What to call it; public, so name nobody.")],
    about: Annotated[str, typer.Option(help="What it is, in your words; public, too.")],
    out: Annotated[Path, typer.Option(help="New file for the signed description.")],
    croissant: Annotated[
        Path | None, typer.Option(help="New file for the same as Croissant 1.0 (JSON-LD).")
    ] = None,
    cell: Annotated[int, typer.Option(min=5, help="Fewest people of a group that is told of.")] = 5,
    json: Json = False,
) -> None:
    """Describe a listing of yours for the public, and sign it.

    Told are terms, price, and for each modality how many people and images there are at
    least, rounded down. A group of fewer than --cell people is not told of. Give the file to
    whom you like, or put it on a page: `medibloc dataset search` finds in such files. Example:
    `medibloc dataset describe 0x… --as hospital --name "Chest CT" --about "Adults, 2020 to
    2025." --out chest.description.json --croissant chest.croissant.json`.
    """
    from medibloc_py.flows import catalogue
    from medibloc_py.flows.croissant import croissant_of
    from medibloc_py.model import ListingId

    session: Session = context.obj
    for path in (out, croissant):
        if path is not None and os.path.lexists(path):
            raise FileExists(path=path)
    client = session.acting_as(account)
    console = Output(json)
    with console.progress() as progress:
        signed = catalogue.describe(
            client.exchange,
            client.me,
            ListingId(read_bytes32(listing, "listing")),
            name=name,
            about=about,
            cell=cell,
            progress=progress,
        )
    said = signed.description
    write_public(out, catalogue.write_description(signed))
    if croissant is not None:
        write_croissant(croissant, croissant_of(said))
    console.result(
        {"path": str(out), "croissant": croissant and str(croissant), "description": said},
        [f"Wrote {out}.", *_lines(said)],
    )


def search(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Descriptions, or folders of them (*.description.json).")
    ],
    modality: Annotated[
        str | None, typer.Option(help="Images of which are wanted, such as CT.")
    ] = None,
    least: Annotated[int, typer.Option("--patients", min=0, help="How many people at least.")] = 0,
    purpose_text: Annotated[
        str | None, typer.Option("--for", help="Your purpose; what its terms deny is left out.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold each one found against the chain.")
    ] = False,
    json: Json = False,
) -> None:
    """Search what stewards tell of their listings; needs no chain, no account and no network.

    A description proves who says so. That this steward has such a listing is proved with
    --check, and by `dataset check` before anything is paid. What does not hold is left out,
    counted, and named with --json. Example: `medibloc dataset search
    catalogue --modality CT --patients 50 --for HMB+NONCOMMERCIAL`.
    """
    import time

    from medibloc_py.client import read_request
    from medibloc_py.flows import catalogue

    session: Session = context.obj
    console = Output(json)
    request = read_request(purpose_text) if purpose_text else None
    found, left = read_descriptions(files)
    hits = catalogue.search(
        found, now=int(time.time()), modality=modality, least_patients=least, request=request
    )
    if check:
        hits = standing(session.client().exchange, hits, found, left)
    _show(console, hits, {said: str(path) for said, path in found.items()}, left)


def export(
    context: typer.Context,
    order: OrderArgument,
    account: As,
    out: Annotated[Path, typer.Option(help="Folder for the new files.")],
    modality: Annotated[
        str | None, typer.Option(help="Only volumes of this one, such as CT.")
    ] = None,
    json: Json = False,
) -> None:
    """Save the volumes of a settled order as NIfTI (.nii.gz), one file for each.

    Volumes are the series of each record whose slices are evenly spaced; what is none is left
    out and named, as is a file that is there already. Needs the extra `research`. What is
    written is plaintext. Example: `medibloc dataset export 0x… --as researcher --out volumes`.
    """
    from medibloc_py.datasets import save_nifti
    from medibloc_py.model import OrderId

    session: Session = context.obj
    client = session.acting_as(account)
    require_writable(out)
    console = Output(json)
    saved: list[dict[str, Any]] = []
    left: list[dict[str, str]] = []
    with console.progress() as progress:
        volumes = client.volumes(OrderId(read_bytes32(order, "order")), progress=progress)
        for done, volume in enumerate(volumes, 1):
            facts, path = volume.facts, out / f"{volume.facts.name}.nii.gz"
            if modality is None or facts.modality == modality.upper():
                try:
                    save_nifti(volume, path)
                except (FileExists, GridMissing, PixelsUnreadable) as error:
                    left.append({"path": str(path), "reason": error.message})
                else:
                    saved.append({"path": str(path), "facts": facts, "grid": volume.grid})
            progress("export", done, len(volumes))
    console.result(
        {"saved": saved, "left_out": left},
        [
            *(f"{each['path']}  {_size(each['facts'].shape)}" for each in saved),
            *(f"left out: {each['reason']}" for each in left),
            f"{len(saved)} volumes in {out}.",
        ],
    )


def standing(
    exchange: Exchange,
    hits: list[Hit],
    found: dict[Description, Path],
    left: list[dict[str, str]],
) -> list[Hit]:
    """Those that stand on the chain as they say; the others are added to what is left out."""
    from medibloc_py.flows.catalogue import require_listed

    kept = []
    for hit in hits:
        path = found[hit.description]
        try:
            require_listed(exchange, hit.description, path)
        except (DocumentInvalid, ListingUnknown) as error:
            left.append({"path": str(path), "reason": error.message})
        else:
            kept.append(hit)
    return kept


def read_descriptions(
    given: list[Path],
) -> tuple[dict[Description, Path], list[dict[str, str]]]:
    """Descriptions of files and folders, and what of the folders is none, with the reason.

    Raises:
        DocumentInvalid: a file that was named is none.
    """
    from medibloc_py.flows.catalogue import check_description

    found: dict[Description, Path] = {}
    left: list[dict[str, str]] = []
    for path in _paths(given):
        try:
            found[check_description(read_bytes(path), path)] = path
        except DocumentInvalid as error:
            if path in given:
                raise
            left.append({"path": str(path), "reason": error.message})
    return found, left


def _paths(given: list[Path]) -> list[Path]:
    """The files given, and the descriptions in the folders given."""
    paths: list[Path] = []
    for each in given:
        paths += sorted(each.glob("*.description.json")) if each.is_dir() else [each]
    return paths


def write_public(path: Path, data: bytes) -> None:
    """Writes a file that everybody may read."""
    make_folder(path.parent)
    write_atomic(path, data, mode=0o644)


def write_croissant(path: Path, told: dict[str, Any]) -> None:
    """Writes a Croissant document."""
    import json

    write_public(path, (json.dumps(told, indent=2) + "\n").encode())


def _lines(said: Description) -> list[str]:
    return [
        *(f"{each.modality}: {_people(each.patients)}, {each.images:,}+ images"
          for each in said.groups),
        *([] if said.groups else [f"No group has {said.cell} people: none is told of."]),
    ]  # fmt: skip


def _people(count: int) -> str:
    return f"{count:,}+ people"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _show(
    console: Output, hits: list[Hit], paths: dict[Description, str], left: list[dict[str, str]]
) -> None:
    from medibloc_py import purpose

    console.table(
        {
            "found": [
                {
                    "path": paths[hit.description],
                    "answer": None if hit.answer is None else hit.answer.name.lower(),
                    "description": hit.description,
                }
                for hit in hits
            ],
            "left_out": left,
        },
        f"{len(hits)} datasets" + (f"; {len(left)} files left out" if left else ""),
        ("listing", "name", "terms", "purpose", "people", "file"),
        [
            (
                "0x" + hit.description.listing.hex(),
                hit.description.name,
                purpose.render(hit.description.terms, purpose.TERM_NAMES),
                "" if hit.answer is None else hit.answer.name.lower(),
                ", ".join(f"{g.modality} {g.patients:,}+" for g in hit.description.groups),
                paths[hit.description],
            )
            for hit in hits
        ],
    )
