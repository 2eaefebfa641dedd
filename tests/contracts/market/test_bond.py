"""A steward's stake on every contribution being signed: lost by a challenge, had back later."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from medibloc_py.chain import Signer
from medibloc_py.model import Bond, ContributionTerms
from support.clock import next_block_at
from support.desk import BOND, PRICE, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain

MAX_WINDOW = 30 * 86_400
NOBODY = "0x000000000000000000000000000000000000dEaD"
PATIENT = Signer.from_key(b"\x01" * 32)
OTHER = Signer.from_key(b"\x02" * 32)


@pytest.fixture(autouse=True)
def funded(token: Any, market: Any, steward: Any) -> None:
    """The steward has what bonds take."""
    token.mint(steward, 10 * BOND, {"from": steward})
    token.approve(market, 2**256 - 1, {"from": steward})


def joined(desk: Desk, signer: Signer, **fields: Any) -> tuple[Dataset, ContributionTerms, bytes]:
    """A bonded dataset of one contribution that `signer` signed, and its evidence."""
    terms = desk.agreed(PATIENT, **fields)
    signature = desk.signature(signer, "Contribution", *astuple(terms))
    return desk.joined(terms, signature, bond=BOND), terms, signature


def evidence(dataset: Dataset, terms: ContributionTerms, signature: bytes) -> tuple[Any, ...]:
    """What a challenge takes."""
    listing, contribution, proof = dataset.member()
    return listing, contribution, astuple(terms), signature, proof


def bond_of(market: Any, desk: Desk, dataset: Dataset) -> Bond:
    return Bond(plain(market.stateOf(desk.listing_id(dataset)))[3])


def test_list_takes_the_bond(market: Any, token: Any, desk: Desk, steward: Any) -> None:
    dataset, _, _ = joined(desk, PATIENT)
    assert token.balanceOf(market) == BOND
    assert token.balanceOf(steward) == 9 * BOND
    assert bond_of(market, desk, dataset) is Bond.HELD


def test_challenge_emits_Challenged(
    market: Any, token: Any, desk: Desk, steward: Any, stranger: Any
) -> None:
    dataset, terms, signature = joined(desk, OTHER)
    done = market.challenge(*evidence(dataset, terms, signature), {"from": stranger})
    found = desk.listing_id(dataset)
    emits(
        done, market, "Challenged", listing=found, leaf=dataset.leaf(), challenger=stranger.address
    )
    assert market.challengerOf(found) == stranger
    assert plain(market.stateOf(found)) == (0, 0, done.timestamp - 1, Bond.FORFEITED)
    with reverts_with("ListingClosed", found, done.timestamp - 1):
        desk.ordered(dataset)
    paid = market.closeOut(dataset.struct, {"from": steward})
    half = BOND // 2
    emits(
        paid,
        market,
        "ClosedOut",
        listing=found,
        receiver=stranger,
        amount=half,
        burned=BOND - half,
    )
    assert (token.balanceOf(stranger), token.balanceOf(NOBODY)) == (half, BOND - half)
    assert token.balanceOf(market) == 0


def test_challenge_reverts_when_the_contribution_is_signed(
    market: Any, desk: Desk, stranger: Any
) -> None:
    given = joined(desk, PATIENT)
    with reverts_with("ContributionValid", desk.listing_id(given[0]), given[0].leaf()):
        market.challenge(*evidence(*given), {"from": stranger})


def test_challenge_works_when_the_terms_forbid_the_price(
    market: Any, desk: Desk, stranger: Any
) -> None:
    given = joined(desk, PATIENT, min_price=PRICE + 1)
    market.challenge(*evidence(*given), {"from": stranger})
    assert bond_of(market, desk, given[0]) is Bond.FORFEITED


def test_challenge_reverts_when_evidence_is_not_the_leafs(
    market: Any, desk: Desk, stranger: Any
) -> None:
    dataset, terms, signature = joined(desk, PATIENT)
    for wrong in (b"", signature[:-1], desk.signature(OTHER, "Contribution", *astuple(terms))):
        with reverts_with("EvidenceMismatched", desk.listing_id(dataset), dataset.leaf()):
            market.challenge(*evidence(dataset, terms, wrong), {"from": stranger})


def test_challenge_reverts_given_challenge(market: Any, desk: Desk, stranger: Any) -> None:
    given = joined(desk, OTHER)
    market.challenge(*evidence(*given), {"from": stranger})
    with reverts_with("BondNotHeld", desk.listing_id(given[0]), Bond.FORFEITED):
        market.challenge(*evidence(*given), {"from": stranger})


def test_closeOut_pays_the_steward_once_no_order_can_be_open(
    market: Any, token: Any, desk: Desk, steward: Any, stranger: Any
) -> None:
    dataset, _, _ = joined(desk, PATIENT)
    found, until = desk.listing_id(dataset), dataset.listing.closes_at + 1 + MAX_WINDOW
    next_block_at(until)
    with reverts_with("CloseOutTooEarly", found, until):
        market.closeOut(dataset.struct, {"from": steward})
    next_block_at(until + 1)
    done = market.closeOut(dataset.struct, {"from": stranger})
    emits(done, market, "ClosedOut", listing=found, receiver=steward, amount=BOND, burned=0)
    assert token.balanceOf(steward) == 10 * BOND
    with reverts_with("BondNotHeld", found, Bond.NONE):
        market.closeOut(dataset.struct, {"from": stranger})


def test_closeOut_reverts_given_no_bond(market: Any, desk: Desk, steward: Any) -> None:
    dataset = desk.listed()
    with reverts_with("BondNotHeld", desk.listing_id(dataset), Bond.NONE):
        market.closeOut(dataset.struct, {"from": steward})
