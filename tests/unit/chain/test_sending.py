from __future__ import annotations

import threading
from typing import Any

import pytest
from eth_abi import encode as encode_abi
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

from medibloc_py.chain import Contract, Network, Signer, courier
from medibloc_py.chain.gas import GAS_MAX
from medibloc_py.errors import (
    ConsentMissing,
    ContractMissing,
    ContractRefusal,
    InsufficientFunds,
    InvalidValue,
    MediBlocError,
    NodeAnsweredWrong,
    NodeUnreachable,
    TransactionFailed,
    TransactionPending,
)
from medibloc_py.model import GENERAL, Address
from tests.fakes.hostile_node import BLOCK, DEAD, TIMESTAMP, Fault, HostileNode, Refuse

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
CONSENTS = Contract("Consents", BOB)
MISSING = "0x" + (
    keccak(b"ConsentMissing(address)")[:4] + encode_abi(["address"], [BOB])
).hex()  # fmt: skip


def revoked(version: int = 1, **changed: Any) -> dict[str, Any]:
    """A ConsentRevoked log of BOB's contract."""
    return {
        "address": BOB.lower(),
        "topics": [
            "0x" + keccak(b"ConsentRevoked(address,bytes32,uint32,address)").hex(),
            "0x" + "00" * 12 + BOB[2:].lower(),
            "0x" + GENERAL.hex(),
        ],
        "data": f"0x{version:064x}" + "00" * 12 + BOB[2:].lower(),
        **changed,
    }


def patched(**changed: Any):
    """A receipt with some fields changed."""
    return lambda params, good: good | changed


def only_sent(node: HostileNode) -> str:
    (transaction,) = node.sent
    return transaction


def fields_of(raw: str) -> dict[str, Any]:
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


# The good case


def test_send_gives_the_receipt_and_its_events(node: HostileNode, network: Network, signer: Signer):
    foreign = revoked(address="0x" + "11" * 20)
    unknown = revoked(topics=["0x" + "22" * 32])
    node.logs = [foreign, revoked(4), unknown, revoked(topics=[])]
    receipt = network.send(signer, CONSENTS, "revoke", GENERAL)
    assert receipt.transaction == only_sent(node)
    assert (receipt.sender, receipt.block, receipt.timestamp) == (signer.address, BLOCK, TIMESTAMP)
    assert (receipt.gas_used, receipt.fee_wei) == (21_000, 42_000 * 10**9)
    (event,) = receipt.events
    assert (event.name, event.address, event.log_index) == ("ConsentRevoked", BOB, 1)
    assert event.args == {"patient": BOB, "record": GENERAL, "version": 4, "by": BOB}
    assert event.transaction == receipt.transaction


def test_send_signs_for_the_chain_and_leaves_room_for_gas_and_fee(
    node: HostileNode, network: Network, signer: Signer
):
    network.send(signer, CONSENTS, "revoke", GENERAL, value=5)
    raw = node.sent[only_sent(node)]
    sent = fields_of(raw)
    assert Account.recover_transaction(raw) == signer.address
    assert (sent["chainId"], sent["nonce"], sent["value"]) == (31337, 0, 5)
    assert sent["gas"] == 62_500
    assert sent["maxPriorityFeePerGas"] == 10**9
    assert 0 <= sent["maxFeePerGas"] - 3 * 10**9 <= 3 * 10**9 // 1_024


def test_the_same_call_by_two_machines_is_two_transactions(node: HostileNode, signer: Signer):
    node.on("eth_getTransactionCount", "0x0")
    for _ in range(2):  # each with a journal of its own
        Network.connect(node.url, receipt_timeout_s=0.5).transfer(signer, BOB, 1)
    first, second = (fields_of(raw) for raw in node.sent.values())
    assert first["nonce"] == second["nonce"]
    assert first["maxFeePerGas"] != second["maxFeePerGas"]


