"""Leaving a sale: the patient always, others once the consent is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.model import GENERAL
from support.clock import YEAR, next_block_at, now, pass_to
from support.desk import TERMS, Dataset, Desk
from support.expect import emits, reverts_with
from support.plain import plain


def test_withdraw_emits_Withdrawn(
    market: Any, desk: Desk, consenting: Any, dataset: Dataset
) -> None:
    at = next_block_at(now() + 100)
    done = market.withdraw(*dataset.member(1), {"from": consenting})
    emits(
        done,
        market,
        "Withdrawn",
        listing=desk.listing_id(dataset),
        leaf=dataset.leaf(1),
        patient=consenting,
        caller=consenting,
    )
    assert market.withdrawnAt(dataset.leaf(1)) == at
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == at - 1


def test_withdraw_leaves_other_contributions_alone(
    market: Any, patient: Any, dataset: Dataset
) -> None:
    market.withdraw(*dataset.member(1), {"from": patient})
    assert market.withdrawnAt(dataset.leaf(0)) == 0


def test_withdraw_works_given_closed_listing(
    market: Any, desk: Desk, patient: Any, dataset: Dataset
) -> None:
    closes_at = dataset.listing.closes_at
    at = next_block_at(closes_at + 1)
    market.withdraw(*dataset.member(), {"from": patient})
    assert market.withdrawnAt(dataset.leaf()) == at
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == closes_at


def test_withdraw_closes_in_the_last_second(
    market: Any, desk: Desk, patient: Any, dataset: Dataset
) -> None:
    at = next_block_at(dataset.listing.closes_at)
    market.withdraw(*dataset.member(), {"from": patient})
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == at - 1


def test_withdraw_keeps_the_first_time_given_withdrawal(
    market: Any, desk: Desk, patient: Any, dataset: Dataset
) -> None:
    first = next_block_at(now() + 100)
    market.withdraw(*dataset.member(), {"from": patient})
    next_block_at(first + 100)
    market.withdraw(*dataset.member(), {"from": patient})
    assert market.withdrawnAt(dataset.leaf()) == first
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == first - 1


def never(consents: Any, patient: Any) -> None:
    consents.revoke(GENERAL, {"from": patient})


def narrowed(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, TERMS | purpose.IRB, now() + YEAR, bytes(32), {"from": patient})


def other(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, purpose.DS, now() + YEAR, bytes(32), {"from": patient})


def expired(consents: Any, patient: Any) -> None:
    until = now() + 1000
    consents.set(GENERAL, TERMS, until, bytes(32), {"from": patient})
    pass_to(until + 1)


@pytest.mark.parametrize("change", [never, narrowed, other, expired])
def test_withdraw_works_when_sender_is_anyone_given_consent_gone(
    market: Any,
    consents: Any,
    desk: Desk,
    consenting: Any,
    stranger: Any,
    dataset: Dataset,
    change: Callable[[Any, Any], None],
) -> None:
    change(consents, consenting)
    done = market.withdraw(*dataset.member(), {"from": stranger})
    emits(
        done,
        market,
        "Withdrawn",
        listing=desk.listing_id(dataset),
        leaf=dataset.leaf(),
        patient=consenting,
        caller=stranger,
    )
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == done.timestamp - 1
    assert market.withdrawnAt(dataset.leaf()) == 0, "only the patient takes the signature back"


def test_withdraw_works_when_sender_is_anyone_given_no_consent(
    market: Any, desk: Desk, stranger: Any, dataset: Dataset
) -> None:
    done = market.withdraw(*dataset.member(), {"from": stranger})
    assert plain(market.stateOf(desk.listing_id(dataset)))[2] == done.timestamp - 1


def test_withdraw_reverts_when_sender_is_anyone_given_consent(
    market: Any, desk: Desk, consenting: Any, steward: Any, stranger: Any, dataset: Dataset
) -> None:
    for caller in (steward, stranger):
        with reverts_with("WithdrawalNotAllowed", desk.listing_id(dataset), consenting, caller):
            market.withdraw(*dataset.member(), {"from": caller})


def test_withdraw_reverts_when_sender_is_anyone_given_wider_consent(
    market: Any, consents: Any, desk: Desk, patient: Any, stranger: Any, dataset: Dataset
) -> None:
    consents.set(GENERAL, purpose.GRU, now() + YEAR, bytes(32), {"from": patient})
    with reverts_with("WithdrawalNotAllowed", desk.listing_id(dataset), patient, stranger):
        market.withdraw(*dataset.member(), {"from": stranger})


def test_withdraw_reverts_when_sender_is_anyone_given_closed_listing(
    market: Any, desk: Desk, stranger: Any, dataset: Dataset
) -> None:
    closes_at = dataset.listing.closes_at
    next_block_at(closes_at + 1)
    with reverts_with("ListingClosed", desk.listing_id(dataset), closes_at):
        market.withdraw(*dataset.member(), {"from": stranger})


def test_withdraw_reverts_when_sender_is_anyone_given_withdrawal(
    market: Any, desk: Desk, patient: Any, stranger: Any, dataset: Dataset
) -> None:
    done = market.withdraw(*dataset.member(), {"from": patient})
    with reverts_with("ListingClosed", desk.listing_id(dataset), done.timestamp - 1):
        market.withdraw(*dataset.member(1), {"from": stranger})


def test_withdraw_reverts_when_listing_is_unknown(market: Any, desk: Desk, patient: Any) -> None:
    dataset = desk.dataset()
    with reverts_with("ListingUnknown", desk.listing_id(dataset)):
        market.withdraw(*dataset.member(), {"from": patient})


def test_withdraw_reverts_when_contribution_is_unknown(
    market: Any, desk: Desk, patient: Any, dataset: Dataset
) -> None:
    foreign = desk.dataset()
    listing, _, proof = dataset.member()
    with reverts_with("ContributionUnknown", desk.listing_id(dataset), foreign.leaf()):
        market.withdraw(listing, foreign.member()[1], proof, {"from": patient})
    with reverts_with("ContributionUnknown", desk.listing_id(dataset), dataset.leaf()):
        market.withdraw(listing, dataset.member()[1], (), {"from": patient})
