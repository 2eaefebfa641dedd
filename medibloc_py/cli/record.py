"""`medibloc record`: publish a study, hand it to its patient, take it over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.acting import read_key
from medibloc_py.cli.drafts import drafts
from medibloc_py.cli.erasing import check_receipt, rotate, shred
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, KeyPrint, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import record_receipt
from medibloc_py.cli.publishing import hand_over_file, publish
from medibloc_py.cli.restoring import restore
from medibloc_py.cli.times import read_bytes32

app = typer.Typer(no_args_is_help=True, help="Records: sealed studies and who holds them.")
app.command("publish")(publish)


@app.command("hand-over")
def hand_over(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    out: Annotated[Path, typer.Option(help="Folder for the record file.")],
    to: Annotated[
        str | None, typer.Option(help="A delegate of the patient who may grant; else the patient.")
    ] = None,
    fingerprint: KeyPrint = None,
    json: Json = False,
) -> None:
    """Seal a record's file to its patient, or with --to to the patient's delegate.

    Issuer or patient hand it to a delegate, whose mandate must allow it to grant: it can
    read the record from then on.
    """
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    delegate, key = session.address(to) if to else None, read_key(fingerprint)
    client = session.acting_as(account)
    require_writable(out)
    file = hand_over_file(client, record_id, out, delegate, key)
    Output(json).result(
        {"record": record_id, "file": str(file)},
        [f"Give {file} to {delegate or 'the patient'}."],
    )


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Record file that was handed over.")],
    account: As,
    json: Json = False,
) -> None:
    """Take over a record file: prove it against the chain, then keep it."""
    from medibloc_py.flows.held import held_record

    session: Session = context.obj
    data = read_bytes(file)
    client = session.acting_as(account)
    record = client.import_record(data, file)
    old = held_record(client.me, record).replaces
    Output(json).result(
        {"record": record, "replaces": old},
        [
            f"0x{record.hex()} is proved and kept.",
            *([f"It takes the place of 0x{old.hex()}."] if old else []),
        ],
    )


@app.command("list")
def list_(context: typer.Context, account: As, json: Json = False) -> None:
    """List the records the account holds."""
    from medibloc_py.flows.held import held_records

    session: Session = context.obj
    held = held_records(session.identity(account))
    Output(json).table(
        [
            {
                "record": record,
                "patient": each.patient,
                "issuer": each.issuer,
                "kind": each.kind,
                "label": each.label,
            }
            for record, each in held.items()
        ],
        "Records",
        ("record", "patient", "for", "sealed bytes", "label"),
        [
            (
                "0x" + record.hex(),
                each.patient,
                _use_of(each.kind),
                f"{each.size_bytes:,}",
                each.label,
            )
            for record, each in held.items()
        ],
    )


@app.command("show")
def show(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    json: Json = False,
) -> None:
    """Show a held record: where it is stored and what the chain says of it."""
    from medibloc_py.flows.held import held_record
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    held = held_record(client.me, record_id)
    batch = client.exchange.records.batch(held.issuer, held.root)
    Output(json).result(
        {
            "record": record_id,
            "patient": held.patient,
            "issuer": held.issuer,
            "kind": held.kind,
            "cid": held.cid,
            "size_bytes": held.size_bytes,
            "stored": client.exchange.store.has(held.cid),
            "root": held.root,
            "registered_at": batch.registered_at,
            "superseded": batch.superseded_by,
            "replaces": held.replaces,
            "label": held.label,
        },
        [
            f"record      0x{record_id.hex()}",
            f"patient     {held.patient}",
            f"issuer      {held.issuer}",
            f"for         {_use_of(held.kind)}",
            f"stored as   {held.cid} ({held.size_bytes:,} bytes)",
            f"registered  {'yes' if batch.registered_at else 'no'}",
            f"label       {held.label}",
            *([f"replaces    0x{held.replaces.hex()}"] if held.replaces else []),
        ],
    )


def _use_of(kind: int) -> str:
    from medibloc_py.model import KIND_DICOM_STUDY

    return "what consent permits" if kind == KIND_DICOM_STUDY else "treatment only"


app.command("drafts")(drafts)
app.command("restore")(restore)
app.command("rotate")(rotate)
app.command("shred")(shred)
app.command("check-receipt")(check_receipt)
app.command("receipt")(record_receipt)
