"""Money, for any amounts: nobody is paid more than was earned, and only rounding stays behind."""

from __future__ import annotations

from typing import Any

from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.model import WHOLE_BPS
from support.desk import PURPOSE, Desk
from support.expect import reverts_with
from support.plain import plain

AMOUNTS = st.integers(1, 2**96 - 1) | st.integers(1, 1000)
FEES = st.integers(0, WHOLE_BPS)
WEIGHTS = st.lists(st.integers(1, 2**93) | st.integers(1, 10), min_size=1, max_size=5)


def share(earned: int, fee_bps: int, weight: int, total: int) -> int:
    """All that a weight has earned, rounded down twice: the fee's favour, then the listing's."""
    return (earned - earned * fee_bps // WHOLE_BPS) * weight // total


@given(price=AMOUNTS, fee_bps=FEES, weights=WEIGHTS)
def test_claims_pay_out_all_but_rounding(
    market: Any,
    token: Any,
    desk: Desk,
    stranger: Any,
    payee: Any,
    steward: Any,
    price: int,
    fee_bps: int,
    weights: list[int],
) -> None:
    dataset = desk.listed(weights, price=price, fee_bps=fee_bps)
    held = token.balanceOf(steward)
    desk.sold(dataset)
    fee, total = price * fee_bps // WHOLE_BPS, sum(weights)
    shares = [share(price, fee_bps, weight, total) for weight in weights]
    assert market.feeDue(dataset.struct) == fee
    for number, amount in enumerate(shares):
        assert market.due(dataset.struct, dataset.member(number)[1]) == amount
        if amount:
            market.claim(*dataset.member(number), {"from": stranger})
    if fee:
        market.claimFee(dataset.struct, {"from": stranger})
    assert token.balanceOf(payee) == sum(shares)
    assert token.balanceOf(steward) == held + fee
    assert token.balanceOf(market) == price - fee - sum(shares) < len(weights)
    assert plain(market.stateOf(desk.listing_id(dataset)))[:2] == (price, fee + sum(shares))


@given(
    price=AMOUNTS,
    fee_bps=FEES,
    weights=WEIGHTS,
    claims=st.lists(st.booleans(), min_size=2, max_size=2),
)
def test_claim_pays_the_same_given_any_number_of_claims(
    market: Any,
    token: Any,
    desk: Desk,
    stranger: Any,
    payee: Any,
    price: int,
    fee_bps: int,
    weights: list[int],
    claims: list[bool],
) -> None:
    """Whoever claims after every sale is paid what one claim at the end pays."""
    dataset = desk.listed(weights, price=price, fee_bps=fee_bps)
    contribution = dataset.member()[1]
    for claims_now, extra in zip([*claims, True], (0, purpose.NRI, purpose.GENETIC), strict=True):
        desk.sold(dataset, purpose=PURPOSE | extra)
        if claims_now and market.due(dataset.struct, contribution):
            market.claim(*dataset.member(), {"from": stranger})
    assert token.balanceOf(payee) == share(3 * price, fee_bps, weights[0], sum(weights))


@given(
    price=AMOUNTS,
    fee_bps=FEES,
    weights=st.lists(st.integers(1, 2**96 - 1), min_size=2, max_size=4),
    total=st.integers(1, 2**96 - 1),
)
def test_claims_never_exceed_their_listing_given_any_weights(
    market: Any,
    token: Any,
    desk: Desk,
    stranger: Any,
    steward: Any,
    price: int,
    fee_bps: int,
    weights: list[int],
    total: int,
) -> None:
    """A steward that lies about the total weight drains its own listing only, never the fee."""
    honest = desk.listed(price=price)
    desk.sold(honest)
    dataset = desk.listed(weights, price=price, fee_bps=fee_bps, total_weight=total)
    desk.sold(dataset)
    held = token.balanceOf(steward)
    fee = price * fee_bps // WHOLE_BPS
    left = price - fee
    for number, weight in enumerate(weights):
        due = market.due(dataset.struct, dataset.member(number)[1])
        assert due == share(price, fee_bps, weight, total)
        if 0 < due <= left:
            market.claim(*dataset.member(number), {"from": stranger})
            left -= due
        elif due:
            listing = desk.listing_id(dataset)
            with reverts_with("ClaimExceedsEarned", listing, due, left):
                market.claim(*dataset.member(number), {"from": stranger})
    assert token.balanceOf(market) == price + fee + left
    if fee:
        market.claimFee(dataset.struct, {"from": stranger})
    assert token.balanceOf(steward) == held + fee
    assert token.balanceOf(market) >= price
