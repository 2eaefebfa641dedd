from __future__ import annotations

from collections.abc import Iterator

import pytest

from medibloc_py.chain import Contract, LocalChain, Network, Signer
from medibloc_py.errors import (
    ChainMismatch,
    ContractMissing,
    ContractRefusal,
    InvalidValue,
    MediBlocError,
    NodeAnsweredWrong,
    NodeUnreachable,
    TransportError,
)
from medibloc_py.model import GENERAL, Address
from tests.fakes.hostile_node import DEAD, TIMESTAMP, Fault, HostileNode, Refuse, serve

ALICE = Address("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
CONSENTS = Contract("Consents", ALICE)


def test_connect_reads_the_chain_id(node: HostileNode):
    network = Network.connect(node.url, 31337)
    assert network.chain_id == 31337
    assert network.url == node.url


def test_connect_refuses_another_chain(node: HostileNode):
    with pytest.raises(ChainMismatch) as caught:
        Network.connect(node.url, 1)
    assert caught.value.values == {"url": node.url, "actual": 31337, "expected": 1}


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8545", "ftp://host", "http://", "http://[", "http://host:port", "file:///x"],
)
def test_connect_refuses_what_is_no_url(url):
    with pytest.raises(InvalidValue):
        Network.connect(url)


def test_an_error_shows_no_key_of_the_url(node: HostileNode):
    secret = node.url.replace("http://", "http://user:pass@") + "/v3/api-key?token=t"
    node.on("eth_chainId", "no number")
    with pytest.raises(NodeAnsweredWrong) as caught:
        Network.connect(secret)
    assert caught.value.values["url"] == node.url


def test_an_ipv6_url_keeps_its_brackets():
    with pytest.raises(NodeUnreachable, match=r"http://\[::1\]:1 "):
        Network.connect("http://[::1]:1", timeout_s=1)


def test_nobody_listening_is_unreachable():
    with pytest.raises(NodeUnreachable, match="the connection failed"):
        Network.connect("http://127.0.0.1:1", timeout_s=1)


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        (DEAD, NodeUnreachable, "the connection failed"),
        (Fault(500, b"{}"), NodeUnreachable, "HTTP status 500"),
        (Fault(429, b"slow down"), NodeUnreachable, "HTTP status 429"),
        (Fault(delay_s=0.4, body=b"{}"), NodeUnreachable, "no answer within 0.2 s"),
        (Fault(body=b""), NodeAnsweredWrong, "no JSON"),
        (Fault(body=b"<html>"), NodeAnsweredWrong, "no JSON"),
        (Fault(body=b"\xff\xfe"), NodeAnsweredWrong, "no JSON"),
        (Fault(body=b"[" * 100_000), NodeAnsweredWrong, "no JSON"),
        (Fault(body=b'{"result":' + b"9" * 5000 + b"}"), NodeAnsweredWrong, "no JSON"),
        (Fault(body=b"[]"), NodeAnsweredWrong, "no JSON-RPC"),
        (Fault(body=b"null"), NodeAnsweredWrong, "no JSON-RPC"),
        (Fault(body=b"{}"), NodeAnsweredWrong, "neither a result nor an error"),
        (Fault(body=b'{"error":"no"}'), NodeUnreachable, "refused: no"),
        (Refuse("rate\nlimit\x1b[31m"), NodeUnreachable, r"refused: rate�limit�\[31m"),
        (None, NodeAnsweredWrong, "not a number"),
        (31337, NodeAnsweredWrong, "not a number"),
        ("31337", NodeAnsweredWrong, "not a number"),
        ("0x", NodeAnsweredWrong, "not a number"),
        ("0x" + "f" * 65, NodeAnsweredWrong, "not a number"),
        (["0x1"], NodeAnsweredWrong, "not a number"),
    ],
)
def test_a_bad_answer_is_told(node: HostileNode, fault, error, reason):
    node.on("eth_chainId", fault)
    with pytest.raises(error, match=reason):
        Network.connect(node.url, timeout_s=0.2)


@pytest.mark.parametrize("trouble", [Fault(429), Fault(502), Fault(503), Fault(504), DEAD])
def test_what_changes_nothing_is_asked_again_where_that_can_help(node: HostileNode, trouble):
    node.then("eth_chainId", trouble, trouble, hex(31337))
    assert Network.connect(node.url).chain_id == 31337
    assert node.count("eth_chainId") == 3


@pytest.mark.parametrize("trouble", [Fault(500), Fault(401), Refuse("no"), Fault(body=b"gone")])
def test_what_will_not_pass_is_asked_once(node: HostileNode, trouble):
    node.on("eth_chainId", trouble)
    with pytest.raises(TransportError):
        Network.connect(node.url)
    assert node.count("eth_chainId") == 1


def test_a_node_that_mines_meanwhile_is_asked_again(node: HostileNode, network: Network):
    mining = Refuse("BlockOutOfRangeError: block height is 4 but requested was 3")
    node.then("eth_getBalance", mining, hex(7))
    assert network.balance(ALICE) == 7


def test_a_transaction_is_offered_once(node: HostileNode, network: Network, signer: Signer):
    node.on("eth_sendRawTransaction", Fault(503))
    with pytest.raises(NodeUnreachable):
        network.transfer(signer, ALICE, 1)
    assert node.count("eth_sendRawTransaction") == 1


# Several nodes


@pytest.fixture
def other() -> Iterator[HostileNode]:
    with serve() as other:
        yield other


