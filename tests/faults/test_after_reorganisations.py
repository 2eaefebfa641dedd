"""What people see of a chain that went back, and what they can do then."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from medibloc_py.chain import Network, courier
from medibloc_py.chain.gas import Gas
from medibloc_py.flows.ledger import Ledger
from medibloc_py.model import ListingId, OrderId, OrderState
from tests.faults.operators import wait_for_the_pool
from tests.faults.outcome import Before
from tests.faults.reorganising import DEPTHS, REORGANISED, take_back
from tests.flow.command import run
from tests.flow.house import House
from tests.flow.world import PRICE, PURPOSE, World


@pytest.fixture(autouse=True)
def _one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind this URL is one machine, and it is never late."""
    monkeypatch.setattr(courier, "_LAG_MAX_S", 0.05)


@pytest.mark.fault(REORGANISED, short=1)
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_secret_that_was_shown_and_not_paid_is_paid(house: House, depth: int) -> None:
    """The settlement is gone, the secret is known: it must go to the chain again, and it does."""
    world = house.world
    listing, order = bought(world)
    start = Before.of(world)
    settle = ("dataset", "settle", order.hex(), "--as", "hospital", "--json")
    first = house.run(*settle).json
    take_back(world, start, depth)
    assert world.exchange.market.order_state(order) is OrderState.OPEN
    (waiting,) = house.run("dataset", "orders", "--as", "hospital", "--json").json
    assert waiting["can_settle"]
    assert "Settled" not in told(house, "listing", listing.hex())
    assert world.token.balance(world.exchange.market.address) == PRICE
    second = house.run(*settle).json
    assert second["events"][0]["args"] == first["events"][0]["args"]
    assert house.run("dataset", "orders", "--as", "hospital", "--json").json == []
    assert told(house, "listing", listing.hex()).count("Settled") == 1
    book = Ledger(world.me("hospital")).check().book
    assert (set(book.decided), book.settled) == ({order}, {order})
    assert len(list(world["researcher"].open_dataset(order))) == 2


@pytest.mark.fault(REORGANISED, short=1)
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_purchase_that_was_undone_shows_no_secret(house: House, depth: int) -> None:
    world = house.world
    listed = world.list_dataset()
    (house.here / "quote.json").write_bytes(world.quote(listed))
    start = Before.of(world)
    purchase = ("dataset", "purchase", "quote.json", "--for", PURPOSE, "--as", "researcher")
    order = house.run(*purchase, "--json").json["order_id"]
    steward = ("--as", "hospital", "--confirmations", str(depth), "--json")
    early = house.run("dataset", "settle", order, *steward, code=4)
    assert early.json["error"] == "PurchaseUnconfirmed"
    take_back(world, start, depth)
    assert house.run("dataset", "orders", *steward).json == []
    late = house.run("dataset", "settle", order, *steward, code=4)
    assert late.json["error"] == "OrderNotOpen"
    assert not Ledger(world.me("hospital")).book().decided
    assert world.token.balance(world.address("researcher")) == 3 * PRICE
    again = run(*house.words(*purchase, "--json"))
    assert again.code == 0 or again.json["error"] == "TransactionsUndone", again
    world.chain.mine(depth)
    house.run("dataset", "settle", order, *steward)
    assert world.token.balance(world.address("researcher")) == 2 * PRICE


@pytest.mark.fault(REORGANISED)
def test_a_claim_that_another_made_in_the_other_blocks_is_paid_once(house: House) -> None:
    world = house.world
    listed = world.list_dataset()
    (house.here / "alice.json").write_bytes(world.claim_file(listed, "alice"))
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    world["hospital"].settle(world["researcher"].purchase(checked).order_id)
    before, start = world.token.balance(world.address("alice")), Before.of(world)
    house.run("dataset", "claim", "alice.json", "--as", "alice")
    paid = world.token.balance(world.address("alice")) - before
    take_back(world, start, 3)
    house.run("dataset", "claim", "alice.json", "--as", "stranger")
    refused = house.run("dataset", "claim", "alice.json", "--as", "alice", "--json", code=4)
    assert refused.json["error"] == "NothingToClaim"
    assert world.token.balance(world.address("alice")) - before == paid > 0


