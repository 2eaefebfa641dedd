"""`medibloc watch`: somebody is told of grants, emergencies, sales and what can be claimed."""

from __future__ import annotations

import json as codec
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.index import Confirmations, UrlFile, following, value_of
from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.peers import private_text
from medibloc_py.cli.times import read_span
from medibloc_py.errors import InvalidValue, NodeAnsweredWrong, NoticeUndelivered, TransportError

if TYPE_CHECKING:
    from medibloc_py.flows.watching import Notice

HOOK = "MEDIBLOC_HOOK"
_WAIT_S = 30


def watch(
    context: typer.Context,
    about: Annotated[
        list[str] | None,
        typer.Argument(help="Accounts (names or addresses) or ids: only events that speak of one."),
    ] = None,
    on: Annotated[
        str, typer.Option(help="Which: grants, emergencies, consents, sales, claims.")
    ] = "grants,emergencies,sales,claims",
    command: Annotated[
        str | None,
        typer.Option("--exec", help="Run this for each, with the notice as JSON on its stdin."),
    ] = None,
    hook: Annotated[
        bool, typer.Option("--hook", help=f"POST each as JSON to the URL in {HOOK}.")
    ] = False,
    hook_file: Annotated[
        Path | None, typer.Option(help="File (mode 0600) with the URL to POST each to.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name under which its place is kept.")] = "watch",
    since: Annotated[
        int | None, typer.Option(min=0, help="First block a new watch tells of; else the next.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all was told.")] = False,
    every: Annotated[str, typer.Option(help="How often to look for new blocks.")] = "5s",
    confirmations: Confirmations = 0,
    url_file: UrlFile = None,
    json: Json = False,
) -> None:
    """Tell a command or a web hook of events as they come, each once; else print them.

    The place is kept in the index under a name, so a watch that was stopped or killed goes on
    where it was. Each notice has an `id`: after a crash the last one may come again, under the
    same. Once an order is settled, its shares can be claimed. Example:
    `medibloc watch alice --on grants,emergencies --exec ./tell-alice`.
    """
    from medibloc_py.flows.watching import KINDS, Watch, tell_new

    session: Session = context.obj
    console, pause_s = Output(json), read_span(every)
    watched = Watch(
        name=_name(name),
        kinds=_kinds(on, KINDS),
        about=[value_of(session, each) for each in about or ()],
    )
    tell = _teller(console, command, _url(hook, hook_file))
    log, follower = following(session, url_file, confirmations)
    first = session.client().exchange.network.block_number() + 1 if since is None else since
    while True:
        try:
            follower.catch_up()
            told = tell_new(log, watched, tell, first)
        except TransportError as error:
            if once or isinstance(error, NodeAnsweredWrong):
                raise
            console.log("waiting", error=type(error).__name__)
            told = 0
        if once:
            Output(json and command is not None).result({"told": told, "block": log.head.block})
            return
        time.sleep(pause_s)


def _name(given: str) -> str:
    if not 0 < len(given) <= 64:
        raise InvalidValue(name="--name", given=given, allowed="1 to 64 characters")
    return given


def _kinds(given: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    wanted = [each.strip() for each in given.split(",")]
    for each in wanted:
        if each not in known:
            raise InvalidValue(name="--on", given=each, allowed=", ".join(known))
    return wanted


def _url(hook: bool, hook_file: Path | None) -> str | None:
    if not hook and hook_file is None:
        return None
    url = private_text(hook_file).strip() if hook_file else os.environ.get(HOOK, "")
    if not url.startswith(("https://", "http://")):
        raise InvalidValue(name="web hook", given="another text", allowed="an http or https URL")
    return url


def _teller(console: Output, command: str | None, url: str | None) -> Callable[[Notice], None]:
    from medibloc_py.flows.papers import as_json

    words = shlex.split(command) if command else []

    def tell(notice: Notice) -> None:
        data = codec.dumps(as_json(notice)).encode()
        if words:
            _run(words, data)
        if url is not None:
            _post(url, data, notice.id)
        if not words and url is None:
            line = notice.line
            said = f"{line.block} {line.by} {line.says} {line.to} {line.about} {line.terms}"
            console.result(notice, [" ".join(said.split())])

    return tell


def _run(words: list[str], data: bytes) -> None:
    try:
        done = subprocess.run(words, input=data, timeout=_WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or f"the command took more than {_WAIT_S} s"
        raise NoticeUndelivered(reason=reason) from None
    if done.returncode != 0:
        raise NoticeUndelivered(reason=f"the command ended with status {done.returncode}")


def _post(url: str, data: bytes, notice: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": notice}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 -- http or https, see _url
    try:
        with urllib.request.urlopen(request, timeout=_WAIT_S):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        raise NoticeUndelivered(reason=f"the web hook answered with {error.code}") from None
    except (OSError, ValueError):
        raise NoticeUndelivered(reason="the web hook does not answer") from None
