"""Shares and fee: who is paid, how much, and never more than was earned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medibloc_py.model import WHOLE_BPS, Order
from support.clock import pass_to
from support.desk import FEE_BPS, PRICE, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain

FEE = PRICE * FEE_BPS // WHOLE_BPS
SHARED = PRICE - FEE


def test_claim_emits_Claimed(
    market: Any, token: Any, desk: Desk, payee: Any, stranger: Any, sold: Dataset
) -> None:
    listing, amount = desk.listing_id(sold), SHARED * 2 // 6
    done = market.claim(*sold.member(1), {"from": stranger})
    emits(done, market, "Claimed", listing=listing, leaf=sold.leaf(1), payee=payee, amount=amount)
    emits(done, token, "Transfer", **{"from": market, "to": payee, "value": amount})
    assert done.return_value == amount
    assert token.balanceOf(payee) == amount
    assert market.claimed(listing, sold.leaf(1)) == amount
    assert plain(market.stateOf(listing))[:2] == (PRICE, amount)


def test_claim_pays_each_contribution_its_weight(
    market: Any, token: Any, desk: Desk, payee: Any, stranger: Any, sold: Dataset
) -> None:
    for number, weight in enumerate((1, 2, 3)):
        assert market.due(sold.struct, sold.member(number)[1]) == SHARED * weight // 6
        before = token.balanceOf(payee)
        market.claim(*sold.member(number), {"from": stranger})
        assert token.balanceOf(payee) - before == SHARED * weight // 6
        assert market.due(sold.struct, sold.member(number)[1]) == 0


def test_claim_pays_what_came_since_given_earlier_claim(
    market: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    first = market.claim(*sold.member(0), {"from": stranger}).return_value
    desk.sold(sold, purpose=desk.order(sold).purpose | 1 << 59)
    second = market.claim(*sold.member(0), {"from": stranger}).return_value
    earned = 2 * PRICE
    assert first + second == (earned - earned * FEE_BPS // WHOLE_BPS) // 6


def test_claim_works_given_withdrawal(
    market: Any, desk: Desk, patient: Any, stranger: Any, sold: Dataset
) -> None:
    market.withdraw(*sold.member(0), {"from": patient})
    pass_to(sold.listing.closes_at + 1)
    assert market.claim(*sold.member(0), {"from": stranger}).return_value == SHARED // 6


def test_claim_reverts_when_listing_is_unknown(market: Any, desk: Desk, stranger: Any) -> None:
    dataset = desk.dataset()
    with reverts_with("ListingUnknown", desk.listing_id(dataset)):
        market.claim(*dataset.member(), {"from": stranger})


def test_claim_reverts_when_listing_is_changed(
    market: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    for fields in ({"total_weight": 1}, {"fee_bps": 0}, {"token": stranger.address}):
        changed = sold.changed(**fields)
        with reverts_with("ListingUnknown", desk.listing_id(changed)):
            market.claim(*changed.member(), {"from": stranger})


def test_claim_reverts_when_proof_is_wrong(
    market: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    listing, contribution, proof = sold.member()
    for wrong in ((), proof[:-1], (*proof, bytes(32)), sold.member(1)[2][::-1] + proof):
        with reverts_with("ContributionUnknown", desk.listing_id(sold), sold.leaf()):
            market.claim(listing, contribution, wrong, {"from": stranger})


def test_claim_reverts_when_contribution_is_changed(
    market: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    listing, _, proof = sold.member()
    first = sold.contributions[0]
    for fields in ({"payee": stranger.address}, {"weight": 6}, {"patient": stranger.address}):
        bent = replace(sold, contributions=(replace(first, **fields), *sold.contributions[1:]))
        with reverts_with("ContributionUnknown", desk.listing_id(sold), bent.leaf()):
            market.claim(listing, bent.member()[1], proof, {"from": stranger})


def test_claim_reverts_given_nothing_earned(
    market: Any, desk: Desk, stranger: Any, dataset: Dataset, order: Order
) -> None:
    with reverts_with("NothingToClaim", desk.listing_id(dataset), dataset.leaf()):
        market.claim(*dataset.member(), {"from": stranger})


def test_claim_reverts_given_all_claimed(
    market: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    market.claim(*sold.member(), {"from": stranger})
    with reverts_with("NothingToClaim", desk.listing_id(sold), sold.leaf()):
        market.claim(*sold.member(), {"from": stranger})


def test_claim_reverts_given_share_below_one_unit(market: Any, desk: Desk, stranger: Any) -> None:
    dataset = desk.listed((1, 10**9), fee_bps=0)
    desk.sold(dataset)
    with reverts_with("NothingToClaim", desk.listing_id(dataset), dataset.leaf(0)):
        market.claim(*dataset.member(0), {"from": stranger})


def test_claim_reverts_given_fee_of_the_whole(market: Any, desk: Desk, stranger: Any) -> None:
    dataset = desk.listed(fee_bps=WHOLE_BPS)
    desk.sold(dataset)
    with reverts_with("NothingToClaim", desk.listing_id(dataset), dataset.leaf()):
        market.claim(*dataset.member(), {"from": stranger})
    assert market.claimFee(dataset.struct, {"from": stranger}).return_value == PRICE


def test_claim_reverts_when_weights_exceed_the_total(
    market: Any, token: Any, desk: Desk, stranger: Any
) -> None:
    honest = desk.listed()
    desk.sold(honest)
    greedy = desk.listed((3, 3, 1), total_weight=5)
    desk.sold(greedy)
    market.claim(*greedy.member(0), {"from": stranger})
    share = SHARED * 3 // 5
    with reverts_with("ClaimExceedsEarned", desk.listing_id(greedy), share, SHARED - share):
        market.claim(*greedy.member(1), {"from": stranger})
    market.claim(*greedy.member(2), {"from": stranger})
    market.claimFee(greedy.struct, {"from": stranger})
    assert token.balanceOf(market) >= PRICE
    for number in range(3):
        market.claim(*honest.member(number), {"from": stranger})
    market.claimFee(honest.struct, {"from": stranger})


def test_claimFee_emits_FeeClaimed(
    market: Any, token: Any, desk: Desk, steward: Any, stranger: Any, sold: Dataset
) -> None:
    listing = desk.listing_id(sold)
    assert market.feeDue(sold.struct) == FEE
    done = market.claimFee(sold.struct, {"from": stranger})
    emits(done, market, "FeeClaimed", listing=listing, steward=steward, amount=FEE)
    emits(done, token, "Transfer", **{"from": market, "to": steward, "value": FEE})
    assert done.return_value == FEE
    assert token.balanceOf(steward) == FEE
    assert plain(market.stateOf(listing))[:2] == (PRICE, FEE)
    assert market.feeDue(sold.struct) == 0


def test_claimFee_reverts_when_listing_is_unknown(
    market: Any, desk: Desk, steward: Any, sold: Dataset
) -> None:
    for dataset in (desk.dataset(), sold.changed(fee_bps=WHOLE_BPS)):
        with reverts_with("ListingUnknown", desk.listing_id(dataset)):
            market.claimFee(dataset.struct, {"from": steward})


def test_claimFee_reverts_given_nothing_earned(
    market: Any, desk: Desk, steward: Any, dataset: Dataset, order: Order
) -> None:
    with reverts_with("NothingToClaim", desk.listing_id(dataset), bytes(32)):
        market.claimFee(dataset.struct, {"from": steward})


def test_claimFee_reverts_given_all_claimed(
    market: Any, desk: Desk, steward: Any, sold: Dataset
) -> None:
    market.claimFee(sold.struct, {"from": steward})
    with reverts_with("NothingToClaim", desk.listing_id(sold), bytes(32)):
        market.claimFee(sold.struct, {"from": steward})


def test_claimFee_reverts_given_no_fee(market: Any, desk: Desk, steward: Any) -> None:
    dataset = desk.listed(fee_bps=0)
    desk.sold(dataset)
    with reverts_with("NothingToClaim", desk.listing_id(dataset), bytes(32)):
        market.claimFee(dataset.struct, {"from": steward})


def test_claims_leave_each_other_alone_given_any_order(
    market: Any, token: Any, desk: Desk, stranger: Any, sold: Dataset
) -> None:
    market.claimFee(sold.struct, {"from": stranger})
    for number in (2, 0, 1):
        market.claim(*sold.member(number), {"from": stranger})
    paid = FEE + sum(SHARED * weight // 6 for weight in (1, 2, 3))
    assert token.balanceOf(market) == PRICE - paid
    assert plain(market.stateOf(desk.listing_id(sold)))[:2] == (PRICE, paid)


@pytest.mark.parametrize("view", ["due", "feeDue"])
def test_due_reverts_when_listing_is_unknown(market: Any, desk: Desk, view: str) -> None:
    dataset = desk.dataset()
    arguments = dataset.member()[:2] if view == "due" else (dataset.struct,)
    with reverts_with("ListingUnknown", desk.listing_id(dataset)):
        getattr(market, view)(*arguments)
