"""`medibloc record rotate` and `shred`: a record under a new key, and the end of one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.drafts import resumable
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32


def rotate(
    context: typer.Context,
    records: Annotated[list[str], typer.Argument(help="Record ids, one or more.")],
    account: As,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the new record files to hand to the patients."),
    ] = None,
    json: Json = False,
) -> None:
    """Seal records under new keys, and register all of them with one transaction.

    Only who registered a record can. The old record stays for those who were granted it,
    until you shred it; whoever is granted the new one gets the new key. Nothing in public
    tells that the two are one study: only the new record file does.

    Was it stopped or killed, the same command goes on where it was.
    """
    from medibloc_py.flows.held import held_record, id_of
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    wanted = [RecordId(read_bytes32(each, "record")) for each in records]
    client = session.acting_as(account)
    console = Output(json)
    if out is not None:  # found out before anything is stored
        require_writable(out)
        for record in wanted:
            client.exchange.published_key(held_record(client.me, record).patient)
    with resumable(console, client), ExitStack() as work:
        with console.progress() as progress:
            done = work.enter_context(client.rotating(wanted, progress))
        rows, told = [], []
        for old, new in zip(wanted, done.records, strict=True):
            record, file = id_of(new), ""
            if out is not None:
                target = out / f"{record.hex()}.record.json"
                write_atomic(target, client.hand_over(record))
                file = str(target)
            told.append({"record": record, "replaces": old, "patient": new.patient, "file": file})
            rows.append(("0x" + record.hex(), "0x" + old.hex(), new.patient, file))
        receipt = done.receipt
        spent = f" in {receipt.transaction}, gas {receipt.gas_used:,}" if receipt else ""
        console.table(
            {"root": done.root, "receipt": receipt, "records": told, "resumed": done.resumed},
            f"Sealed anew and registered {len(rows)}{spent}",
            ("record", "replaces", "patient", "record file"),
            rows,
        )
