from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.errors import (
    ClaimExceedsEarned,
    ContributionInvalid,
    ContributionUnknown,
    DeadlineNotReached,
    DeadlineOutOfRange,
    DeadlinePassed,
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    EvidenceNotVouched,
    ExpiryInPast,
    InvalidAddress,
    InvalidValue,
    ListingClosed,
    ListingExists,
    ListingInvalid,
    ListingUnknown,
    LockInvalid,
    NodeAnsweredWrong,
    NotAccredited,
    NothingToClaim,
    NotSteward,
    OrderExists,
    OrderNotOpen,
    PurposeDenied,
    WithdrawalNotAllowed,
    WrongSecret,
)
from medibloc_py.model import (
    ZERO_ADDRESS,
    Address,
    ContributionTerms,
    KeyCommitment,
    ListingId,
    ListingState,
    OrderId,
    OrderState,
    Root,
    SignedContribution,
)
from tests.flow.services.house import PRICE, SECRET, House

UNKNOWN = b"\x99" * 32
SHARED = PRICE * 9 // 10  # the fee is a tenth


# Listing


def test_a_listing_is_read_back(house: House):
    listing = house.list()
    listing_id = house.listing_id(listing)
    market = house.market
    assert market.listing_state(listing_id) == ListingState(0, 0, listing.closes_at)
    assert market.listing(listing_id) == listing
    (found,) = market.listings()
    assert found == (listing_id, listing, house.network.block_number())
    assert market.listings(house.hospital.address) == [found]
    assert market.listings(house.stranger.address) == []


def test_an_unknown_listing_is_told(house: House):
    unknown = ListingId(UNKNOWN)
    assert house.market.listing_state(unknown) == ListingState(0, 0, 0)
    with pytest.raises(ListingUnknown) as caught:
        house.market.listing(unknown)
    assert caught.value.values == {"listing": unknown}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"root": Root(bytes(32))}, ListingInvalid),
        ({"price": 0}, ListingInvalid),
        ({"total_weight": 0}, ListingInvalid),
        ({"fee_bps": 10_001}, ListingInvalid),
        ({"token": ZERO_ADDRESS}, ListingInvalid),
        ({"closes_at": 1}, ExpiryInPast),
        ({"steward": ZERO_ADDRESS}, NotSteward),
        ({"price": 2**96}, InvalidValue),
        ({"salt": b"short"}, InvalidValue),
        ({"token": Address("0x" + "ab" * 20)}, InvalidAddress),
    ],
)
def test_list_refuses(house: House, changed, error):
    with pytest.raises(error):
        house.list(**changed)


def test_list_refuses_the_same_twice(house: House):
    listing = house.list()
    with pytest.raises(ListingExists) as caught:
        house.list()
    assert caught.value.values == {"listing": house.listing_id(listing)}


# Buying


def test_a_purchase_locks_the_price(house: House):
    listing = house.list()
    order_id, order = house.purchase(listing)
    market = house.market
    assert market.order_state(order_id) is OrderState.OPEN
    assert market.order(order_id) == order
    assert market.purchases() == [(order_id, order)]
    assert market.purchases(order.listing, order.buyer) == [(order_id, order)]
    assert market.purchases(buyer=house.stranger.address) == []
    assert house.token.balance(market.address) == PRICE
    assert market.settled(order_id) is None


def test_an_unknown_order_is_told(house: House):
    unknown = OrderId(UNKNOWN)
    assert house.market.order_state(unknown) is OrderState.NONE
    with pytest.raises(OrderNotOpen) as caught:
        house.market.order(unknown)
    assert caught.value.values == {"order": unknown, "state": 0}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"purpose": purpose.GRU}, PurposeDenied),
        ({"purpose": purpose.HMB | purpose.HAS_IRB}, EvidenceNotVouched),
        ({"lock": ZERO_ADDRESS}, LockInvalid),
        ({"days": 0}, DeadlineOutOfRange),
        ({"days": 31}, DeadlineOutOfRange),
    ],
)
def test_purchase_refuses(house: House, changed, error):
    listing = house.list()
    arguments = {"purpose": purpose.HMB, "lock": house.stranger.address, "days": 1} | changed
    with pytest.raises(error):
        house.market.purchase(
            house.researcher,
            listing,
            arguments["purpose"],
            arguments["lock"],
            house.in_days(arguments["days"]),
        )


