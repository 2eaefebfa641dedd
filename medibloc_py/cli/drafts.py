"""`medibloc record drafts`, and what `publish` says of drafts when it ends early."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.client import Client


def drafts(
    context: typer.Context,
    account: As,
    drop: Annotated[
        bool, typer.Option("--drop", help="Let go of them: unpin the blobs, forget the keys.")
    ] = False,
    json: Json = False,
) -> None:
    """List studies that are sealed and not published, because `publish` was stopped.

    The same `medibloc record publish` again goes on with them. Those that nobody will go on
    with are let go of by --drop, on the chain and in the store that they were made for;
    records that were registered stay in any case. With --dry-run before the command nothing is
    let go of.
    """
    from medibloc_py.flows.drafts import waiting_drafts

    session: Session = context.obj
    drop = drop and not session.dry_run
    if drop:
        found = session.acting_as(account).drop_drafts()
    else:
        found = waiting_drafts(session.identity(account))
    Output(json).table(
        [
            {
                "chain_id": each.chain_id,
                "source": each.source,
                "patient": each.file.patient,
                "cid": each.file.cid,
                "size_bytes": each.file.size_bytes,
                "begun_at": each.begun_at,
                "stored": each.kept,
            }
            for each in found
        ],
        "Let go of" if drop else "Drafts",
        ("chain", "source", "patient", "sealed bytes", "sealed at"),
        [
            (
                str(each.chain_id),
                each.source,
                each.file.patient,
                f"{each.file.size_bytes:,}",
                as_time(each.begun_at),
            )
            for each in found
        ],
    )


@contextmanager
def resumable(console: Output, client: Client) -> Iterator[None]:
    """Says what stays if a publication ends early."""
    from medibloc_py.flows.drafts import waiting_drafts

    try:
        yield
    except BaseException:
        if not console.as_json and (waiting := len(waiting_drafts(client.me))):
            print(
                f"Sealed and not published: {waiting}. The same command goes on from there; "
                "`medibloc record drafts` lists them.",
                file=sys.stderr,
            )
        raise
