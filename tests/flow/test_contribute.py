"""A patient's word: signed once, checked wherever it matters, taken back at any time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from medibloc_py.errors import (
    ConsentNotCovering,
    ContributionInvalid,
    ContributionUnknown,
    DocumentInvalid,
    ExpiryInPast,
    InvalidPurpose,
    InvalidValue,
    ListingClosed,
    ListingInvalid,
    ListingUnknown,
    NothingToClaim,
    QuoteInvalid,
    RecordNotHeld,
    TermsInvalid,
    WithdrawalNotAllowed,
)
from medibloc_py.flows import papers
from medibloc_py.flows.contribute import contribute
from medibloc_py.flows.held import held_record, keep_record
from medibloc_py.flows.kept import kept_listing
from medibloc_py.flows.listing import claims_of
from medibloc_py.model import KeyCommitment, ListingId, Scope, SignedContribution
from tests.flow.world import DAY, FEE_BPS, PRICE, PURPOSE, World


def signed_by(world: World, name: str, signed: SignedContribution) -> SignedContribution:
    """The same terms with somebody's signature."""
    _, signature = world.exchange.market.sign_contribution(world.me(name).signer, signed.terms)
    return SignedContribution(signed.terms, signature)


# Signing.


def test_contribute_signs_what_was_asked(world: World) -> None:
    signed = world.contribute("alice", payee=world.address("stranger"))
    assert world.exchange.market.recover_contribution_signer(signed) == world.address("alice")
    held = held_record(world.me("alice"), world.records["alice"])
    assert signed.terms.key_commitment == held.key_commitment
    assert signed.terms.payee == world.address("stranger")
    assert world.contribute("alice").terms.payee == world.address("alice")


def test_contribute_is_refused_without_a_consent_that_covers_the_terms(world: World) -> None:
    with pytest.raises(ConsentNotCovering) as caught:
        world.contribute("alice", terms="NRES")
    assert caught.value.values == {"patient": world.address("alice"), "terms": "NRES"}
    world["alice"].set_consent("DS", world.in_days(9), "form")
    with pytest.raises(ConsentNotCovering):
        world.contribute("alice")
    world["alice"].revoke_consent()
    with pytest.raises(ConsentNotCovering):
        world.contribute("alice")


def test_contribute_is_refused_once_the_consent_expired(world: World) -> None:
    world["alice"].set_consent("GRU", world.in_days(1), "form")
    world.contribute("alice")
    world.chain.increase_time(DAY + 1)
    with pytest.raises(ConsentNotCovering):
        world.contribute("alice")


def test_contribute_is_by_who_holds_the_record(world: World) -> None:
    with pytest.raises(RecordNotHeld):
        contribute(
            world.exchange,
            world.me("alice"),
            world.records["bob"],
            steward=world.address("hospital"),
            token=world.token.address,
            terms=kept_terms(world),
            min_price=1,
            max_fee_bps=0,
            max_total_weight=1,
            expires_at=world.in_days(1),
        )


def kept_terms(world: World) -> int:
    return world.contribute("alice").terms.terms


@pytest.mark.parametrize("terms", ["GRU+HMB", "NCU", "NRES+GRU"])
def test_contribute_refuses_what_are_no_terms(world: World, terms: str) -> None:
    with pytest.raises(TermsInvalid):
        world.contribute("alice", terms=terms)


def test_contribute_refuses_a_name_that_is_no_term(world: World) -> None:
    with pytest.raises(InvalidPurpose):
        world.contribute("alice", terms="HMB+NONPROFIT")


@pytest.mark.parametrize(
    "changed",
    [{"weight": 0}, {"weight": -1}, {"weight": 2**96}, {"weight": 13},
     {"max_total_weight": 2}, {"min_price": -1}, {"min_price": 2**96},
     {"max_fee_bps": 10_001}, {"max_fee_bps": -1}, {"expires_at": 2**40}],
    ids=str,
)  # fmt: skip
def test_contribute_refuses_numbers_no_listing_could_meet(
    world: World, changed: dict[str, int]
) -> None:
    with pytest.raises(InvalidValue):
        world.contribute("alice", **changed)


def test_contribute_refuses_a_time_that_has_passed(world: World) -> None:
    for until in (-1, 0, world.in_days(0)):
        with pytest.raises(ExpiryInPast):
            world.contribute("alice", expires_at=until)


