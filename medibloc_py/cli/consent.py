"""`medibloc consent`: what a patient's data may be used for, and who decides for a patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli import mandates
from medibloc_py.cli.acting import RecordOption, act, deciding, read_record
from medibloc_py.cli.options import (
    WEEK,
    As,
    Json,
    OnBehalfOf,
    Session,
    Sign,
    ValidFor,
    read_text,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_time
from medibloc_py.errors.words import time as as_time

app = typer.Typer(
    no_args_is_help=True,
    help="Consent: what a patient's data may be used for, until when, and who decides.",
)

_FORM = (
    "en: My imaging data may be used for the purposes named here, until the date named here. "
    "I can take this back at any time."
)
Patient = Annotated[str, typer.Argument(help="Patient: name or address.")]


def _what(record: str | None) -> str:
    return f"record {record}" if record else "all records"


@app.command("set")
def set_(
    context: typer.Context,
    terms: Annotated[
        str, typer.Argument(help="One of NRES GRU HMB DS POA and modifiers, such as HMB+NCU.")
    ],
    account: As,
    record: RecordOption = None,
    until: Annotated[str, typer.Option(help="A span like 365d or a date.")] = "365d",
    form: Annotated[
        Path | None, typer.Option(help="The consent form's text; its digest goes on chain.")
    ] = None,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Set a consent, in DUO terms: for all records, or with --record for one.

    A record's own consent takes the place of the one for all, wider or narrower, until it
    is lifted. What a delegate sets must end with the mandate or before.
    """
    from medibloc_py.client import read_terms
    from medibloc_py.crypto.ids import keccak256

    session: Session = context.obj
    word, place = read_terms(terms), read_record(record)
    text = read_text(form) if form else _FORM
    client, by = deciding(session, account, on_behalf_of)
    time = read_time(until, client.exchange.network.run.moment())
    prepared = by.set_consent(word, time, keccak256(text.encode()), place)
    said = f"Consent {terms.upper()} for {_what(record)} until {as_time(time)}"
    act(Output(json), client, prepared, sign, valid_for, said)


@app.command("revoke")
def revoke(
    context: typer.Context,
    account: As,
    record: RecordOption = None,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Take a consent back, from the next block on.

    With --record the record is barred: nothing is permitted for it, whatever the consent
    for all says, until the bar is lifted or the record gets a consent of its own.
    """
    session: Session = context.obj
    place = read_record(record)
    client, by = deciding(session, account, on_behalf_of)
    said = f"Consent for {_what(record)} revoked"
    act(Output(json), client, by.revoke_consent(place), sign, valid_for, said)


@app.command("lift")
def lift(
    context: typer.Context,
    record: Annotated[str, typer.Option("--record", help="Record id.")],
    account: As,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """End a record's own consent or bar: the consent for all counts for it again."""
    session: Session = context.obj
    place = read_record(record)
    client, by = deciding(session, account, on_behalf_of)
    said = f"The consent for all counts for record {record} again"
    act(Output(json), client, by.lift_consent(place), sign, valid_for, said)


@app.command("show")
def show(
    context: typer.Context,
    patient: Patient,
    record: RecordOption = None,
    purpose_text: Annotated[
        str | None, typer.Option("--for", help="Ask about a purpose, such as HMB+NONCOMMERCIAL.")
    ] = None,
    requester: Annotated[
        str | None,
        typer.Option("--requester", help="With --for: count what reviewers cleared for this one."),
    ] = None,
    json: Json = False,
) -> None:
    """Show a patient's consents, and what they answer to a purpose."""
    from medibloc_py import purpose
    from medibloc_py.client import read_request
    from medibloc_py.model import GENERAL, ZERO_ADDRESS

    session: Session = context.obj
    request = read_request(purpose_text) if purpose_text else None
    place, who = read_record(record), session.address(patient)
    asks = session.address(requester) if requester else ZERO_ADDRESS
    service = session.client().exchange.consent
    held = service.consent_of(who, place)
    answer = service.check(who, request, place, asks) if request is not None else None
    others = service.overrides(who) if place == GENERAL else []
    terms = purpose.render(held.terms, purpose.TERM_NAMES)
    Output(json).result(
        {
            "consent": held,
            "terms": terms,
            "records": others,
            "answer": answer.answer.name if answer else None,
            "decided_by_bit": answer.bit if answer else None,
        },
        [
            f"for      {_what(record)}",
            f"terms    {'barred' if held.barred else terms}",
            f"until    {as_time(held.expires_at)}",
            f"version  {held.version}",
            *(
                f"record   0x{own.record.hex()} has its own: "
                + ("barred" if own.barred else purpose.render(own.terms, purpose.TERM_NAMES))
                for own in others
            ),
            *([f"{purpose_text}: {answer.answer.name}"] if answer else []),
        ],
    )


_OTHERS: dict[str, Callable[..., None]] = {
    "delegate": mandates.delegate,
    "dismiss": mandates.dismiss,
    "delegates": mandates.delegates,
    "clear": mandates.clear,
    "clearances": mandates.clearances,
}
for _name, _command in _OTHERS.items():
    app.command(_name)(_command)
