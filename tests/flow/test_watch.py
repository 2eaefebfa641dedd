"""The watch: each event is told once, through crashes, reorganisations and deaf ears."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.errors import NoticeUndelivered
from medibloc_py.flows.watching import KINDS, Notice, Watch, tell_new
from tests.flow.house import House
from tests.flow.test_index import follow
from tests.flow.world import World

ALL = Watch("all", tuple(KINDS))


def grant(world: World, days: int, reader: str = "clinic") -> None:
    world["alice"].grant(
        world.records["alice"], world.address(reader), "TREATMENT", world.in_days(days)
    )


def test_each_is_told_once_and_what_failed_again(world: World) -> None:
    log, follower = follow(world, "sqlite://")
    first = world.exchange.network.block_number() + 1
    grant(world, 1)
    grant(world, 2)
    follower.catch_up()
    heard: list[Notice] = []

    def deaf(notice: Notice) -> None:
        if heard:
            raise NoticeUndelivered(reason="nobody listens")
        heard.append(notice)

    with pytest.raises(NoticeUndelivered):
        tell_new(log, ALL, deaf, first)
    assert tell_new(log, ALL, heard.append, first) == 1
    assert tell_new(log, ALL, heard.append, first) == 0
    assert [notice.line.event for notice in heard] == ["Granted", "Granted"]
    assert len({notice.id for notice in heard}) == 2
    # Another watch has a place of its own, and hears what it asked for.
    clinic = Watch("clinic", ("grants",), [world.address("clinic")])
    bob = Watch("bob", ("grants",), [world.address("bob")])
    assert tell_new(log, clinic, heard.append, first) == 2
    assert tell_new(log, bob, heard.append, first) == 0


def test_what_moves_to_another_block_is_not_told_again_and_what_is_new_is(world: World) -> None:
    log, follower = follow(world, "sqlite://")
    network = world.exchange.network
    first = network.block_number() + 1
    snapshot = world.chain.snapshot()
    grant(world, 1)
    raw = _raw_of_last(world)
    world.chain.mine(3)
    heard: list[Notice] = []
    follower.catch_up()
    assert tell_new(log, ALL, heard.append, first) == 1
    # The chain goes another way: the same transaction, two blocks later, and one more.
    world.chain.revert(snapshot)
    world.chain.mine(2)
    network.rpc.ask("eth_sendRawTransaction", raw)
    grant(world, 5)
    world.chain.mine(3)
    follower.catch_up()
    assert len(log.reorganisations()) == 1
    assert tell_new(log, ALL, heard.append, first) == 1
    assert [notice.line.block for notice in heard] == [first, first + 3]


def _raw_of_last(world: World) -> str:
    rpc = world.exchange.network.rpc
    block = rpc.ask("eth_getBlockByNumber", "latest", False)
    return str(rpc.ask("eth_getRawTransactionByHash", block["transactions"][0]))


@pytest.fixture
def hook() -> Iterator[tuple[str, list[tuple[str, Any]], list[int]]]:
    """A web hook: its URL, what it heard, and the statuses it answers with."""
    heard: list[tuple[str, Any]] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = statuses.pop(0) if statuses else 204
            if status < 300:
                heard.append((self.headers["Idempotency-Key"], json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/told", heard, statuses
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_command_and_a_web_hook_are_told(
    house: House, hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, heard, statuses = hook
    monkeypatch.setenv("MEDIBLOC_HOOK", url)
    tell = Path("tell.sh")
    tell.write_text("#!/bin/sh\ncat >> told.jsonl\necho >> told.jsonl\n")
    tell.chmod(0o700)
    words = ("watch", "alice", "--once", "--on", "grants", "--exec", "./tell.sh", "--hook")
    assert house.run(*words).out == ""
    grant(house.world, 1)
    statuses.append(500)
    assert "500" in house.run(*words, code=5).err
    house.run(*words)
    house.run(*words)
    ((key, notice),) = heard
    assert (notice["id"], notice["kind"], notice["line"]["event"]) == (key, "grants", "Granted")
    # The command was told before the hook failed: once more, under the same id.
    lines = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
    assert [each["id"] for each in lines] == [key, key]
    printed = house.run("watch", "--once", "--name", "printed", "--since", "0").out
    assert "granted access" in printed


def test_what_cannot_be_watched_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIBLOC_HOOK", raising=False)
    assert "weather" in house.run("watch", "--once", "--on", "weather", code=3).err
    assert "web hook" in house.run("watch", "--once", "--hook", code=3).err
    grant(house.world, 1)
    for command, reason in (("false", "status 1"), ("./no-such-command", "No such file")):
        failed = house.run("watch", "--once", "--since", "0", "--exec", command, code=5)
        assert reason in failed.err
