"""`medibloc index`: the events of the chain in a database, to be asked."""

from __future__ import annotations

import json as codec
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.options import Json, Session, sure
from medibloc_py.cli.output import Output
from medibloc_py.cli.peers import private_text
from medibloc_py.cli.times import read_span
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.flows.following import Follower, Step
    from medibloc_py.index import Entry, EventLog

ENVIRON = "MEDIBLOC_INDEX"
_HELP = (
    "Index: the events of the chain in a database, to be asked.\n\n"
    "[b]run[/] follows the chain into SQLite (`<home>/index-<chain id>.sqlite`), or into the "
    f"database whose URL is in {ENVIRON} or in a file ([b]--url-file[/]); it goes back where "
    "the chain does. Nothing in an index is secret or of its own: [b]rebuild[/] makes it again."
)
app = typer.Typer(
    no_args_is_help=True, help=_HELP, short_help="Index: the chain's events in a database."
)
UrlFile = Annotated[
    Path | None,
    typer.Option("--url-file", help=f"File (mode 0600) with the database's URL; else {ENVIRON}."),
]
Confirmations = Annotated[
    int, typer.Option(min=0, help="Blocks that must stand on one before it is read.")
]
CheckRpc = Annotated[
    str | None, typer.Option("--check-rpc", help="RPC URL of a second node: both must tell alike.")
]


@app.command("run")
def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing left.")] = False,
    every: Annotated[str, typer.Option(help="How often to look for new blocks.")] = "5s",
    confirmations: Confirmations = 0,
    check_rpc: CheckRpc = None,
    url_file: UrlFile = None,
    json: Json = False,
) -> None:
    """Follow the chain until Ctrl-C, from where it was left.

    Each range of blocks is one transaction of the database: stopped or killed at any point,
    nothing is lost and nothing doubled. What the chain takes back is moved out of the log and
    kept apart. A node that does not answer is asked again later.
    """
    console, pause_s = Output(json), read_span(every)
    log, follower = following(context.obj, url_file, confirmations, check_rpc)
    if once:
        with console.progress() as progress:
            steps = follower.catch_up(progress)
        _say(console, log, steps)
        return
    console.log("following", index=log.place, block=log.head.block)
    while True:
        _once(console, follower)
        time.sleep(pause_s)


@app.command("status")
def status(context: typer.Context, url_file: UrlFile = None, json: Json = False) -> None:
    """Show how far the index is, what the chain took back, and the digest of its content."""
    from medibloc_py.index import EventLog

    session: Session = context.obj
    network = session.client().exchange.network
    log = EventLog.open(place_of(session, url_file, network.chain_id))
    head, mark, undone = log.head, log.mark, log.reorganisations()
    newest = network.block_number()
    data = {
        "index": log.place,
        "chain_id": mark.chain_id,
        "from_block": mark.origin.block + 1,
        "block": head.block,
        "block_hash": head.hash,
        "behind": newest - head.block,
        "events": log.count(),
        "digest": log.digest(),
        "reorganisations": [
            {
                "ancestor": each.ancestor.block,
                "depth": each.head.block - each.ancestor.block,
                "block_hash": each.head.hash,
                "events": each.events,
            }
            for each in undone
        ],
    }
    lines = [
        f"Index of chain {mark.chain_id} at {log.place}.",
        f"{data['events']} events of blocks {mark.origin.block + 1} to {head.block}; "
        f"the node is at {newest}.",
        f"Digest 0x{log.digest().hex()}",
        *(
            f"Taken back: {each.events} events of {each.head.block - each.ancestor.block} "
            f"blocks after {each.ancestor.block}."
            for each in undone
        ),
    ]
    Output(json).result(data, lines)


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    check_rpc: CheckRpc = None,
    url_file: UrlFile = None,
    json: Json = False,
) -> None:
    """Drop the index and read it from the chain again; says whether the content is the same.

    What the chain took back before is then no longer told: nobody keeps it but the index.
    """
    from medibloc_py.errors import IndexMismatched, IndexMissing
    from medibloc_py.index import EventLog

    session: Session = context.obj
    console = Output(json)
    place = place_of(session, url_file, session.client().exchange.chain_id)
    if not yes:
        sure(f"Drop the index and read {session.client().settings.network.name} again?")
    before = None
    try:
        old = EventLog.open(place)
        before = old.head.block, old.digest()
        old.close()
    except (IndexMissing, IndexMismatched):
        pass  # nothing to compare with
    EventLog.drop(place)
    log, follower = following(session, url_file, 0, check_rpc)
    with console.progress() as progress:
        follower.catch_up(progress)
    same = None if before is None else log.digest(before[0]) == before[1]
    data = {"block": log.head.block, "events": log.count(), "digest": log.digest(), "same": same}
    said = {None: "", True: " It is what it was.", False: " It is NOT what it was."}[same]
    told = f"{log.count()} events up to block {log.head.block}, digest 0x{log.digest().hex()}."
    console.result(data, [told + said])


