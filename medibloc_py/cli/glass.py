"""Emergencies, as commands of `medibloc access`: custodian, card, break-glass, deliver, review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.acting import act, deciding, read_key
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import (
    WEEK,
    As,
    Json,
    KeyPrint,
    OnBehalfOf,
    Session,
    Sign,
    ValidFor,
    read_bytes,
    read_text,
)
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_time
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.flows.glass import Case

Record = Annotated[str, typer.Argument(help="Record id.")]
Card = Annotated[Path, typer.Argument(metavar="CARD", help="The record's card.")]


def custodian(
    context: typer.Context,
    account: As,
    name: Annotated[str | None, typer.Argument(help="Who keeps the keys: name or address.")] = None,
    until: Annotated[str, typer.Option(help="Last moment: a span or a date.")] = "365d",
    remove: Annotated[bool, typer.Option("--remove", help="Nobody keeps them any more.")] = False,
    on_behalf_of: OnBehalfOf = None,
    sign: Sign = None,
    valid_for: ValidFor = WEEK,
    json: Json = False,
) -> None:
    """Name who gives a clinician the key when the patient cannot.

    The custodian keeps the keys of those records that you grant it, with `medibloc access
    grant` for TREATMENT, and can read them all the time: name a service that answers day
    and night.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.model import ZERO_ADDRESS

    session: Session = context.obj
    if (name is None) != remove:
        raise InvalidValue(name="the custodian", given="not said", allowed="named, or --remove")
    to = session.address(name) if name else ZERO_ADDRESS
    client, by = deciding(session, account, on_behalf_of)
    time = read_time(until, client.exchange.network.run.moment())
    said = "Nobody keeps the keys" if remove else f"{to} keeps the keys until {as_time(time)}"
    act(Output(json), client, by.name_custodian(to, time), sign, valid_for, said)


def card(
    context: typer.Context,
    record: Record,
    account: As,
    out: Annotated[Path, typer.Option(help="File for the card.")],
    json: Json = False,
) -> None:
    """Write a record's card: it lets a clinician break the glass, and holds no key.

    Carry it, or leave it with the custodian; whoever has it learns that the record is yours.
    """
    from medibloc_py.model import RecordId
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    require_writable(out.absolute().parent)
    write_atomic(out.absolute(), client.card_of(record_id))
    Output(json).result({"record": record_id, "file": str(out)}, [f"Wrote {out}."])


def break_glass(
    context: typer.Context,
    card_file: Card,
    account: As,
    reason: Annotated[str | None, typer.Option(help="Why it cannot wait.")] = None,
    reason_file: Annotated[
        Path | None, typer.Option(help="File with the reason, instead of --reason.")
    ] = None,
    json: Json = False,
) -> None:
    """Open a record in an emergency, when the patient cannot be asked (clinicians only).

    It stands in the open at once, for half an hour; a reviewer will look. The reason stays
    with you, and only its salted hash goes on chain. The key comes from the custodian: then
    use `medibloc access open`.
    """
    from medibloc_py.errors import ReasonMissing

    session: Session = context.obj
    if reason_file is not None:
        reason = read_text(reason_file)
    if not reason:
        raise ReasonMissing
    data = read_bytes(card_file)
    made = session.acting_as(account).break_glass(data, card_file, reason)
    event = made.emergency
    Output(json).result(
        made,
        [
            f"0x{event.record.hex()} may be read until {as_time(event.expires_at)}, "
            f"epoch {event.epoch}, gas {made.receipt.gas_used:,}.",
            f"Now reach the custodian {event.custodian}, who delivers the key.",
        ],
    )


def emergencies(
    context: typer.Context,
    patient: Annotated[str | None, typer.Option(help="Of a patient.")] = None,
    clinician: Annotated[str | None, typer.Option(help="By a clinician.")] = None,
    custodian: Annotated[str | None, typer.Option(help="That a custodian answers for.")] = None,
    record: Annotated[str | None, typer.Option(help="On a record, by its id.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that nobody reviewed.")
    ] = False,
    json: Json = False,
) -> None:
    """List emergencies, from the chain alone: open, delivered, over, reviewed."""
    from medibloc_py.flows import glass
    from medibloc_py.model import RecordId

    session: Session = context.obj
    who = [session.address(each) if each else None for each in (patient, clinician, custodian)]
    place = RecordId(read_bytes32(record, "record")) if record else None
    found = glass.emergencies(session.client().exchange, place, *who)
    if waiting:
        found = [each for each in found if each.review is None]
    Output(json).table(
        found,
        "Emergencies",
        ("record", "patient", "clinician", "epoch", "custodian", "until", "state"),
        [
            (
                "0x" + each.emergency.record.hex(),
                each.emergency.patient,
                each.emergency.clinician,
                str(each.emergency.epoch),
                each.emergency.custodian,
                as_time(each.emergency.expires_at),
                _state(each),
            )
            for each in found
        ],
    )


def _state(case: Case) -> str:
    if case.review is None:
        return str(case.state)
    return f"{case.state}: {'justified' if case.review.justified else 'unjustified'}"


def deliver(
    context: typer.Context,
    record: Record,
    account: As,
    to: Annotated[str, typer.Option(help="The clinician: name or address.")],
    fingerprint: KeyPrint = None,
    json: Json = False,
) -> None:
    """Give a clinician the key of a record in an emergency (its custodian only)."""
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id, clinician = RecordId(read_bytes32(record, "record")), session.address(to)
    made = session.acting_as(account).deliver(record_id, clinician, read_key(fingerprint))
    Output(json).result(
        made, [f"{clinician} has the key of {record}, gas {made.receipt.gas_used:,}."]
    )


def review(
    context: typer.Context,
    card_file: Card,
    account: As,
    clinician: Annotated[str, typer.Option(help="Who broke the glass: name or address.")],
    justified: Annotated[
        bool, typer.Option("--justified/--unjustified", help="Whether it had to be.")
    ],
    finding: Annotated[Path, typer.Option(help="File with the written finding.")],
    epoch: Annotated[
        int | None, typer.Option(help="Which emergency of this clinician; else the newest.")
    ] = None,
    json: Json = False,
) -> None:
    """Judge an emergency access, once, in the open (reviewers who took no part).

    The finding stays with you; only its salted hash goes on chain.
    """
    session: Session = context.obj
    who, text, data = session.address(clinician), read_text(finding), read_bytes(card_file)
    receipt = session.acting_as(account).review(data, card_file, who, justified, text, epoch)
    judged = "justified" if justified else "unjustified"
    Output(json).result(receipt, [f"Judged {judged}, gas {receipt.gas_used:,}."])


def statement(
    context: typer.Context,
    digest: Annotated[str, typer.Argument(help="Digest of a reason or finding on chain.")],
    account: As,
    out: Annotated[Path, typer.Option(help="File for the statement.")],
    json: Json = False,
) -> None:
    """Write down a reason or finding of yours, to show it to a reviewer or a court.

    Its salt and text hash to the digest on chain, which proves that it was not changed.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows import glass, papers
    from medibloc_py.storage.files import write_atomic

    session: Session = context.obj
    wanted = read_bytes32(digest, "digest")
    told = glass.statement_of(session.identity(account), wanted)
    if told is None:
        raise InvalidValue(name="digest", given=digest, allowed=f"of a statement by {account}")
    require_writable(out.absolute().parent)
    write_atomic(out.absolute(), papers.write(glass.STATEMENT, told))
    Output(json).result({"digest": wanted, "text": told.text}, [f"Wrote {out}."])
