"""Tokens that take, lie or call back lose; a token that only forgets to answer works."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest

from medibloc_py.crypto import sale
from medibloc_py.model import OrderState
from support.clock import pass_to
from support.desk import PRICE, SECRET, Dataset, Desk
from support.expect import reverts_with
from support.plain import plain


def dealing_in(desk: Desk, container: Any, *arguments: Any) -> Desk:
    """The same people, dealing in another token that the researcher holds and approved."""
    token = container.deploy(*arguments, {"from": desk.steward})
    token.mint(desk.researcher, 100 * PRICE, {"from": desk.researcher})
    token.approve(desk.market, 2**256 - 1, {"from": desk.researcher})
    return replace(desk, token=token)


def test_purchase_reverts_when_token_takes_a_fee(desk: Desk, FeeToken: Any) -> None:
    bent = dealing_in(desk, FeeToken)
    with reverts_with("TokenMisbehaved", bent.token, PRICE, PRICE - PRICE // 100):
        bent.ordered(bent.listed())


@pytest.mark.parametrize("lie", [0, 2], ids=["moves nothing", "takes"])
def test_purchase_reverts_when_token_lies(desk: Desk, LyingToken: Any, lie: int) -> None:
    bent = dealing_in(desk, LyingToken, lie)
    bent.token.mint(desk.market, PRICE, {"from": desk.steward})
    with reverts_with("TokenMisbehaved", bent.token, PRICE, 0):
        bent.ordered(bent.listed())


def test_purchase_reverts_when_token_returns_false(desk: Desk, LyingToken: Any) -> None:
    bent = dealing_in(desk, LyingToken, 1)
    with reverts_with("SafeERC20FailedOperation", bent.token):
        bent.ordered(bent.listed())


def test_sale_works_when_token_returns_nothing(
    market: Any,
    desk: Desk,
    payee: Any,
    stranger: Any,
    NoReturnToken: Any,
) -> None:
    silent = dealing_in(desk, NoReturnToken)
    dataset = silent.listed((1,), fee_bps=0)
    silent.sold(dataset)
    market.claim(*dataset.member(), {"from": stranger})
    assert silent.token.balanceOf(payee) == PRICE
    refunded = silent.ordered(dataset, lock=sale.lock_of(7))
    pass_to(refunded.deadline + 1)
    market.refund(astuple(refunded), {"from": stranger})
    assert silent.token.balanceOf(desk.researcher) == 99 * PRICE


@pytest.fixture
def hooked(desk: Desk, ReentrantToken: Any) -> Desk:
    return dealing_in(desk, ReentrantToken)


@pytest.fixture
def hooked_sale(hooked: Desk) -> Dataset:
    """One contribution, sold once, in the token that calls back."""
    dataset = hooked.listed((1,), fee_bps=0)
    hooked.sold(dataset)
    return dataset


def test_purchase_reverts_when_token_claims_meanwhile(
    market: Any, hooked: Desk, hooked_sale: Dataset, stranger: Any
) -> None:
    claim = market.claim.encode_input(*hooked_sale.member())
    hooked.token.arm(market, claim, {"from": stranger})
    order = hooked.order(hooked_sale, lock=sale.lock_of(7))
    with reverts_with("TokenMisbehaved", hooked.token, PRICE, 0):
        hooked.purchase(hooked_sale, order)
    assert market.orderState(hooked.order_id(order)) == OrderState.NONE


def test_purchase_reverts_when_token_refunds_meanwhile(
    market: Any, hooked: Desk, hooked_sale: Dataset, stranger: Any
) -> None:
    open_order = hooked.ordered(hooked_sale, lock=sale.lock_of(7))
    pass_to(open_order.deadline + 1)
    refund = market.refund.encode_input(astuple(open_order))
    hooked.token.arm(market, refund, {"from": stranger})
    with reverts_with("TokenMisbehaved", hooked.token, PRICE, 0):
        hooked.ordered(hooked_sale, lock=sale.lock_of(8))
    assert market.orderState(hooked.order_id(open_order)) == OrderState.OPEN


def test_claim_reverts_when_token_claims_again_meanwhile(
    market: Any, hooked: Desk, hooked_sale: Dataset, payee: Any, stranger: Any
) -> None:
    claim = market.claim.encode_input(*hooked_sale.member())
    hooked.token.arm(market, claim, {"from": stranger})
    with reverts_with("NothingToClaim", hooked.listing_id(hooked_sale), hooked_sale.leaf()):
        market.claim(*hooked_sale.member(), {"from": stranger})
    assert hooked.token.balanceOf(payee) == 0


def test_refund_reverts_when_token_refunds_again_meanwhile(
    market: Any, hooked: Desk, hooked_sale: Dataset, stranger: Any
) -> None:
    order = hooked.ordered(hooked_sale, lock=sale.lock_of(7))
    pass_to(order.deadline + 1)
    hooked.token.arm(market, market.refund.encode_input(astuple(order)), {"from": stranger})
    with reverts_with("OrderNotOpen", hooked.order_id(order), OrderState.REFUNDED):
        market.refund(astuple(order), {"from": stranger})


def test_purchase_works_when_token_settles_another_order_meanwhile(
    market: Any, hooked: Desk, hooked_sale: Dataset, stranger: Any
) -> None:
    """Settling moves no token, so nothing is wrong with it."""
    waiting = hooked.ordered(hooked_sale, purpose=hooked.order(hooked_sale).purpose | 1 << 59)
    settle = market.settle.encode_input(astuple(waiting), SECRET)
    hooked.token.arm(market, settle, {"from": stranger})
    order = hooked.ordered(hooked_sale, lock=sale.lock_of(7))
    assert market.orderState(hooked.order_id(waiting)) == OrderState.SETTLED
    assert market.orderState(hooked.order_id(order)) == OrderState.OPEN
    assert plain(market.stateOf(hooked.listing_id(hooked_sale)))[0] == 2 * PRICE
    assert hooked.token.balanceOf(market) == 3 * PRICE
