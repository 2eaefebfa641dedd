"""How an order ends: once, by its secret or by the clock."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py.crypto import sale
from medibloc_py.crypto.curve import ORDER
from medibloc_py.model import Bond, Order, OrderState
from support.clock import next_block_at, now, pass_to
from support.desk import PRICE, SECRET, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain


def test_settle_emits_Settled(
    market: Any, token: Any, desk: Desk, stranger: Any, dataset: Dataset, order: Order
) -> None:
    done = market.settle(astuple(order), SECRET, {"from": stranger})
    listing = desk.listing_id(dataset)
    emits(done, market, "Settled", orderId=desk.order_id(order), listing=listing, secret=SECRET)
    assert market.orderState(desk.order_id(order)) == OrderState.SETTLED
    assert plain(market.stateOf(listing)) == (PRICE, 0, dataset.listing.closes_at, Bond.NONE)
    assert token.balanceOf(market) == PRICE


@given(secret=st.integers(1, ORDER - 1) | st.sampled_from([1, 2, ORDER - 2, ORDER - 1]))
def test_settle_opens_every_lock_of_the_library(
    market: Any, desk: Desk, steward: Any, secret: int
) -> None:
    order = desk.ordered(desk.listed(), lock=sale.lock_of(secret))
    with reverts_with("WrongSecret", desk.order_id(order)):
        market.settle(astuple(order), secret % (ORDER - 1) + 1, {"from": steward})
    market.settle(astuple(order), secret, {"from": steward})
    assert market.orderState(desk.order_id(order)) == OrderState.SETTLED


@pytest.mark.parametrize(
    "secret",
    [0, SECRET + 1, ORDER - SECRET, SECRET + ORDER, ORDER, 2**256 - 1],
    ids=["zero", "next", "negative", "plus the order", "the order", "largest"],
)
def test_settle_reverts_when_secret_is_wrong(
    market: Any, desk: Desk, steward: Any, order: Order, secret: int
) -> None:
    with reverts_with("WrongSecret", desk.order_id(order)):
        market.settle(astuple(order), secret, {"from": steward})


def test_settle_works_through_the_last_second(
    market: Any, desk: Desk, steward: Any, order: Order
) -> None:
    next_block_at(order.deadline)
    market.settle(astuple(order), SECRET, {"from": steward})
    assert market.orderState(desk.order_id(order)) == OrderState.SETTLED


def test_settle_reverts_given_passed_deadline(
    market: Any, desk: Desk, steward: Any, order: Order
) -> None:
    next_block_at(order.deadline + 1)
    with reverts_with("DeadlinePassed", desk.order_id(order), order.deadline):
        market.settle(astuple(order), SECRET, {"from": steward})


def test_settle_reverts_given_no_order(
    market: Any, desk: Desk, steward: Any, dataset: Dataset
) -> None:
    order = desk.order(dataset)
    with reverts_with("OrderNotOpen", desk.order_id(order), OrderState.NONE):
        market.settle(astuple(order), SECRET, {"from": steward})


@pytest.mark.parametrize(
    "fields",
    [{"price": 2 * PRICE}, {"listing": bytes(32)}, {"purpose": 0}, {"lock": sale.lock_of(1)},
     {"deadline": 2**40 - 1}],
    ids=lambda fields: next(iter(fields)),
)  # fmt: skip
def test_settle_reverts_when_a_field_of_the_order_is_changed(
    market: Any, desk: Desk, steward: Any, order: Order, fields: dict[str, Any]
) -> None:
    changed = replace(order, **fields)
    with reverts_with("OrderNotOpen", desk.order_id(changed), OrderState.NONE):
        market.settle(astuple(changed), SECRET, {"from": steward})


def test_settle_reverts_given_settled_order(
    market: Any, desk: Desk, steward: Any, settled: Order
) -> None:
    with reverts_with("OrderNotOpen", desk.order_id(settled), OrderState.SETTLED):
        market.settle(astuple(settled), SECRET, {"from": steward})


def test_settle_reverts_given_refunded_order(
    market: Any, desk: Desk, steward: Any, refunded: Order
) -> None:
    with reverts_with("OrderNotOpen", desk.order_id(refunded), OrderState.REFUNDED):
        market.settle(astuple(refunded), SECRET, {"from": steward})


def test_settle_works_given_withdrawal(
    market: Any, desk: Desk, patient: Any, steward: Any, dataset: Dataset, order: Order
) -> None:
    market.withdraw(*dataset.member(), {"from": patient})
    market.settle(astuple(order), SECRET, {"from": steward})
    assert plain(market.stateOf(desk.listing_id(dataset)))[0] == PRICE


def test_refund_emits_Refunded(
    market: Any,
    token: Any,
    desk: Desk,
    researcher: Any,
    stranger: Any,
    dataset: Dataset,
    order: Order,
) -> None:
    before = token.balanceOf(researcher)
    next_block_at(order.deadline + 1)
    done = market.refund(astuple(order), {"from": stranger})
    emits(
        done,
        market,
        "Refunded",
        orderId=desk.order_id(order),
        listing=desk.listing_id(dataset),
        buyer=researcher,
        amount=PRICE,
    )
    emits(done, token, "Transfer", **{"from": market, "to": researcher, "value": PRICE})
    assert market.orderState(desk.order_id(order)) == OrderState.REFUNDED
    assert token.balanceOf(researcher) == before + PRICE
    assert token.balanceOf(market) == 0
    assert plain(market.stateOf(desk.listing_id(dataset)))[:2] == (0, 0)


def test_refund_reverts_through_the_last_second(
    market: Any, desk: Desk, researcher: Any, order: Order
) -> None:
    with reverts_with("DeadlineNotReached", desk.order_id(order), order.deadline):
        market.refund(astuple(order), {"from": researcher})
    next_block_at(order.deadline)
    with reverts_with("DeadlineNotReached", desk.order_id(order), order.deadline):
        market.refund(astuple(order), {"from": researcher})


def test_refund_reverts_given_no_order(
    market: Any, desk: Desk, researcher: Any, dataset: Dataset
) -> None:
    order = desk.order(dataset, deadline=now() - 1)
    with reverts_with("OrderNotOpen", desk.order_id(order), OrderState.NONE):
        market.refund(astuple(order), {"from": researcher})


def test_refund_reverts_when_a_field_of_the_order_is_changed(
    market: Any, desk: Desk, stranger: Any, order: Order
) -> None:
    pass_to(order.deadline + 1)
    for fields in ({"buyer": stranger.address}, {"price": PRICE + 1}, {"token": stranger.address}):
        changed = replace(order, **fields)
        with reverts_with("OrderNotOpen", desk.order_id(changed), OrderState.NONE):
            market.refund(astuple(changed), {"from": stranger})


def test_refund_reverts_given_settled_order(
    market: Any, desk: Desk, researcher: Any, settled: Order
) -> None:
    pass_to(settled.deadline + 1)
    with reverts_with("OrderNotOpen", desk.order_id(settled), OrderState.SETTLED):
        market.refund(astuple(settled), {"from": researcher})


def test_refund_reverts_given_refunded_order(
    market: Any, desk: Desk, researcher: Any, refunded: Order
) -> None:
    with reverts_with("OrderNotOpen", desk.order_id(refunded), OrderState.REFUNDED):
        market.refund(astuple(refunded), {"from": researcher})
