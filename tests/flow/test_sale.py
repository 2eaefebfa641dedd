"""A sale: the price is locked, the secret is shown, everybody is paid to the last unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medibloc_py.crypto import sale
from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    DeadlineNotReached,
    DeadlinePassed,
    InsufficientFunds,
    ListingClosed,
    LockMismatch,
    NodeUnreachable,
    NothingToClaim,
    OrderExists,
    OrderNotHeld,
    OrderNotOpen,
    OrderNotQuoted,
    OrderNotSettled,
    PaymentBelowPrice,
    SettleTooLate,
    WrongSecret,
)
from medibloc_py.flows.buyer import CheckedQuote, Purchased
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.steward import open_orders
from medibloc_py.model import OrderId, OrderState
from medibloc_py.purpose import DS
from tests.flow.world import DAY, FEE_BPS, PATIENTS, PRICE, PURPOSE, World

MARGIN_S = 120


@pytest.fixture
def listed(world: World) -> DatasetListed:
    return world.list_dataset()


def check(world: World, listed: DatasetListed, days: float = 1) -> CheckedQuote:
    return world["researcher"].check_quote(world.quote(listed, days=days), "quote", PURPOSE)


def buy(world: World, listed: DatasetListed, days: float = 1) -> Purchased:
    return world["researcher"].purchase(check(world, listed, days))


def state(world: World, order: OrderId) -> OrderState:
    return world.exchange.market.order_state(order)


def escrow(world: World) -> int:
    return world.token.balance(world.exchange.market.address)


def pass_until(world: World, moment: int) -> None:
    world.chain.increase_time(moment - world.exchange.network.now())


# From the purchase to the arrays.


def test_a_settled_order_opens_every_record_bit_for_bit(
    world: World, listed: DatasetListed
) -> None:
    bought = buy(world, listed)
    assert escrow(world) == PRICE
    assert open_orders(world.exchange, world.address("hospital")) == [
        (bought.order_id, bought.order)
    ]
    world["hospital"].settle(bought.order_id)
    assert open_orders(world.exchange, world.address("hospital")) == []
    dataset = world["researcher"].open_dataset(bought.order_id)
    assert len(dataset) == 2
    for opened, (name, file) in zip(dataset, PATIENTS.items(), strict=True):
        assert opened.record == world.records[name]
        assert opened.read(0) == world.released(file)
        assert opened.arrays()


def test_every_unit_of_the_price_is_paid_to_whom_it_is_due(
    world: World, listed: DatasetListed
) -> None:
    for _ in range(2):
        world["hospital"].settle(buy(world, listed).order_id)
    fee = 2 * PRICE * FEE_BPS // 10_000
    shared = 2 * PRICE - fee
    for name, due in (("alice", shared * 3 // 4), ("bob", shared // 4)):
        world["stranger"].claim(world.claim_file(listed, name), "claim")  # anyone may send it
        assert world.token.balance(world.address(name)) == due
        with pytest.raises(NothingToClaim):
            world[name].claim(world.claim_file(listed, name), "claim")
    world["stranger"].claim_fee(listed.listing)
    assert world.token.balance(world.address("hospital")) == fee
    assert escrow(world) == 0


def test_a_contributor_who_left_is_paid_for_what_was_sold_before(
    world: World, listed: DatasetListed
) -> None:
    world["hospital"].settle(buy(world, listed).order_id)
    world["bob"].withdraw(world.claim_file(listed, "bob"), "claim")
    world["bob"].claim(world.claim_file(listed, "bob"), "claim")
    assert world.token.balance(world.address("bob")) == (PRICE - PRICE * FEE_BPS // 10_000) // 4


# Paying.


def test_purchase_refuses_less_than_the_price(world: World, listed: DatasetListed) -> None:
    checked = check(world, listed)
    with pytest.raises(PaymentBelowPrice) as caught:
        world["researcher"].purchase(checked, PRICE - 1)
    assert caught.value.values == {"amount": PRICE - 1, "price": PRICE}
    assert world.me("researcher").kept("order-") == []
    world["researcher"].purchase(checked, PRICE)


def test_purchase_refuses_too_few_tokens_before_it_approves(world: World) -> None:
    listed = world.list_dataset(price=3 * PRICE + 1)
    with pytest.raises(InsufficientFunds) as caught:
        buy(world, listed)
    assert caught.value.values["balance"] == 3 * PRICE
    assert caught.value.values["unit"] == "units of tUSD"
    market = world.exchange.market.address
    assert world.token.allowance(world.address("researcher"), market) == 0


def test_purchase_keeps_the_quote_before_it_sends(
    world: World, listed: DatasetListed, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check(world, listed)

    def dead(*_: object) -> None:
        assert len(world.me("researcher").kept("order-")) == 1
        raise NodeUnreachable(url="http://node", reason="the connection failed")

    with monkeypatch.context() as patch:
        patch.setattr(world.exchange.market, "purchase_with_permit", dead)
        with pytest.raises(NodeUnreachable):
            world["researcher"].purchase(checked)
    bought = world["researcher"].purchase(checked)
    assert bought.approval is None
    world["hospital"].settle(bought.order_id)
    assert len(list(world["researcher"].open_dataset(bought.order_id))) == 2


def test_a_purchase_whose_answer_was_lost_is_not_paid_twice(
    world: World, listed: DatasetListed, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check(world, listed)
    send = world.exchange.market.purchase_with_permit

    def cut_off(*given: object) -> None:
        send(*given)  # type: ignore[arg-type]
        raise NodeUnreachable(url="http://node", reason="the connection failed")

    with monkeypatch.context() as patch:
        patch.setattr(world.exchange.market, "purchase_with_permit", cut_off)
        with pytest.raises(NodeUnreachable):
            world["researcher"].purchase(checked)
    with pytest.raises(OrderExists) as caught:
        world["researcher"].purchase(checked)
    assert escrow(world) == PRICE
    order = OrderId(caught.value.values["order"])  # type: ignore[arg-type]
    assert world.token.allowance(world.address("researcher"), world.exchange.market.address) == 0
    world["hospital"].settle(order)
    assert len(list(world["researcher"].open_dataset(order))) == 2


def test_purchase_is_refused_once_a_patient_withdrew(world: World, listed: DatasetListed) -> None:
    checked = check(world, listed)
    world["alice"].withdraw(world.claim_file(listed, "alice"), "claim")
    with pytest.raises(ListingClosed):
        world["researcher"].purchase(checked)
    assert world.token.balance(world.address("researcher")) == 3 * PRICE


# Settling.


def test_settle_refuses_a_wrong_secret(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    with pytest.raises(WrongSecret):
        world.exchange.market.settle(world.me("hospital").signer, bought.order, 12345)
    assert state(world, bought.order_id) is OrderState.OPEN


def test_settle_is_once(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    world["hospital"].settle(bought.order_id)
    with pytest.raises(OrderNotOpen) as caught:
        world["hospital"].settle(bought.order_id)
    assert caught.value.message.endswith("it is settled.")
    world.chain.increase_time(2 * DAY)
    with pytest.raises(OrderNotOpen):
        world["researcher"].refund(bought.order_id)


def test_settle_and_refund_know_no_other_order(world: World) -> None:
    for act in (world["hospital"].settle, world["researcher"].refund):
        with pytest.raises(OrderNotOpen) as caught:
            act(OrderId(b"o" * 32))
        assert caught.value.message.endswith("it is unknown.")


def test_settle_needs_the_steward_who_quoted(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    with pytest.raises(OrderNotQuoted):
        world["rival"].settle(bought.order_id)


def test_settle_refuses_an_order_for_another_purpose_than_quoted(
    world: World, listed: DatasetListed
) -> None:
    checked = check(world, listed)
    quote = replace(checked.quote, purpose=checked.quote.purpose | DS)
    bought = world["researcher"].purchase(replace(checked, quote=quote))
    with pytest.raises(OrderNotQuoted):
        world["hospital"].settle(bought.order_id)
    pass_until(world, bought.order.deadline + 1)
    world["researcher"].refund(bought.order_id)
    assert world.token.balance(world.address("researcher")) == 3 * PRICE


def test_settle_refuses_the_order_of_another_buyer(world: World, listed: DatasetListed) -> None:
    """A rival who learns the lock of a quote cannot have the secret shown for it."""
    checked = check(world, listed)
    rival = world["rival"]
    world.token.approve(rival.me.signer, world.exchange.market.address, PRICE)
    quote = checked.quote
    world.exchange.market.purchase(
        rival.me.signer, quote.listing, quote.purpose, checked.lock, quote.deadline
    )
    ((order_id, _),) = world.exchange.market.purchases(buyer=rival.me.address)
    with pytest.raises(OrderNotQuoted):
        world["hospital"].settle(order_id)


@pytest.mark.parametrize("left", [MARGIN_S - 1, 0, -1])
def test_settle_refuses_inside_the_margin(world: World, listed: DatasetListed, left: int) -> None:
    bought = buy(world, listed)
    pass_until(world, bought.order.deadline - left)
    with pytest.raises(SettleTooLate) as caught:
        world["hospital"].settle(bought.order_id)
    assert caught.value.values["margin_s"] == MARGIN_S
    assert caught.value.values["remaining_s"] <= left  # type: ignore[operator]
    assert world.exchange.market.settled(bought.order_id) is None


def test_settle_just_before_the_margin_is_in_time(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    pass_until(world, bought.order.deadline - MARGIN_S - 5)
    world["hospital"].settle(bought.order_id)


def test_the_market_itself_refuses_after_the_deadline(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    pass_until(world, bought.order.deadline + 1)
    with pytest.raises(DeadlinePassed):
        world.exchange.market.settle(world.me("hospital").signer, bought.order, 12345)


# Refunds.


def test_refund_is_in_full_after_the_deadline_and_not_before(
    world: World, listed: DatasetListed
) -> None:
    bought = buy(world, listed)
    with pytest.raises(DeadlineNotReached):
        world["researcher"].refund(bought.order_id)
    pass_until(world, bought.order.deadline + 1)
    world["stranger"].refund(bought.order_id)  # anyone may send it
    assert world.token.balance(world.address("researcher")) == 3 * PRICE
    assert escrow(world) == 0
    with pytest.raises(OrderNotOpen):
        world["researcher"].refund(bought.order_id)
    with pytest.raises(OrderNotOpen):
        world["hospital"].settle(bought.order_id)
    with pytest.raises(OrderNotSettled) as caught:
        world["researcher"].open_dataset(bought.order_id)
    assert caught.value.message.endswith("it is refunded.")


# Opening.


def test_open_dataset_waits_for_the_secret(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    with pytest.raises(OrderNotSettled) as caught:
        world["researcher"].open_dataset(bought.order_id)
    assert caught.value.message.endswith("it is open.")


def test_open_dataset_is_for_who_bought(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    world["hospital"].settle(bought.order_id)
    with pytest.raises(OrderNotHeld):
        world["rival"].open_dataset(bought.order_id)


def test_open_dataset_does_not_believe_a_node_that_invents_a_secret(
    world: World, listed: DatasetListed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = buy(world, listed)
    for invented in (12345, 0, 2**256 - 1):
        monkeypatch.setattr(world.exchange.market, "settled", lambda _, k=invented: k)
        with pytest.raises(LockMismatch):
            world["researcher"].open_dataset(bought.order_id)


def test_open_dataset_says_what_the_store_lost_since(world: World, listed: DatasetListed) -> None:
    bought = buy(world, listed)
    world["hospital"].settle(bought.order_id)
    first, second = (world.car_of(name) for name in PATIENTS)
    first.unlink()
    dataset = world["researcher"].open_dataset(bought.order_id)
    with pytest.raises(BlobMissing):
        dataset.record(0).read(0)
    assert dataset.record(1).read(0)
    second.write_bytes(second.read_bytes()[:-40])
    with pytest.raises(Corrupted):
        dataset.record(1).read(0)


def test_a_public_secret_opens_nothing_without_the_quote(
    world: World, listed: DatasetListed
) -> None:
    bought = buy(world, listed)
    world["hospital"].settle(bought.order_id)
    secret = world.exchange.market.settled(bought.order_id)
    assert secret is not None
    assert sale.lock_of(secret) == bought.order.lock
    assert not world.me("stranger").vault.has(f"order-{bought.order_id.hex()}")