def test_so_it_is_on_a_chain_that_takes_no_fee(node: HostileNode, signer: Signer):
    """Or each home takes the one receipt for its own, and an act is lost."""
    node.on("eth_getBlockByNumber", lambda params, good: good | {"baseFeePerGas": "0x0"})
    node.on("eth_maxPriorityFeePerGas", "0x0")
    node.on("eth_getTransactionCount", "0x0")
    for _ in range(3):  # two of them once in 12,500 runs are the same
        Network.connect(node.url, receipt_timeout_s=0.5).transfer(signer, BOB, 1)
    sent = [fields_of(raw) for raw in node.sent.values()]
    assert {(each["nonce"], each["maxFeePerGas"]) for each in sent} == {(0, 0)}
    assert len({each["gas"] for each in sent}) > 1
    assert all(62_500 <= each["gas"] <= 75_000 for each in sent)


@pytest.mark.parametrize(("price", "limits"), [(0, 3), (10**6, 3), (10**9, 1)])
def test_the_limit_of_gas_differs_only_where_the_fee_hardly_does(
    node: HostileNode, network: Network, price: int, limits: int
):
    node.on("eth_getBlockByNumber", lambda params, good: good | {"baseFeePerGas": None})
    node.on("eth_gasPrice", hex(price))
    offered = [network.outbox.gas.offered(10**7)[0] for _ in range(3)]
    assert len(set(offered)) == limits
    assert 12_500_000 <= min(offered) <= max(offered) <= 15_000_000
    assert network.outbox.gas.offered(GAS_MAX)[0] == GAS_MAX


def test_send_falls_back_to_a_legacy_fee(node: HostileNode, network: Network, signer: Signer):
    node.on("eth_getBlockByNumber", lambda params, good: good | {"baseFeePerGas": None})
    seen: list[str] = []

    def keep(params: list[str], good: str) -> str:
        seen.append(params[0])
        return good

    node.on("eth_sendRawTransaction", keep)
    node.on("eth_getTransactionReceipt", None)
    with pytest.raises(TransactionPending):
        network.transfer(signer, BOB, 1)
    assert int(seen[0][2:4], 16) >= 0xC0  # a plain RLP list: no typed transaction
    assert Account.recover_transaction(seen[0]) == signer.address


