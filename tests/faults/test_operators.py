"""Two operators on one account: each act is done once, whoever else takes nonces meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import LocalNode, Signer, courier
from medibloc_py.chain.entries import Attempt, State
from medibloc_py.errors import NonceTaken, TransactionFailed, TransactionPending
from medibloc_py.model import Receipt
from tests.faults.operators import (
    BOB,
    at_once,
    between,
    connected,
    in_processes,
    meeting,
    mining,
    nonce_of,
    pay,
    refusing,
    until_done,
    wait_for_the_pool,
)

OPERATORS = "two operators"
EACH = 20


@pytest.fixture(scope="module")
def node() -> Iterator[LocalNode]:
    with LocalNode.start(block_time_s=None) as node:
        yield node


@pytest.fixture
def slow(node: LocalNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalNode]:
    """A chain that mines when it is told; and less patience, since nobody is late here."""
    monkeypatch.setattr(courier, "_LAG_MAX_S", 0.3)
    monkeypatch.setattr(courier, "_TAKEN_AFTER_S", 0.3)
    node.network.rpc.ask("evm_setAutomine", False)
    yield node
    node.network.rpc.ask("anvil_dropAllTransactions")
    node.network.rpc.ask("evm_setAutomine", True)


@pytest.fixture
def payer(node: LocalNode, request: pytest.FixtureRequest) -> Signer:
    """An account that no other test uses."""
    signer = Signer.from_key((hash(request.node.nodeid) % 2**60 + 1).to_bytes(32, "big"))
    node.network.rpc.ask("anvil_setBalance", signer.address, hex(10**19))
    return signer


def held(node: LocalNode) -> int:
    return node.network.balance(BOB)


# One home.


@pytest.mark.fault(OPERATORS, short=1)
@pytest.mark.parametrize("mined", ["at once", "later"])
def test_two_processes_of_one_home_send_each_act_once(
    node: LocalNode, payer: Signer, tmp_path: Path, mined: str
) -> None:
    before, rpc = held(node), node.network.rpc
    amounts = [range(start, start + EACH) for start in (1_000, 2_000)]

    def send(amounts: range) -> None:
        network = connected(node, tmp_path / "journal")
        for wei in amounts:
            network.transfer(payer, BOB, wei)

    def mine() -> None:
        if mined == "later":
            node.chain.mine()
        time.sleep(0.05)

    rpc.ask("evm_setAutomine", mined == "at once")
    try:
        in_processes([lambda each=each: send(each) for each in amounts], mine)
    finally:
        rpc.ask("evm_setAutomine", True)
    assert held(node) - before == sum(map(sum, amounts))
    assert nonce_of(node, payer) == 2 * EACH
    entries = connected(node, tmp_path / "journal").outbox.journal.entries(payer.address)
    assert sorted(entry.nonce for entry in entries) == [*range(2 * EACH)]
    assert State.OPEN not in {entry.state for entry in entries}


# Two homes, which know nothing of each other.


@pytest.mark.fault(OPERATORS)
@pytest.mark.parametrize("amounts", [(5, 5), (5, 6)], ids=["same call", "other call"])
@pytest.mark.parametrize("mined", ["at once", "later"])
def test_two_homes_with_one_nonce(
    slow: LocalNode, payer: Signer, tmp_path: Path, amounts: tuple[int, int], mined: str
) -> None:
    """One is mined; the other is told so, and its command once more does its own act."""
    before = held(slow)
    slow.network.rpc.ask("evm_setAutomine", mined == "at once")
    homes = [connected(slow, tmp_path / f"journal-{name}") for name in "ab"]
    acts = [
        lambda home=home, wei=wei: home.transfer(payer, BOB, wei)
        for home, wei in zip(homes, amounts, strict=True)
    ]
    with meeting(2), mining(slow, mined == "later"):
        ends = at_once(acts)
    (won,) = (place for place, end in enumerate(ends) if isinstance(end, Receipt))
    told = ends[1 - won]
    assert isinstance(told, NonceTaken | TransactionFailed), told
    assert held(slow) - before == amounts[won]
    slow.network.rpc.ask("evm_setAutomine", True)
    again = acts[1 - won]()
    assert again.transaction != ends[won].transaction  # type: ignore[union-attr]
    assert held(slow) - before == sum(amounts)
    assert nonce_of(slow, payer) == 2


@pytest.mark.fault(OPERATORS)
def test_two_homes_that_race_do_each_act_once(
    slow: LocalNode, payer: Signer, tmp_path: Path
) -> None:
    """Whoever is told that a nonce is another's runs the same command again."""
    before, each = held(slow), 6
    slow.network.rpc.ask("evm_setAutomine", True)

    def send(home: str) -> None:
        network = connected(slow, tmp_path / home)
        for wei in range(1, each + 1):
            until_done(network, payer, wei)

    in_processes([lambda home=home: send(home) for home in "ab"], lambda: time.sleep(0.05))
    assert held(slow) - before == 2 * sum(range(1, each + 1))
    assert nonce_of(slow, payer) == 2 * each