# Listing.


def test_list_dataset_takes_what_patients_signed(world: World) -> None:
    listed = world.list_dataset()
    assert listed.listing.total_weight == 4
    state = world.exchange.market.listing_state(listed.listing_id)
    assert (state.earned, state.paid, state.closes_at) == (0, 0, listed.listing.closes_at)
    assert [claim.contribution.patient for claim in listed.claims] == [
        world.address("alice"),
        world.address("bob"),
    ]
    assert claims_of(world.exchange, world.me("hospital"), listed.listing_id) == listed.claims
    assert world["hospital"].claims_of(listed.listing_id) == listed.claims


def test_list_dataset_refuses_none_at_all(world: World) -> None:
    with pytest.raises(InvalidValue):
        world["hospital"].list_dataset([], price=1, fee_bps=0, closes_at=world.in_days(1))


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        ({"price": PRICE // 2 - 1}, "a price of 500000000 at least"),
        ({"fee_bps": FEE_BPS + 1}, "a fee of 500 basis points at most"),
        ({"issuer_bps": 1}, "a fee of 500 basis points at most"),
        ({"closes_at": 2**40 - 1}, "expires before the listing closes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_list_dataset_refuses_an_offer_the_patient_did_not_sign(
    world: World, offer: dict[str, int], reason: str
) -> None:
    with pytest.raises(ContributionInvalid, match=reason):
        world.list_dataset(**offer)
    assert world.exchange.market.listings() == []


@pytest.mark.parametrize("field", ["steward", "token", "payee"])
def test_list_dataset_refuses_terms_altered_after_signing(world: World, field: str) -> None:
    alice = world.contribute("alice")
    forged = replace(alice, terms=replace(alice.terms, **{field: world.address("rival")}))
    with pytest.raises(ContributionInvalid, match="it is not signed by 0x") as caught:
        world.list_dataset(world.contribute("bob"), forged)
    assert caught.value.values["patient"] == world.address("alice")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"steward": "rival"}, "names the steward"),
        ({"token": "rival"}, "asks for payment in"),
        ({"terms": "HMB+NCU+IRB+PUB"}, "other terms of use"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_list_dataset_refuses_what_was_signed_for_another_listing(
    world: World, changed: dict[str, str], reason: str
) -> None:
    changed = {
        name: world.address(value) if value == "rival" else value for name, value in changed.items()
    }
    with pytest.raises(ContributionInvalid, match=reason):
        world.list_dataset(world.contribute("alice"), world.contribute("bob", **changed))


def test_list_dataset_refuses_a_weight_of_nothing(world: World) -> None:
    bob = world.contribute("bob")
    nothing = signed_by(world, "bob", replace(bob, terms=replace(bob.terms, weight=0)))
    with pytest.raises(ContributionInvalid, match="its weight is zero"):
        world.list_dataset(world.contribute("alice"), nothing)


def test_list_dataset_refuses_another_signer(world: World) -> None:
    forged = signed_by(world, "rival", world.contribute("bob"))
    with pytest.raises(ContributionInvalid, match="it is not signed by 0x"):
        world.list_dataset(world.contribute("alice"), forged)


def test_list_dataset_takes_the_word_of_a_delegate_as_long_as_it_may_sell(world: World) -> None:
    bob, guardian = world.contribute("bob"), world.address("clinic")
    word = signed_by(world, "clinic", replace(bob, terms=replace(bob.terms, signer=guardian)))
    name = partial(world.exchange.consent.set_delegate, world.me("bob").signer, guardian)
    until = bob.terms.expires_at
    refusals = [(Scope.GRANT, until), (Scope.SELL, until - 1), (Scope(0), 0)]
    for scope, last in refusals:
        name(scope, last)
        with pytest.raises(ContributionInvalid, match=r"may not sell for|never was a delegate"):
            world.list_dataset(world.contribute("alice"), word)
    name(Scope.SELL, until)
    listed = world.list_dataset(world.contribute("alice"), word)
    quoted = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    assert quoted.quote.contributions[1].terms.signer == guardian
    name(Scope(0), 0)  # from now on it sells to nobody new
    with pytest.raises(QuoteInvalid, match="may not sell for the patient"):
        world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)