def test_send_chooses_a_priority_fee_where_the_node_has_none(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_maxPriorityFeePerGas", Refuse("method not found", -32601))
    network.transfer(signer, BOB, 1)
    assert fields_of(node.sent[only_sent(node)])["maxPriorityFeePerGas"] == 10**9


def test_send_waits_for_a_receipt(node: HostileNode, network: Network, signer: Signer):
    good = lambda params, good: good  # noqa: E731 -- the node's own answer
    node.then("eth_getTransactionReceipt", None, None, good)
    assert network.transfer(signer, BOB, 1).block == BLOCK
    assert node.count("eth_getTransactionReceipt") == 3


def test_send_waits_for_the_block_of_a_receipt(node: HostileNode, network: Network, signer: Signer):
    late = iter([True])

    def answer(params: list[Any], good: object) -> object:
        return None if params[0] == hex(BLOCK) and next(late, False) else good

    node.on("eth_getBlockByNumber", answer)
    assert network.transfer(signer, BOB, 1).block == BLOCK
    assert node.count("eth_getTransactionReceipt") == 2


def test_send_forgives_a_short_outage(node: HostileNode, network: Network, signer: Signer):
    node.then("eth_getTransactionReceipt", DEAD, Fault(502), lambda params, good: good)
    assert network.transfer(signer, BOB, 1).block == BLOCK


def test_send_takes_a_transaction_the_node_knows_already(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_sendRawTransaction", lambda params, good: Refuse("already known"))
    assert network.transfer(signer, BOB, 1).transaction == only_sent(node)


def test_deploy_gives_the_address(node: HostileNode, network: Network, signer: Signer):
    address, receipt = network.deploy(signer, "Consents", BOB)
    assert address == "0xF2E246BB76DF876Cef8b38ae84130F4F55De395b"  # of key 1, nonce 0
    assert receipt.transaction in node.sent


@pytest.mark.parametrize(
    ("nonce", "address"),
    [  # the vectors of CREATE that wallets know, for the account of go-ethereum's tests
        (0, "0x333c3310824b7c685133f2bedb2ca4b8b4df633d"),
        (1, "0x8bda78331c916a08481428e4b07c96d3e916d165"),
        (2, "0xc9ddedf451bc62ce88bf9292afb13df35b670699"),
    ],
)
def test_created_addresses_agree_with_known_ones(nonce, address):
    from medibloc_py.chain.calldata import created_by

    assert (
        created_by(Address("0x970E8128AB834E8EAC17Ab8E3812F010678CF791"), nonce).lower() == address
    )


def test_created_addresses_take_large_nonces():
    from medibloc_py.chain.calldata import created_by

    assert len({created_by(BOB, nonce) for nonce in (0x7F, 0x80, 0xFF, 0x100, 2**63)}) == 5


# Refusals before anything is sent


def test_send_refuses_what_the_simulation_refuses(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_call", Refuse("execution reverted", 3, MISSING))
    with pytest.raises(ConsentMissing) as caught:
        network.send(signer, CONSENTS, "revoke", GENERAL)
    assert caught.value.values == {"patient": BOB}
    assert not node.sent


def test_send_refuses_what_the_estimate_refuses(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_estimateGas", Refuse("execution reverted", 3, MISSING))
    with pytest.raises(ConsentMissing):
        network.send(signer, CONSENTS, "revoke", GENERAL)
    node.on("eth_estimateGas", Refuse("no estimates today"))
    with pytest.raises(NodeUnreachable, match="no estimates today"):
        network.send(signer, CONSENTS, "revoke", GENERAL)
    assert not node.sent


def test_send_refuses_a_place_without_code(node: HostileNode, network: Network, signer: Signer):
    node.on("eth_getCode", "0x")
    with pytest.raises(ContractMissing):
        network.send(signer, CONSENTS, "revoke", GENERAL)
    assert not node.sent


def test_send_refuses_values_below_zero(network: Network, signer: Signer):
    with pytest.raises(InvalidValue):
        network.transfer(signer, BOB, -1)


@pytest.mark.parametrize(("balance", "needed"), [(4, 5), (5, 5 + 62_500 * 3 * 10**9)])
def test_send_refuses_what_the_account_cannot_pay(
    node: HostileNode, network: Network, signer: Signer, balance, needed
):
    node.on("eth_getBalance", hex(balance))
    with pytest.raises(InsufficientFunds) as caught:
        network.transfer(signer, BOB, 5)
    assert 0 <= caught.value.values["needed"] - needed <= needed // 1_024
    assert not node.sent


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_estimateGas", hex(1 << 25)),
        ("eth_estimateGas", "much"),
        ("eth_maxPriorityFeePerGas", hex(10**14)),
        ("eth_maxPriorityFeePerGas", None),
        ("eth_getTransactionCount", "next"),
    ],
)
def test_send_refuses_fees_and_numbers_beyond_sense(
    node: HostileNode, network: Network, signer: Signer, method, answer
):
    node.on(method, answer)
    with pytest.raises(NodeAnsweredWrong):
        network.transfer(signer, BOB, 1)
    assert not node.sent


# A node that fails while a transaction is on its way: the error names the transaction


def names(error: MediBlocError, node: HostileNode) -> bool:
    return only_sent(node) in str(error.values["reason"])


def lost(answer: Any):
    """The node takes the transaction, and gives another answer."""
    return lambda params, good: answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (DEAD, NodeUnreachable),
        (Fault(500), NodeUnreachable),
        (Fault(delay_s=0.5, body=b"{}"), NodeUnreachable),
        (Fault(body=b"gone"), NodeAnsweredWrong),
        (None, NodeAnsweredWrong),
        ("0x" + "00" * 32, NodeAnsweredWrong),
    ],
)
def test_a_node_that_dies_while_sending_leaves_the_hash(
    node: HostileNode, signer: Signer, answer, error
):
    network = Network.connect(node.url, timeout_s=0.2, receipt_timeout_s=0.2)
    node.on("eth_sendRawTransaction", lost(answer))
    with pytest.raises(error, match="may have been sent") as caught:
        network.transfer(signer, BOB, 1)
    assert names(caught.value, node)


