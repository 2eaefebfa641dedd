"""A node that dies in the middle: no key is lost, nothing is paid twice, the next try works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode
from medibloc_py.client import Client
from medibloc_py.errors import (
    ContractMissing,
    NodeUnreachable,
    NothingToClaim,
    OrderExists,
    OrderNotOpen,
)
from medibloc_py.flows.deploy import deploy
from medibloc_py.flows.held import held_records, id_of
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import OrderId, RecordId
from medibloc_py.services import TokenService
from tests.fakes.cut_line import Line, line_to
from tests.flow.world import DAY, PRICE, PURPOSE, World, build

SEND = "eth_sendRawTransaction"
CT = sample("CT_small.dcm")


@pytest.fixture
def line(world: World) -> Iterator[Line]:
    with line_to(world.node.url) as line:
        yield line


@pytest.fixture
def far(world: World, line: Line) -> World:
    """The world at the other end of the line."""
    return world.through(line.url)


def fails(act: object, *given: object) -> NodeUnreachable:
    with pytest.raises(NodeUnreachable) as caught:
        act(*given)  # type: ignore[operator]
    return caught.value


def registered(world: World, record: RecordId) -> bool:
    held = held_records(world.me("hospital"))[record]
    return world.exchange.records.batch(held.issuer, held.root).registered_at > 0


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("delivered", [True, False])
def test_publish(far: World, line: Line, delivered: bool) -> None:
    study = StudyToPublish(CT, far.address("alice"), "cut off")
    before = set(held_records(far.me("hospital")))
    line.cut_at(SEND, delivered=delivered)
    error = fails(far["hospital"].publish, [study])
    assert "may have been sent" in error.message
    (kept,) = set(held_records(far.me("hospital"))) - before
    line.mend()
    assert registered(far, kept) is delivered
    if delivered:  # what was cut off is whole: it can still be handed over
        assert far["alice"].import_record(far["hospital"].hand_over(kept), "file") == kept
    (record,) = far["hospital"].publish([study]).records
    assert far["alice"].import_record(far["hospital"].hand_over(id_of(record)), "file")


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("delivered", [True, False])
def test_list_dataset(far: World, line: Line, delivered: bool) -> None:
    both = [far.contribute(name) for name in ("alice", "bob")]
    line.cut_at(SEND, delivered=delivered)
    fails(far.list_dataset, *both)
    line.mend()
    listings = far.exchange.market.listings()
    assert len(listings) == delivered
    if delivered:
        ((listing_id, listing, _),) = listings
        claims = far["hospital"].claims_of(listing_id)
        assert [claim.listing for claim in claims] == [listing, listing]
        buyer = far.address("researcher")
        quote = far["hospital"].quote(listing_id, buyer, PURPOSE, far.in_days(1))
        assert far["researcher"].check_quote(quote, "quote", PURPOSE)
    far.list_dataset(*both)


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize(("permits", "transaction"), [(True, 1), (False, 1), (False, 2)])
def test_purchase(
    far: World,
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    permits: bool,
    transaction: int,
    delivered: bool,
) -> None:
    """One transaction pays; without permits, the first approves the price, the second locks it."""
    if not permits:
        monkeypatch.setattr(TokenService, "sign_permit", lambda *_: None)
    listed = far.list_dataset()
    quote = far.quote(listed)
    checked = far["researcher"].check_quote(quote, "quote", PURPOSE)
    line.cut_at(SEND, delivered=delivered, times=transaction)
    fails(far["researcher"].purchase, checked)
    (name,) = far.me("researcher").kept("order-")
    order = OrderId(bytes.fromhex(name.removeprefix("order-")))
    line.mend()
    again = far["researcher"].check_quote(quote, "quote", PURPOSE)
    if delivered and (permits or transaction == 2):
        with pytest.raises(OrderExists):
            far["researcher"].purchase(again)
    else:
        assert far["researcher"].purchase(again).order_id == order
    assert far.token.balance(far.exchange.market.address) == PRICE
    far["hospital"].settle(order)
    assert [opened.read(0) for opened in far["researcher"].open_dataset(order)]


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("delivered", [True, False])
def test_settle(far: World, line: Line, delivered: bool) -> None:
    listed = far.list_dataset()
    checked = far["researcher"].check_quote(far.quote(listed), "quote", PURPOSE)
    bought = far["researcher"].purchase(checked)
    line.cut_at(SEND, delivered=delivered)
    fails(far["hospital"].settle, bought.order_id)
    line.mend()
    if delivered:
        with pytest.raises(OrderNotOpen):
            far["hospital"].settle(bought.order_id)
    else:
        far["hospital"].settle(bought.order_id)
    assert [opened.read(0) for opened in far["researcher"].open_dataset(bought.order_id)]


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("delivered", [True, False])
def test_revoke(far: World, line: Line, delivered: bool) -> None:
    record, reader = far.records["alice"], far.address("clinic")
    made = far["alice"].grant(record, reader, "TREATMENT", far.in_days(1))
    line.cut_at(SEND, delivered=delivered)
    fails(far["alice"].revoke_grant, record, reader)
    line.mend()
    assert far.exchange.store.has(made.grant_object)
    far["alice"].revoke_grant(record, reader)
    assert not far.exchange.store.has(made.grant_object)


@pytest.mark.fault("line cut")
def test_claim(far: World, line: Line) -> None:
    listed = far.list_dataset()
    checked = far["researcher"].check_quote(far.quote(listed), "quote", PURPOSE)
    far["hospital"].settle(far["researcher"].purchase(checked).order_id)
    claim = far.claim_file(listed, "alice")
    line.cut_at(SEND, delivered=True)
    error = fails(far["alice"].claim, claim, "claim")
    line.mend()
    # The journal knows it: the same again tells what became of it, and then it is done.
    assert far["alice"].claim(claim, "claim").transaction in error.message
    with pytest.raises(NothingToClaim):
        far["alice"].claim(claim, "claim")
    assert far.token.balance(far.address("alice")) == 712_500_000


@pytest.mark.fault("line cut")
@pytest.mark.parametrize("method", ["eth_call", "eth_getLogs", "eth_estimateGas", "eth_getCode"])
def test_wherever_the_line_is_cut_the_next_try_works(far: World, line: Line, method: str) -> None:
    """Cut at a method's every call, one after the other."""
    study = StudyToPublish(CT, far.address("alice"))
    record = far.records["alice"]
    reader = far.address("clinic")

    def act() -> None:
        far["hospital"].publish([study])
        far["alice"].grant(record, reader, "TREATMENT", far.in_days(1))
        assert far["clinic"].open_granted(record).read(0)

    times = 0
    while True:
        times += 1
        line.cut_at(method, delivered=False, times=times)
        try:
            act()
        except NodeUnreachable:
            line.mend()
        else:
            break
    assert times > 1


