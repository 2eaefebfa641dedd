"""`medibloc store replicas`: copies of sealed blobs with a pinning service."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import Json, Session, read_text
from medibloc_py.cli.output import Output
from medibloc_py.errors import InvalidValue, MediBlocError, TokenMissing

if TYPE_CHECKING:
    from medibloc_py.model import Cid
    from medibloc_py.storage import PinningService, PinRequest

app = typer.Typer(
    no_args_is_help=True,
    help="Replicas: have a pinning service keep copies of sealed blobs, on machines of others.",
)

SERVICE = "MEDIBLOC_PINNING_SERVICE"
"""Names the service, where an option does not."""
_TOKEN = "MEDIBLOC_PINNING_TOKEN"  # noqa: S105  # the variable's name
Blobs = Annotated[list[str], typer.Argument(metavar="CID...", help="CIDs of sealed blobs.")]
Service = Annotated[
    str,
    typer.Option(envvar=SERVICE, help="URL of an IPFS Pinning Service API."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"File whose first line is the access token; else {_TOKEN} holds it."),
]


@app.command("add")
def add(
    context: typer.Context,
    service: Service,
    blobs: Annotated[
        list[str] | None, typer.Argument(metavar="[CID...]", help="CIDs of sealed blobs.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Every blob that the store keeps, of all records.")
    ] = False,
    token_file: TokenFile = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Multiaddr of a node that has the blobs; repeatable.")
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait until each is pinned; 0 does not wait.")
    ] = 600.0,
    json: Json = False,
) -> None:
    """Have the service keep copies of blobs, and wait until it has them.

    It fetches them from the node that holds them, which must be online until then. The
    service learns CIDs of sealed bytes and nothing else: no name goes along. Asking again
    for what it keeps or is about to changes nothing. Ends with the exit code of the first
    that failed.
    """
    session: Session = context.obj
    session.refuse_dry_run()
    console = Output(json)
    client = open_service(service, token_file)
    if bool(blobs) is whole:
        raise InvalidValue(name="CID or --all", given="not one", allowed="one of them")
    cids = _cids(blobs or _kept(session))
    outcomes: list[PinRequest | MediBlocError] = []
    with console.progress() as progress:
        for number, cid in enumerate(cids):
            progress("replicate", number, len(cids))
            try:
                request = client.pin(cid, origin or ())
                outcomes.append(client.wait(request, patience_s=patience) if patience else request)
            except MediBlocError as error:
                outcomes.append(error)
        progress("replicate", len(cids), len(cids))
    _report(console, cids, outcomes)


@app.command("status")
def status(
    service: Service,
    blobs: Annotated[
        list[str] | None, typer.Argument(metavar="[CID...]", help="Only these blobs.")
    ] = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """List what the service keeps, by its own word; a read through a gateway proves it."""
    client = open_service(service, token_file)
    console = Output(json)
    found: list[PinRequest] = []
    with console.progress() as progress:
        if blobs:
            cids = _cids(blobs)
            for number, cid in enumerate(cids):
                progress("ask", number, len(cids))
                found += client.requests(cid)
        else:
            found += client.requests()
    console.table(
        [_as_data(each) for each in found],
        "Replicas",
        ("blob", "state", "since", "details"),
        [(each.cid, each.state, each.created, each.details) for each in found],
    )


@app.command("remove")
def remove(
    context: typer.Context,
    blobs: Blobs,
    service: Service,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Have the service let go of blobs; no error if it kept none of them.

    When its copies really go is the service's matter: sealed bytes whose key is shredded
    are noise wherever they stay.
    """
    session: Session = context.obj
    session.refuse_dry_run()
    client = open_service(service, token_file)
    console = Output(json)
    cids = _cids(blobs)
    removed: list[PinRequest] = []
    with console.progress() as progress:
        for number, cid in enumerate(cids):
            progress("let go", number, len(cids))
            for request in list(client.requests(cid)):
                client.unpin(request.request)
                removed.append(request)
    console.result(
        [_as_data(each) for each in removed],
        [f"{each.cid} is let go of." for each in removed] or ["The service kept none of them."],
    )


def open_service(url: str, token_file: Path | None) -> PinningService:
    """The service, with the token of the file or of the environment.

    Raises:
        TokenMissing: there is none.
    """
    from medibloc_py.storage import PinningService

    if token_file is not None:
        token = read_text(token_file).partition("\n")[0].rstrip("\r")
    else:
        token = os.environ.get(_TOKEN, "")
    if not token:
        raise TokenMissing(url=url)
    return PinningService(url, token)


def _kept(session: Session) -> list[Cid]:
    from medibloc_py.client import open_store

    return sorted(open_store(session.settings().store).pins())


def _cids(given: Sequence[str]) -> list[Cid]:
    """CIDs, each once, all looked at before anything is sent."""
    from medibloc_py.model import Cid
    from medibloc_py.storage import cid_bytes

    for cid in given:
        cid_bytes(cid)
    return [Cid(cid) for cid in dict.fromkeys(given)]


def _report(console: Output, cids: list[Cid], outcomes: list[PinRequest | MediBlocError]) -> None:
    data: list[dict[str, object]] = []
    rows, errors = [], []
    for cid, outcome in zip(cids, outcomes, strict=True):
        if isinstance(outcome, MediBlocError):
            errors.append(outcome)
            data.append({"cid": cid, "error": outcome.as_json()})
            rows.append((cid, f"{type(outcome).__name__}: {outcome.message}"))
        else:
            data.append(_as_data(outcome))
            rows.append((cid, str(outcome.state)))
    console.table(data, "Replicas", ("blob", "outcome"), rows)
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _as_data(request: PinRequest) -> dict[str, object]:
    return {
        "cid": request.cid,
        "request": request.request,
        "state": str(request.state),
        "created": request.created,
        "details": request.details,
        "error": None,
    }
