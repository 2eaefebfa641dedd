"""`medibloc record publish`: studies become records, for treatment or without their patient."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.drafts import resumable
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.imaging.deidentify.options import Option

if TYPE_CHECKING:
    from medibloc_py.chain import Offer
    from medibloc_py.client import Client
    from medibloc_py.flows.publish import Publication, StudyToPublish
    from medibloc_py.model import Address, RecordId

_NAMES_SHOWN = 5


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

    With --dry-run before the command nothing is sealed, stored or kept, and no file is read:
    it shows what registering so many records costs, under a root that stands in for theirs,
    which is drawn when they are sealed. Whether files would pass tells `medibloc imaging
    deidentify`.
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
    if session.dry_run:
        foretell(session, client, console, studies)
        return
    with resumable(console, client), ExitStack() as work:
        with console.progress() as progress:
            done = work.enter_context(client.publishing(studies, progress))
        rows, handed = [], []
        for held in done.records:
            record = id_of(held)
            file = str(hand_over_file(client, record, out)) if out is not None else ""
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


def foretell(
    session: Session, client: Client, console: Output, studies: Sequence[StudyToPublish]
) -> None:
    """Shows what publishing would cost, if anything is still to be sent.

    Raises:
        DryRun: there is.
    """
    tell_of_registration(session, console, client.foresee_publishing(studies), len(studies))


def tell_of_registration(
    session: Session, console: Output, offer: Offer | None, studies: int
) -> None:
    """Shows what a registration would cost, or says that an earlier run sent it.

    Raises:
        DryRun: it would be sent.
    """
    if offer is not None:
        session.tell(offer)
    said = "An earlier run of this command registered these studies: nothing would be sent."
    console.result({"registered": studies}, [said])


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


def hand_over_file(
    client: Client,
    record: RecordId,
    folder: Path,
    to: Address | None = None,
    fingerprint: bytes | None = None,
) -> Path:
    """Writes a record's file, sealed to its patient or another, into a folder."""
    from medibloc_py.storage.files import write_atomic

    whose = f".{to}" if to else ""
    target = folder / f"{record.hex()}{whose}.record.json"
    write_atomic(target, client.hand_over(record, to, fingerprint))
    return target