# A true death.


def kill(node: LocalNode) -> None:
    os.killpg(node._process.pid, signal.SIGKILL)
    node.wait()


@pytest.mark.fault("chain killed", faults=2)
def test_a_node_killed_during_a_publish_and_started_again(tmp_path: Path) -> None:
    with LocalNode.start(block_time_s=None) as node:
        world = build(node, tmp_path / "home")
        state = node.network.rpc.ask("anvil_dumpState")
        study = StudyToPublish(CT, world.address("alice"), "before the node died")
        before = set(held_records(world.me("hospital")))

        def kill_while_sealing(step: str, _done: int, _total: int) -> None:
            if step.startswith("seal"):
                kill(node)

        with pytest.raises(NodeUnreachable):
            world["hospital"].publish([study], kill_while_sealing)
    (kept,) = set(held_records(world.me("hospital"))) - before
    port = int(node.url.rpartition(":")[2])

    # The same chain, a little later.
    with LocalNode.start(block_time_s=None, port=port) as node:
        node.network.rpc.ask("anvil_loadState", state)
        assert not registered(world, kept)
        (record,) = world["hospital"].publish([study]).records
        assert registered(world, id_of(record))
        listed = world.list_dataset()
        checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
        state = node.network.rpc.ask("anvil_dumpState")
        kill(node)
        with pytest.raises(NodeUnreachable):
            world["researcher"].purchase(checked)

    with LocalNode.start(block_time_s=None, port=port) as node:
        node.network.rpc.ask("anvil_loadState", state)
        bought = world["researcher"].purchase(checked)
        node.chain.increase_time(DAY + 1)
        world["researcher"].refund(bought.order_id)
        assert world.token.balance(world.address("researcher")) == 3 * PRICE

    # Another chain under the same URL: the old deployment is not believed to be there.
    with LocalNode.start(block_time_s=None, port=port) as node:
        settings = world["hospital"].settings
        with pytest.raises(ContractMissing):
            Client.connect(settings)
        fresh = deploy(node.network, node.accounts[0]).deployment
        fresh.save(world.home / "deployments")
        assert Client.connect(settings).exchange.deployment == fresh