def test_a_node_that_refuses_a_transaction_is_told(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_sendRawTransaction", lost(Refuse("nonce too low")))
    with pytest.raises(TransactionFailed, match="nonce too low") as caught:
        network.transfer(signer, BOB, 1)
    assert caught.value.values["transaction"] == only_sent(node)


@pytest.mark.parametrize("answer", [DEAD, Fault(500), Refuse("busy")])
def test_a_node_that_dies_while_waiting_leaves_the_hash(
    node: HostileNode, network: Network, signer: Signer, answer
):
    node.on("eth_getTransactionReceipt", answer)
    with pytest.raises(NodeUnreachable, match="may have been sent") as caught:
        network.transfer(signer, BOB, 1)
    assert names(caught.value, node)


def test_a_long_outage_ends_the_wait_early(node: HostileNode, signer: Signer, monkeypatch):
    monkeypatch.setattr(courier, "_OUTAGE_MAX_S", 0.1)
    network = Network.connect(node.url, receipt_timeout_s=60)
    node.on("eth_getTransactionReceipt", DEAD)
    with pytest.raises(NodeUnreachable, match="may have been sent"):
        network.transfer(signer, BOB, 1)


def test_a_transaction_not_mined_in_time_is_pending(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_getTransactionReceipt", None)
    with pytest.raises(TransactionPending) as caught:
        network.transfer(signer, BOB, 1)
    assert caught.value.values == {"transaction": only_sent(node), "timeout_s": 0.2}


OTHER_HASH = "0x" + "01" * 32


@pytest.mark.parametrize(
    "changed",
    [
        {"transactionHash": OTHER_HASH},
        {"transactionHash": None},
        {"from": "0x" + "11" * 20},
        {"to": "0x" + "11" * 20},
        {"to": None},
        {"status": None},
        {"status": "ok"},
        {"blockNumber": None},
        {"blockHash": OTHER_HASH},
        {"gasUsed": -1},
        {"effectiveGasPrice": None},
        {"contractAddress": "0x"},
        {"logs": None},
        {"logs": [None]},
        {"logs": [{"topics": None}]},
    ],
)
def test_an_impossible_receipt_is_told_with_the_hash(
    node: HostileNode, network: Network, signer: Signer, changed
):
    node.on("eth_getTransactionReceipt", patched(**changed))
    with pytest.raises(NodeAnsweredWrong, match="may have been sent") as caught:
        network.transfer(signer, BOB, 1)
    assert names(caught.value, node)


def test_a_receipt_that_is_no_object_is_told(node: HostileNode, network: Network, signer: Signer):
    node.on("eth_getTransactionReceipt", "mined")
    with pytest.raises(NodeAnsweredWrong, match="may have been sent"):
        network.transfer(signer, BOB, 1)


def test_a_receipt_of_a_block_that_does_not_fit_is_told(
    node: HostileNode, network: Network, signer: Signer
):
    wrong = {hex(BLOCK): "0x1"}
    node.on(
        "eth_getBlockByNumber",
        lambda params, good: good | {"number": wrong.get(params[0], good["number"])},
    )
    with pytest.raises(NodeAnsweredWrong, match="block 1 came where 7 was asked for"):
        network.transfer(signer, BOB, 1)


@pytest.mark.parametrize(
    "log",
    [
        revoked(transactionHash=OTHER_HASH),
        revoked(blockNumber="0x8"),
        revoked(address="0x11"),
        revoked(topics=["0x11"]),
        revoked(topics=revoked()["topics"][:1]),
        revoked(topics=revoked()["topics"][:2]),
        revoked(topics=[*revoked()["topics"], OTHER_HASH]),
        revoked(topics=[revoked()["topics"][0], "0x" + "ff" * 32, OTHER_HASH]),
        revoked(data="0x"),
        revoked(data="0x" + "ff" * 32),
        revoked(data=revoked()["data"] + "00"),
        revoked(data=None),
    ],
)
def test_an_impossible_log_is_told(node: HostileNode, network: Network, signer: Signer, log):
    node.logs = [log]
    with pytest.raises(NodeAnsweredWrong):
        network.send(signer, CONSENTS, "revoke", GENERAL)


@pytest.mark.parametrize(
    "changed", [{"contractAddress": "0x" + "11" * 20}, {"contractAddress": None}]
)
def test_deploy_refuses_another_address(
    node: HostileNode, network: Network, signer: Signer, changed
):
    node.on("eth_getTransactionReceipt", patched(**changed))
    with pytest.raises(NodeAnsweredWrong, match="created no Consents"):
        network.deploy(signer, "Consents", BOB)


def test_deploy_refuses_an_address_without_code(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_getCode", "0x")
    with pytest.raises(NodeAnsweredWrong, match="created no Consents"):
        network.deploy(signer, "Consents", BOB)


# Mined and failed


def test_a_mined_revert_is_explained_by_running_it_again(
    node: HostileNode, network: Network, signer: Signer
):
    node.on("eth_getTransactionReceipt", patched(status="0x0"))
    node.then("eth_call", "0x", Refuse("execution reverted", 3, MISSING))
    with pytest.raises(ConsentMissing):
        network.send(signer, CONSENTS, "revoke", GENERAL)
    assert node.asked[-1][1][1] == hex(BLOCK)


@pytest.mark.parametrize("again", ["0x", Refuse("missing trie node"), DEAD, 5])
def test_a_mined_revert_without_a_reason_is_told(
    node: HostileNode, network: Network, signer: Signer, again
):
    node.on("eth_getTransactionReceipt", patched(status="0x0"))
    node.then("eth_call", "0x", again)
    with pytest.raises(TransactionFailed, match="reverted when mined") as caught:
        network.send(signer, CONSENTS, "revoke", GENERAL)
    assert caught.value.values["transaction"] == only_sent(node)


def test_a_revert_without_data_gives_no_reason(node: HostileNode, network: Network, signer: Signer):
    node.on("eth_call", Refuse("execution reverted", 3, "0x"))
    with pytest.raises(ContractRefusal, match="gave no reason"):
        network.send(signer, CONSENTS, "revoke", GENERAL)


# Nonces


def nonces(node: HostileNode) -> list[int]:
    return [fields_of(raw)["nonce"] for raw in node.sent.values()]


def test_a_late_count_is_waited_for(node: HostileNode, network: Network, signer: Signer):
    network.transfer(signer, BOB, 1)
    node.then("eth_getTransactionCount", "0x0", "0x0", "0x1")
    network.transfer(signer, BOB, 1)
    assert nonces(node) == [0, 1]


def test_a_count_that_stays_behind_is_believed(
    node: HostileNode, network: Network, signer: Signer, monkeypatch
):
    monkeypatch.setattr(courier, "_LAG_MAX_S", 0.0)
    network.transfer(signer, BOB, 1)
    node.on("eth_getTransactionCount", "0x0")
    network.transfer(signer, BOB, 2)
    assert nonces(node) == [0, 0]


def test_two_threads_never_share_a_nonce(node: HostileNode, network: Network, signer: Signer):
    threads = [
        threading.Thread(target=network.transfer, args=(signer, BOB, wei)) for wei in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(nonces(node)) == list(range(6))
