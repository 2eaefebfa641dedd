"""`medibloc access`: one record for one reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.files import save_opened
from medibloc_py.cli.options import Arrays, As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors.words import time as as_time

app = typer.Typer(no_args_is_help=True, help="Access: one record for one reader, until a time.")

Record = Annotated[str, typer.Argument(help="Record id.")]


@app.command("grant")
def grant(
    context: typer.Context,
    record: Record,
    account: As,
    to: Annotated[str, typer.Option(help="Reader: name or address.")],
    purpose_text: Annotated[
        str, typer.Option("--for", help="TREATMENT, or a purpose the consent permits.")
    ] = "TREATMENT",
    until: Annotated[str, typer.Option(help="A span like 30d or a date.")] = "30d",
    json: Json = False,
) -> None:
    """Grant a reader access to a record the account holds."""
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id, reader = RecordId(read_bytes32(record, "record")), session.address(to)
    client = session.acting_as(account)
    time = read_time(until, client.exchange.network.now())
    made = client.grant(record_id, reader, purpose_text, time)
    Output(json).result(
        made, [f"{reader} may read until {as_time(time)}, gas {made.receipt.gas_used:,}."]
    )


@app.command("revoke")
def revoke(
    context: typer.Context,
    record: Record,
    account: As,
    to: Annotated[str, typer.Option(help="Reader: name or address.")],
    json: Json = False,
) -> None:
    """Stop a grant. What was read before cannot be unseen."""
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id, reader = RecordId(read_bytes32(record, "record")), session.address(to)
    receipt = session.acting_as(account).revoke_grant(record_id, reader)
    Output(json).result(
        receipt,
        [
            f"{reader} is refused from the next block on, gas {receipt.gas_used:,}.",
            "What was read before cannot be unseen.",
        ],
    )


@app.command("list")
def list_(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="Grants to a reader: name or address.")] = None,
    by: Annotated[str | None, typer.Option(help="Grants by a patient: name or address.")] = None,
    json: Json = False,
) -> None:
    """List grants and whether they stand, from the chain alone."""
    from medibloc_py import purpose

    session: Session = context.obj
    exchange = session.client().exchange
    events = exchange.access.grants(
        grantee=session.address(to) if to else None,
        patient=session.address(by) if by else None,
    )
    now = exchange.network.now()
    data, rows = [], []
    for event in events:
        current = exchange.access.grant_of(event.record, event.grantee)
        stands = current.epoch == event.epoch and current.expires_at >= now
        data.append({"grant": event, "stands": stands})
        rows.append(
            (
                "0x" + event.record.hex(),
                event.patient,
                event.grantee,
                purpose.render(event.purpose, purpose.REQUEST_NAMES),
                as_time(event.expires_at),
                "yes" if stands else "no",
            )
        )
    Output(json).table(
        data, "Grants", ("record", "patient", "reader", "purpose", "until", "stands"), rows
    )


@app.command("open")
def open_(
    context: typer.Context,
    record: Record,
    account: As,
    out: Annotated[Path, typer.Option(help="New folder for what is opened.")],
    arrays: Arrays = False,
    json: Json = False,
) -> None:
    """Open a record granted to the account: from the chain and the store alone."""
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    opened = client.open_granted(record_id)
    console = Output(json)
    with console.progress() as progress:
        files = save_opened(opened, out, progress, arrays=arrays)
    console.result({"record": record_id, "files": files}, [f"{len(files)} files in {out}."])
