from __future__ import annotations

from typing import Any

import pytest
from eth_hash.auto import keccak

from medibloc_py.chain import Contract, Network, artifacts
from medibloc_py.errors import InvalidAddress, InvalidValue, NodeAnsweredWrong, NodeUnreachable
from medibloc_py.model import GENERAL, Address
from tests.fakes.hostile_node import HostileNode, Refuse

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
CONSENTS = Contract("Consents", BOB)
TOPIC = "0x" + keccak(b"ConsentRevoked(address,bytes32,uint32,address)").hex()
PATIENT = "0x" + "00" * 12 + BOB[2:].lower()
RECORD = "0x" + GENERAL.hex()
DATA = f"0x{1:064x}" + PATIENT[2:]


def log(**changed: Any) -> dict[str, Any]:
    return {"address": BOB.lower(), "topics": [TOPIC, PATIENT, RECORD], "data": DATA, **changed}


def windows(node: HostileNode) -> list[tuple[int, int]]:
    asked = [params[0] for method, params in node.asked if method == "eth_getLogs"]
    return [(int(each["fromBlock"], 16), int(each["toBlock"], 16)) for each in asked]


def test_events_come_in_the_order_of_the_chain(node: HostileNode, network: Network):
    node.logs = [log(logIndex="0x9"), log(logIndex="0x2"), log(blockNumber="0x1", logIndex="0x5")]
    found = network.events(CONSENTS, "ConsentRevoked")
    assert [(event.block, event.log_index) for event in found] == [(1, 5), (7, 2), (7, 9)]
    assert found[0].args == {"patient": BOB, "record": GENERAL, "version": 1, "by": BOB}


def test_events_ask_for_address_topic_and_filters(node: HostileNode, network: Network):
    network.events(CONSENTS, "ConsentRevoked", {"patient": BOB})
    network.events(CONSENTS, "ConsentRevoked", {"patient": None})
    network.events(CONSENTS, "ConsentRevoked")
    asked = [params[0] for method, params in node.asked if method == "eth_getLogs"]
    assert all(each["address"] == BOB for each in asked)
    assert [each["topics"] for each in asked] == [
        [TOPIC, PATIENT, None],
        [TOPIC, None, None],
        [TOPIC, None, None],
    ]


def test_events_are_asked_for_in_bounded_windows(node: HostileNode, network: Network):
    network.events(Contract("Consents", BOB, 5), "ConsentRevoked", to_block=25_000)
    assert windows(node) == [(5, 10_004), (10_005, 20_004), (20_005, 25_000)]


def test_events_end_at_the_latest_block(node: HostileNode, network: Network):
    network.events(CONSENTS, "ConsentRevoked")
    network.events(CONSENTS, "ConsentRevoked", from_block=3)
    network.events(CONSENTS, "ConsentRevoked", from_block=9)
    assert windows(node) == [(0, 7), (3, 7)]


def test_windows_shrink_for_a_node_that_refuses(node: HostileNode, network: Network):
    def picky(params: list[dict[str, str]], good: object) -> object:
        size = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        return Refuse("too many") if size > 3000 else []

    node.on("eth_getLogs", picky)
    assert network.events(CONSENTS, "ConsentRevoked", to_block=7_000) == []
    assert windows(node) == [
        (0, 7_000),
        (0, 4_999),
        (0, 2_499),
        (2_500, 4_999),
        (5_000, 7_000),
    ]


def test_a_node_that_refuses_a_single_block_is_told(node: HostileNode, network: Network):
    node.on("eth_getLogs", Refuse("logs are disabled"))
    with pytest.raises(NodeUnreachable, match="logs are disabled"):
        network.events(CONSENTS, "ConsentRevoked")
    assert windows(node)[-1] == (0, 0)


def test_logs_of_a_block_that_was_undone_are_left_out(node: HostileNode, network: Network):
    node.logs = [log(removed=True), log(removed=False)]
    assert len(network.events(CONSENTS, "ConsentRevoked")) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"address": "0x" + "11" * 20},
        {"topics": [TOPIC, "0x" + "00" * 31 + "01", RECORD]},
        {"topics": ["0x" + "22" * 32, PATIENT, RECORD]},
        {"topics": [TOPIC]},
        {"topics": [TOPIC, PATIENT]},
        {"topics": []},
        {"topics": [TOPIC, PATIENT, RECORD, RECORD]},
        {"blockNumber": "0x8"},
        {"data": "0x"},
        {"data": "0x" + "ff" * 32},
        {"logIndex": None},
        {"transactionHash": "0x"},
    ],
)
def test_a_log_that_was_not_asked_for_or_does_not_decode_is_told(
    node: HostileNode, network: Network, changed
):
    node.logs = [log(**changed)]
    with pytest.raises(NodeAnsweredWrong):
        network.events(CONSENTS, "ConsentRevoked", {"patient": BOB})


@pytest.mark.parametrize("answer", [None, {}, "0x", [1]])
def test_an_answer_that_is_no_list_of_logs_is_told(node: HostileNode, network: Network, answer):
    node.on("eth_getLogs", answer)
    with pytest.raises(NodeAnsweredWrong):
        network.events(CONSENTS, "ConsentRevoked")


def test_a_log_given_twice_is_told(node: HostileNode, network: Network):
    node.logs = [log(logIndex="0x1"), log(logIndex="0x1")]
    with pytest.raises(NodeAnsweredWrong, match="twice"):
        network.events(CONSENTS, "ConsentRevoked")


@pytest.mark.parametrize(
    ("event", "filters", "error"),
    [
        ("Nothing", {}, InvalidValue),
        ("ConsentRevoked", {"version": 1}, InvalidValue),
        ("ConsentRevoked", {"patient": 1}, InvalidAddress),
        ("ConsentRevoked", {"patient": BOB.lower()}, InvalidAddress),
    ],
)
def test_events_refuse_what_cannot_be_asked(network: Network, event, filters, error):
    with pytest.raises(error):
        network.events(CONSENTS, event, filters)


def test_no_event_indexes_what_its_topic_could_not_hold():
    dynamic = [
        (name, item["name"], param["name"])
        for name in artifacts.names()
        for item in artifacts.load(name).events.values()
        for param in item["inputs"]
        if param["indexed"] and param["type"] in ("string", "bytes", "tuple")
    ]
    assert dynamic == []