@pytest.mark.parametrize("signature", [b"", b"\x00" * 65, b"\xff" * 65, b"\x01" * 64])
def test_list_dataset_refuses_what_is_no_signature(world: World, signature: bytes) -> None:
    forged = replace(world.contribute("bob"), signature=signature)
    with pytest.raises(ContributionInvalid):
        world.list_dataset(world.contribute("alice"), forged)


def test_list_dataset_refuses_numbers_no_contract_holds(world: World) -> None:
    bob = world.contribute("bob")
    forged = replace(bob, terms=replace(bob.terms, weight=2**200))
    with pytest.raises(ContributionInvalid):
        world.list_dataset(forged)


def test_list_dataset_refuses_a_record_twice(world: World) -> None:
    with pytest.raises(ContributionInvalid, match="twice"):
        world.list_dataset(world.contribute("alice"), world.contribute("alice", weight=2))


def test_list_dataset_refuses_a_record_the_steward_does_not_hold(world: World) -> None:
    alice = world.contribute("alice", steward=world.address("rival"))
    with pytest.raises(RecordNotHeld):
        world["rival"].list_dataset([alice], price=PRICE, fee_bps=0, closes_at=world.in_days(1))


def test_list_dataset_refuses_a_commitment_to_another_key(world: World) -> None:
    bob = world.contribute("bob")
    terms = replace(bob.terms, key_commitment=KeyCommitment(b"k" * 32))
    with pytest.raises(ContributionInvalid, match="another key"):
        world.list_dataset(signed_by(world, "bob", replace(bob, terms=terms)))


def test_list_dataset_refuses_what_is_no_terms_word(world: World) -> None:
    bob = world.contribute("bob")
    with pytest.raises(TermsInvalid):
        world.list_dataset(replace(bob, terms=replace(bob.terms, terms=0)))


def test_list_dataset_is_refused_once_a_consent_expired(world: World) -> None:
    world["bob"].set_consent("GRU", world.in_days(1), "form")
    both = [world.contribute(name) for name in ("alice", "bob")]
    world.chain.increase_time(DAY + 1)
    with pytest.raises(ConsentNotCovering) as caught:
        world.list_dataset(*both)
    assert caught.value.values["patient"] == world.address("bob")


def test_list_dataset_is_refused_in_the_past_or_for_no_token(world: World) -> None:
    with pytest.raises(ExpiryInPast):
        world.list_dataset(closes_at=world.in_days(-1))
    nobody = world.contribute("alice", token=world.address("stranger"))
    with pytest.raises(ListingInvalid):
        world.list_dataset(nobody)


def test_list_dataset_keeps_its_secret_before_it_sends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ListingId] = []
    market = world.exchange.market
    send = market.list

    def watched(signer: object, listing: object) -> object:
        hospital = world.me("hospital")
        (name,) = hospital.kept("listing-")
        seen.append(ListingId(bytes.fromhex(name.removeprefix("listing-"))))
        assert kept_listing(hospital, seen[0]).listing == listing
        return send(signer, listing)  # type: ignore[arg-type]

    monkeypatch.setattr(market, "list", watched)
    assert world.list_dataset().listing_id == seen[0]


def test_one_records_own_proof_does_where_the_steward_holds_not_all_of_a_batch(
    world: World,
) -> None:
    # Alice lists her own record: of the hospital's batch of two she holds one.
    alice = world.contribute("alice", steward=world.address("alice"))
    listed = world["alice"].list_dataset(
        [alice], price=PRICE, fee_bps=0, closes_at=world.in_days(1)
    )
    quote = world["alice"].quote(
        listed.listing_id,
        world.address("researcher"),
        "HMB+NONCOMMERCIAL+HAS_IRB",
        world.in_days(1),
    )
    assert world["researcher"].check_quote(quote, "quote", PURPOSE).quote.batches[0].proof


def test_kept_listing_is_the_stewards(world: World) -> None:
    listed = world.list_dataset()
    with pytest.raises(ListingUnknown):
        kept_listing(world.me("rival"), listed.listing_id)


# Leaving.


def test_withdraw_closes_the_listing_for_good(world: World) -> None:
    both = [world.contribute(name) for name in ("alice", "bob")]
    listed = world.list_dataset(*both)
    world["alice"].withdraw(world.claim_file(listed, "alice"), "claim")
    state = world.exchange.market.listing_state(listed.listing_id)
    assert state.closes_at < world.exchange.network.now()
    with pytest.raises(ContributionInvalid, match="withdrawn"):
        world.list_dataset(*both)
    # Without her, and later with a new word of hers, the rest goes on.
    world.list_dataset(world.contribute("bob"))
    world.list_dataset(world.contribute("alice", max_fee_bps=FEE_BPS + 1), world.contribute("bob"))


