"""`medibloc access`: records for one reader, and what happens in an emergency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli import glass
from medibloc_py.cli.acting import act, deciding, read_key, sign_acts
from medibloc_py.cli.frame import FileName, FrameNumber, FrameOut, require_free, save_frame
from medibloc_py.cli.openings import require_own_opening, write_opening
from medibloc_py.cli.options import (
    WEEK,
    Arrays,
    As,
    Json,
    KeyPrint,
    OnBehalfOf,
    Session,
    Sign,
    ValidFor,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import access_receipt, told_of
from medibloc_py.cli.saving import saving
from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors.words import time as as_time

app = typer.Typer(
    no_args_is_help=True, help="Access: records for one reader, until a time; and emergencies."
)

Record = Annotated[str, typer.Argument(help="Record id.")]


@app.command("grant")
def grant(
    context: typer.Context,
    records: Annotated[list[str], typer.Argument(help="Record ids, one or more.")],
    account: As,
    to: Annotated[str, typer.Option(help="Reader: name or address.")],
    purpose_text: Annotated[
        str, typer.Option("--for", help="TREATMENT, or a purpose the consent permits.")
    ] = "TREATMENT",
    until: Annotated[str, typer.Option(help="A span like 30d or a date.")] = "30d",
    fingerprint: KeyPrint = None,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Grant a reader access to records the account holds, in one transaction.

    A delegate needs the record files, too: see `medibloc record hand-over --to`. With
    --sign each record is an act of its own.
    """
    from medibloc_py.client import read_request
    from medibloc_py.flows.grant import prepare_grants, send_grants
    from medibloc_py.model import RecordId

    session: Session = context.obj
    ids = [RecordId(read_bytes32(record, "record")) for record in records]
    reader, request = session.address(to), read_request(purpose_text)
    key = read_key(fingerprint)
    client, by = deciding(session, account, on_behalf_of)
    console = Output(json)
    time = read_time(until, client.exchange.network.run.moment())
    ready = prepare_grants(by, ids, reader, request, time, key)
    if sign is not None:
        sign_acts(console, client, [each.prepared for each in ready], sign, valid_for)
        return
    made = send_grants(by, ready)
    receipt = made[0].receipt
    console.result(
        {
            "records": [each.record for each in made],
            "grantee": reader,
            "grant_objects": [each.grant_object for each in made],
            "receipt": receipt,
        },
        [f"{reader} may read until {as_time(time)}, gas {receipt.gas_used:,}."],
    )


@app.command("revoke")
def revoke(
    context: typer.Context,
    record: Record,
    account: As,
    to: Annotated[str, typer.Option(help="Reader: name or address.")],
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Stop a grant, or an emergency access. What was read before cannot be unseen."""
    from medibloc_py.flows.grant import revoke_access
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id, reader = RecordId(read_bytes32(record, "record")), session.address(to)
    client, by = deciding(session, account, on_behalf_of)
    said = f"{reader} is refused from the next block on. What was read cannot be unseen"
    act(Output(json), client, revoke_access(by, record_id, reader), sign, valid_for, said)


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
    opening: Annotated[
        Path | None,
        typer.Option(help="File for a signed word that the account opened it: the patient's."),
    ] = None,
    json: Json = False,
) -> None:
    """Open a record the account may read: from the chain and the store alone.

    In an emergency it opens as soon as the custodian has delivered the key. Was it stopped
    or killed, the same command goes on where it was. A de-identification receipt that is not
    the issuer's, or not of these files, is an error; that there is none is said.

    The chain tells who may read, and not who did. With --opening the account signs that it
    opened the record; the patient keeps that by `medibloc audit keep`, and audits tell it.
    """
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    if opening is not None:
        require_own_opening(opening, client.me.address)
    opened = client.open_granted(record_id)
    console = Output(json)
    with saving(out, record_id) as place:
        with console.progress() as progress:
            files = place.save(opened, out, progress, arrays=arrays)
        done, told = told_of(opened, files)
        if opening is not None:
            write_opening(opening, client, opened)
            told = [*told, f"That you opened it stands, signed, in {opening}: the patient's."]
        console.result(
            {
                "record": record_id,
                "kind": opened.kind,
                "files": files,
                "deidentification": done,
                "opening": opening,
            },
            [f"{len(files)} files in {out}.{place.remark}", *told],
        )


@app.command("frame")
def frame(
    context: typer.Context,
    record: Record,
    account: As,
    out: FrameOut,
    file: FileName = None,
    number: FrameNumber = 0,
    json: Json = False,
) -> None:
    """Save the pixels of one frame of a record the account may read.

    Nothing else of the record is fetched than what holds this frame, the file's header and
    the list of files: a slice of a study of gigabytes takes as long as a slice. What is fetched
    is checked as if all were; what is not fetched is not.
    """
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    require_free(out)
    opened = session.acting_as(account).open_granted(record_id)
    save_frame(opened, file, number, out, Output(json))


app.command("receipt")(access_receipt)
_EMERGENCIES: dict[str, Callable[..., None]] = {
    "custodian": glass.custodian,
    "card": glass.card,
    "break-glass": glass.break_glass,
    "emergencies": glass.emergencies,
    "deliver": glass.deliver,
    "review": glass.review,
    "statement": glass.statement,
}
for _name, _command in _EMERGENCIES.items():
    app.command(_name)(_command)
