"""`medibloc exchange`: a study from one hospital to another, with a receipt that three sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.receiving import receive
from medibloc_py.cli.sending import send
from medibloc_py.cli.transfers import Paper, PaperOut, data_of, lines_of, save
from medibloc_py.errors.words import time as as_time

app = typer.Typer(
    no_args_is_help=True,
    help="Transfers: a study from one hospital to another, and the receipt that three sign.",
)
app.command("send")(send)
app.command("receive")(receive)


@app.command("sign")
def sign(
    context: typer.Context,
    paper: Paper,
    account: As,
    written: PaperOut = None,
    json: Json = False,
) -> None:
    """Countersign a transfer, as the patient or as the delegate whom the paper names.

    It says that the account granted the receiver this record and knows of the transfer. Look
    at what it is first: `medibloc exchange show`. With the words of all three the paper is the
    receipt: give it to both hospitals.
    """
    session: Session = context.obj
    data = read_bytes(paper)
    client = session.acting_as(account)
    made = client.countersign(data, paper)
    target = written or paper
    save(made, target)
    Output(json).result(data_of(made, target), [*lines_of(made), f"Signed into {target}."])


@app.command("keep")
def keep(
    context: typer.Context,
    papers: Annotated[list[Path], typer.Argument(help="Papers of transfers, one or more.")],
    account: As,
    written: Annotated[
        Path | None,
        typer.Option("--paper", help="Where to write the last one, with every word kept of it."),
    ] = None,
    json: Json = False,
) -> None:
    """Keep papers among the account's own documents, joined with what it has of each transfer.

    Sender, receiver and patient each keep the receipt this way. Papers of one transfer that
    were signed apart become one: in which order they come does not matter.
    """
    from medibloc_py.flows.transfer import keep_transfer

    session: Session = context.obj
    read = [(path, read_bytes(path)) for path in papers]
    me = session.identity(account)
    made = [keep_transfer(me, data, path) for path, data in read]
    if written is not None:
        save(made[-1], written)
    lines = [line for each in made for line in lines_of(each)]
    Output(json).result([data_of(each, written or "") for each in made], lines)


@app.command("show")
def show(paper: Paper, json: Json = False) -> None:
    """Show what a paper says and who has signed it; its signatures are checked, without a chain."""
    from medibloc_py.flows.transfer_paper import read_paper

    read = read_paper(read_bytes(paper), paper)
    Output(json).result(data_of(read, paper), lines_of(read))


@app.command("check")
def check(
    context: typer.Context,
    receipt: Annotated[Path, typer.Argument(help="Paper with the words of all three.")],
    online: Annotated[
        bool, typer.Option("--online", help="Also hold it against the chain.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a finished receipt: anyone who holds it can, without an account or a chain.

    All three signatures must stand over the same transfer. With --online the chain is asked,
    too: whether the sender was the first to register the record and was accredited, whether the
    patient's grant stood when the receiver opened it, and whether the times are those of blocks.
    """
    from medibloc_py.flows.transfer_check import check_on_chain
    from medibloc_py.flows.transfer_paper import read_receipt

    session: Session = context.obj
    read = read_receipt(read_bytes(receipt), receipt)
    found = check_on_chain(session.client().exchange, read, receipt) if online else ()
    Output(json).result(
        {"holds": True, "found": found} | data_of(read, receipt),
        ["Signed by all three, and unchanged.", *lines_of(read), *found],
    )


@app.command("list")
def list_(context: typer.Context, account: As, json: Json = False) -> None:
    """List the transfers that the account keeps a paper of, the oldest first."""
    from medibloc_py.flows.transfer import kept_transfers, roles_of

    session: Session = context.obj
    me = session.identity(account)
    kept = [(each, "+".join(roles_of(each.transfer, me.address))) for each in kept_transfers(me)]
    Output(json).table(
        [data_of(each) | {"role": role} for each, role in kept],
        "Transfers",
        ("record", "as", "from", "to", "patient", "sent", "lacks the word of"),
        [
            (
                "0x" + each.transfer.record.hex(),
                role,
                each.transfer.sender,
                each.transfer.receiver,
                each.transfer.patient,
                as_time(each.transfer.sent_at),
                ", ".join(each.missing) or "nobody",
            )
            for each, role in kept
        ],
    )