def test_withdraw_by_others_waits_until_the_consent_ends(world: World) -> None:
    world["bob"].set_consent("GRU", world.in_days(1), "form")
    listed = world.list_dataset()
    claim = world.claim_file(listed, "bob")
    with pytest.raises(WithdrawalNotAllowed) as caught:
        world["stranger"].withdraw(claim, "claim")
    assert caught.value.values["caller"] == world.address("stranger")
    world.chain.increase_time(DAY + 1)
    world["stranger"].withdraw(claim, "claim")
    with pytest.raises(ListingClosed):
        world["stranger"].withdraw(claim, "claim")


@pytest.mark.parametrize("terms", ["DS", "HMB+NPU"])
def test_withdraw_by_others_follows_a_narrowed_consent(world: World, terms: str) -> None:
    listed = world.list_dataset()
    world["bob"].set_consent(terms, world.in_days(9), "form")
    world["stranger"].withdraw(world.claim_file(listed, "bob"), "claim")


def test_withdraw_by_others_follows_a_revoked_consent(world: World) -> None:
    listed = world.list_dataset()
    world["bob"].revoke_consent()
    world["stranger"].withdraw(world.claim_file(listed, "bob"), "claim")


# Claim files.


def test_claim_finds_nothing_before_a_sale(world: World) -> None:
    listed = world.list_dataset()
    with pytest.raises(NothingToClaim):
        world["alice"].claim(world.claim_file(listed, "alice"), "claim")
    with pytest.raises(NothingToClaim):
        world["hospital"].claim_fee(listed.listing)


def altered(data: bytes, *path: str, to: object) -> bytes:
    body = json.loads(data)
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return json.dumps(body).encode()


def test_claim_refuses_a_claim_file_with_altered_parts(world: World) -> None:
    listed = world.list_dataset()
    honest = world.claim_file(listed, "alice")
    rival = world.address("rival")
    for path, value in (("contribution", "payee"), rival), (("contribution", "weight"), 4):
        with pytest.raises(ContributionUnknown):
            world["alice"].claim(altered(honest, *path, to=value), "claim")
    with pytest.raises(ContributionUnknown):
        world["alice"].claim(altered(honest, "proof", to=[]), "claim")
    for path, value in (("listing", "price"), 1), (("listing", "steward"), rival):
        with pytest.raises(ListingUnknown):
            world["alice"].claim(altered(honest, *path, to=value), "claim")


def test_claim_refuses_the_claim_file_of_another_market(world: World) -> None:
    honest = world.claim_file(world.list_dataset(), "alice")
    for name, value in (("chain_id", 1), ("market", world.token.address)):
        for act in (world["alice"].claim, world["alice"].withdraw):
            with pytest.raises(ContributionUnknown):
                act(altered(honest, name, to=value), "claim")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("chain_id",), -1),
        (("listing", "price"), 2**96),
        (("listing", "price"), -5),
        (("listing", "closes_at"), 2**40),
        (("listing", "salt"), "0x00"),
        (("contribution", "weight"), 2**96),
        (("contribution", "consent_digest"), "0x"),
        (("proof",), ["0x00"]),
    ],
    ids=str,
)
def test_claim_refuses_values_no_contract_holds(
    world: World, path: tuple[str, ...], value: object
) -> None:
    honest = world.claim_file(world.list_dataset(), "alice")
    with pytest.raises(DocumentInvalid) as caught:
        world["alice"].claim(altered(honest, *path, to=value), "a file")
    assert caught.value.values["path"] == "a file"


def test_claim_refuses_another_kind_of_paper(world: World) -> None:
    data = papers.write("contribution", world.contribute("alice"))
    with pytest.raises(DocumentInvalid, match="another kind"):
        world["alice"].claim(data, "claim")


def test_a_record_kept_twice_is_one_record(world: World) -> None:
    me = world.me("alice")
    before = me.vault.names()
    keep_record(me, held_record(me, world.records["alice"]))
    assert me.vault.names() == before
