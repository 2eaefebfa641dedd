"""`medibloc gateway find` and `pull`: studies that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.options import As, Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.peers import (
    PEER_HELP,
    Calling,
    Headers,
    TlsAuthorities,
    TlsCertificate,
    TlsKey,
    read_peer,
)
from medibloc_py.errors import PullIncomplete

if TYPE_CHECKING:
    from medibloc_py.pacs import FoundStudy, Peer

From = Annotated[str, typer.Option("--from", metavar="PACS", help=PEER_HELP)]
PatientId = Annotated[str, typer.Option("--id", help="Patient ID. Others see a command line.")]
Accession = Annotated[str, typer.Option("--accession", help="Accession Number.")]
Date = Annotated[
    str, typer.Option("--date", help="Study Date, such as 20260131 or 20260101-20260131.")
]
Modality = Annotated[str, typer.Option("--modality", help="A modality of the study, such as CT.")]


def find(
    source: From,
    patient_id: PatientId = "",
    accession: Accession = "",
    date: Date = "",
    modality: Modality = "",
    calling: Calling = "MEDIBLOC",
    headers: Headers = None,
    authorities: TlsAuthorities = None,
    certificate: TlsCertificate = None,
    key_file: TlsKey = None,
    json: Json = False,
) -> None:
    """List studies that a PACS has: by C-FIND of dicom://, by QIDO-RS of https://.

    This shows who the patients are.
    """
    peer = read_peer(source, calling, headers, authorities, certificate, key_file)
    found = _found(peer, patient_id, accession, date, modality)
    Output(json).table(
        found,
        "Studies",
        ("study UID", "issuer", "patient ID", "date", "modalities", "instances"),
        [
            (
                each.study, each.patient_issuer, each.patient_id, each.date,
                ", ".join(each.modalities), str(each.instances or ""),
            )
            for each in found
        ],
    )  # fmt: skip


def pull(
    context: typer.Context,
    account: As,
    source: From,
    study: Annotated[
        list[str] | None, typer.Option("--study", help="Study Instance UID; repeatable.")
    ] = None,
    patient_id: PatientId = "",
    accession: Accession = "",
    date: Date = "",
    modality: Modality = "",
    aet: Annotated[
        str, typer.Option("--aet", help="AE title of the gateway, for C-MOVE to it.")
    ] = "MEDIBLOC",
    calling: Calling = "MEDIBLOC",
    headers: Headers = None,
    authorities: TlsAuthorities = None,
    certificate: TlsCertificate = None,
    key_file: TlsKey = None,
    json: Json = False,
) -> None:
    """Get studies of a PACS into the queue: those named, or all that a search finds.

    From dicom:// the PACS sends them to the gateway that runs (C-MOVE), whose AE title and port
    it must know. From https:// they come through this command (WADO-RS), and the gateway
    publishes them when it runs. To pull a study twice does no harm. Examples:
    `medibloc gateway pull --as hospital --from https://pacs.example/dicom-web --headers
    token.txt --date 20260131`, `medibloc gateway pull --as hospital --from
    dicom://PACS@pacs.example:104 --study 1.2.3`.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows.gateway.pull import pull_study
    from medibloc_py.flows.gateway.service import open_stages, spool_folder

    session: Session = context.obj
    peer = read_peer(source, calling, headers, authorities, certificate, key_file)
    asked = (patient_id, accession, date, modality)
    if not study and not any(asked):
        raise InvalidValue(name="--study", given="not set", allowed="set, or what to search for")
    hospital = session.identity(account)
    console = Output(json)
    studies = study or [each.study for each in _found(peer, *asked)]
    rows: list[dict[str, Any]] = []
    with (
        open_stages(spool_folder(session.settings().home, hospital.address), hospital) as stages,
        console.progress() as progress,
    ):
        for number, uid in enumerate(studies, 1):
            progress("pull", number - 1, len(studies))
            done = pull_study(peer, uid, stages.spool, aet, console.log)
            rows.append({"study": uid, "taken": done.taken, "failed": done.failed})
            progress("pull", number, len(studies))
    console.table(
        rows,
        "Pulled",
        ("study UID", "instances taken", "not taken"),
        [(each["study"], str(each["taken"]), str(each["failed"])) for each in rows],
    )
    if failed := sum(each["failed"] for each in rows):
        raise PullIncomplete(count=failed, total=failed + sum(each["taken"] for each in rows))


def _found(
    peer: Peer, patient_id: str, accession: str, date: str, modality: str
) -> list[FoundStudy]:
    from medibloc_py import pacs

    query = pacs.Query(patient_id=patient_id, accession=accession, date=date, modality=modality)
    return pacs.find(peer, query)
