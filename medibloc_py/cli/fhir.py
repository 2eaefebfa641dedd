"""`medibloc fhir`: what the exchange knows, for the rest of health care; consents from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.acting import RecordOption, act, deciding
from medibloc_py.cli.options import (
    WEEK,
    As,
    Json,
    OnBehalfOf,
    Session,
    Sign,
    ValidFor,
    read_bytes,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from medibloc_py.flows.fhir_export import Exported

app = typer.Typer(no_args_is_help=True, help="FHIR R4: records, consents and events, out and in.")


@app.command("export")
def export(
    context: typer.Context,
    records: Annotated[
        list[str] | None, typer.Argument(help="Record ids, one or more, to open and describe.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--as", help="Account that holds the records or may read them.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option("--order", help="Instead of records: those that this settled order bought."),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(
            "--patient",
            help="Instead of records: all that the chain tells of this patient, name or address.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New file; without it the resources go to stdout.")
    ] = None,
    lines: Annotated[
        bool, typer.Option("--ndjson", help="One resource a line instead of a Bundle.")
    ] = False,
    json: Json = False,
) -> None:
    """Export as FHIR R4: Patient, ImagingStudy, Consent, AuditEvent, Provenance.

    Records are opened as `medibloc access open` does, headers only. The patient has a name in
    the export only if the record keeps identity for treatment and the account may read it for
    treatment; else an account and a pseudonym. Keys and where the sealed record lies are in no
    export. Example: `medibloc fhir export RECORD --as clinic --out bundle.json`.
    """
    from medibloc_py.errors import FileExists, InvalidValue

    session: Session = context.obj
    console = Output(json)
    if (chosen := sum((bool(records), order is not None, patient is not None))) != 1:
        given = "several of these" if chosen else "nothing"
        raise InvalidValue(
            name="what to export", given=given, allowed="records, --order or --patient"
        )
    if patient is not None and account is not None:
        allowed = "left out with --patient: the chain tells it to anyone"
        raise InvalidValue(name="--as", given=account, allowed=allowed)
    if out is not None and out.exists():
        raise FileExists(path=out)
    done = (
        _of_patient(session, patient)
        if patient is not None
        else _opened(session, console, account, records or (), order)
    )
    pieces = done.ndjson() if lines else done.bundle()
    if out is None:
        for piece in pieces:
            print(piece, end="")
        return
    _write(out, pieces)
    _say(console, out, done)


@app.command("import-consent")
def import_consent(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A FHIR R4 Consent in JSON.")],
    account: As,
    record: RecordOption = None,
    until: Annotated[
        str | None, typer.Option(help="End it earlier: a span like 365d or a date.")
    ] = None,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Set the consent that a FHIR Consent says, if DUO terms can say it.

    Taken are Consents of this exchange, and those of others that permit healthcare research
    (HRESCH), disease specific (DSRCH) or ancestry research (POARCH), with or without treatment,
    and say nothing else. What no term can say is refused: nothing is ever permitted that the
    Consent does not permit. The digest of the file goes on chain as the form. Example:
    `medibloc fhir import-consent consent.json --as alice --until 365d`.
    """
    from medibloc_py import purpose
    from medibloc_py.crypto.ids import keccak256
    from medibloc_py.flows.fhir_import import read_agreed_use

    session: Session = context.obj
    data = read_bytes(file)
    client, by = deciding(session, account, on_behalf_of)
    now = client.exchange.network.run.moment()
    limit = read_time(until, now) if until else None
    wanted = read_bytes32(record, "record") if record else None
    use = read_agreed_use(data, file, now, limit, wanted)
    prepared = by.set_consent(use.terms, use.until, keccak256(data), use.record)
    names = purpose.render(use.terms, purpose.TERM_NAMES)
    said = f"Consent {names} until {as_time(use.until)}"
    act(Output(json), client, prepared, sign, valid_for, said)


@app.command("definitions")
def definitions(
    out: Annotated[Path, typer.Argument(help="Folder for them.")], json: Json = False
) -> None:
    """Write the definitions of our own words: give them to the validator you check exports with.

    They are CodeSystems, ValueSets, a ConceptMap and the two extensions of Consent. Example:
    `medibloc fhir definitions ours`.
    """
    import json as codec

    from medibloc_py.fhir.uses import definitions as known

    written = []
    for each in known():
        path = out / f"{each['resourceType']}-{each['id']}.json"
        _write(path, iter([codec.dumps(each, indent=2, ensure_ascii=False) + "\n"]))
        written.append(str(path))
    Output(json).result({"files": written}, [f"{len(written)} definitions in {out}."])


def _of_patient(session: Session, patient: str) -> Exported:
    return session.client().export_fhir_patient(session.address(patient))


def _opened(
    session: Session,
    console: Output,
    account: str | None,
    records: Sequence[str],
    order: str | None,
) -> Exported:
    from medibloc_py.errors import InvalidValue
    from medibloc_py.model import OrderId, RecordId

    if account is None:
        raise InvalidValue(
            name="--as", given="not there", allowed="an account that may open the records"
        )
    bought = OrderId(read_bytes32(order, "order")) if order else None
    ids = [RecordId(read_bytes32(record, "record")) for record in records]
    client = session.acting_as(account)
    with console.progress() as progress:
        if bought is not None:
            return client.export_fhir_order(bought, progress)
        return client.export_fhir(ids, progress)


def _write(path: Path, pieces: Iterator[str]) -> None:
    from medibloc_py.storage.files import make_folder, on_disk, part_file, write_all

    make_folder(path.parent)
    with part_file(path.parent) as part:
        with on_disk(path):
            for piece in pieces:
                write_all(part.descriptor, piece.encode())
        part.become(path)


def _say(console: Output, out: Path, done: Exported) -> None:
    counts: dict[str, int] = {}
    for each in done.resources:
        counts[each["resourceType"]] = counts.get(each["resourceType"], 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    lines = [f"{told} in {out}."]
    if done.left_out:
        lines.append(
            f"{len(done.left_out)} files are left out, which are no instance: "
            f"{', '.join(done.left_out[:5])}."
        )
    console.result({"file": str(out), "resources": counts, "left_out": done.left_out}, lines)
