"""Who decides besides the patient, as commands of `medibloc consent`: delegates, reviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.acting import RecordOption, act, deciding, read_record
from medibloc_py.cli.options import WEEK, As, Json, Session, Sign, ValidFor
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors import InvalidValue
from medibloc_py.errors.words import scope as as_scope
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.model import Scope


def delegate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who may act for the account: name or address.")],
    account: As,
    scope: Annotated[str, typer.Option(help="Any of consent, grant, sell, joined by commas.")],
    until: Annotated[str, typer.Option(help="Last moment: a span or a date.")],
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Let another account decide for this one: a guardian, a daughter, a patients' advocate.

    A delegate acts with --on-behalf-of, or signs. Nothing it gives outlasts its mandate, so
    a minor's guardian is named up to the last second before coming of age: from then on,
    only the patient's own word counts, and nobody has to send anything. No delegate can
    name another. What the mandate was before is replaced.
    """
    session: Session = context.obj
    allowed, to = _read_scope(scope), session.address(name)
    client, by = deciding(session, account, None)
    time = read_time(until, client.exchange.network.run.moment())
    prepared = by.name_delegate(to, allowed, time)
    said = f"{to} may act in {as_scope(allowed)} until {as_time(time)}"
    act(Output(json), client, prepared, sign, valid_for, said)


def dismiss(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The delegate: name or address.")],
    account: As,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """End a delegate's mandate at once.

    What it gave before stands until its own end, or until the patient revokes it.
    """
    from medibloc_py.model import Scope

    session: Session = context.obj
    to = session.address(name)
    client, by = deciding(session, account, None)
    said = f"{to} may not act for {by.patient} any more"
    act(Output(json), client, by.name_delegate(to, Scope(0), 0), sign, valid_for, said)


def delegates(
    context: typer.Context,
    patient: Annotated[str | None, typer.Argument(help="Whose: name or address.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Whom this one may act for: name or address.")
    ] = None,
    json: Json = False,
) -> None:
    """List who may act for whom, in what, until when."""
    session: Session = context.obj
    if not patient and not to:
        raise InvalidValue(name="PATIENT or --to", given="missing", allowed="given, or both")
    who = session.address(patient) if patient else None
    delegate = session.address(to) if to else None
    exchange = session.client().exchange
    found, now = exchange.consent.mandates(who, delegate), exchange.network.now()
    Output(json).table(
        [{"mandate": each, "holds": bool(each.scope) and each.until >= now} for each in found],
        "Delegates",
        ("patient", "delegate", "may act in", "until", "holds"),
        [
            (
                each.patient,
                each.delegate,
                as_scope(each.scope),
                as_time(each.until),
                "yes" if each.scope and each.until >= now else "no",
            )
            for each in found
        ],
    )


def clear(
    context: typer.Context,
    account: As,
    requester: Annotated[str, typer.Option(help="Who will use the data: name or address.")],
    purpose_text: Annotated[
        str, typer.Option("--purpose", help="The purpose, exactly as it will be asked.")
    ],
    patient: Annotated[
        str | None, typer.Option(help="Whose consent refers it: name or address.")
    ] = None,
    record: RecordOption = None,
    listing: Annotated[str | None, typer.Option(help="Id of the listing that refers it.")] = None,
    until: Annotated[
        str, typer.Option(help="A span or a date; 0 takes the clearance back.")
    ] = "90d",
    json: Json = False,
) -> None:
    """Clear a use that terms refer to a person (reviewers only).

    Some terms, such as RS and COL, and sensitive requests, are for a person to judge. A
    clearance is for one requester and exactly one purpose, never permits what is denied,
    and ends with the next change of the consent.
    """
    from medibloc_py.client import read_request
    from medibloc_py.flows.decisions import clear_listing, clear_record
    from medibloc_py.model import ListingId

    session: Session = context.obj
    if bool(patient) == bool(listing):
        raise InvalidValue(
            name="what is cleared", given="not said", allowed="--patient or --listing, one of them"
        )
    request, who = read_request(purpose_text), session.address(requester)
    place = read_record(record)
    of = session.address(patient) if patient else None
    client = session.acting_as(account)
    exchange, me = client.exchange, client.me
    time = read_time(until, exchange.network.run.moment())
    if of is not None:
        made, receipt = clear_record(exchange, me, of, place, who, request, time)
    else:
        listing_id = ListingId(read_bytes32(str(listing), "listing"))
        made, receipt = clear_listing(exchange, me, listing_id, who, request, time)
    said = f"cleared until {as_time(time)}" if time else "not cleared any more"
    Output(json).result(
        {"clearance": made, "receipt": receipt},
        [f"{purpose_text} by {who} is {said}, gas {receipt.gas_used:,}."],
    )


def clearances(
    context: typer.Context,
    patient: Annotated[str | None, typer.Option(help="For a patient's consent.")] = None,
    record: RecordOption = None,
    listing: Annotated[str | None, typer.Option(help="For a listing, by its id.")] = None,
    requester: Annotated[str | None, typer.Option(help="For a requester.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="By a reviewer.")] = None,
    json: Json = False,
) -> None:
    """List what reviewers cleared or took back, and whether it holds."""
    from medibloc_py import purpose

    session: Session = context.obj
    asks = session.address(requester) if requester else None
    judge = session.address(reviewer) if reviewer else None
    of = session.address(patient) if patient else None
    place = read_record(record)
    service = session.client().exchange.consent
    subject = service.subject_of(of, place) if of else None
    if listing:
        subject = read_bytes32(listing, "listing")
    data, rows = [], []
    for one, block in service.clearances(subject, asks, judge):
        holds = service.is_cleared(one.subject, one.requester, one.request)
        data.append({"clearance": one, "block": block, "holds": holds})
        rows.append(
            (
                "0x" + one.subject.hex(),
                one.requester,
                purpose.render(one.request, purpose.REQUEST_NAMES),
                one.reviewer,
                as_time(one.until) if one.until else "taken back",
                "yes" if holds else "no",
            )
        )
    Output(json).table(
        data, "Clearances", ("subject", "requester", "purpose", "reviewer", "until", "holds"), rows
    )


def _read_scope(given: str) -> Scope:
    """Reads `consent,grant`.

    Raises:
        InvalidValue: a name is not known.
    """
    from medibloc_py.model import Scope

    found = Scope(0)
    for name in given.split(","):
        try:
            found |= Scope[name.strip().upper()]
        except KeyError:
            raise InvalidValue(
                name="scope", given=name.strip(), allowed="any of consent, grant, sell"
            ) from None
    return found
