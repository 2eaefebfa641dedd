"""`medibloc record`: publish a study, hand it to its patient, take it over."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.acting import read_key
from medibloc_py.cli.drafts import drafts, resumable
from medibloc_py.cli.erasing import check_receipt, rotate, shred
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, KeyPrint, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.provenance import record_receipt
from medibloc_py.cli.restoring import restore
from medibloc_py.cli.times import read_bytes32
from medibloc_py.imaging.deidentify.options import Option

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.flows.publish import Publication
    from medibloc_py.model import Address, RecordId

_NAMES_SHOWN = 5

app = typer.Typer(no_args_is_help=True, help="Records: sealed studies and who holds them.")


@app.command("publish")
def publish(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(help="PATIENT=PATH: an account and a DICOM file or folder; one or more."),
    ],
    account: As,
    label: Annotated[str, typer.Option(help="A private note kept with the records.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the record files to hand to the patients."),
    ] = None,
    treatment: Annotated[
        bool,
        typer.Option("--treatment", help="Keep who the patient is: for treatment only."),
    ] = False,
    option: Annotated[
        list[Option] | None,
        typer.Option(help="An option of DICOM PS3.15 E, by the standard's name; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """De-identify studies, seal and store them, and register all with one transaction.

    Each file loses who the patient is, by the profile of `medibloc imaging deidentify`, and
    is checked by other means; a file that does not pass stops it all before anything is
    stored. A signed receipt of it lies in each record. The account's pseudonyms are the same
    in all its studies.

    With --treatment the files stay as they are. Such a record can be granted for treatment
    only, and never sold.

    With --out, each record's file is sealed to its patient, who takes it over with
    `medibloc record import`.

    Was it stopped or killed, the same command goes on where it was: what is sealed is not
    sealed again, what is registered is not sent again. `medibloc record drafts` lists what
    waits for that.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows.held import id_of
    from medibloc_py.flows.publish import StudyToPublish

    session: Session = context.obj
    asked = tuple(each.value for each in option or ())
    studies = []
    for given in paths:
        patient, separator, path = given.partition("=")
        if not separator:
            raise InvalidValue(name="study", given=given, allowed="like PATIENT=PATH")
        studies.append(
            StudyToPublish(Path(path), session.address(patient), label, treatment, asked)
        )
    client = session.acting_as(account)
    console = Output(json)
    if out is not None:  # found out before anything is stored
        require_writable(out)
        for study in studies:
            client.exchange.published_key(study.patient)
    with resumable(console, client), ExitStack() as work:
        with console.progress() as progress:
            done = work.enter_context(client.publishing(studies, progress))
        rows, handed = [], []
        for held in done.records:
            record = id_of(held)
            file = str(_hand_over(client, record, out)) if out is not None else ""
            handed.append(
                {"record": record, "patient": held.patient, "kind": held.kind, "file": file}
            )
            rows.append(("0x" + record.hex(), held.patient, f"{held.size_bytes:,}", file))
        console.table(
            {
                "root": done.root,
                "receipt": done.receipt,
                "records": handed,
                "resumed": done.resumed,
                "changed": done.changed,
                "lost": done.lost,
                "burned_in": done.burned_in,
            },
            _title(done),
            ("record", "patient", "sealed bytes", "record file"),
            rows,
        )
        if not json:
            console.result(None, [*_remarks(done), *_of_identity(done, treatment)])


def _title(done: Publication) -> str:
    if done.receipt is None:
        return f"Registered {len(done.records)}, by an earlier run of this command"
    receipt = done.receipt
    return f"Registered {len(done.records)} in {receipt.transaction}, gas {receipt.gas_used:,}"


def _remarks(done: Publication) -> list[str]:
    lines = [f"{done.resumed} sealed by an earlier run."] if done.resumed else []
    lines += [
        f"{name} changed since an earlier run sealed it, and was sealed again."
        for name in done.changed
    ]
    lines += [
        f"{name} was sealed by an earlier run, but this store does not have it: sealed again."
        for name in done.lost
    ]
    return lines


def _of_identity(done: Publication, treatment: bool) -> list[str]:
    """What the publisher must know of who can be recognised."""
    if treatment:
        return [
            "Published as it came, with who the patient is: it can be granted for treatment "
            "only, and never sold."
        ]
    if not done.burned_in:
        return []
    shown = ", ".join(done.burned_in[:_NAMES_SHOWN])
    more = len(done.burned_in) - _NAMES_SHOWN
    return [
        f"Pixels nobody looked at, which may show a name or a face: {shown}"
        + (f" and {more} more." if more > 0 else "."),
        "Publish with `--option clean-pixel-data`, or look at the files with "
        "`medibloc imaging review`.",
    ]


def _hand_over(
    client: Client,
    record: RecordId,
    folder: Path,
    to: Address | None = None,
    fingerprint: bytes | None = None,
) -> Path:
    from medibloc_py.storage.files import write_atomic

    whose = f".{to}" if to else ""
    target = folder / f"{record.hex()}{whose}.record.json"
    write_atomic(target, client.hand_over(record, to, fingerprint))
    return target


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
    file = _hand_over(client, record_id, out, delegate, key)
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
            {"record": record, "patient": each.patient, "issuer": each.issuer, "label": each.label}
            for record, each in held.items()
        ],
        "Records",
        ("record", "patient", "sealed bytes", "label"),
        [
            ("0x" + record.hex(), each.patient, f"{each.size_bytes:,}", each.label)
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
            f"stored as   {held.cid} ({held.size_bytes:,} bytes)",
            f"registered  {'yes' if batch.registered_at else 'no'}",
            f"label       {held.label}",
            *([f"replaces    0x{held.replaces.hex()}"] if held.replaces else []),
        ],
    )


app.command("drafts")(drafts)
app.command("restore")(restore)
app.command("rotate")(rotate)
app.command("shred")(shred)
app.command("check-receipt")(check_receipt)
app.command("receipt")(record_receipt)
