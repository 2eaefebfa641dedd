"""The issuers' part: by weight, apart from fee and contributors."""

from __future__ import annotations

from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py.model import WHOLE_BPS
from support.desk import FEE_BPS, ISSUER_BPS, PRICE, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain

PART = PRICE * ISSUER_BPS // WHOLE_BPS


@pytest.fixture
def issued(desk: Desk, hospital: Any, stranger: Any) -> Dataset:
    """A dataset of two issuers with weights 1 and 2 of 6, sold once."""
    dataset = desk.issued((hospital, stranger))
    desk.sold(dataset)
    return dataset


def test_claimIssuer_emits_IssuerClaimed(
    market: Any, token: Any, desk: Desk, hospital: Any, steward: Any, issued: Dataset
) -> None:
    found = desk.listing_id(issued)
    assert market.issuerDue(*issued.share()[:2]) == PART // 6
    done = market.claimIssuer(*issued.share(), {"from": steward})
    emits(done, market, "IssuerClaimed", listing=found, issuer=hospital, amount=PART // 6)
    assert done.return_value == PART // 6
    assert token.balanceOf(hospital) == PART // 6
    assert plain(market.stateOf(found))[:2] == (PRICE, PART // 6)
    assert market.issuerDue(*issued.share()[:2]) == 0


def test_claimIssuer_reverts_given_all_claimed(
    market: Any, desk: Desk, steward: Any, issued: Dataset
) -> None:
    done = market.claimIssuer(*issued.share(1), {"from": steward})
    assert done.return_value == PART * 2 // 6
    leaf = plain(market.issuerLeafOf(issued.share(1)[1]))
    with reverts_with("NothingToClaim", desk.listing_id(issued), leaf):
        market.claimIssuer(*issued.share(1), {"from": steward})


def test_claimIssuer_reverts_when_share_is_unknown(
    market: Any, desk: Desk, steward: Any, issued: Dataset
) -> None:
    listing, (issuer, weight), proof = issued.share()
    for wrong in ((issuer, weight + 1), (steward.address, weight)):
        leaf = plain(market.issuerLeafOf(wrong))
        with reverts_with("ContributionUnknown", desk.listing_id(issued), leaf):
            market.claimIssuer(listing, wrong, proof, {"from": steward})


def test_claim_pays_what_fee_and_issuers_leave(
    market: Any, desk: Desk, stranger: Any, issued: Dataset
) -> None:
    left = PRICE - PRICE * (FEE_BPS + ISSUER_BPS) // WHOLE_BPS
    for number, weight in enumerate((1, 2, 3)):
        done = market.claim(*issued.member(number), {"from": stranger})
        assert done.return_value == left * weight // 6


@given(price=st.integers(1, 2**96 - 1) | st.integers(1, 9), fee_bps=st.integers(0, WHOLE_BPS - 1))
def test_parts_never_exceed_what_was_earned(
    market: Any, token: Any, desk: Desk, hospital: Any, stranger: Any, price: int, fee_bps: int
) -> None:
    """A fee and an issuers' part that make the whole, each rounded down, over two sales."""
    parts = {"price": price, "fee_bps": fee_bps, "issuer_bps": WHOLE_BPS - fee_bps}
    dataset = desk.issued((hospital,), total_weight=1, **parts)
    for sales, salt in enumerate((0, 1 << 59), 1):
        desk.sold(dataset, purpose=desk.order(dataset).purpose | salt)
        assert market.due(*dataset.member(0)[:2]) == 0
        assert market.issuerDue(*dataset.share()[:2]) == sales * price * (WHOLE_BPS - fee_bps) // (
            WHOLE_BPS
        )
    for due, claim, claimed in (
        (market.feeDue(dataset.struct), market.claimFee, (dataset.struct,)),
        (market.issuerDue(*dataset.share()[:2]), market.claimIssuer, dataset.share()),
    ):
        if due:
            claim(*claimed, {"from": stranger})
    assert token.balanceOf(market) <= 1
