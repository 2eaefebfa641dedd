"""The same walk on Ganache, whose errors, fees and clock are not Anvil's."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import Network, Signer, dev_accounts
from medibloc_py.chain.node import MNEMONIC
from medibloc_py.errors import (
    DeadlinePassed,
    InsufficientFunds,
    NodeUnreachable,
    OwnableUnauthorizedAccount,
    WrongSecret,
)
from medibloc_py.model import OrderState
from tests.flow.services.house import PRICE, SECRET, House, build

GANACHE = Path(__file__).parents[3] / "tools" / "node_modules" / ".bin" / "ganache"
START_S = 60.0


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--wallet.mnemonic", MNEMONIC, "--chain.chainId", "1337", "--server.port", str(port)]
    process = subprocess.Popen([GANACHE, "--logging.quiet", *options], stdout=subprocess.DEVNULL)
    try:
        yield _connected(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _connected(url: str) -> Network:
    give_up = time.monotonic() + START_S
    while True:
        try:
            return Network.connect(url, 1337)
        except NodeUnreachable:
            assert time.monotonic() < give_up
            time.sleep(0.1)


@pytest.fixture(scope="module")
def house(network: Network) -> House:
    return build(network, dev_accounts())


def test_the_deployment_verifies(house: House):
    house.deployment.verify(house.network)


def test_a_refusal_is_told_by_its_class(house: House):
    with pytest.raises(OwnableUnauthorizedAccount) as caught:
        house.accounts.set_accreditor(house.stranger, house.stranger.address, True)
    assert caught.value.values == {"account": house.stranger.address}


def test_an_empty_account_cannot_pay(house: House):
    with pytest.raises(InsufficientFunds):
        house.network.transfer(Signer.generate(), house.stranger.address, 0)


def test_a_sale_and_a_refund(house: House):
    listing = house.list()
    order_id, order = house.purchase(listing)
    with pytest.raises(WrongSecret):
        house.market.settle(house.hospital, order, SECRET + 1)
    saved = house.chain.snapshot()
    receipt = house.market.settle(house.hospital, order, SECRET)
    assert receipt.fee_wei > 0
    assert house.market.settled(order_id) == SECRET
    house.chain.revert(saved)
    assert house.market.order_state(order_id) is OrderState.OPEN
    house.chain.set_time(order.deadline + 1)
    with pytest.raises(DeadlinePassed):
        house.market.settle(house.hospital, order, SECRET)
    house.market.refund(house.stranger, order)
    assert house.token.balance(house.researcher.address) == PRICE
