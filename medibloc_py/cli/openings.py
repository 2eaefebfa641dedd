"""Papers that say who opened a record: written by readers, kept by patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import Json, Session, read_bytes
from medibloc_py.cli.output import Output

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.flows.opened import OpenedRecord
    from medibloc_py.model import Address


def require_own_opening(path: Path, reader: Address) -> None:
    """Sees that a paper can be written, before anything is fetched; an own one may be replaced.

    Raises:
        FileExists: something else is there.
        StoreFailed: its folder cannot be used.
    """
    from medibloc_py.cli.files import require_writable
    from medibloc_py.errors import DocumentInvalid, FileExists
    from medibloc_py.flows.openings import read_opening

    require_writable(path.absolute().parent)
    if not path.exists():
        return
    try:
        own = read_opening(read_bytes(path), path).reader == reader
    except DocumentInvalid:
        own = False
    if not own:
        raise FileExists(path=path)


def write_opening(path: Path, client: Client, opened: OpenedRecord) -> None:
    """Signs that the account opened a record, and writes the paper."""
    from medibloc_py.flows import openings
    from medibloc_py.storage.files import write_atomic

    count = len(opened.manifest.files)
    signed = openings.sign_opening(client.exchange, client.me, opened.record, count)
    write_atomic(path.absolute(), openings.write_opening(signed))


def keep(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Papers that readers wrote with `access open --opening`.")
    ],
    account: Annotated[str, typer.Option("--as", help="Account that keeps them.")],
    json: Json = False,
) -> None:
    """Keep what readers signed of having opened a record: audits with --as tell it from then on.

    Each must be signed by a reader whom this chain once gave that right. Example: `medibloc
    audit keep opening.json --as alice`.
    """
    from medibloc_py.flows.openings import keep_opening

    session: Session = context.obj
    client = session.acting_as(account)
    kept = [keep_opening(client.exchange, client.me, read_bytes(file), file) for file in files]
    lines = [f"{each.reader} opened 0x{each.record.hex()}." for each in kept]
    Output(json).result({"kept": kept}, lines)
