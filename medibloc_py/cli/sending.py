"""`medibloc exchange send`: a record, or a study that is published first, to another hospital."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.drafts import resumable
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.publishing import foretell
from medibloc_py.cli.times import read_bytes32
from medibloc_py.cli.transfers import data_of, lines_of, save
from medibloc_py.imaging.deidentify.options import Option
from medibloc_py.model import RecordId

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.flows.publish import StudyToPublish


def send(
    context: typer.Context,
    record: Annotated[
        str,
        typer.Argument(help="Record id; or PATIENT=PATH, a DICOM file or folder to publish first."),
    ],
    account: As,
    to: Annotated[str, typer.Option(help="The receiving hospital: name or address.")],
    purpose_text: Annotated[
        str, typer.Option("--for", help="Purpose of the patient's grant that it goes under.")
    ] = "TREATMENT",
    speaker: Annotated[
        str | None,
        typer.Option(
            "--signed-by", help="A delegate who will sign for the patient: name or address."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make another paper of what was sent before.")
    ] = False,
    treatment: Annotated[
        bool,
        typer.Option(
            "--treatment", help="With PATIENT=PATH: keep who the patient is, for treatment only."
        ),
    ] = False,
    option: Annotated[
        list[Option] | None,
        typer.Option(help="With PATIENT=PATH: an option of DICOM PS3.15 E; repeatable."),
    ] = None,
    paper: Annotated[
        Path | None, typer.Option("--paper", help="Where to write the paper; else a file here.")
    ] = None,
    json: Json = False,
) -> None:
    """Send a record to another hospital: write and sign the paper of the transfer.

    The sealed record stays where it is. Give the paper to the receiver and to the patient; it
    opens nothing. The receiver opens the record under the patient's grant, which may come
    before or after. A record with identity goes out for TREATMENT alone.

    The same command again writes the same paper again. With PATIENT=PATH the study is published
    first, and its record file is written beside the paper, for the patient: was that stopped or
    killed, the same command goes on where it was; once it is done, it publishes anew.
    """
    from medibloc_py.flows.transfer_words import transfer_id

    session: Session = context.obj
    receiver, by = session.address(to), session.address(speaker) if speaker else None
    study = _study(session, record, purpose_text, treatment, option or [])
    if not study:
        session.refuse_dry_run()
    folder = (paper or Path("paper")).absolute().parent
    client, console = session.acting_as(account), Output(json)
    require_writable(folder)
    if study and session.dry_run:
        foretell(session, client, console, [study])
        return
    with ExitStack() as work:
        record_id, more, remarks = (
            _publish(work, console, client, study, folder)
            if study
            else (RecordId(read_bytes32(record, "record")), {}, [])
        )
        with console.progress() as progress:
            made = client.send_record(
                record_id, receiver, purpose_text, speaker=by, again=again, progress=progress
            )
        target = paper or folder / f"{transfer_id(made.transfer).hex()}.transfer.json"
        save(made, target)
        give = f"Give {target} to the receiver and to the patient."
        console.result(data_of(made, target) | more, [*lines_of(made), give, *remarks])


def _study(
    session: Session, given: str, purpose_text: str, treatment: bool, options: list[Option]
) -> StudyToPublish | None:
    """The study that is to be published first; None if a record is given.

    Raises:
        InvalidValue: what is asked for does not go together.
    """
    from medibloc_py.client import read_request
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows.publish import StudyToPublish
    from medibloc_py.purpose import TREATMENT

    request = read_request(purpose_text)
    patient, of_path, path = given.partition("=")
    if not of_path:
        if treatment or options:
            allowed = "set with PATIENT=PATH alone"
            raise InvalidValue(name="--treatment or --option", given="set", allowed=allowed)
        return None
    if treatment and request != TREATMENT:
        raise InvalidValue(name="--for", given=purpose_text, allowed="TREATMENT with --treatment")
    asked = tuple(each.value for each in options)
    return StudyToPublish(Path(path), session.address(patient), treatment=treatment, options=asked)


def _publish(
    work: ExitStack, console: Output, client: Client, study: StudyToPublish, folder: Path
) -> tuple[RecordId, dict[str, Any], list[str]]:
    """Publishes a study and hands it over; what is done until `work` ends is part of it.

    Returns:
        Its record, what to tell a machine besides, and what to tell people.
    """
    from medibloc_py.flows.held import id_of

    client.exchange.published_key(study.patient)  # found out before anything is stored
    work.enter_context(resumable(console, client))
    with console.progress() as progress:
        done = work.enter_context(client.publishing([study], progress))
    record = id_of(done.records[0])
    handed = str(_hand_over(client, record, folder))
    remarks = [f"Give {handed} to the patient, who imports it to grant."]
    if done.burned_in:
        count = len(done.burned_in)
        remarks.append(f"Look at {count} files first: nobody says that their pixels show nobody.")
    return record, {"record_file": handed, "burned_in": done.burned_in}, remarks


def _hand_over(client: Client, record: RecordId, folder: Path) -> Path:
    from medibloc_py.storage.files import write_atomic

    target = folder / f"{record.hex()}.record.json"
    write_atomic(target, client.hand_over(record))
    return target
