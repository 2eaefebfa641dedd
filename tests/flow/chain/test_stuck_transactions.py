"""Transactions that no block takes, on a real chain that does not mine until it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode, Network, courier
from medibloc_py.errors import TransactionPending
from medibloc_py.model import Address

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")


@pytest.fixture(scope="module")
def node() -> Iterator[LocalNode]:
    with LocalNode.start(block_time_s=None) as started:
        started.network.rpc.ask("evm_setAutomine", False)
        yield started


def connected(node: LocalNode, journal: Path) -> Network:
    return Network.connect(node.url, receipt_timeout_s=1.0, journal=journal)


def test_more_is_offered_and_one_is_mined(
    node: LocalNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.2)
    payer, before = node.accounts[1], node.network.balance(BOB)
    network = connected(node, tmp_path / "journal")
    receipts = []
    sending = threading.Thread(target=lambda: receipts.append(network.transfer(payer, BOB, 5)))
    sending.start()
    give_up = time.monotonic() + 20
    while not pooled(node, offers(network)[1:]) and time.monotonic() < give_up:
        time.sleep(0.05)
    node.chain.mine()
    sending.join()
    assert receipts[0].transaction in offers(network)[1:]  # the chain took the dearer one
    assert node.network.balance(BOB) == before + 5


def pooled(node: LocalNode, hashes: list[str]) -> bool:
    asked = (node.network.rpc.ask("eth_getTransactionByHash", one) for one in hashes)
    return any(found is not None for found in asked)


def offers(network: Network) -> list[str]:
    return [one.hash for entry in network.outbox.journal.entries() for one in entry.attempts]


def test_a_command_that_gave_up_goes_on_with_the_same(node: LocalNode, tmp_path: Path) -> None:
    payer, before = node.accounts[2], node.network.balance(BOB)
    with pytest.raises(TransactionPending) as pending:
        connected(node, tmp_path / "journal").transfer(payer, BOB, 7)
    node.chain.mine()
    receipt = connected(node, tmp_path / "journal").transfer(payer, BOB, 7)
    assert receipt.transaction == pending.value.values["transaction"]
    assert node.network.balance(BOB) == before + 7


@pytest.mark.fault("reorganisation")
def test_what_the_node_forgot_is_sent_again_before_what_comes_next(
    node: LocalNode, tmp_path: Path
) -> None:
    """A pool that drops a transaction leaves a gap, which nothing later could pass."""
    payer, before = node.accounts[3], node.network.balance(BOB)
    with pytest.raises(TransactionPending) as pending:
        connected(node, tmp_path / "journal").transfer(payer, BOB, 1)
    node.network.rpc.ask("anvil_dropTransaction", pending.value.values["transaction"])
    with pytest.raises(TransactionPending):
        connected(node, tmp_path / "journal").transfer(payer, BOB, 10)
    node.chain.mine()
    assert node.network.balance(BOB) == before + 11
