"""`medibloc consent`: what a patient's data may be used for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.options import As, Json, Session, read_text
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_time
from medibloc_py.errors.words import time as as_time

app = typer.Typer(
    no_args_is_help=True, help="Consent: what a patient's data may be used for, until when."
)

_FORM = (
    "en: My imaging data may be used for the purposes named here, until the date named here. "
    "I can take this back at any time."
)


@app.command("set")
def set_(
    context: typer.Context,
    terms: Annotated[
        str, typer.Argument(help="One of NRES GRU HMB DS POA and modifiers, such as HMB+NCU.")
    ],
    account: As,
    until: Annotated[str, typer.Option(help="A span like 365d or a date.")] = "365d",
    form: Annotated[
        Path | None, typer.Option(help="The consent form's text; its digest goes on chain.")
    ] = None,
    json: Json = False,
) -> None:
    """Set the account's consent, in DUO terms."""
    from medibloc_py.client import read_terms

    session: Session = context.obj
    read_terms(terms)
    text = read_text(form) if form else _FORM
    client = session.acting_as(account)
    time = read_time(until, client.exchange.network.now())
    receipt = client.set_consent(terms, time, text)
    Output(json).result(
        receipt, [f"Consent {terms.upper()} until {as_time(time)}, gas {receipt.gas_used:,}."]
    )


@app.command("show")
def show(
    context: typer.Context,
    patient: Annotated[str, typer.Argument(help="Name or address.")],
    purpose_text: Annotated[
        str | None, typer.Option("--for", help="Ask about a purpose, such as HMB+NONCOMMERCIAL.")
    ] = None,
    json: Json = False,
) -> None:
    """Show a patient's consent, and what it answers to a purpose."""
    from medibloc_py import purpose
    from medibloc_py.client import read_request

    session: Session = context.obj
    request = read_request(purpose_text) if purpose_text else None
    service = session.client().exchange.consent
    held = service.consent_of(session.address(patient))
    answer = service.check(held.patient, request) if request is not None else None
    terms = purpose.render(held.terms, purpose.TERM_NAMES)
    Output(json).result(
        {
            "consent": held,
            "terms": terms,
            "answer": answer.answer.name if answer else None,
            "decided_by_bit": answer.bit if answer else None,
        },
        [
            f"terms    {terms}",
            f"until    {as_time(held.expires_at)}",
            f"version  {held.version}",
            *([f"{purpose_text}: {answer.answer.name}"] if answer else []),
        ],
    )


@app.command("revoke")
def revoke(context: typer.Context, account: As, json: Json = False) -> None:
    """Take the account's consent back, from the next block on."""
    session: Session = context.obj
    receipt = session.acting_as(account).revoke_consent()
    Output(json).result(receipt, [f"Consent revoked, gas {receipt.gas_used:,}."])