@app.command("show")
def show(
    context: typer.Context,
    what: Annotated[
        str | None, typer.Argument(help="Account (name or address) or id that events speak of.")
    ] = None,
    first: Annotated[int, typer.Option("--from", min=0, help="First block.")] = 0,
    last: Annotated[int | None, typer.Option("--to", min=0, help="Last block.")] = None,
    event: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    most: Annotated[int, typer.Option(min=1, help="The newest of them, at most.")] = 100,
    url_file: UrlFile = None,
    json: Json = False,
) -> None:
    """Show events of the index, with all their values. For their meaning: `medibloc audit`."""
    from collections import deque

    from medibloc_py.index import EventLog

    session: Session = context.obj
    log = EventLog.open(place_of(session, url_file, session.client().exchange.chain_id))
    found = (
        log.entries(first, last) if what is None else iter(log.mentioning(value_of(session, what)))
    )
    wanted = (
        each
        for each in found
        if each.block >= first
        and (last is None or each.block <= last)
        and event in (None, each.event)
    )
    newest = list(deque(wanted, maxlen=most))
    rows = [
        [str(each.block), as_time(each.at), f"{each.contract}.{each.event}", each.args]
        for each in newest
    ]
    data = [_as_data(each) for each in newest]
    Output(json).table(data, "Events", ["Block", "Time", "Event", "Values"], rows)


def place_of(session: Session, url_file: Path | None, chain_id: int) -> str:
    """The database: of the file, else of the environment, else the SQLite file of the chain.

    Raises:
        StudyUnreadable: the file cannot be read.
        TokenExposed: others may read it.
    """
    if url_file is not None:
        return private_text(url_file).strip()
    return os.environ.get(ENVIRON) or str(session.settings().home / f"index-{chain_id}.sqlite")


def following(
    session: Session,
    url_file: Path | None,
    confirmations: int = 0,
    check_rpc: str | None = None,
) -> tuple[EventLog, Follower]:
    """The log of the session's chain, made if need be, and what brings it up to date."""
    from medibloc_py.chain import Network, Scanner
    from medibloc_py.flows.following import Follower, mark_of
    from medibloc_py.index import EventLog

    exchange = session.client().exchange
    at, chain_id = exchange.deployment.contracts, exchange.chain_id
    source = Scanner(exchange.network, at)
    second = Scanner(Network.connect(check_rpc, chain_id), at) if check_rpc else None
    mark = mark_of(source, chain_id, at, exchange.deployment.block)
    log = EventLog.make(place_of(session, url_file, chain_id), mark)
    return log, Follower(log, source, confirmations, second)


def _once(console: Output, follower: Follower) -> None:
    """One look of the service; what passes is told and not the end of it."""
    from medibloc_py.errors import NodeAnsweredWrong, TransportError

    try:
        steps = follower.catch_up()
    except NodeAnsweredWrong:
        raise  # a person must see to it
    except TransportError as error:
        console.log("waiting", error=type(error).__name__, reason=error.message)
        return
    for step in steps:
        if step.undone:
            console.log("undone", blocks=step.undone, ancestor=step.head.block)
        if step.added:
            console.log("added", events=step.added, block=step.head.block)


def _say(console: Output, log: EventLog, steps: list[Step]) -> None:
    added, undone = sum(s.added for s in steps), sum(s.undone for s in steps)
    data: dict[str, Any] = {"index": log.place, "block": log.head.block}
    data |= {"added": added, "undone_blocks": undone, "events": log.count()}
    back = f" {undone} blocks were taken back." if undone else ""
    lines = [f"{added} events added, up to block {log.head.block}.{back}"]
    console.result(data, lines)


def value_of(session: Session, given: str) -> str:
    """How the log writes what is looked for."""
    if given.startswith("0x") and len(given) == 66:
        return given.lower()
    return session.address(given)


def _as_data(entry: Entry) -> dict[str, Any]:
    data = entry._asdict() | {"args": codec.loads(entry.args)}
    del data["mentions"]
    return data
