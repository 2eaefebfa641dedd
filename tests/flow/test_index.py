"""The index on a real chain: what it reads, and how it goes back with it. SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import Scanner, Told
from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.flows.following import Follower, mark_of
from medibloc_py.index import EventLog
from tests.fakes import postgres
from tests.flow.command import Done, run
from tests.flow.house import House
from tests.flow.world import World


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL: the one that is named, or else one of our own."""
    named = os.environ.get("MEDIBLOC_TEST_POSTGRES")
    if named:
        yield named
    else:
        with postgres.serve() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "index.sqlite")
        return
    url: str = request.getfixturevalue("server")
    yield url
    EventLog.drop(url)


def scanner(world: World) -> Scanner:
    return Scanner(world.exchange.network, world.exchange.deployment.contracts)


def follow(world: World, place: str, source: Scanner | None = None) -> tuple[EventLog, Follower]:
    source = source or scanner(world)
    deployment = world.exchange.deployment
    mark = mark_of(source, world.exchange.chain_id, deployment.contracts, deployment.block)
    log = EventLog.make(place, mark)
    return log, Follower(log, source)


def consents(world: World, terms: str, times: int) -> None:
    for _ in range(times):
        world["alice"].set_consent(terms, world.in_days(30), "en: the form")


def digest_of_a_fresh_log(world: World) -> bytes:
    log, follower = follow(world, "sqlite://")
    follower.catch_up()
    return log.digest()


@pytest.mark.fault("reorganisation")
@pytest.mark.parametrize("depth", [6, 20])
def test_what_the_chain_takes_back_the_log_takes_back(world: World, place: str, depth: int) -> None:
    log, follower = follow(world, place)
    follower.catch_up()
    before = log.count()
    snapshot = world.chain.snapshot()
    consents(world, "HMB", 3)
    world.chain.mine(depth - 3)
    follower.catch_up()
    assert log.count() == before + 3
    taken_back = log.head
    world.chain.revert(snapshot)
    assert follower.step().left == -depth  # for all that the log knows, the node is behind
    consents(world, "GRU", 2)
    world.chain.mine(depth)
    steps = follower.catch_up()
    assert [step.undone for step in steps if step.undone] == [depth]
    assert log.count() == before + 2
    (told,) = log.reorganisations()
    assert (told.head, told.events) == (taken_back, 3)
    assert {entry.event for entry in log.undone(told.number)} == {"ConsentSet"}
    assert log.digest() == digest_of_a_fresh_log(world)
    log.close()
    assert EventLog.open(place).head.block == world.exchange.network.block_number()


@pytest.mark.fault("reorganisation")
def test_a_reorganisation_by_the_node_itself_is_followed(world: World, place: str) -> None:
    log, follower = follow(world, place)
    consents(world, "HMB", 4)
    world.chain.mine(6)
    follower.catch_up()
    before = log.count()
    world.exchange.network.rpc.ask("anvil_reorg", 8, [])
    steps = follower.catch_up()
    assert sum(step.undone for step in steps) == 8
    assert log.count() == before - 2  # two of the four consents were in the last eight blocks
    assert log.digest() == digest_of_a_fresh_log(world)


class Forgetful(Scanner):
    """A node that leaves out the last event it should tell."""

    def read(self, first: int, last: int) -> tuple[list[Told], int]:
        found, end = super().read(first, last)
        return found[:-1], end


def test_a_log_that_a_node_leaves_out_is_missed_by_the_blocks_bloom(world: World) -> None:
    network = world.exchange.network
    log, follower = follow(
        world, "sqlite://", Forgetful(network, world.exchange.deployment.contracts)
    )
    with pytest.raises(NodeAnsweredWrong, match="left out 1 logs"):
        follower.catch_up()
    assert log.count() == 0


def test_a_log_that_a_node_makes_up_is_denied_by_the_blocks_bloom(world: World) -> None:
    world.chain.mine(1)
    source = scanner(world)
    header = source.header(source.newest())
    assert header is not None
    with pytest.raises(NodeAnsweredWrong, match="made up 1 logs"):
        source.require_told(header, 1)


def test_ranges_are_read_in_parts_to_the_same_content(world: World) -> None:
    small = scanner(world)
    small._window = 1
    log, follower = follow(world, "sqlite://", small)
    follower.catch_up()
    assert log.digest() == digest_of_a_fresh_log(world)


def test_the_commands(house: House, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = house.here / "url"
    url.write_text(place + "\n")
    url.chmod(0o600)

    def index(*argv: str) -> Done:
        return house.run("index", *argv, "--url-file", str(url), "--json")

    assert house.run("index", "status", "--url-file", str(url), code=3).out == ""
    made = index("run", "--once").json
    assert made["added"] == made["events"] > 10
    assert index("run", "--once", "--check-rpc", house.world.node.url).json["added"] == 0
    status = index("status").json
    assert (status["behind"], status["reorganisations"]) == (0, [])
    again = index("rebuild", "--yes").json
    assert (again["same"], again["digest"]) == (True, status["digest"])
    shown = index("show", "alice", "--event", "ConsentSet").json
    assert [each["args"]["patient"] for each in shown] == [house.world.address("alice")]
    assert house.run("index", "show", "--url-file", str(url), "--from", "3").out.startswith(
        "Events"
    )
    monkeypatch.setenv("MEDIBLOC_INDEX", place)
    from_environment = house.run("index", "status").out
    assert status["digest"] in from_environment


def test_without_a_url_the_index_lies_in_the_home_folder(house: House) -> None:
    made = json.loads(house.run("index", "run", "--once", "--json").out)
    path = house.world.home / "index-31337.sqlite"
    assert made["index"] == str(path)
    assert path.stat().st_mode & 0o077 == 0
    refused = run(*house.words("index", "rebuild"))
    assert (refused.code, path.exists()) == (3, True)  # nobody was there to ask