def test_the_next_node_is_asked_when_one_falls_silent(
    node: HostileNode, other: HostileNode, signer: Signer
):
    network = Network.connect(f"{node.url}, {other.url}", timeout_s=1.0)
    for method in ("eth_getBalance", "eth_sendRawTransaction"):
        node.on(method, DEAD)
    receipt = network.transfer(signer, ALICE, 1)
    assert list(other.sent) == [receipt.transaction]
    assert network.url == other.url
    assert other.asked[0] == ("eth_chainId", [])


def test_a_transaction_goes_to_the_next_node_as_it_is(
    node: HostileNode, other: HostileNode, signer: Signer
):
    network = Network.connect(f"{node.url},{other.url}", timeout_s=1.0)
    node.on("eth_sendRawTransaction", lambda params, good: DEAD)  # taken, and not told
    receipt = network.transfer(signer, ALICE, 1)
    assert list(node.sent) == list(other.sent) == [receipt.transaction]


def test_a_next_node_of_another_chain_is_not_asked(node: HostileNode, other: HostileNode):
    network = Network.connect(f"{node.url},{other.url}", timeout_s=1.0)
    other.chain_id = 1
    node.on("eth_getBalance", DEAD)
    with pytest.raises(ChainMismatch):
        network.balance(ALICE)
    assert other.count("eth_getBalance") == 0


def test_silence_of_all_nodes_is_told(node: HostileNode, other: HostileNode):
    node.on("eth_chainId", DEAD)
    other.on("eth_chainId", DEAD)
    with pytest.raises(NodeUnreachable):
        Network.connect(f"{node.url},{other.url}")


def test_reads(network: Network):
    assert network.now() == TIMESTAMP
    assert network.block_number() == 7
    assert network.balance(ALICE) == 10**20
    assert network.code(ALICE) == b"\xfe"


@pytest.mark.parametrize(
    ("method", "answer", "read"),
    [
        ("eth_getBalance", "lots", lambda n: n.balance(ALICE)),
        ("eth_getCode", "0x0", lambda n: n.code(ALICE)),
        ("eth_getCode", None, lambda n: n.code(ALICE)),
        ("eth_getBlockByNumber", None, lambda n: n.now()),
        ("eth_getBlockByNumber", [], lambda n: n.now()),
        ("eth_getBlockByNumber", {}, lambda n: n.now()),
        ("eth_getBlockByNumber", {"number": "0x1", "hash": "0x01"}, lambda n: n.now()),
    ],
)
def test_a_malformed_answer_is_told(node: HostileNode, network: Network, method, answer, read):
    node.on(method, answer)
    with pytest.raises(NodeAnsweredWrong):
        read(network)


@pytest.mark.parametrize("method", ["eth_getBalance", "eth_getCode"])
def test_a_malformed_address_is_never_asked_for(node: HostileNode, network: Network, method):
    read = network.balance if method == "eth_getBalance" else network.code
    with pytest.raises(MediBlocError, match="not an Ethereum address"):
        read(Address(ALICE.lower()))
    assert node.count(method) == 0


def test_call_decodes_values(node: HostileNode, network: Network):
    node.on("eth_call", "0x" + "".join(f"{n:064x}" for n in (64, 99, 3, 1)))
    assert network.call(CONSENTS, "consentOf", ALICE, GENERAL) == (64, 99, 3, True)
    node.on("eth_call", "0x" + f"{1:064x}")
    assert network.call(CONSENTS, "covers", ALICE, GENERAL, 64) is True


@pytest.mark.parametrize("answer", ["0x01", "0x" + f"{2:064x}", "0x" + "ff" * 31])
def test_call_refuses_an_answer_that_does_not_decode(node: HostileNode, network: Network, answer):
    node.on("eth_call", answer)
    with pytest.raises(NodeAnsweredWrong, match=r"Consents\.covers"):
        network.call(CONSENTS, "covers", ALICE, GENERAL, 64)


def test_call_tells_that_there_is_no_contract(network: Network):
    with pytest.raises(ContractMissing) as caught:
        network.call(CONSENTS, "covers", ALICE, GENERAL, 64)
    assert caught.value.values == {"name": "Consents", "address": ALICE, "chain_id": 31337}


def test_call_refuses_an_unknown_function_and_contract(network: Network):
    with pytest.raises(InvalidValue, match="function of Consents"):
        network.call(CONSENTS, "owner")
    with pytest.raises(InvalidValue, match="contract is Nothing"):
        network.call(Contract("Nothing", ALICE), "owner")


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refuse("execution reverted", 3, "0x"), ContractRefusal),
        (Refuse("VM Exception while processing transaction: revert"), ContractRefusal),
        (Refuse("Reverted", -32015, "Reverted 0x"), ContractRefusal),
        (Refuse("error", -32603, {"message": "revert", "data": {"data": "0x"}}), ContractRefusal),
        (Refuse("error", -32603, {"result": "0x"}), ContractRefusal),
        (Refuse("method not found", -32601), NodeUnreachable),
        (Refuse("out of gas", -32000, {"message": "no hex"}), NodeUnreachable),
    ],
)
def test_call_tells_a_revert_from_a_node_that_will_not(
    node: HostileNode, network: Network, refusal, error
):
    node.on("eth_call", refusal)
    with pytest.raises(error):
        network.call(CONSENTS, "covers", ALICE, GENERAL, 64)


def test_local_controls_are_told_when_missing(node: HostileNode, network: Network):
    chain = LocalChain(network)
    node.on("evm_mine", Refuse("method not found", -32601))
    with pytest.raises(NodeUnreachable, match="evm_mine"):
        chain.mine()
    node.on("evm_revert", False)
    with pytest.raises(NodeAnsweredWrong, match="snapshot 0x1"):
        chain.revert("0x1")