def test_purchase_refuses_strangers_and_unknown_listings(house: House):
    listing = house.list()
    lock, deadline = house.stranger.address, house.in_days(1)
    with pytest.raises(NotAccredited):
        house.market.purchase(house.stranger, listing, purpose.HMB, lock, deadline)
    other = replace(listing, price=1)
    with pytest.raises(ListingUnknown):
        house.market.purchase(house.researcher, other, purpose.HMB, lock, deadline)


def test_purchase_tells_what_the_buyer_lacks(house: House):
    listing = house.list()
    arguments = (listing, purpose.HMB, house.stranger.address, house.in_days(1))
    with pytest.raises(ERC20InsufficientAllowance) as allowance:
        house.market.purchase(house.researcher, *arguments)
    assert allowance.value.values["needed"] == PRICE
    house.token.approve(house.researcher, house.market.address, PRICE)
    with pytest.raises(ERC20InsufficientBalance) as balance:
        house.market.purchase(house.researcher, *arguments)
    assert balance.value.values == {
        "sender": house.researcher.address,
        "balance": 0,
        "needed": PRICE,
    }


def test_the_same_order_never_stands_twice(house: House):
    listing = house.list()
    _, order = house.purchase(listing)
    with pytest.raises(OrderExists):
        house.market.purchase(house.researcher, listing, order.purpose, order.lock, order.deadline)


# Settling


def test_settle_shows_the_secret_and_earns(house: House):
    listing = house.list()
    order_id, order = house.purchase(listing)
    house.market.settle(house.hospital, order, SECRET)
    market = house.market
    assert market.order_state(order_id) is OrderState.SETTLED
    assert market.settled(order_id) == SECRET
    assert market.settlements() == market.settlements(order.listing) == [(order_id, SECRET)]
    assert market.settlements(ListingId(UNKNOWN)) == []
    assert market.listing_state(order.listing).earned == PRICE
    with pytest.raises(OrderNotOpen) as caught:
        market.settle(house.hospital, order, SECRET)
    assert caught.value.values == {"order": order_id, "state": OrderState.SETTLED.value}


@pytest.mark.parametrize("secret", [0, 1, SECRET + 1, 2**256 - 1])
def test_settle_refuses_another_secret(house: House, secret):
    order_id, order = house.purchase(house.list())
    with pytest.raises(WrongSecret) as caught:
        house.market.settle(house.hospital, order, secret)
    assert caught.value.values == {"order": order_id}


def test_after_the_deadline_there_is_only_the_refund(house: House):
    order_id, order = house.purchase(house.list())
    with pytest.raises(DeadlineNotReached):
        house.market.refund(house.stranger, order)
    house.chain.set_time(order.deadline + 1)
    with pytest.raises(DeadlinePassed) as caught:
        house.market.settle(house.hospital, order, SECRET)
    assert caught.value.values == {"order": order_id, "deadline": order.deadline}
    house.market.refund(house.stranger, order)
    assert house.market.order_state(order_id) is OrderState.REFUNDED
    assert house.token.balance(house.researcher.address) == PRICE


# Earnings


@pytest.fixture
def sold(house: House) -> House:
    _, order = house.purchase(house.list())
    house.market.settle(house.hospital, order, SECRET)
    return house


