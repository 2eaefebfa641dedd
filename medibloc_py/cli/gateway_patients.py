"""`medibloc gateway patients`: which Patient ID is which account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import As, Json, Session, read_text
from medibloc_py.cli.output import Output

if TYPE_CHECKING:
    from medibloc_py.flows.gateway.book import BookedPatient
    from medibloc_py.flows.parties import Identity

app = typer.Typer(
    no_args_is_help=True,
    help="Which Patient ID is which account: a sealed book in the hospital's vault.",
)
Id = Annotated[
    str | None,
    typer.Option("--id", help="Patient ID, as studies carry it. Others see a command line."),
]
Issuer = Annotated[
    str, typer.Option("--issuer", help="Issuer of Patient ID, as studies carry it; empty if none.")
]
StudyNumber = Annotated[
    int | None,
    typer.Option("--study", help="The patient of this study of `gateway list`, instead of --id."),
]


@app.command("add")
def add(
    context: typer.Context,
    account: As,
    to: Annotated[
        str | None, typer.Option("--to", help="The patient's account: name or address.")
    ] = None,
    patient_id: Id = None,
    issuer: Issuer = "",
    study: StudyNumber = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", help="File with lines of issuer,Patient ID,account; - is standard input."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say whose a Patient ID is; studies that wait for it are then published.

    The issuer counts: ID 7 of one registry is not ID 7 of another. Examples:
    `medibloc gateway patients add --as hospital --study 12 --to alice`,
    `medibloc gateway patients add --as hospital --from patients.csv`.
    """
    from medibloc_py.flows.gateway.book import BookedPatient, Patients, read_patients

    session: Session = context.obj
    hospital = session.identity(account)
    if file is not None:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else read_text(file)
        found = list(read_patients(text, file, session.address))
    else:
        who = _one(session, hospital, patient_id, issuer, study)
        found = [BookedPatient(*who, session.address(_given(to, "--to")))]
    book = Patients(hospital)
    for each in found:
        book.add(each)
    Output(json).result({"added": len(found)}, [f"{len(found)} in the book."])


@app.command("list")
def list_(context: typer.Context, account: As, json: Json = False) -> None:
    """List the book: issuers, Patient IDs and accounts. This shows who the patients are."""
    from medibloc_py.flows.gateway.book import Patients

    session: Session = context.obj
    found: list[BookedPatient] = Patients(session.identity(account)).all()
    Output(json).table(
        found,
        "Patients",
        ("issuer", "patient ID", "account"),
        [(each.issuer, each.patient_id, each.account) for each in found],
    )


@app.command("remove")
def remove(
    context: typer.Context,
    account: As,
    patient_id: Id = None,
    issuer: Issuer = "",
    study: StudyNumber = None,
    json: Json = False,
) -> None:
    """Forget whose a Patient ID is: its studies wait from then on. What is published stays."""
    from medibloc_py.flows.gateway.book import Patients

    session: Session = context.obj
    hospital = session.identity(account)
    Patients(hospital).remove(*_one(session, hospital, patient_id, issuer, study))
    Output(json).result({"removed": 1}, ["Removed."])


def _one(
    session: Session, hospital: Identity, patient_id: str | None, issuer: str, study: int | None
) -> tuple[str, str]:
    """Issuer and ID of the patient who is meant."""
    if study is None:
        return issuer, _given(patient_id, "--id or --study")
    from medibloc_py.flows.gateway.service import open_stages, spool_folder

    with open_stages(spool_folder(session.settings().home, hospital.address), hospital) as stages:
        whose = stages.spool.whose(study)
    return whose.patient_issuer, whose.patient_id


def _given(value: str | None, name: str) -> str:
    from medibloc_py.errors import InvalidValue

    if not value:
        raise InvalidValue(name=name, given="not set", allowed="set")
    return value
