"""Purchasing: who may, for what, until when, and that exactly the price moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.crypto import sale
from medibloc_py.model import ZERO_ADDRESS, Address, Order, OrderState, Role
from support.clock import YEAR, next_block_at, now
from support.desk import PRICE, PURPOSE, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain

MIN_WINDOW, MAX_WINDOW = 600, 30 * 86_400


def test_purchase_emits_Purchased(
    market: Any, token: Any, desk: Desk, researcher: Any, dataset: Dataset
) -> None:
    order = desk.order(dataset)
    done = desk.purchase(dataset, order)
    found = desk.order_id(order)
    emits(
        done,
        market,
        "Purchased",
        orderId=found,
        listing=desk.listing_id(dataset),
        buyer=researcher,
        order=order,
    )
    emits(done, token, "Transfer", **{"from": researcher, "to": market, "value": PRICE})
    assert plain(done.return_value) == found
    assert market.orderState(found) == OrderState.OPEN
    assert token.balanceOf(market) == PRICE
    assert plain(market.stateOf(desk.listing_id(dataset)))[:2] == (0, 0)


@given(price=st.integers(1, 2**96 - 1))
def test_purchase_takes_exactly_the_price(
    market: Any, token: Any, desk: Desk, researcher: Any, price: int
) -> None:
    before = token.balanceOf(researcher)
    desk.ordered(desk.listed(price=price))
    assert token.balanceOf(market) == price
    assert token.balanceOf(researcher) == before - price


def test_purchase_reverts_when_listing_is_unknown(desk: Desk) -> None:
    dataset = desk.dataset()
    with reverts_with("ListingUnknown", desk.listing_id(dataset)):
        desk.purchase(dataset, desk.order(dataset))


@pytest.mark.parametrize(
    "fields",
    [
        {"price": 1},
        {"terms": purpose.NRES},
        {"fee_bps": 0},
        {"total_weight": 1},
        {"salt": bytes(8)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_purchase_reverts_when_a_field_of_the_listing_is_changed(
    desk: Desk, dataset: Dataset, fields: dict[str, Any]
) -> None:
    changed = dataset.changed(**fields)
    with reverts_with("ListingUnknown", desk.listing_id(changed)):
        desk.purchase(changed, desk.order(changed))


def test_purchase_works_through_the_last_second(desk: Desk) -> None:
    dataset = desk.listed(closes_at=now() + 1000)
    at = next_block_at(dataset.listing.closes_at)
    desk.ordered(dataset, deadline=at + MIN_WINDOW)
    next_block_at(at + 1)
    with reverts_with("ListingClosed", desk.listing_id(dataset), at):
        desk.ordered(dataset, deadline=at + 2 * MIN_WINDOW)


def test_purchase_reverts_given_withdrawal(
    market: Any, desk: Desk, patient: Any, dataset: Dataset
) -> None:
    order = desk.order(dataset)
    done = market.withdraw(*dataset.member(), {"from": patient})
    with reverts_with("ListingClosed", desk.listing_id(dataset), done.timestamp - 1):
        desk.purchase(dataset, order)


def test_purchase_reverts_given_no_accreditation(
    desk: Desk, hospital: Any, stranger: Any, dataset: Dataset
) -> None:
    for buyer in (hospital, stranger):
        order = desk.order(dataset, buyer=Address(buyer.address))
        with reverts_with("NotAccredited", buyer, Role.RESEARCHER, 0):
            desk.purchase(dataset, order)


def test_purchase_reverts_given_lapsed_accreditation(
    desk: Desk, accounts: Any, accreditor: Any, researcher: Any, dataset: Dataset
) -> None:
    until = now() + 1000
    accounts.accredit(researcher, Role.RESEARCHER, until, {"from": accreditor})
    next_block_at(until)
    desk.ordered(dataset, deadline=until + MIN_WINDOW)
    next_block_at(until + 1)
    with reverts_with("NotAccredited", researcher, Role.RESEARCHER, until):
        desk.ordered(dataset, deadline=until + 2 * MIN_WINDOW)


@pytest.mark.parametrize("vouched", [0, purpose.NONPROFIT, purpose.HAS_IRB], ids=hex)
def test_purchase_reverts_when_evidence_is_not_vouched(
    desk: Desk, accounts: Any, accreditor: Any, researcher: Any, dataset: Dataset, vouched: int
) -> None:
    accounts.attest(researcher, vouched, {"from": accreditor})
    order = desk.order(dataset, purpose=PURPOSE | purpose.VOUCHED)
    with reverts_with("EvidenceNotVouched", researcher, purpose.VOUCHED & ~vouched):
        desk.purchase(dataset, order)


def test_purchase_works_given_vouched_evidence(
    market: Any, desk: Desk, accounts: Any, accreditor: Any, researcher: Any
) -> None:
    dataset = desk.listed(terms=purpose.HMB | purpose.IRB | purpose.NPU)
    accounts.attest(researcher, purpose.VOUCHED, {"from": accreditor})
    order = desk.ordered(dataset, purpose=purpose.HMB | purpose.VOUCHED)
    assert market.orderState(desk.order_id(order)) == OrderState.OPEN


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        (purpose.HMB | purpose.NCU, purpose.HMB),
        (purpose.HMB, purpose.POA),
        (purpose.HMB, purpose.HMB | purpose.COMMERCIAL),
        (purpose.HMB | purpose.COL, purpose.HMB),
        (purpose.HMB, purpose.HMB | purpose.SENSITIVE),
        (purpose.HMB, purpose.TREATMENT),
        (purpose.HMB, 0),
        (purpose.HMB | purpose.IRB, purpose.HMB),
    ],
)
def test_purchase_reverts_when_purpose_is_not_permitted(desk: Desk, terms: int, asked: int) -> None:
    dataset = desk.listed(terms=terms)
    decided = purpose.matches(terms, asked | purpose.TS)
    assert decided.answer is not purpose.Answer.PERMIT
    refusal = desk.listing_id(dataset), asked, decided.answer, decided.bit
    with reverts_with("PurposeDenied", *refusal):
        desk.ordered(dataset, purpose=asked)


def test_purchase_works_given_time_limit(market: Any, desk: Desk) -> None:
    dataset = desk.listed(terms=purpose.HMB | purpose.TS)
    order = desk.ordered(dataset, purpose=purpose.HMB)
    assert market.orderState(desk.order_id(order)) == OrderState.OPEN


def test_purchase_reverts_when_lock_is_zero(desk: Desk, dataset: Dataset) -> None:
    with reverts_with("LockInvalid", ZERO_ADDRESS):
        desk.ordered(dataset, lock=ZERO_ADDRESS)


@pytest.mark.parametrize("window", [0, MIN_WINDOW - 1, MAX_WINDOW + 1, 10 * YEAR])
def test_purchase_reverts_when_deadline_is_out_of_range(
    desk: Desk, dataset: Dataset, window: int
) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("DeadlineOutOfRange", at + window, at + MIN_WINDOW, at + MAX_WINDOW):
        desk.ordered(dataset, deadline=at + window)


@pytest.mark.parametrize("window", [MIN_WINDOW, MAX_WINDOW])
def test_purchase_works_when_deadline_is_at_the_edge(
    market: Any, desk: Desk, dataset: Dataset, window: int
) -> None:
    at = next_block_at(now() + 100)
    order = desk.ordered(dataset, deadline=at + window)
    assert market.orderState(desk.order_id(order)) == OrderState.OPEN


def test_purchase_reverts_given_open_order(desk: Desk, dataset: Dataset, order: Order) -> None:
    with reverts_with("OrderExists", desk.order_id(order)):
        desk.purchase(dataset, order)


def test_purchase_reverts_given_settled_order(desk: Desk, dataset: Dataset, settled: Order) -> None:
    with reverts_with("OrderExists", desk.order_id(settled)):
        desk.purchase(dataset, settled)


def test_purchase_works_again_when_lock_is_another(
    market: Any, token: Any, desk: Desk, dataset: Dataset, order: Order
) -> None:
    again = replace(order, lock=sale.lock_of(7))
    desk.purchase(dataset, again)
    assert market.orderState(desk.order_id(again)) == OrderState.OPEN
    assert token.balanceOf(market) == 2 * PRICE


def test_purchase_reverts_given_no_allowance(
    market: Any, token: Any, desk: Desk, researcher: Any, dataset: Dataset
) -> None:
    token.approve(market, PRICE - 1, {"from": researcher})
    with reverts_with("ERC20InsufficientAllowance", market, PRICE - 1, PRICE):
        desk.ordered(dataset)


def test_purchase_reverts_given_no_funds(
    token: Any, desk: Desk, researcher: Any, stranger: Any, dataset: Dataset
) -> None:
    token.transfer(stranger, token.balanceOf(researcher) - PRICE + 1, {"from": researcher})
    with reverts_with("ERC20InsufficientBalance", researcher, PRICE - 1, PRICE):
        desk.ordered(dataset)
