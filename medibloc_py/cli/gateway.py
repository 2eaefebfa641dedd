"""`medibloc gateway`: a hospital's systems send studies, and they become records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import filesize

from medibloc_py.cli import gateway_patients, gateway_pull, gateway_run
from medibloc_py.cli.options import As, Json, Session, sure
from medibloc_py.cli.output import Output
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.flows.gateway.database import Database
    from medibloc_py.flows.gateway.rows import Study
    from medibloc_py.flows.gateway.status import Status

_HELP = (
    "Gateway: receive studies from the hospital's systems and publish them.\n\n"
    "[b]run[/] is a service: it takes instances by C-STORE and STOW-RS, seals them into a queue "
    "on the disk, and makes each complete study of a known patient a record. [b]patients[/] says "
    "which Patient ID is which account. [b]status[/] and [b]list[/] show the queue; studies have "
    "numbers there, and no names."
)
app = typer.Typer(
    no_args_is_help=True,
    help=_HELP,
    short_help="Gateway: studies from a hospital's systems become records.",
)
app.command("run")(gateway_run.run)
app.command("find")(gateway_pull.find)
app.command("pull")(gateway_pull.pull)
app.add_typer(gateway_patients.app, name="patients")
Number = Annotated[int, typer.Argument(help="Number of a study in `gateway list`.")]


@app.command("status")
def status(context: typer.Context, account: As, json: Json = False) -> None:
    """Show whether the gateway runs, since when and where, its queue, and what stands in its way.

    Ends with 5 if it does not run, or if an error stops its work: for a monitor. Studies that
    wait or were refused stop no other, and count as well. Needs no password. Example:
    `medibloc gateway status --as hospital --json`.
    """
    from medibloc_py.flows.gateway.status import status_of

    found = status_of(_database(context.obj, account))
    waits = [f"{count} for a {what}" for what, count in found.waiting.items() if count]
    Output(json).result(
        found,
        [
            f"runs      {_run(found)}",
            "studies   " + ", ".join(f"{count} {state}" for state, count in found.studies.items()),
            f"on disk   {found.instances} instances, {filesize.decimal(found.size_bytes)}",
            f"waiting   {', '.join(waits) or 'none'}",
            f"oldest    {as_time(found.oldest_at) if found.oldest_at else 'none'}",
            f"error     {f'{as_time(found.error_at)}: {found.error}' if found.error else 'none'}",
        ],
    )
    if not found.well:
        raise typer.Exit(5)


def _run(found: Status) -> str:
    """Who runs, since when, and where it listens, in a line."""
    if found.run is None:
        return "yes, out of this system's sight" if found.runs else "no"
    at = ", ".join(f"{what} at {where}" for what, where in found.run.listening.items())
    return f"since {as_time(found.run.since)}, process {found.run.pid}: {at}"


@app.command("list")
def list_(
    context: typer.Context,
    account: As,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are published and cleared.")
    ] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show Patient ID and UID, too; asks for the password.")
    ] = False,
    json: Json = False,
) -> None:
    """List the studies in the queue, by their numbers.

    A study whose instances came in several parts, some after the others were published, has
    a line for each; each part is a record of its own.
    """
    from medibloc_py.flows.gateway.rows import State, list_studies

    session: Session = context.obj
    states = [state for state in State if everything or state is not State.CLEARED]
    studies = list_studies(_database(session, account), *states)
    whose = _whose(session, account, studies) if reveal else {}
    columns = ["study", "part", "state", "instances", "size", "since", "record or reason"]
    Output(json).table(
        [{**_as_row(each), **whose.get(each.number, {})} for each in studies],
        "Studies",
        (*columns, *(("issuer", "patient ID", "study UID") if reveal else ())),
        [
            (
                str(each.number),
                str(each.part),
                f"{each.state}, waits for a {each.waits}" if each.waits else each.state,
                str(each.instances),
                filesize.decimal(each.size_bytes),
                as_time(each.began_at),
                "0x" + each.record.hex() if each.record else each.error,
                *whose.get(each.number, {}).values(),
            )
            for each in studies
        ],
    )


def _as_row(study: Study) -> dict[str, Any]:
    from medibloc_py.flows.papers import as_json

    return {name: value for name, value in as_json(study).items() if name != "alone"}


def _whose(session: Session, account: str, studies: list[Study]) -> dict[int, dict[str, str]]:
    from medibloc_py.flows.gateway.service import open_stages, spool_folder

    hospital = session.identity(account)
    with open_stages(spool_folder(session.settings().home, hospital.address), hospital) as stages:
        found = {each.number: stages.spool.whose(each.number) for each in studies}
    return {
        number: {
            "patient_issuer": each.patient_issuer,
            "patient_id": each.patient_id,
            "study_uid": each.study,
        }
        for number, each in found.items()
    }


@app.command("retry")
def retry(
    context: typer.Context,
    account: As,
    number: Annotated[
        int | None, typer.Argument(help="Number of a refused study; all if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Take refused studies up again, and end the pause after an error."""
    from medibloc_py.flows.gateway.stages import retry as again

    numbers = again(_database(context.obj, account), number)
    Output(json).result(
        {"studies": numbers}, [f"Taken up again: {', '.join(map(str, numbers)) or 'none'}."]
    )


@app.command("drop")
def drop(
    context: typer.Context,
    number: Number,
    account: As,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove a study from the queue that is not published; its sender may send it again."""
    from medibloc_py.flows.gateway.rows import find_study
    from medibloc_py.flows.gateway.stages import drop as remove

    database = _database(context.obj, account)
    study = find_study(database, number)
    if not yes:
        sure(f"Remove study {number} with {study.instances} instances, unpublished?")
    remove(database, number)
    Output(json).result({"study": number}, [f"Study {number} is gone."])


def _database(session: Session, account: str) -> Database:
    """The queue of an account of this machine, without its key; empty before anything came."""
    from medibloc_py.flows import keyring
    from medibloc_py.flows.gateway.database import Database
    from medibloc_py.flows.gateway.service import spool_folder

    home = session.settings().home
    address = keyring.known_account(home, account).address
    return Database(spool_folder(home, address) / "spool.sqlite")