def test_a_contribution_is_paid_its_share(sold: House):
    listing, contribution = sold.listing(), sold.contribution()
    listing_id, leaf = sold.listing_id(listing), ids.contribution_leaf(contribution)
    share = SHARED * 3 // 4
    assert sold.market.due(listing, contribution) == share
    receipt = sold.market.claim(sold.reader, listing, contribution, sold.proof())
    assert receipt.events[0].args["amount"] == share
    assert sold.token.balance(contribution.payee) == share
    assert sold.market.claimed(listing_id, leaf) == share
    assert sold.market.due(listing, contribution) == 0
    with pytest.raises(NothingToClaim) as caught:
        sold.market.claim(sold.reader, listing, contribution, sold.proof())
    assert caught.value.values == {"listing": listing_id, "leaf": leaf}


def test_the_steward_is_paid_the_fee(sold: House):
    listing = sold.listing()
    assert sold.market.fee_due(listing) == PRICE - SHARED
    sold.market.claim_fee(sold.stranger, listing)
    assert sold.token.balance(sold.hospital.address) == PRICE - SHARED
    assert sold.market.fee_due(listing) == 0
    with pytest.raises(NothingToClaim):
        sold.market.claim_fee(sold.stranger, listing)


def test_claim_refuses_what_is_not_in_the_listing(sold: House):
    for contribution in (
        sold.contribution(weight=4),
        replace(sold.contribution(), payee=ZERO_ADDRESS),
    ):
        with pytest.raises(ContributionUnknown):
            sold.market.claim(sold.stranger, sold.listing(), contribution, sold.proof())


def test_claims_never_exceed_what_a_listing_earned(house: House):
    listing = house.list(total_weight=2)  # fewer than its contributions weigh
    _, order = house.purchase(listing)
    house.market.settle(house.hospital, order, SECRET)
    with pytest.raises(ClaimExceedsEarned) as caught:
        house.market.claim(house.stranger, listing, house.contribution(), house.proof())
    assert caught.value.values["available"] == SHARED


def test_amounts_of_an_unknown_listing_are_refused(house: House):
    listing = house.listing()
    with pytest.raises(ListingUnknown):
        house.market.due(listing, house.contribution())
    with pytest.raises(ListingUnknown):
        house.market.fee_due(listing)


# Withdrawing


def test_a_patient_withdraws_and_the_listing_closes(house: House):
    house.give_consent()
    listing, contribution = house.list(), house.contribution()
    leaf = ids.contribution_leaf(contribution)
    receipt = house.market.withdraw(house.patient, listing, contribution, house.proof())
    assert house.market.withdrawn_at(leaf) == receipt.timestamp
    assert house.market.withdrawals(house.listing_id(listing)) == [leaf]
    with pytest.raises(ListingClosed):
        house.purchase(listing)


def test_others_withdraw_only_who_no_longer_consents(house: House):
    house.give_consent()
    listing, contribution = house.list(), house.contribution()
    arguments = (listing, contribution, house.proof())
    with pytest.raises(WithdrawalNotAllowed) as caught:
        house.market.withdraw(house.stranger, *arguments)
    assert caught.value.values["patient"] == house.patient.address
    house.consent.revoke(house.patient)
    house.market.withdraw(house.stranger, *arguments)
    assert house.market.withdrawn_at(ids.contribution_leaf(contribution)) == 0
    with pytest.raises(ListingClosed):
        house.market.withdraw(house.stranger, *arguments)


# Signatures


def terms_of(house: House) -> ContributionTerms:
    return ContributionTerms(
        patient=house.patient.address,
        signer=house.patient.address,
        steward=house.hospital.address,
        token=house.token.address,
        terms=purpose.HMB,
        min_price=PRICE,
        max_fee_bps=1_000,
        payee=house.stranger.address,
        record=house.record,
        key_commitment=KeyCommitment(b"\x0c" * 32),
        weight=3,
        max_total_weight=12,
        expires_at=house.in_days(90),
    )


def test_a_signed_contribution_names_its_signer(house: House):
    terms = terms_of(house)
    digest, signature = house.market.sign_contribution(house.patient, terms)
    assert digest == house.market.contribution_digest(terms)
    signed = SignedContribution(terms, signature)
    assert house.market.recover_contribution_signer(signed) == house.patient.address
    changed = SignedContribution(replace(terms, weight=4), signature)
    assert house.market.recover_contribution_signer(changed) != house.patient.address


