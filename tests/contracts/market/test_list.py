"""Listing: by the steward, once, and only what could be sold."""

from __future__ import annotations

from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.model import ZERO_ADDRESS, Bond
from support.clock import next_block_at, now
from support.desk import Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain


def test_constructor_keeps_its_neighbours(market: Any, accounts: Any, consents: Any) -> None:
    assert market.accounts() == accounts.address
    assert market.consents() == consents.address
    assert (market.MIN_WINDOW(), market.MAX_WINDOW()) == (600, 30 * 86_400)


def test_list_emits_Listed(market: Any, desk: Desk, steward: Any) -> None:
    dataset = desk.dataset()
    done = market.list(dataset.struct, {"from": steward})
    found = desk.listing_id(dataset)
    emits(done, market, "Listed", id=found, steward=steward, listing=dataset.listing)
    assert plain(done.return_value) == found
    assert plain(market.stateOf(found)) == (0, 0, dataset.listing.closes_at, Bond.NONE)


@pytest.mark.parametrize(
    "fields",
    [
        {"price": 1, "total_weight": 1, "fee_bps": 0},
        {"price": 2**96 - 1, "total_weight": 2**96 - 1, "fee_bps": 10_000},
        {"closes_at": 2**40 - 1},
    ],
    ids=["least", "most", "for ever"],
)
def test_list_works_given_extreme(market: Any, desk: Desk, fields: dict[str, int]) -> None:
    dataset = desk.listed(**fields)
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == dataset.listing.closes_at


def test_list_reverts_when_sender_is_not_the_steward(
    market: Any, desk: Desk, steward: Any, governance: Any, stranger: Any
) -> None:
    dataset = desk.dataset()
    for sender in (governance, stranger):
        with reverts_with("NotSteward", sender, steward):
            market.list(dataset.struct, {"from": sender})


@pytest.mark.parametrize(
    "fields",
    [
        {"root": bytes(32)},
        {"price": 0},
        {"total_weight": 0},
        {"fee_bps": 10_001},
        {"fee_bps": 2**16 - 1},
        {"issuer_bps": 9_001, "issuers": b"\x01" * 32},
        {"issuer_bps": 1},
        {"issuers": b"\x01" * 32},
        {"token": ZERO_ADDRESS},
    ],
    ids=lambda fields: f"{next(iter(fields))} {next(iter(fields.values()))!r:.8}",
)
def test_list_reverts_when_listing_could_not_be_sold(
    market: Any, desk: Desk, steward: Any, fields: dict[str, Any]
) -> None:
    dataset = desk.dataset(**fields)
    with reverts_with("ListingInvalid", desk.listing_id(dataset)):
        market.list(dataset.struct, {"from": steward})


def test_list_reverts_when_token_has_no_code(
    market: Any, desk: Desk, steward: Any, stranger: Any
) -> None:
    dataset = desk.dataset(token=stranger.address)
    with reverts_with("ListingInvalid", desk.listing_id(dataset)):
        market.list(dataset.struct, {"from": steward})


@pytest.mark.parametrize(
    "terms", [0, purpose.NCU, purpose.HMB | purpose.GRU, purpose.HMB | purpose.HAS_IRB], ids=hex
)
def test_list_reverts_when_terms_are_invalid(
    market: Any, desk: Desk, steward: Any, terms: int
) -> None:
    dataset = desk.dataset(terms=terms)
    with reverts_with("TermsInvalid", terms):
        market.list(dataset.struct, {"from": steward})


def test_list_reverts_when_closing_is_not_ahead(market: Any, desk: Desk, steward: Any) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", at, at):
        market.list(desk.dataset(closes_at=at).struct, {"from": steward})
    at = next_block_at(now() + 100)
    market.list(desk.dataset(closes_at=at + 1).struct, {"from": steward})


def test_list_reverts_given_listed(market: Any, desk: Desk, steward: Any, dataset: Dataset) -> None:
    with reverts_with("ListingExists", desk.listing_id(dataset)):
        market.list(dataset.struct, {"from": steward})


def test_list_reverts_given_withdrawn(
    market: Any, desk: Desk, steward: Any, patient: Any, dataset: Dataset
) -> None:
    market.withdraw(*dataset.member(), {"from": patient})
    with reverts_with("ListingExists", desk.listing_id(dataset)):
        market.list(dataset.struct, {"from": steward})


def test_list_works_again_when_salt_is_new(
    market: Any, desk: Desk, steward: Any, dataset: Dataset
) -> None:
    again = dataset.changed(salt=bytes(8))
    market.list(again.struct, {"from": steward})
    assert plain(market.stateOf(desk.listing_id(again)))[2] == dataset.listing.closes_at
