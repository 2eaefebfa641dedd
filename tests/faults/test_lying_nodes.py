"""A node that lies, and a witness that does not.

Each lie is either named, by an error that tells both nodes and what differs, or comes to nothing.
Then the line is honest again, and the same command ends as if nobody had lied: on the chain once,
the money where it belongs, nothing half.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from medibloc_py.model import OrderId
from tests.fakes.hostile_node import Refuse
from tests.fakes.lying_line import Ask, Late, LyingLine, Tell, lying_line
from tests.faults.acts import Act, Argv
from tests.faults.rehearsal import Rehearsal
from tests.flow.command import Done, run
from tests.flow.house import House
from tests.flow.world import PURPOSE, World

LATER_S: Final = 300
"""So long is between the newest block and the one before: a node that hides it is far behind."""
UNTIL: Final = ("--until", "2040-01-01")


# What people do. A moment that is named, not a span from now: the same call, whenever it is typed.


def _consents(world: World, here: Path) -> Argv:
    return ("consent", "set", "HMB", *UNTIL, "--as", "alice")


def _grants(world: World, here: Path) -> Argv:
    record = world.records["alice"].hex()
    return ("access", "grant", record, "--to", "clinic", *UNTIL, "--as", "alice")


def _buys(world: World, here: Path) -> Argv:
    listed = world.list_dataset()
    (here / "claim.json").write_bytes(world.claim_file(listed, "alice"))
    (here / "quote.json").write_bytes(world.quote(listed))
    return ("dataset", "purchase", "quote.json", "--for", PURPOSE, "--as", "researcher")


def _settles(world: World, here: Path) -> Argv:
    _buys(world, here)
    researcher = world["researcher"]
    quote = researcher.check_quote((here / "quote.json").read_bytes(), "quote", PURPOSE)
    order = researcher.purchase(quote).order_id
    return ("dataset", "settle", order.hex(), "--as", "hospital")


def _claims(world: World, here: Path) -> Argv:
    order = _settles(world, here)[2]
    world["hospital"].settle(OrderId(bytes.fromhex(order)))
    return ("dataset", "claim", "claim.json", "--as", "alice")


FLOWS: Final = {
    "consent": Act(_consents),
    "grant": Act(_grants),
    "purchase": Act(_buys),
    "settle": Act(_settles),
    "claim": Act(_claims),
}


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medibloc_py.chain.witness.PATIENCE_S", 0.3)


@pytest.fixture(scope="module")
def line_to_anvil(_stage: World) -> Iterator[LyingLine]:
    with lying_line(_stage.node.url) as line:
        yield line


@pytest.fixture(scope="module")
def rehearsal(
    request: pytest.FixtureRequest, _stage: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rehearsal]:
    """A stage that is ready for one flow, and what the flow leaves if nobody lies."""
    chain = _stage.chain

    def keep() -> Callable[[], object]:
        return partial(chain.revert, chain.snapshot())

    back = keep()
    folder = tmp_path_factory.mktemp("rehearsal")
    yield Rehearsal.of(FLOWS[request.param], _stage, folder, keep)
    back()


@pytest.fixture
def line(line_to_anvil: LyingLine) -> LyingLine:
    line_to_anvil.lies, line_to_anvil.silent = {}, False
    line_to_anvil.told.clear()
    return line_to_anvil


# Lies


def of(change: Callable[[Any], Any]) -> Tell:
    """Changes the node's own answer, where there is one."""

    def tell(ask: Ask, params: list[Any]) -> Any:
        answer = ask(params)
        return None if answer is None else change(answer)

    return tell


def flipped(data: str) -> str:
    """Other bytes: the last is another."""
    return data[:-2] + f"{int(data[-2:], 16) ^ 1:02x}"


def of_logs(change: Callable[[list[Any]], list[Any]]) -> Tell:
    return of(lambda receipt: receipt | {"logs": change(receipt["logs"])})


def without_last(logs: list[Any]) -> list[Any]:
    return logs[:-1]


def with_another(logs: list[Any]) -> list[Any]:
    """The last told twice, as if it had happened again."""
    again = [log | {"logIndex": hex(int(log["logIndex"], 16) + 1)} for log in logs[-1:]]
    return logs + again


def with_another_amount(logs: list[Any]) -> list[Any]:
    changed = [log | {"data": flipped(log["data"])} for log in logs[-1:]]
    return logs[:-1] + changed


def hiding_newest(ask: Ask, params: list[Any]) -> Any:
    """As if the newest block were not there yet."""
    if params[0] != "latest":
        return ask(params)
    return ask([hex(int(ask(params)["number"], 16) - 1), *params[1:]])


def of_what_waits(change: Callable[[int], int]) -> Tell:
    """Another count of an account's transactions, those that no block has included."""

    def tell(ask: Ask, params: list[Any]) -> Any:
        count = ask(params)
        return hex(change(int(count, 16))) if params[1] == "pending" else count

    return tell


def of_another_first_block(ask: Ask, params: list[Any]) -> Any:
    header = ask(params)
    return header | {"hash": flipped(header["hash"])} if params[0] == "0x0" else header