def test_the_digest_is_the_contracts(house: House):
    terms = terms_of(house)
    contract = house.deployment.contract("Market")
    on_chain = house.network.call(contract, "contributionDigest", astuple(terms))
    assert house.market.contribution_digest(terms) == on_chain


def test_ids_are_the_contracts(house: House):
    contract = house.deployment.contract("Market")
    listing = house.list()
    order_id, order = house.purchase(listing)
    call = house.network.call
    assert call(contract, "listingId", astuple(listing)) == house.listing_id(listing)
    assert call(contract, "orderId", astuple(order)) == order_id
    leaf = ids.contribution_leaf(house.contribution())
    assert call(contract, "leafOf", astuple(house.contribution())) == leaf


def test_a_malformed_contribution_is_invalid(house: House):
    terms = terms_of(house)
    _, signature = house.market.sign_contribution(house.patient, terms)
    malformed = (
        SignedContribution(terms, signature[:-1]),
        SignedContribution(replace(terms, weight=2**96), signature),
        SignedContribution(replace(terms, payee=Address("0x" + "ab" * 20)), signature),
    )
    for signed in malformed:
        with pytest.raises(ContributionInvalid) as caught:
            house.market.recover_contribution_signer(signed)
        assert caught.value.values["patient"] == house.patient.address


# A node that lies


def lie(house: House, monkeypatch: pytest.MonkeyPatch, argument: str, change) -> None:
    """Changes one argument of every event that the node tells."""
    honest = type(house.network).events

    def events(*arguments: object) -> object:
        return [
            replace(event, args=event.args | {argument: change(event.args[argument])})
            for event in honest(*arguments)
        ]

    monkeypatch.setattr(type(house.network), "events", events)


def longer(values: tuple[object, ...]) -> tuple[object, ...]:
    """Moves the last number, or the one before it, into the future."""
    place = -1 if isinstance(values[-1], int) else -2
    changed = list(values)
    changed[place] += 1_000
    return tuple(changed)


def test_a_listing_other_than_its_id_says_is_refused(house: House, monkeypatch):
    listing_id = house.listing_id(house.list())
    lie(house, monkeypatch, "listing", longer)
    for read in (house.market.listings, lambda: house.market.listing(listing_id)):
        with pytest.raises(NodeAnsweredWrong, match="is not the id"):
            read()


def test_an_order_other_than_its_id_says_is_refused(house: House, monkeypatch):
    order_id, _ = house.purchase(house.list())
    lie(house, monkeypatch, "order", longer)
    for read in (house.market.purchases, lambda: house.market.order(order_id)):
        with pytest.raises(NodeAnsweredWrong, match="is not the id"):
            read()


def test_a_key_other_than_its_hash_says_is_refused(house: House, monkeypatch):
    house.accounts.publish_key(house.reader, b"\x01" + b"\x42" * 1248)
    lie(house, monkeypatch, "bundle", lambda bundle: bundle[:-1] + b"\x00")
    with pytest.raises(NodeAnsweredWrong, match="not the one that was published"):
        house.accounts.published_key(house.reader.address)


def test_a_node_that_hides_events_is_told(house: House, monkeypatch):
    house.accounts.publish_key(house.reader, b"\x01" + b"\x42" * 1248)
    old, new = Root(b"\x07" * 32), Root(b"\x08" * 32)
    for root in (old, new):
        house.records.register(house.hospital, root, 1)
    house.records.supersede(house.hospital, old, new)
    monkeypatch.setattr(type(house.network), "events", lambda *_: [])
    with pytest.raises(NodeAnsweredWrong, match="not the one that was published"):
        house.accounts.published_key(house.reader.address)
    with pytest.raises(NodeAnsweredWrong, match="0 events tell"):
        house.records.batch(house.hospital.address, old)
