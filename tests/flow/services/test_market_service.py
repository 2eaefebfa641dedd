from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import (
    BondNotHeld,
    ClaimExceedsEarned,
    CloseOutTooEarly,
    ContributionInvalid,
    ContributionUnknown,
    DeadlineNotReached,
    DeadlineOutOfRange,
    DeadlinePassed,
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    EvidenceMismatched,
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
    Bond,
    Claim,
    ContributionTerms,
    IssuerShare,
    KeyCommitment,
    Listing,
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
    assert market.purchased_at(order_id) == house.network.block_number()
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
    with pytest.raises(OrderNotOpen):
        house.market.purchased_at(OrderId(b"\x01" * 32))


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


# Parts, bonds, several claims


def issuers_of(house: House, *weights: int) -> tuple[list[IssuerShare], MerkleTree]:
    """Shares of the hospital, the reader, ... and their tree."""
    accounts = (house.hospital, house.reader, house.reviewer)
    shares = [
        IssuerShare(each.address, weight) for each, weight in zip(accounts, weights, strict=False)
    ]
    return shares, MerkleTree([ids.issuer_leaf(share) for share in shares])


def sell(house: House, listing: Listing) -> None:
    _, order = house.purchase(listing)
    house.market.settle(house.hospital, order, SECRET)


def test_issuers_are_paid_by_the_weight_of_their_records(house: House):
    shares, tree = issuers_of(house, 3, 1)
    listing = house.list(issuer_bps=500, issuers=tree.root)
    sell(house, listing)
    part, contract = PRICE // 20, house.deployment.contract("Market")
    for share, due in zip(shares, (part * 3 // 4, part // 4), strict=True):
        leaf = ids.issuer_leaf(share)
        assert house.network.call(contract, "issuerLeafOf", astuple(share)) == leaf
        assert house.market.issuer_due(listing, share) == due
        before = house.token.balance(share.issuer)
        house.market.claim_issuer(house.relay, listing, share, tree.proof(leaf))
        assert house.token.balance(share.issuer) - before == due
        assert house.market.claimed(house.listing_id(listing), leaf) == due
        with pytest.raises(NothingToClaim):
            house.market.claim_issuer(house.relay, listing, share, tree.proof(leaf))
    assert house.market.due(listing, house.contribution()) == (PRICE - PRICE // 10 - part) * 3 // 4
    assert house.market.listing_state(house.listing_id(listing)).paid == part
    with pytest.raises(ContributionUnknown):
        house.market.claim_issuer(house.relay, listing, replace(shares[0], weight=4), ())


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer_bps": 1},
        {"issuers": Root(b"\x01" * 32)},
        {"issuer_bps": 9_001, "issuers": Root(b"\x01" * 32)},
    ],
)
def test_list_refuses_parts_that_do_not_fit(house: House, changed):
    with pytest.raises(ListingInvalid):
        house.list(**changed)


def test_claim_many_pays_over_listings_and_passes_by_what_is_not_due(house: House):
    one, two = house.list(), house.list(salt=b"\x06" * 8)
    sell(house, one)
    claims = [Claim(each, house.contribution(), house.proof()) for each in (one, two, one)]
    house.market.claim_many(house.relay, claims)
    assert house.token.balance(house.contribution().payee) == SHARED * 3 // 4
    with pytest.raises(NothingToClaim) as caught:
        house.market.claim_many(house.relay, claims)
    assert caught.value.values == {"listing": bytes(32), "leaf": bytes(32)}


def bonded(house: House, bond: int = 1_001) -> Listing:
    house.token.mint(house.governance, house.hospital.address, bond)
    house.token.approve(house.hospital, house.market.address, bond)
    return house.list(bond=bond)


def test_a_bond_comes_back_when_nothing_can_be_open(house: House):
    house.give_consent()
    listing = bonded(house)
    listing_id, market = house.listing_id(listing), house.market
    assert market.listing_state(listing_id).bond is Bond.HELD
    with pytest.raises(CloseOutTooEarly):
        market.close_out(house.stranger, listing)
    market.withdraw(house.patient, listing, house.contribution(), house.proof())
    closed = market.listing_state(listing_id).closes_at
    with pytest.raises(CloseOutTooEarly) as caught:
        market.close_out(house.stranger, listing)
    until = caught.value.values["until"]
    assert until >= closed + 30 * 86_400
    house.chain.set_time(until + 1)
    market.close_out(house.stranger, listing)
    assert house.token.balance(house.hospital.address) == listing.bond
    with pytest.raises(BondNotHeld) as again:
        market.close_out(house.stranger, listing)
    assert again.value.values == {"listing": listing_id, "state": Bond.NONE.value}
    assert str(again.value).startswith("The bond of listing 0x")


def test_challenge_refuses_other_evidence(house: House):
    listing, terms = bonded(house), terms_of(house)
    _, signature = house.market.sign_contribution(house.patient, terms)
    signed = SignedContribution(terms, signature)
    with pytest.raises(EvidenceMismatched):
        house.market.challenge(house.relay, listing, house.contribution(), signed, house.proof())
    assert house.market.challenges(house.listing_id(listing)) == []
    assert house.market.challenger_of(house.listing_id(listing)) == ZERO_ADDRESS
    with pytest.raises(ERC20InsufficientAllowance):
        house.list(bond=5, salt=b"\x07" * 8)


def test_a_reviewer_clears_a_purchase_that_a_listing_refers(house: House):
    listing = house.list(terms=purpose.HMB | purpose.COL)
    with pytest.raises(PurposeDenied):
        house.purchase(listing)
    subject, buyer = house.listing_id(listing), house.researcher.address
    house.consent.clear(house.reviewer, subject, buyer, purpose.HMB, house.in_days(9))
    order_id, _ = house.purchase(listing)
    assert house.market.order_state(order_id) is OrderState.OPEN


# Permits


def test_a_permit_pays_with_one_transaction(house: House):
    listing, buyer = house.list(), house.researcher
    house.token.mint(house.governance, buyer.address, PRICE)
    deadline = house.in_days(1)
    permit = house.token.sign_permit(buyer, house.market.address, PRICE, deadline)
    assert permit is not None
    lock = house.stranger.address
    house.market.purchase_with_permit(buyer, listing, purpose.HMB, lock, deadline, permit)
    assert house.token.balance(house.market.address) == PRICE
    assert house.token.allowance(buyer.address, house.market.address) == 0
    assert len(house.market.purchases(buyer=buyer.address)) == 1


def test_a_permit_of_another_does_not_pay(house: House):
    listing, buyer = house.list(), house.researcher
    house.token.mint(house.governance, buyer.address, PRICE)
    deadline = house.in_days(1)
    permit = house.token.sign_permit(house.stranger, house.market.address, PRICE, deadline)
    assert permit is not None
    with pytest.raises(ERC20InsufficientAllowance):
        house.market.purchase_with_permit(
            buyer, listing, purpose.HMB, house.stranger.address, deadline, permit
        )


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
