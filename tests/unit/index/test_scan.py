"""Reading events from nodes with limits, and decoding them in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.chain import Header, Network, Scanner, abi, decoding, logs
from medibloc_py.chain.artifacts import Contract, load
from medibloc_py.chain.logs import Log
from medibloc_py.chain.rpc import Rpc
from medibloc_py.chain.scan import FIRST_WINDOW, MOST_WINDOW
from medibloc_py.errors import MediBlocError, NodeAnsweredWrong, NodeUnreachable
from medibloc_py.model import Address
from tests.fakes.hostile_node import Fault, HostileNode, Refuse, serve

NOBODY = Rpc("http://127.0.0.1:1", 1.0)
AT = Address("0x" + "00" * 19 + "11")
PATIENT = "0x" + "00" * 31 + "22"
ITEM = load("Consents").events["ConsentLifted"]
TOPIC = "0x" + abi.hash_of(ITEM).hex()


@pytest.fixture
def node() -> Iterator[HostileNode]:
    with serve() as node:
        yield node


def log(block: int, index: int = 0, **changed: Any) -> dict[str, Any]:
    return {
        "address": AT,
        "topics": [TOPIC, PATIENT, "0x" + "33" * 32],
        "data": "0x" + f"{7:064x}" + "00" * 31 + "44",
        "blockNumber": hex(block),
        "blockHash": "0x" + f"{block:064x}",
        "blockTimestamp": hex(1_000 + block),
        "logIndex": hex(index),
        "transactionHash": "0x" + "aa" * 32,
    } | changed


def scanner(node: HostileNode) -> tuple[Scanner, list[float]]:
    waits: list[float] = []
    return Scanner(Network.connect(node.url), {"Consents": AT}, waits.append), waits


def one_in_each(node: HostileNode, most: int, refusal: object) -> None:
    """A node with an event in each block, that answers for so many blocks at once."""

    def answer(params: list[Any], _: object) -> object:
        first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
        asked.append(last - first + 1)
        return refusal if last - first >= most else [log(n) for n in range(first, last + 1)]

    asked: list[int] = []
    node.on("eth_getLogs", answer)


def read_all(scanner: Scanner, last: int) -> list[int]:
    found: list[int] = []
    first = 1
    while first <= last:
        told, end = scanner.read(first, last)
        assert [each.event.block for each in told] == list(range(first, end + 1))
        found += [each.event.block for each in told]
        first = end + 1
    return found


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse("query returned more than 10000 results", -32005),
        Refuse("exceed maximum block range: 50"),
        Refuse("Log response size exceeded."),
        Refuse("query timeout exceeded"),
        Fault(status=413),
        Fault(status=400),
    ],
    ids=str,
)
@pytest.mark.parametrize("most", [1, 50, 333])
def test_a_range_that_is_refused_is_halved(node: HostileNode, refusal: object, most: int) -> None:
    one_in_each(node, most, refusal)
    source, waits = scanner(node)
    last = 40 if most == 1 else 700
    assert read_all(source, last) == list(range(1, last + 1))
    assert waits == []
    assert node.count("eth_getLogs") <= 14 + 2 * last // most  # not asked in vain each time


def test_a_range_grows_where_little_is_found(node: HostileNode) -> None:
    node.on("eth_getLogs", [])
    source, _ = scanner(node)
    ends = []
    first = 1
    while first <= 1_000_000:
        _, end = source.read(first, 1_000_000)
        ends.append(end - first + 1)
        first = end + 1
    assert ends[0] == FIRST_WINDOW
    assert max(ends) == MOST_WINDOW
    assert len(ends) < 20


def test_a_range_shrinks_where_much_is_found(node: HostileNode) -> None:
    node.on("eth_getLogs", lambda *_: [log(1, n) for n in range(10_001)])
    source, _ = scanner(node)
    source.read(1, FIRST_WINDOW)
    node.on("eth_getLogs", [])
    assert source.read(1, 10**6)[1] == FIRST_WINDOW // 2


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse("rate limit exceeded", -32005),
        Refuse("Too Many Requests", 429),
        Refuse("Your app has exceeded its compute units per second capacity."),
        Fault(status=429, body=b"slow down"),
        Fault(status=503, body=b""),
    ],
    ids=str,
)
def test_who_asks_too_often_waits_and_asks_the_same_again(
    node: HostileNode, refusal: object
) -> None:
    times = 6 if isinstance(refusal, Fault) else 2  # what passes is asked thrice at once
    node.then("eth_getLogs", *[refusal] * times, [log(5)])
    source, waits = scanner(node)
    told, end = source.read(1, 9)
    assert ([each.event.block for each in told], end) == ([5], 9)
    assert waits == [1.0, 2.0]
    ranges = {(p[0]["fromBlock"], p[0]["toBlock"]) for n, p in node.asked if n == "eth_getLogs"}
    assert ranges == {("0x1", "0x9")}


def test_patience_ends(node: HostileNode) -> None:
    node.on("eth_blockNumber", Refuse("rate limit exceeded"))
    source, waits = scanner(node)
    with pytest.raises(NodeUnreachable):
        source.newest()
    assert sum(waits) > 60


def test_a_node_that_refuses_a_single_block_is_given_up(node: HostileNode) -> None:
    node.on("eth_getLogs", Refuse("no logs here"))
    with pytest.raises(NodeUnreachable, match="no logs here"):
        scanner(node)[0].read(1, 64)


@pytest.mark.parametrize(
    "answer",
    [
        {"not": "a list"},
        [log(99)],
        [log(5), log(5)],
        [log(5, address="0x" + "55" * 20)],
        [log(5, topics=["0x" + "66" * 32])],
        [log(5, topics=[TOPIC, PATIENT])],
        [log(5, data="0x" + "ff" * 64)],
        [log(5, data="0x00")],
        [log(5, blockHash=None)],
        [log(5, blockTimestamp="soon")],
        [log(5, logIndex=-1)],
        ["log"],
    ],
)
def test_a_log_that_cannot_be_is_refused(node: HostileNode, answer: object) -> None:
    node.on("eth_getLogs", answer)
    with pytest.raises(NodeAnsweredWrong):
        scanner(node)[0].read(1, 9)


def test_a_log_that_was_removed_is_left_out(node: HostileNode) -> None:
    node.on("eth_getLogs", [log(5), log(6, removed=True)])
    told, _ = scanner(node)[0].read(1, 9)
    assert [(each.event.block, each.at) for each in told] == [(5, 1_005)]


@pytest.mark.parametrize(
    "changed",
    [
        {"number": "0x9"},
        {"hash": "0x12"},
        {"parentHash": None},
        {"logsBloom": "0x" + "00" * 255},
        {"timestamp": 5},
    ],
)
def test_a_header_that_cannot_be_is_refused(node: HostileNode, changed: dict[str, Any]) -> None:
    good = {
        "number": "0x5",
        "hash": "0x" + "11" * 32,
        "parentHash": "0x" + "22" * 32,
        "timestamp": "0x10",
        "logsBloom": "0x" + "00" * 256,
    }
    node.on("eth_getBlockByNumber", good)
    source, _ = scanner(node)
    header = source.header(5)
    assert header is not None
    assert (header.number, header.timestamp) == (5, 16)
    node.on("eth_getBlockByNumber", good | changed)
    with pytest.raises(NodeAnsweredWrong):
        source.header(5)


def words(count: int) -> st.SearchStrategy[bytes]:
    small = st.integers(0, 1 << 40).map(lambda n: n.to_bytes(32))
    account = st.binary(min_size=20, max_size=20).map(lambda a: bytes(12) + a)
    word = st.one_of(small, account, st.binary(min_size=32, max_size=32))
    return st.lists(word, min_size=count, max_size=count).map(b"".join)


def test_what_a_bloom_claims_is_looked_up_in_the_receipts(node: HostileNode) -> None:
    source, _ = scanner(node)
    none, full = (Header(5, b"h" * 32, b"p" * 32, 1, bytes([b]) * 256) for b in (0, 255))
    source.require_told(none, 0)
    source.require_told(full, 1)
    assert node.count("eth_getBlockReceipts") == 0
    receipts = [{"logs": [log(5), log(5, 1, address="0x" + "55" * 20)]}, {"logs": []}]
    node.on("eth_getBlockReceipts", receipts)
    source.require_told(none, 1)  # a chain that keeps no bloom
    with pytest.raises(NodeAnsweredWrong, match="left out 1 logs"):
        source.require_told(full, 0)
    with pytest.raises(NodeAnsweredWrong, match="made up 1 logs"):
        source.require_told(none, 2)
    for silent in (Refuse("no such method"), None):
        node.on("eth_getBlockReceipts", silent)
        source.require_told(full, 0)
    for wrong in ([5], [{}], [{"logs": [7]}], [{"logs": None}]):
        node.on("eth_getBlockReceipts", wrong)
        with pytest.raises(NodeAnsweredWrong):
            source.require_told(full, 0)


def width(param: Any) -> int:
    return sum(map(width, param["components"])) if param["type"] == "tuple" else 1


EVENTS = [
    (name, topic, item)
    for name in ("Records", "Consents", "Grants", "Market", "TestToken")
    for topic, item in load(name).events_by_topic.items()
]


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_in_bulk_all_decodes_as_one_by_one(data: st.DataObject) -> None:
    name, topic, item = data.draw(st.sampled_from(EVENTS))
    indexed = sum(param["indexed"] for param in item["inputs"])
    topics = data.draw(st.sampled_from([indexed, indexed, indexed, indexed + 1, 0]))
    size = sum(width(param) for param in item["inputs"] if not param["indexed"])
    found = data.draw(words(topics))
    entry = Log(
        address=AT,
        topics=(topic, *(found[at : at + 32] for at in range(0, len(found), 32))),
        data=data.draw(words(data.draw(st.sampled_from([size, size, size, size + 1, 0])))),
        block=1,
        index=0,
        transaction="0x00",
        removed=False,
    )
    told = []
    for decode in (decoding.decode, logs.decode):
        try:
            told.append(decode(NOBODY, Contract(name, AT), entry))
        except MediBlocError as error:
            told.append(error.as_json())  # type: ignore[arg-type]
    assert told[0] == told[1]