@pytest.mark.fault(REORGANISED)
def test_an_audit_tells_of_a_grant_only_while_it_stands(house: House) -> None:
    world = house.world
    record = world.records["alice"].hex()
    start = Before.of(world)
    grant = ("access", "grant", record, "--as", "alice", "--to", "clinic", "--json")
    house.run(*grant)
    take_back(world, start, 7)
    assert "Granted" not in told(house, "record", record)
    house.run("access", "open", record, "--as", "clinic", "--out", "opened", code=4)
    assert house.run(*grant, code=5).json["error"] == "TransactionsUndone"
    assert told(house, "record", record).count("Granted") == 1
    house.run("access", "open", record, "--as", "clinic", "--out", "opened")


@pytest.mark.fault(REORGANISED)
def test_a_published_study_comes_back_with_whatever_is_sent_next(house: House) -> None:
    """Its record file may be in the patient's hands by then."""
    world = house.world
    start = Before.of(world)
    (made,) = house.run(*house.publish("alice=ct.dcm")).json["records"]
    take_back(world, start, 3)
    lost = house.run("record", "import", made["file"], "--as", "alice", "--json", code=4)
    assert lost.json["error"] == "RecordUnknown"
    told_of = house.run("account", "publish-key", "--as", "hospital", "--json", code=5).json
    assert told_of["error"] == "TransactionsUndone"
    assert "Records.register" in told_of["message"]
    house.run("record", "import", made["file"], "--as", "alice")
    assert house.batches() == 2


@pytest.mark.fault(REORGANISED)
def test_what_cannot_be_sent_again_is_told(house: House) -> None:
    """The account has spent what it would cost."""
    world = house.world
    start = Before.of(world)
    house.run("consent", "revoke", "--as", "alice")
    take_back(world, start, 1)
    balance = world.exchange.network.balance(world.address("alice"))
    world.exchange.network.rpc.ask("anvil_setBalance", world.address("alice"), "0x1")
    undone = house.run("consent", "set", "HMB", "--as", "alice", "--json", code=5).json
    assert (undone["values"]["undone"], undone["values"]["resent"]) == (1, 0)
    world.exchange.network.rpc.ask("anvil_setBalance", world.address("alice"), hex(balance))
    house.run("consent", "revoke", "--as", "alice")
    assert told(house, "patient", "alice").count("ConsentRevoked") == 1


@pytest.mark.fault(REORGANISED)
def test_what_the_pool_drops_while_it_is_waited_for_is_offered_again(
    house: House, idle_miner: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was, since no more may be offered: it has the highest fee that is allowed."""
    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.1)
    world, ends = house.world, []
    network = Network.connect(world.node.url, journal=house.here / "journal")
    network.outbox.gas = Gas(network.rpc, 10**15)
    monkeypatch.setattr(network.outbox.gas, "dearer", lambda *_: None)
    payer, before = world.me("alice").signer, network.balance(world.address("bob"))
    sending = threading.Thread(
        target=lambda: ends.append(network.transfer(payer, world.address("bob"), 5))
    )
    sending.start()
    wait_for_the_pool(world.node, payer)
    network.rpc.ask("anvil_dropAllTransactions")
    wait_for_the_pool(world.node, payer)
    idle_miner()
    sending.join()
    assert [receipt.sender for receipt in ends] == [payer.address]
    assert network.balance(world.address("bob")) == before + 5


def bought(world: World) -> tuple[ListingId, OrderId]:
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    return listed.listing_id, world["researcher"].purchase(checked).order_id


def told(house: House, kind: str, subject: str) -> list[str]:
    """The events that an audit tells of, by name."""
    done = house.run("audit", kind, subject, "--as", "alice", "--json").json
    return [line["event"] for line in done["lines"]]
