"""`medibloc relay`: signed acts of others, looked at and sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.errors import ContractRefusal
    from medibloc_py.flows.relay import ActRead, Outcome

app = typer.Typer(
    no_args_is_help=True, help="Relay: look at acts that others signed, and send them."
)

Acts = Annotated[list[Path], typer.Argument(help="Signed acts, one file each.")]


@app.command("show")
def show(context: typer.Context, files: Acts, json: Json = False) -> None:
    """Show what signed acts would do, word by word; nothing is sent.

    It reads only what the signature covers, and asks the contract whether it would take it now.
    """
    from medibloc_py.flows.relay import read_act, refusal_of

    session: Session = context.obj
    exchange = session.client().exchange
    read = [read_act(exchange, read_bytes(file), file) for file in files]
    answers = [(each, refusal_of(exchange, each)) for each in read]
    Output(json).result(
        [_as_data(each) | {"refused": no.as_json() if no else None} for each, no in answers],
        [line for each, no in answers for line in _lines(each, no)],
    )


@app.command("send")
def send(
    context: typer.Context,
    files: Acts,
    account: As,
    json: Json = False,
) -> None:
    """Send signed acts of others in few transactions; the account pays, and decides nothing.

    Each is asked of its contract first, and what is refused is left out. One that is
    refused meanwhile does not stop the others. Only functions that take a signature are
    ever sent. Ends with the exit code of the first that was not done; the report tells which
    and why.
    """
    session: Session = context.obj
    client = session.acting_as(account)
    console = Output(json)
    given = [(str(file), read_bytes(file)) for file in files]
    with console.progress() as progress:
        outcomes = client.relay(given, progress)
    rows = [
        (
            each.path,
            each.act.relayed.says if each.act else "",
            each.act.act.signer if each.act else "",
            f"{type(each.error).__name__}: {each.error.message}" if each.error else "done",
        )
        for each in outcomes
    ]
    console.table(
        [_outcome(each) for each in outcomes], "Acts", ("file", "act", "signer", "outcome"), rows
    )
    errors = [each.error for each in outcomes if each.error]
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _as_data(read: ActRead) -> dict[str, object]:
    return {
        "path": read.path,
        "contract": read.act.contract,
        "function": read.act.function,
        "says": read.relayed.says,
        "signer": read.act.signer,
        "deadline": read.act.deadline,
        "terms": read.terms,
    }


def _lines(read: ActRead, refused: ContractRefusal | None) -> list[str]:
    width = max(map(len, ("deadline", *read.terms)))
    return [
        f"{read.path}: {read.relayed.says} ({read.act.contract}.{read.act.function})",
        f"  {'signer':{width}}  {read.act.signer}",
        f"  {'deadline':{width}}  {as_time(read.act.deadline)}",
        *(f"  {name:{width}}  {words}" for name, words in read.terms.items()),
        f"  {'now':{width}}  "
        + (f"refused: {refused.message}" if refused else "the contract would take it"),
    ]


def _outcome(outcome: Outcome) -> dict[str, object]:
    return {
        "path": outcome.path,
        "act": _as_data(outcome.act) if outcome.act else None,
        "done": outcome.error is None,
        "receipt": outcome.receipt,
        "error": outcome.error.as_json() if outcome.error else None,
    }
