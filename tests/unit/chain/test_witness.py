"""A node and its witness: what one alone says is not believed, and honest ones are not accused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.chain import Contract, Network, Signer
from medibloc_py.chain.told import difference
from medibloc_py.errors import (
    ContractRefusal,
    InvalidValue,
    NodeAnsweredWrong,
    NodesDisagree,
    NodeUnreachable,
    TransactionFailed,
    TransactionPending,
    WitnessUnreachable,
)
from medibloc_py.model import Address
from tests.fakes.hostile_node import BLOCK, DEAD, TIMESTAMP, Fault, HostileNode, Refuse, serve

ALICE = Address("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
CONSENTS = Contract("Consents", ALICE)
TRUE, FALSE = (f"0x{number:064x}" for number in (1, 0))
LOG = {
    "address": ALICE.lower(),
    "topics": ["0x" + "11" * 32],
    "data": "0x",
    "blockHash": "0x" + "b7" * 32,
}


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medibloc_py.chain.witness.PATIENCE_S", 0.25)


@pytest.fixture
def other() -> Iterator[HostileNode]:
    with serve() as other:
        yield other


@pytest.fixture
def network(node: HostileNode, other: HostileNode) -> Network:
    """A node that is asked, and another that is its witness."""
    network = Network.connect(node.url, timeout_s=1.0, receipt_timeout_s=0.5, witness=other.url)
    node.asked.clear()
    other.asked.clear()
    return network


def header(number: int = BLOCK, **changed: Any) -> dict[str, Any]:
    return {
        "number": hex(number),
        "hash": f"0x{number:064x}",
        "parentHash": f"0x{number - 1:064x}",
        "timestamp": hex(TIMESTAMP + 2 * number),
        "baseFeePerGas": hex(10**9),
        **changed,
    }


def chain_up_to(newest: int, **changed: Any):
    """Answers of a node that has a chain of headers."""

    def answer(params: list[Any], _: object) -> dict[str, Any] | None:
        number = newest if params[0] == "latest" else int(params[0], 16)
        return header(number, **changed) if number <= newest else None

    return answer


# What both say


def test_both_are_asked_the_same(node: HostileNode, other: HostileNode, network: Network) -> None:
    assert network.balance(ALICE) == 10**20
    assert node.asked == other.asked == [("eth_getBalance", [ALICE, "latest"])]


def test_what_a_dry_run_shows_is_asked_of_one(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    network.rpc.request("eth_simulateV1", {"blockStateCalls": []}, "latest")
    assert (node.count("eth_simulateV1"), other.asked) == (1, [])


@pytest.mark.parametrize(
    ("method", "lie", "ask", "apart"),
    [
        ("eth_getBalance", hex(1), lambda n, _: n.balance(ALICE), "the first says 0x1, the w"),
        ("eth_getCode", "0x", lambda n, _: n.code(ALICE), "the first says 0x, the witness 0xfe"),
        ("eth_call", FALSE, lambda n, _: n.call(CONSENTS, "covers", ALICE, bytes(32), 64), "…0000"),
        ("eth_call", Refuse("execution reverted", 3, "0x08"),
         lambda n, _: n.call(CONSENTS, "covers", ALICE, bytes(32), 64), "refuses with 0x08, the w"),
        ("eth_getTransactionCount", hex(9), lambda n, _: n.unmined(ALICE), "the first says 0x9"),
        ("eth_getBlockByNumber", header(hash="0x" + "cc" * 32), lambda n, _: n.now(), "hash: "),
        ("eth_getBlockByNumber", header(8), lambda n, _: n.rpc.block(8), "hash: the first says"),
        ("eth_getBlockByNumber", None, lambda n, _: n.rpc.block(8), "the first says nothing"),
        ("eth_getLogs", [], lambda n, _: n.events(CONSENTS, "ConsentSet", from_block=0),
         "log 0x0 of block 0x7 is told by the witness alone"),
        ("eth_estimateGas", Refuse("execution reverted", 3, "0x"),
         lambda n, s: n.transfer(s, ALICE, 1), "refuses with 0x, the witness 0xc350"),
        ("eth_getTransactionReceipt", None, lambda n, s: n.transfer(s, ALICE, 1),
         "the first says nothing, the witness"),
        ("eth_getTransactionReceipt", lambda params, good: good | {"status": "0x0"},
         lambda n, s: n.transfer(s, ALICE, 1), "status: the first says 0x0, the witness 0x1"),
        ("eth_getTransactionReceipt", lambda params, good: good | {"logs": [LOG]},
         lambda n, s: n.transfer(s, ALICE, 1), "is told by the first alone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("liar", ["node", "witness"])
def test_a_lie_is_named_with_both_nodes(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer,
    method: str, lie: object, ask: Any, apart: str, liar: str,
) -> None:  # fmt: skip
    for each in (node, other):
        each.on("eth_call", TRUE)
        if method == "eth_getLogs":
            each.logs = [LOG]
    (node if liar == "node" else other).on(method, lie)
    with pytest.raises(NodesDisagree) as caught:
        ask(network, signer)
    told = caught.value.values
    assert (told["url"], told["witness"]) == (node.url, other.url)
    if liar == "node":
        assert apart in str(told["reason"])
    if "Block" not in method:
        assert method in str(told["reason"])
    assert caught.value.exit_code == 5


def test_a_lie_about_a_receipt_does_not_hide_what_was_sent(
    node: HostileNode, network: Network, signer: Signer
) -> None:
    node.on("eth_getTransactionReceipt", None)
    with pytest.raises(NodesDisagree) as caught:
        network.transfer(signer, ALICE, 1)
    (transaction,) = node.sent
    assert f"transaction {transaction} may have been sent" in str(caught.value)


def test_the_same_in_other_words_is_no_lie(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer
) -> None:
    def otherwise(_: object, good: Any) -> Any:
        if not isinstance(good, dict):
            return "0x00" + good[2:].upper()
        made = {name: otherwise(0, v) if v in ("0x1", "0x7") else v for name, v in good.items()}
        return made | {"from": good["from"].upper().replace("X", "x"), "type": "0x2"}

    other.on("eth_getBalance", otherwise)
    other.on("eth_getTransactionReceipt", otherwise)
    assert network.transfer(signer, ALICE, 1).block == BLOCK


def test_what_only_one_tells_is_not_passed_on(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    for each, more in ((node, {"blockTimestamp": "0x1"}), (other, {})):
        each.logs = [LOG | more]
    (entry,) = network.rpc.request("eth_getLogs", {"fromBlock": "0x0"})
    assert entry["blockHash"] == LOG["blockHash"]
    assert "blockTimestamp" not in entry


json_values = st.recursive(
    st.none() | st.text("0x1f", max_size=100),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({"logIndex": inner, "blockNumber": inner})
    ),
    max_leaves=8,
)


@given(json_values, json_values)
def test_a_difference_is_always_told(mine: object, theirs: object) -> None:
    if mine != theirs:
        assert "the first" in difference(mine, theirs) or "the witness" in difference(mine, theirs)


# Honest nodes that differ for a moment


def test_the_newest_block_is_one_that_both_have(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.on("eth_getBlockByNumber", chain_up_to(12))
    other.on("eth_getBlockByNumber", chain_up_to(9))
    assert network.block_number() == 9
    assert network.rpc.request("eth_blockNumber") == "0x9"
    node.on("eth_getBlockByNumber", chain_up_to(8))
    assert network.block_number() == 8


def test_one_that_is_far_behind_is_told(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.on("eth_getBlockByNumber", chain_up_to(8))
    other.on("eth_getBlockByNumber", chain_up_to(900))
    with pytest.raises(NodesDisagree, match=r"of the first, 8, is 1,784 s older than block 900"):
        network.now()
    node.on("eth_getBlockByNumber", chain_up_to(90_000))
    with pytest.raises(NodesDisagree, match="of the witness, 900, is"):
        network.now()


def test_one_that_stops_later_is_told_by_what_is_asked_next(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.on("eth_getBlockByNumber", chain_up_to(8))
    other.on("eth_getBlockByNumber", chain_up_to(900))
    assert network.balance(ALICE) == 10**20
    network.rpc._nodes._compared_at -= 1  # type: ignore[union-attr, operator]
    with pytest.raises(NodesDisagree, match="too far behind"):
        network.balance(ALICE)


def test_state_that_differs_is_asked_of_a_block_that_both_have(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    """One has a block more, in which something changed."""
    node.on("eth_getBlockByNumber", chain_up_to(8))
    other.on("eth_getBlockByNumber", chain_up_to(7))
    node.on("eth_call", lambda params, _: TRUE if params[1] == "latest" else FALSE)
    other.on("eth_call", FALSE)
    assert network.call(CONSENTS, "covers", ALICE, bytes(32), 64) is False
    assert node.asked[-1][1][1] == "0x7"


def test_a_receipt_that_one_has_earlier_is_waited_for(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer
) -> None:
    good = lambda params, good: good  # noqa: E731 -- the node's own answer
    other.then("eth_getTransactionReceipt", None, None, good)
    assert network.transfer(signer, ALICE, 1).block == BLOCK


def test_logs_that_one_has_later_are_waited_for(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.logs = other.logs = [LOG]
    other.then("eth_getLogs", [], lambda params, good: good)
    assert len(network.rpc.request("eth_getLogs", {"fromBlock": "0x0"})) == 1


def test_a_chain_that_goes_another_way_at_one_of_them_is_waited_for(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.on("eth_getBlockByNumber", chain_up_to(8))
    gone = chain_up_to(8, hash="0x" + "cc" * 32)
    other.then("eth_getBlockByNumber", gone, gone, chain_up_to(8))
    assert network.block_number() == 8


@pytest.mark.parametrize(("mine", "theirs", "nonce"), [(1000, 3, 3), (2, 5, 2), (0, 7, 2)])
def test_a_nonce_is_one_that_both_know_of(
    node: HostileNode, other: HostileNode, network: Network, mine: int, theirs: int, nonce: int
) -> None:
    """Two are in blocks; of what waits each node knows what it has heard."""
    for each, waiting in ((node, mine), (other, theirs)):
        each.on(
            "eth_getTransactionCount",
            lambda params, _, waiting=waiting: hex(waiting if params[1] == "pending" else 2),
        )
    assert network.rpc.ask("eth_getTransactionCount", ALICE, "pending") == hex(nonce)


def test_the_larger_estimate_counts(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    node.on("eth_estimateGas", hex(21_000))
    assert network.outbox.gas.estimate({"to": ALICE}) == 50_000
    node.on("eth_estimateGas", "much")
    with pytest.raises(NodeAnsweredWrong, match="much"):
        network.outbox.gas.estimate({"to": ALICE})


def test_the_smaller_price_counts(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer
) -> None:
    node.on("eth_maxPriorityFeePerGas", hex(10**14))
    network.transfer(signer, ALICE, 1)
    (raw,) = node.sent.values()
    assert TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["maxPriorityFeePerGas"] == 10**9
    other.on("eth_maxPriorityFeePerGas", Refuse("no such method", -32601))
    assert network.outbox.gas.offered(21_000)[1]["maxPriorityFeePerGas"] == 10**9


@pytest.mark.parametrize(("mine", "theirs"), [("0x1234", None), (None, "0x1234"), ("0x", "0x")])
def test_a_reason_that_one_alone_gives_is_not_believed(
    node: HostileNode, other: HostileNode, network: Network, mine: str | None, theirs: str | None
) -> None:
    node.on("eth_call", Refuse("execution reverted", 3, mine))
    other.on("eth_call", Refuse("execution reverted", 3, theirs))
    with pytest.raises(ContractRefusal, match="it gave no reason"):
        network.call(CONSENTS, "covers", ALICE, bytes(32), 64)


# Transactions


@pytest.mark.parametrize(
    "swallow",
    [
        lambda params, good: good,
        Refuse("nonce too low"),
        Refuse("already known"),
        DEAD,
        Fault(body=b"gone"),
    ],
)
@pytest.mark.parametrize("liar", ["node", "witness"])
def test_a_transaction_that_one_swallows_is_sent_by_the_other(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer,
    swallow: object, liar: str,
) -> None:  # fmt: skip
    one, honest = (node, other) if liar == "node" else (other, node)
    one.on("eth_sendRawTransaction", swallow)
    one.sent = honest.sent  # what is mined, both see
    receipt = network.transfer(signer, ALICE, 1)
    assert list(honest.sent) == [receipt.transaction]
    assert one.count("eth_sendRawTransaction") == honest.count("eth_sendRawTransaction") == 1


def test_a_transaction_that_neither_takes_is_told(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer
) -> None:
    node.on("eth_sendRawTransaction", Refuse("underpriced"))
    other.on("eth_sendRawTransaction", Refuse("too poor"))
    with pytest.raises(TransactionFailed, match="underpriced"):
        network.transfer(signer, ALICE, 1)


@pytest.mark.parametrize(
    ("mine", "theirs", "error"),
    [
        (Refuse("no"), DEAD, WitnessUnreachable),
        (DEAD, Refuse("no"), NodeUnreachable),
        (Fault(body=b"x"), Refuse("no"), NodeAnsweredWrong),
    ],
)
def test_a_transaction_that_one_may_have_is_not_given_up(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer, mine: object,
    theirs: object, error: type[Exception],
) -> None:  # fmt: skip
    node.on("eth_sendRawTransaction", mine)
    other.on("eth_sendRawTransaction", theirs)
    with pytest.raises(error, match="may have been sent"):
        network.transfer(signer, ALICE, 1)


def test_a_transaction_that_one_knows_already_is_sent(
    node: HostileNode, other: HostileNode, network: Network, signer: Signer
) -> None:
    node.on("eth_sendRawTransaction", DEAD)
    other.on("eth_sendRawTransaction", Refuse("already known"))
    with pytest.raises(TransactionPending):
        network.transfer(signer, ALICE, 1)


# A witness that does not serve


@pytest.mark.parametrize(
    "trouble", [DEAD, Fault(500), Fault(body=b"{"), Refuse("ask less often"), Refuse("no method")]
)
def test_a_witness_that_does_not_answer_is_told(
    other: HostileNode, network: Network, trouble: object
) -> None:
    other.on("eth_getBalance", trouble)
    other.on("eth_getBlockByNumber", trouble)
    with pytest.raises(WitnessUnreachable) as caught:
        network.balance(ALICE)
    assert caught.value.values["url"] == other.url
    assert caught.value.exit_code == 5
    with pytest.raises(WitnessUnreachable):
        network.now()


@pytest.mark.parametrize("answer", [None, [], {}, {"number": "0x1", "timestamp": "late"}])
def test_a_newest_block_that_cannot_be_is_told_of_the_one_that_has_it(
    node: HostileNode, other: HostileNode, network: Network, answer: object
) -> None:
    other.on("eth_getBlockByNumber", answer)
    with pytest.raises(WitnessUnreachable):
        network.now()
    other.well("eth_getBlockByNumber")
    node.on("eth_getBlockByNumber", answer)
    with pytest.raises(NodeAnsweredWrong) as caught:
        network.now()
    assert caught.value.values["url"] == node.url


def test_a_range_that_the_witness_refuses_is_halved(
    node: HostileNode, other: HostileNode, network: Network
) -> None:
    def limited(params: list[Any], good: object) -> object:
        span = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16)
        return Refuse("at most 3 blocks") if span > 2 else good

    other.on("eth_getLogs", limited)
    assert network.events(CONSENTS, "ConsentSet", from_block=0) == []
    assert other.count("eth_getLogs") > 3


def test_an_old_state_that_the_witness_has_not_is_one_that_nobody_has(
    other: HostileNode, network: Network
) -> None:
    other.on("eth_getCode", Refuse("missing trie node"))
    assert network.first_block(ALICE) == 0


def test_a_witness_of_another_chain_is_told_at_once(node: HostileNode, other: HostileNode) -> None:
    other.chain_id = 1
    with pytest.raises(NodesDisagree, match=r"eth_chainId, the first says 0x7a69, the witness 0x1"):
        Network.connect(node.url, witness=other.url)
    assert other.count("eth_chainId") == 1


def test_a_witness_with_another_first_block_is_told(node: HostileNode, other: HostileNode) -> None:
    lie = lambda params, good: good | {"hash": "0x" + "cc" * 32}  # noqa: E731
    other.on("eth_getBlockByNumber", lambda p, good: lie(p, good) if p[0] == "0x0" else good)
    with pytest.raises(NodesDisagree, match="hash"):
        Network.connect(node.url, witness=other.url)


def test_a_witness_is_another_node_than_those_it_checks(node: HostileNode) -> None:
    with pytest.raises(InvalidValue, match="another operator"):
        Network.connect(f"http://a.example, {node.url}", witness=f"{node.url}/key")


def test_no_key_of_either_url_is_shown(node: HostileNode, other: HostileNode) -> None:
    node.on("eth_chainId", "0x5")
    with pytest.raises(NodesDisagree) as caught:
        Network.connect(f"{node.url}/v3/secret", witness=f"{other.url}/secret?token=secret")
    assert "secret" not in str(caught.value)