# A wallet that knows of no journal.


def by_hand(node: LocalNode, payer: Signer, nonce: int, wei: int) -> str:
    """Signs and sends as a wallet does, for more than others offer."""
    ask = node.network.rpc.ask
    fee = 4 * max(int(ask("eth_gasPrice"), 16), int(ask("eth_maxPriorityFeePerGas"), 16))
    raw, transaction = payer.sign_transaction(
        {"chainId": node.network.chain_id, "nonce": nonce, "gas": 21_000, "value": wei,
         "data": "0x", "to": BOB, "maxFeePerGas": fee, "maxPriorityFeePerGas": fee}
    )  # fmt: skip
    ask("eth_sendRawTransaction", "0x" + raw.hex())
    return transaction


@pytest.mark.fault(OPERATORS)
def test_a_wallet_that_is_faster(
    node: LocalNode, payer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(node)
    monkeypatch.setattr(courier, "_TAKEN_AFTER_S", 0.3)
    network = connected(node, tmp_path / "journal")
    with between(lambda: by_hand(node, payer, 0, 1)), pytest.raises(TransactionFailed):
        network.transfer(payer, BOB, 10)
    assert held(node) - before == 1
    pay(network, payer)
    assert held(node) - before == 11
    states = [entry.state for entry in network.outbox.journal.entries(payer.address)]
    assert states == [State.MINED, State.VOID]


@pytest.mark.fault(OPERATORS)
@pytest.mark.parametrize("wei", [1, 0], ids=["replaced", "cancelled"])
def test_a_wallet_that_offers_more_for_the_nonce(
    slow: LocalNode, payer: Signer, tmp_path: Path, wei: int
) -> None:
    before = held(slow)
    network = connected(slow, tmp_path / "journal")
    ends: list[Any] = []
    waiting = threading.Thread(target=lambda: ends.extend(at_once([lambda: pay(network, payer)])))
    waiting.start()
    wait_for_the_pool(slow, payer)
    other = by_hand(slow, payer, 0, wei)
    slow.chain.mine()
    waiting.join()
    (end,) = ends
    assert isinstance(end, NonceTaken)
    assert (end.values["nonce"], end.values["account"]) == (0, payer.address)
    assert end.values["transaction"] != other
    slow.network.rpc.ask("evm_setAutomine", True)
    pay(network, payer)
    assert held(slow) - before == wei + 10


@pytest.mark.fault(OPERATORS)
def test_a_wallet_that_acts_while_a_command_that_gave_up_is_forgotten(
    slow: LocalNode, payer: Signer, tmp_path: Path
) -> None:
    """The node dropped what was sent; a wallet takes its nonce; the command again is done once."""
    before = held(slow)
    with pytest.raises(TransactionPending) as pending:
        pay(connected(slow, tmp_path / "journal", timeout_s=0.1), payer)
    slow.network.rpc.ask("anvil_dropTransaction", pending.value.values["transaction"])
    by_hand(slow, payer, 0, 1)
    slow.chain.mine()
    slow.network.rpc.ask("evm_setAutomine", True)
    pay(connected(slow, tmp_path / "journal"), payer)
    assert held(slow) - before == 11
    assert nonce_of(slow, payer) == 2


@pytest.mark.fault(OPERATORS)
def test_a_wallet_that_waits_with_a_later_nonce(
    slow: LocalNode, payer: Signer, tmp_path: Path
) -> None:
    """It waits for the one before, which is ours; what comes next of ours comes after it."""
    before = held(slow)
    by_hand(slow, payer, 1, 1)
    slow.network.rpc.ask("evm_setAutomine", True)
    network = connected(slow, tmp_path / "journal")
    pay(network, payer)
    pay(network, payer)
    give_up = time.monotonic() + 10
    while nonce_of(slow, payer) < 3 and time.monotonic() < give_up:
        slow.chain.mine()
    assert held(slow) - before == 21
    assert nonce_of(slow, payer) == 3


@pytest.mark.fault(OPERATORS)
def test_an_older_offer_in_the_pool_is_not_left_for_another(
    slow: LocalNode, payer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dearer form was written down and the node does not take it; the cheaper one waits there."""
    before, offers = held(slow), []

    def is_dearer(attempt: Attempt) -> bool:
        offers.append(attempt.hash)
        return attempt.hash != offers[0]

    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.05)
    with refusing(is_dearer):
        with pytest.raises(TransactionPending):
            pay(connected(slow, tmp_path / "journal", timeout_s=0.5), payer)
        assert len(set(offers)) > 1
        with mining(slow):
            receipt = pay(connected(slow, tmp_path / "journal"), payer)
    assert receipt.transaction == offers[0]
    assert held(slow) - before == 10
    assert nonce_of(slow, payer) == 1
