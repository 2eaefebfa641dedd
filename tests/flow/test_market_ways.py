"""Bonds, challenges, issuers' parts, listing again, claims together: on a real chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medibloc_py.client import read_request
from medibloc_py.crypto.quote import Quote
from medibloc_py.errors import (
    BondNotHeld,
    CloseOutTooEarly,
    ContributionUnknown,
    ContributionValid,
    DocumentInvalid,
    EvidenceMismatched,
    InsufficientFunds,
    InvalidValue,
    ListingClosed,
    MandateMissing,
    MandateTooShort,
    NothingToClaim,
    NotPayee,
    PurposeDenied,
    QuoteInvalid,
)
from medibloc_py.flows import listing as listings
from medibloc_py.flows import papers
from medibloc_py.flows.contribute import leaf_of
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.listing import DatasetListed
from medibloc_py.flows.prepared import write_act
from medibloc_py.flows.relay import read_act, send_acts
from medibloc_py.model import Address, Bond, Role, Scope, SignedContribution
from tests.flow.world import DAY, FEE_BPS, PRICE, PURPOSE, TERMS, World

BOND = 40_000_001
NOBODY = Address("0x000000000000000000000000000000000000dEaD")
PARTS = {"fee_bps": 300, "issuer_bps": 200}


def bonded(world: World, *signed: SignedContribution, **changed: object) -> DatasetListed:
    """A listing of the hospital with a bond and a part for issuers."""
    world.token.mint(world.me("governance").signer, world.address("hospital"), BOND)
    return world.list_dataset(*signed, **({"bond": BOND, **PARTS} | changed))


def sell(world: World, listed: DatasetListed, buyer: str = "researcher") -> None:
    checked = world[buyer].check_quote(world.quote(listed, buyer), "quote", PURPOSE)
    world["hospital"].settle(world[buyer].purchase(checked).order_id)


def forged(world: World, monkeypatch: pytest.MonkeyPatch) -> DatasetListed:
    """A bonded listing in which one contribution is signed by the steward, not by its patient."""
    alice, bob = world.contribute("alice"), world.contribute("bob")
    _, signature = world.exchange.market.sign_contribution(world.me("hospital").signer, bob.terms)
    false = replace(bob, signature=signature)
    with monkeypatch.context() as patch:
        patch.setattr(
            listings,
            "check_contributions",
            lambda exchange, signed, listing: [leaf_of(exchange, each) for each in signed],
        )
        return bonded(world, alice, false)


def escrow(world: World) -> int:
    return world.token.balance(world.exchange.market.address)


# The bond.


def test_a_bond_is_taken_and_comes_back_when_nothing_can_be_owed(world: World) -> None:
    listed = bonded(world)
    state = world.exchange.market.listing_state(listed.listing_id)
    assert (state.bond, escrow(world)) == (Bond.HELD, BOND)
    with pytest.raises(CloseOutTooEarly):
        world["stranger"].close_out(listed.listing)
    world.chain.set_time(listed.listing.closes_at + 30 * DAY)
    with pytest.raises(CloseOutTooEarly):
        world["stranger"].close_out(listed.listing)
    world.chain.set_time(listed.listing.closes_at + 30 * DAY + 2)
    before = world.token.balance(world.address("hospital"))
    world["stranger"].close_out(listed.listing)
    assert world.token.balance(world.address("hospital")) == before + BOND
    assert escrow(world) == 0
    with pytest.raises(BondNotHeld):
        world["stranger"].close_out(listed.listing)


def test_a_bond_must_be_there_before_anything_is_made(world: World) -> None:
    with pytest.raises(InsufficientFunds) as caught:
        world.list_dataset(bond=BOND)
    assert caught.value.values["needed"] == BOND
    assert world.exchange.market.listings() == []


# Challenges.


def test_a_buyer_takes_the_bond_by_what_a_quote_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = forged(world, monkeypatch)
    quote = world.quote(listed)
    with pytest.raises(QuoteInvalid, match="not signed by"):
        world["researcher"].check_quote(quote, "quote", PURPOSE)
    done = world["researcher"].challenge_quote(quote, "quote")
    assert done.evidence.terms.patient == world.address("bob")
    state = world.exchange.market.listing_state(listed.listing_id)
    assert state.bond is Bond.FORFEITED
    assert state.closes_at < world.exchange.network.now()
    assert world.exchange.market.challenger_of(done.listing_id) == world.address("researcher")
    before = world.token.balance(world.address("researcher"))
    world["stranger"].close_out(listed.listing)
    assert world.token.balance(world.address("researcher")) == before + BOND // 2
    assert world.token.balance(NOBODY) == BOND - BOND // 2
    with pytest.raises(ListingClosed):
        world.quote(listed)


def test_anyone_takes_the_bond_by_a_claim_file_and_its_evidence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = forged(world, monkeypatch)
    claims = {claim.contribution.patient: claim for claim in listed.claims}
    alice, bob = (papers.write("claim", claims[world.address(name)]) for name in ("alice", "bob"))
    kept = kept_listing(world.me("hospital"), listed.listing_id)
    true, false = kept.contributions
    with pytest.raises(ContributionValid):
        world["stranger"].challenge_claim(alice, "claim", true)
    with pytest.raises((EvidenceMismatched, ContributionUnknown)):
        world["stranger"].challenge_claim(alice, "claim", false)
    done = world["stranger"].challenge_claim(bob, "claim", false)
    assert done.listing_id == listed.listing_id
    with pytest.raises(BondNotHeld):
        world["rival"].challenge_claim(bob, "claim", false)


def test_an_honest_listing_stands_every_challenge(world: World) -> None:
    listed = bonded(world)
    quote = world.quote(listed)
    with pytest.raises(ContributionValid):
        world["researcher"].challenge_quote(quote, "quote")
    # Not even the patient can make a good signature bad.
    world["bob"].revoke_consent()
    with pytest.raises(ContributionValid):
        world["researcher"].challenge_quote(quote, "quote")
    assert world.exchange.market.listing_state(listed.listing_id).bond is Bond.HELD


def test_a_quote_for_other_contributions_proves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = bonded(world)
    quote = world.quote(listed)
    decode = Quote.decode

    def other(*given: object) -> Quote:
        honest = decode(*given)  # type: ignore[arg-type]
        first, second = honest.contributions
        false = replace(second, signature=first.signature)
        return replace(honest, contributions=(first, false))

    monkeypatch.setattr(Quote, "decode", other)
    with pytest.raises(ContributionUnknown):
        world["researcher"].challenge_quote(quote, "quote")


# Parts.


def test_issuers_and_steward_and_patients_are_paid_to_the_unit(world: World) -> None:
    listed = bonded(world)
    sell(world, listed)
    (issuer,) = listed.issuer_claims
    assert world["hospital"].issuer_claims_of(listed.listing_id) == listed.issuer_claims
    assert issuer.share.issuer == world.address("hospital")
    before = world.token.balance(world.address("hospital"))
    world["stranger"].claim(papers.write("issuer-claim", issuer), "claim")
    world["stranger"].claim_fee(listed.listing)
    assert world.token.balance(world.address("hospital")) == before + PRICE * 500 // 10_000
    with pytest.raises(NothingToClaim):
        world["stranger"].claim(papers.write("issuer-claim", issuer), "claim")
    files = [(world.claim_file(listed, name), name) for name in ("alice", "bob")]
    (receipt,) = world["stranger"].claim_many(files)
    paid = {event.args["payee"]: event.args["amount"] for event in receipt.events}
    left = PRICE - PRICE * 500 // 10_000
    assert paid == {world.address("alice"): left * 3 // 4, world.address("bob"): left // 4}
    assert escrow(world) == BOND
    with pytest.raises(NothingToClaim):
        world["stranger"].claim_many(files)


def test_claims_of_several_listings_go_together_and_idle_ones_stay(world: World) -> None:
    first, second, idle = (world.list_dataset() for _ in range(3))
    sell(world, first)
    sell(world, second, "rival")
    files = [
        (world.claim_file(listed, name), name)
        for listed in (first, second, idle)
        for name in ("alice", "bob")
    ]
    (receipt,) = world["stranger"].claim_many(files)
    assert len([event for event in receipt.events if event.name == "Claimed"]) == 4
    assert escrow(world) == 2 * PRICE * FEE_BPS // 10_000  # the steward's


def test_an_issuers_file_is_not_a_contributors(world: World) -> None:
    (issuer,) = bonded(world).issuer_claims
    file = papers.write("issuer-claim", issuer)
    with pytest.raises(DocumentInvalid, match="it is an issuer's"):
        world["hospital"].withdraw(file, "claim")
    with pytest.raises(DocumentInvalid, match="it is an issuer's"):
        world["hospital"].claim_many([(file, "claim")])


def test_only_the_payee_sends_a_share_elsewhere(world: World) -> None:
    listed = world.list_dataset()
    sell(world, listed)
    file, to = world.claim_file(listed, "alice"), world.address("rival")
    before = world.token.balance(to)
    with pytest.raises(NotPayee):
        world["bob"].claim_to(file, "claim", to)
    world["alice"].claim_to(file, "claim", to).send()
    assert world.token.balance(to) == before + (PRICE - PRICE * 500 // 10_000) * 3 // 4


def test_a_payees_word_is_relayed_once(world: World) -> None:
    listed = world.list_dataset()
    sell(world, listed)
    file, to = world.claim_file(listed, "alice"), world.address("rival")
    before = world.token.balance(to)
    act = write_act(world["alice"].claim_to(file, "claim", to).sign(world.in_days(1)))
    assert read_act(world.exchange, act, "act").terms["to"] == to
    relay = world.me("stranger")
    (done,) = send_acts(world.exchange, relay, [("act", act)])
    assert done.error is None
    assert world.token.balance(to) == before + (PRICE - PRICE * 500 // 10_000) * 3 // 4
    (again,) = send_acts(world.exchange, relay, [("act", act)])
    assert again.error is not None


def test_a_delegate_signs_a_contribution_for_the_patient(world: World) -> None:
    guardian, patient = world["clinic"], world.address("alice")
    terms = {
        "steward": world.address("hospital"),
        "token": world.token.address,
        "terms": TERMS,
        "min_price": PRICE,
        "max_fee_bps": FEE_BPS,
        "max_total_weight": 4,
        "expires_at": world.in_days(90),
        "patient": patient,
    }
    record = world.records["alice"]
    with pytest.raises(MandateMissing):
        guardian.contribute(record, **terms)  # type: ignore[arg-type]
    scope = Scope.GRANT | Scope.SELL
    name = world.exchange.consent.set_delegate
    name(world.me("alice").signer, world.address("clinic"), scope, world.in_days(60))
    with pytest.raises(MandateTooShort):
        guardian.contribute(record, **terms)  # type: ignore[arg-type]
    name(world.me("alice").signer, world.address("clinic"), scope, world.in_days(91))
    file = world["hospital"].hand_over(record, world.address("clinic"))
    guardian.import_record(file, "record")
    signed = guardian.contribute(record, **terms)  # type: ignore[arg-type]
    assert (signed.terms.patient, signed.terms.signer) == (patient, world.address("clinic"))
    listed = world.list_dataset(signed)
    sell(world, listed)
    assert listed.claims[0].contribution.payee == patient
    # A mandate that ended takes nothing from what was signed under it, but no new buyer pays.
    name(world.me("alice").signer, world.address("clinic"), Scope(0), 0)
    with pytest.raises(QuoteInvalid, match="may not sell"):
        world["rival"].check_quote(world.quote(listed, "rival"), "quote", PURPOSE)
    with pytest.raises(ContributionValid):
        world["rival"].challenge_quote(world.quote(listed, "rival"), "quote")


# Payment.


def test_a_purchase_is_one_transaction_by_permit(world: World) -> None:
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    nonce = world.exchange.network.rpc.ask(
        "eth_getTransactionCount", world.address("researcher"), "latest"
    )
    bought = world["researcher"].purchase(checked)
    after = world.exchange.network.rpc.ask(
        "eth_getTransactionCount", world.address("researcher"), "latest"
    )
    assert bought.approval is None
    assert int(str(after), 16) == int(str(nonce), 16) + 1
    market = world.exchange.market.address
    assert world.token.allowance(world.address("researcher"), market) == 0


def test_a_reviewer_clears_what_the_terms_refer_and_no_more(world: World) -> None:
    world.accredit("clinic", Role.REVIEWER, world.in_days(30))
    listed = world.list_dataset()
    market, reviewer = world["hospital"], world.me("clinic").signer
    buyer = world.address("researcher")

    def quote(purpose: str) -> bytes:
        return market.quote(listed.listing_id, buyer, purpose, world.in_days(1))

    def clear(purpose: str) -> None:
        request = read_request(purpose)
        until = world.in_days(2)
        world.exchange.consent.clear(reviewer, listed.listing_id, buyer, request, until)

    sensitive, denied = PURPOSE + "+SENSITIVE", "HMB+COMMERCIAL+HAS_IRB+SENSITIVE"
    with pytest.raises(PurposeDenied):
        quote(sensitive)
    clear(sensitive)
    checked = world["researcher"].check_quote(quote(sensitive), "quote", sensitive)
    bought = world["researcher"].purchase(checked)
    market.settle(bought.order_id)
    assert len(world["researcher"].open_dataset(bought.order_id)) == 2
    clear(denied)
    with pytest.raises(PurposeDenied):
        quote(denied)


# Listing again.


def test_a_listing_is_made_again_without_who_left(world: World) -> None:
    listed = bonded(world)
    world["bob"].withdraw(world.claim_file(listed, "bob"), "claim")
    world.token.mint(world.me("governance").signer, world.address("hospital"), BOND)
    done = world["hospital"].relist(listed.listing_id)
    ((record, reason),) = done.left_out
    assert (record, reason.endswith("its patient has withdrawn it")) == (
        world.records["bob"],
        True,
    )
    again = done.listed
    assert again.listing.total_weight == 3
    assert (again.listing.price, again.listing.bond) == (PRICE, BOND)
    assert (again.listing.fee_bps, again.listing.issuer_bps) == (300, 200)
    before, after = (
        kept_listing(world.me("hospital"), each).D for each in (listed.listing_id, again.listing_id)
    )
    assert before != after
    sell(world, again)
    left = PRICE - PRICE * 500 // 10_000
    (claim,) = again.claims
    world["stranger"].claim(papers.write("claim", claim), "claim")
    assert world.token.balance(world.address("alice")) == left


def test_a_listing_is_made_again_at_another_price_without_a_record(world: World) -> None:
    listed = world.list_dataset()
    done = world["hospital"].relist(
        listed.listing_id, price=PRICE * 2, without=[world.records["alice"]]
    )
    assert done.left_out == ((world.records["alice"], "left out by the steward"),)
    assert (done.listed.listing.price, done.listed.listing.total_weight) == (PRICE * 2, 1)
    with pytest.raises(InvalidValue, match="contributions"):
        world["hospital"].relist(listed.listing_id, price=1)
