"""`medibloc audit`: what happened to a patient, a record, a listing or an account."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.index import UrlFile, following, place_of
from medibloc_py.cli.openings import keep
from medibloc_py.cli.options import Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.flows.audit import Audit
    from medibloc_py.flows.history import History
    from medibloc_py.flows.parties import Identity

_HELP = (
    "Audit: who was granted what, for what, until when; what was paid.\n\n"
    "Answers come from the index (`medibloc index`), brought up to date first, or from the "
    "chain where there is none. With [b]--as[/] the papers that it keeps ([b]keep[/]) tell who "
    "opened a record, and [b]--html[/] writes a signed page that [b]check[/] proves."
)
app = typer.Typer(
    no_args_is_help=True, help=_HELP, short_help="Audit: who was granted what; what was paid."
)
As = Annotated[
    str | None, typer.Option("--as", help="Account that asks: its receipts count, and it signs.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Print what happened as CSV.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="New file for a signed page; needs --as.")
]
_WHO = Annotated[str, typer.Argument(metavar="who", help="Name or address.")]


def _account(session: Session, given: str) -> str:
    return session.address(given)


def _id(what: str) -> Callable[[Session, str], str]:
    return lambda _, given: "0x" + read_bytes32(given, what).hex()


def _which(what: str) -> object:
    return Annotated[str, typer.Argument(metavar="which", help=f"Id of the {what}.")]


def _command(kind: str, of: object, read: Callable[[Session, str], str], told: str) -> None:
    """Makes the command of a kind of subject.

    Args:
        kind: its name.
        of: what the subject is given as.
        read: the subject as the chain knows it, from what was given.
        told: the help.
    """

    def command(
        context: typer.Context,
        given: str,
        account: As = None,
        as_csv: Csv = False,
        html: Html = None,
        url_file: UrlFile = None,
        json: Json = False,
    ) -> None:
        subject = read(context.obj, given)
        _tell(context, kind, subject, account, as_csv, html, url_file, json)

    command.__annotations__["given"] = of
    app.command(kind, help=told)(command)


_command(
    "patient",
    _WHO,
    _account,
    "Show consents, delegates, grants, emergencies, listings and payments of a patient.\n\n"
    "Listings are those that the patient was paid from or left. Example: `medibloc audit patient "
    "alice --as alice --html alice.html`.",
)
_command(
    "record",
    _which("record"),
    _id("record"),
    "Show who could read a record, its consents, its emergencies, and who signed to have it.",
)
_command(
    "listing",
    _which("listing"),
    _id("listing"),
    "Show a listing, who bought it for what, what was settled, claimed and withdrawn.",
)
_command(
    "account",
    _WHO,
    _account,
    "Show all that an account took part in: as issuer, reader, buyer, steward, reviewer.",
)


app.command("keep")(keep)


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A page that `--html` wrote.")], json: Json = False
) -> None:
    """Prove that a page is what its maker signed, and shows nothing else. Needs no chain.

    It proves who says so. Whether it is so, the transactions on the chain tell.
    """
    from medibloc_py.flows.audit_page import check_page

    answer = check_page(read_bytes(file), file)
    lines = [
        f"Signed by {answer.maker}: {answer.kind} {answer.subject} on chain {answer.chain_id},",
        f"as of block {answer.block}, {as_time(answer.at)}; {len(answer.lines)} events.",
    ]
    Output(json).result(answer, lines)


def _tell(
    context: typer.Context,
    kind: str,
    subject: str,
    account: str | None,
    as_csv: bool,
    html: Path | None,
    url_file: Path | None,
    json: bool,
) -> None:
    from medibloc_py.errors import FileExists, InvalidValue
    from medibloc_py.flows.audit import audit

    session: Session = context.obj
    console = Output(json)
    if html is not None and account is None:
        raise InvalidValue(name="--as", given="not set", allowed="the account that signs the page")
    if html is not None and html.exists():
        raise FileExists(path=html)
    maker = session.identity(account) if account else None
    history = _history(session, console, url_file)
    answer = audit(session.client().exchange, history, kind, subject, maker)
    if html is not None and maker is not None:
        _write_page(html, maker, answer)
    if as_csv:
        print(_csv(answer), end="")
    elif json or html is None:
        _show(console, answer)
    else:
        console.result({}, [f"{len(answer.lines)} events, signed, in {html}."])


def _history(session: Session, console: Output, url_file: Path | None) -> History:
    """The index, brought up to date; or all events from the chain where there is none."""
    from medibloc_py.chain import Scanner
    from medibloc_py.errors import ExtraMissing, IndexMissing
    from medibloc_py.flows.history import ChainHistory
    from medibloc_py.index import EventLog

    exchange = session.client().exchange
    with console.progress() as progress:
        try:
            EventLog.open(place_of(session, url_file, exchange.chain_id)).close()
        except (IndexMissing, ExtraMissing):
            deployment = exchange.deployment
            source = Scanner(exchange.network, deployment.contracts)
            return ChainHistory(source, deployment.block, progress)
        log, follower = following(session, url_file)
        follower.catch_up(progress)
        return log


def _show(console: Output, answer: Audit) -> None:
    from medibloc_py.flows import audit_page as page

    if console.as_json:
        console.result(answer)
        return
    if answer.accesses:
        console.table(None, "Who could read", page.ACCESS_COLUMNS, page.access_rows(answer))
    title = f"What happened, up to block {answer.block} ({as_time(answer.at)})"
    console.table(None, title, page.LINE_COLUMNS, page.line_rows(answer))
    console.result(None, [answer.limits])


def _csv(answer: Audit) -> str:
    from dataclasses import asdict, fields

    from medibloc_py.flows.audit_lines import Line

    out = io.StringIO()
    writer = csv.DictWriter(out, ["time_utc", *(field.name for field in fields(Line))])
    writer.writeheader()
    for line in answer.lines:
        writer.writerow({"time_utc": as_time(line.at), **asdict(line)})
    return out.getvalue()


def _write_page(path: Path, maker: Identity, answer: Audit) -> None:
    from medibloc_py.flows.audit import sign
    from medibloc_py.flows.audit_page import page_of
    from medibloc_py.storage.files import make_folder, write_atomic

    make_folder(path.absolute().parent)
    write_atomic(path.absolute(), page_of(sign(maker.signer, answer)))