OF_STATE: Final[dict[str, tuple[str, Tell, str]]] = {
    "another chain": ("eth_chainId", of(lambda _: "0x1"), "the first says 0x1, the witness 0x7a69"),
    "another first block": ("eth_getBlockByNumber", of_another_first_block, "hash"),
    "the newest block hidden": ("eth_getBlockByNumber", hiding_newest, "is too far behind"),
    "another answer of a contract": ("eth_call", of(flipped), "eth_call, the first says"),
    "a refusal by no contract": (
        "eth_call", lambda *_: Refuse("execution reverted", 3), "that the contract refuses",
    ),
    "other code": ("eth_getCode", of(flipped), "eth_getCode, the first says"),
    "another nonce": (
        "eth_getTransactionCount", of(lambda _: "0x3e8"), "the first says 0x3e8, the witness",
    ),
    "no money": ("eth_getBalance", lambda *_: "0x0", "eth_getBalance, the first says 0x0"),
}  # fmt: skip
"""What is named before anything is sent: the method, the lie, and words of the error."""
OF_RECEIPTS: Final[dict[str, tuple[str, Tell, str]]] = {
    "no receipt, for ever": ("eth_getTransactionReceipt", lambda *_: None, "says nothing"),
    "a receipt with another end": (
        "eth_getTransactionReceipt", of(lambda receipt: receipt | {"status": "0x0"}), "status",
    ),
    "the receipt of another transaction": (
        "eth_getTransactionReceipt",
        of(lambda receipt: receipt | {"transactionHash": flipped(receipt["transactionHash"])}),
        "transactionHash",
    ),
    "a receipt of another block": (
        "eth_getTransactionReceipt",
        of(lambda receipt: receipt | {"blockHash": flipped(receipt["blockHash"])}),
        "blockHash",
    ),
    "an event left out of a receipt": (
        "eth_getTransactionReceipt", of_logs(without_last), "told by the witness alone",
    ),
    "another amount in a receipt": (
        "eth_getTransactionReceipt", of_logs(with_another_amount), "data: the first says",
    ),
}  # fmt: skip
"""What is named after it."""
THWARTED: Final[dict[str, tuple[str, Tell]]] = {
    "the transaction swallowed": ("eth_sendRawTransaction", lambda *_: Refuse("already known")),
    "the transaction refused": ("eth_sendRawTransaction", lambda *_: Refuse("nonce too low")),
    "a nonce that is far away": ("eth_getTransactionCount", of_what_waits(lambda n: n + 1_000)),
    "a nonce that was used": ("eth_getTransactionCount", of_what_waits(lambda _: 0)),
    "too little gas": ("eth_estimateGas", of(lambda _: hex(21_000))),
}
"""What comes to nothing."""
OF_EVENTS: Final[dict[str, tuple[Tell, str]]] = {
    "an event left out": (of(without_last), "told by the witness alone"),
    "an event made up": (of(with_another), "told by the first alone"),
    "another amount in an event": (of(with_another_amount), "data: the first says"),
    "no event at all": (of(lambda _: []), "told by the witness alone"),
}


def typed(house: House, line: LyingLine, *argv: str) -> Done:
    """A command that asks the line, with the node itself as its witness."""
    return asking(house, line.url, line.node_url, *argv)


def asking(house: House, url: str, witness: str, *argv: str) -> Done:
    """A command that asks one node, with another as its witness."""
    options = ("--home", house.world.home, "--rpc", url, "--witness", witness)
    return run(*options, "--store", house.store, *argv)


def require_named(done: Done, line: LyingLine, *words: str) -> None:
    """The error tells both nodes and what differs, and what to do."""
    error = json.loads(done.err)
    assert (done.code, error["error"]) == (5, "NodesDisagree"), done
    assert line.told, "nobody asked for what was a lie"
    assert error["values"]["url"] == line.url
    for word in (line.url, line.node_url, *words):
        assert word in error["message"]
    assert "ask a third" in error["advice"]


# What becomes of them


def require_survived(rehearsal: Rehearsal, line: LyingLine, told: tuple[str, Tell, str]) -> None:
    """A lie is named; without it the same command ends as if nobody had lied."""
    method, tell, words = told
    with rehearsal.take() as (house, start):
        house.world.chain.increase_time(LATER_S)
        line.lies = {method: tell}
        require_named(typed(house, line, *rehearsal.argv), line, words)
        line.lies = {}
        done = typed(house, line, *rehearsal.argv)
        assert done.code == 0, done
        rehearsal.require_same(house, start)


@pytest.mark.fault("lying node", short=3)
@pytest.mark.parametrize("lie", OF_STATE)
@pytest.mark.parametrize("rehearsal", FLOWS, indirect=True)
def test_a_lie_is_named_before_anything_is_sent(
    rehearsal: Rehearsal, line: LyingLine, lie: str
) -> None:
    require_survived(rehearsal, line, OF_STATE[lie])


@pytest.mark.fault("lying node", short=3)
@pytest.mark.parametrize("lie", OF_RECEIPTS)
@pytest.mark.parametrize("rehearsal", FLOWS, indirect=True)
def test_a_lie_about_what_was_sent_is_named_and_nothing_is_sent_again(
    rehearsal: Rehearsal, line: LyingLine, lie: str
) -> None:
    require_survived(rehearsal, line, OF_RECEIPTS[lie])


@pytest.mark.fault("lying node", short=2)
@pytest.mark.parametrize("lie", THWARTED)
@pytest.mark.parametrize("rehearsal", FLOWS, indirect=True)
def test_a_lie_about_what_is_sent_comes_to_nothing(
    rehearsal: Rehearsal, line: LyingLine, lie: str
) -> None:
    method, tell = THWARTED[lie]
    with rehearsal.take() as (house, start):
        line.lies = {method: tell}
        done = typed(house, line, *rehearsal.argv)
        assert done.code == 0, done
        assert line.told
        rehearsal.require_same(house, start)


@pytest.mark.fault("lying node", short=1)
@pytest.mark.parametrize("late", ["the first", "the witness"])
@pytest.mark.parametrize("rehearsal", FLOWS, indirect=True)
def test_two_honest_nodes_of_which_one_is_late_are_not_accused(
    rehearsal: Rehearsal, line: LyingLine, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medibloc_py.chain.witness.PATIENCE_S", 30.0)
    with rehearsal.take() as (house, start):
        line.lies = Late(line, by_s=0.3).lies()
        urls = (line.url, line.node_url) if late == "the first" else (line.node_url, line.url)
        done = asking(house, *urls, *rehearsal.argv)
        assert done.code == 0, done
        rehearsal.require_same(house, start)


@pytest.mark.fault("lying node")
@pytest.mark.parametrize("lie", OF_EVENTS)
def test_a_lie_about_events_stops_the_index(house: House, line: LyingLine, lie: str) -> None:
    tell, words = OF_EVENTS[lie]
    index = ("index", "run", "--once", "--json")
    line.lies = {"eth_getLogs": tell}
    require_named(typed(house, line, *index), line, "eth_getLogs", words)
    line.lies = {}
    assert typed(house, line, *index).json["events"] > 10
    again = house.run("index", "rebuild", "--yes", "--json").json
    assert again["same"]


@pytest.mark.fault("lying node")
def test_a_lie_about_consent_is_not_shown(house: House, line: LyingLine) -> None:
    shown = ("consent", "show", "alice", "--json")
    honest = typed(house, line, *shown).json
    line.lies = {"eth_call": of(flipped)}
    require_named(typed(house, line, *shown), line)
    line.lies = {}
    assert typed(house, line, *shown).json == honest


@pytest.mark.fault("lying node")
def test_a_witness_that_lies_is_named_too(house: House, line: LyingLine) -> None:
    line.lies = {"eth_getTransactionReceipt": lambda *_: None}
    urls = (line.node_url, line.url)
    consent = ("consent", "set", "HMB", *UNTIL, "--as", "alice", "--json")
    done = asking(house, *urls, *consent)
    error = json.loads(done.err)
    assert (done.code, error["error"]) == (5, "NodesDisagree")
    assert "the witness nothing" in error["message"]
    assert "may have been sent" in error["message"]
    line.lies = {}
    before = house.world.exchange.network.block_number()
    assert asking(house, *urls, *consent).code == 0
    assert house.world.exchange.network.block_number() == before  # the same transaction


@pytest.mark.fault("lying node")
def test_a_witness_that_is_silent_stops_the_command(house: House, line: LyingLine) -> None:
    line.silent = True
    consent = (line.node_url, line.url, "consent", "set", "HMB", "--as", "alice", "--json")
    before = house.world.exchange.network.block_number()
    done = asking(house, *consent)
    error = json.loads(done.err)
    assert (done.code, error["error"]) == (5, "WitnessUnreachable")
    assert "nothing can be checked" in error["message"]
    assert house.world.exchange.network.block_number() == before
    line.silent = False
    assert asking(house, *consent).code == 0


def test_the_doctor_examines_the_witness(house: House, line: LyingLine) -> None:
    def said() -> dict[str, tuple[str, str]]:
        done = typed(house, line, "doctor", "--json")
        checks = json.loads(done.out)["checks"]
        return {each["what"]: (each["grade"], each["said"]) for each in checks}

    house.world.chain.increase_time(LATER_S)
    well = said()
    assert well[f"witness {house.world.node.url}"][0] == "ok"
    assert "at the witness, too" in well["deployment"][1]
    assert well["nodes, newest blocks"] == ("ok", "at most 0 s apart")
    line.lies = {"eth_getCode": of(flipped)}
    assert said()["deployment"][0] == "bad"
    line.lies = {"eth_getBlockByNumber": hiding_newest}
    late = said()["nodes, newest blocks"]
    assert late[0] == "bad"
    assert "s older than another's" in late[1]
    line.lies = {"eth_getBlockByNumber": of_another_first_block}
    assert said()["nodes, together"] == ("bad", "they tell of different blocks 0")
    line.lies = {"eth_chainId": of(lambda _: "0x1")}
    assert said()["deployment"][0] == "bad"
