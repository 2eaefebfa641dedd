"""Every signed act: taken once, by whoever sends it, in one state, in time, on one contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import Any

import pytest

from medibloc_py import acts, purpose
from medibloc_py.chain import Network, Room, Signer
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import (
    AlreadyWithdrawn,
    ContractRefusal,
    ContributionValid,
    MandateMissing,
    MandateTooShort,
    NotPayee,
    SignatureExpired,
    SignatureInvalid,
    SignerUndeployed,
)
from medibloc_py.model import (
    GENERAL,
    Contribution,
    ContributionTerms,
    KeyCommitment,
    Receipt,
    Scope,
    Signed,
    SignedContribution,
)
from tests.flow.services.house import BLIND, FORM, PRICE, SECRET, House

BUNDLE = b"\x01" + b"\x42" * 1248
TERMS = purpose.HMB
UNDEPLOYED = bytes(64) + bytes.fromhex("6492" * 16)


@dataclass(frozen=True)
class Case:
    """One act.

    Attributes:
        room: the service that takes it.
        signer: who may say it.
        sign: gives the word, from a service and for a deadline.
        send: sends the word, as anybody.
        again: what the word is refused with when it was used.
        meanwhile: makes another state, in which the word no longer holds.
        before: what must be there first.
    """

    act: acts.Act
    room: str
    signer: str
    sign: Callable[[House, Any, Signer, int], Signed]
    send: Callable[[House, Signed], Receipt]
    meanwhile: Callable[[House], object] | None = None
    again: type[ContractRefusal] = SignatureInvalid
    before: Callable[[House], object] = lambda house: None


def in_a_year(house: House) -> int:
    return house.network.now() // 86_400 * 86_400 + 365 * 86_400


def listed(house: House) -> House:
    """A listing that sold once: something is due to the stranger, who is the payee."""
    house.give_consent()
    _, order = house.purchase(house.list())
    house.market.settle(house.hospital, order, SECRET)
    return house


def standing(house: House) -> tuple[Any, ...]:
    return house.listing(), house.contribution(), house.proof()


def places(house: House) -> tuple[Any, ...]:
    return house.listing_id(house.listing()), ids.contribution_leaf(house.contribution())


CASES = [
    Case(
        acts.ENCRYPTION_KEY,
        "accounts",
        "patient",
        lambda house, room, signer, until: room.sign_encryption_key(signer, BUNDLE, until),
        lambda house, by: house.accounts.publish_key_for(house.relay, BUNDLE, by),
        lambda house: house.accounts.publish_key(house.patient, BUNDLE),
    ),
    Case(
        acts.CONSENT,
        "consent",
        "patient",
        lambda house, room, signer, until: room.sign_consent(
            signer, house.patient.address, TERMS, in_a_year(house), FORM, until, house.record
        ),
        lambda house, by: house.consent.set_for(
            house.relay, house.patient.address, TERMS, in_a_year(house), FORM, by, house.record
        ),
        lambda house: house.consent.revoke(house.patient, house.record),
    ),
    Case(
        acts.REVOCATION,
        "consent",
        "patient",
        lambda house, room, signer, until: room.sign_revocation(
            signer, house.patient.address, until, house.record
        ),
        lambda house, by: house.consent.revoke_for(
            house.relay, house.patient.address, by, house.record
        ),
        lambda house: house.consent.set(house.patient, TERMS, in_a_year(house), FORM, house.record),
    ),
    Case(
        acts.LIFT,
        "consent",
        "patient",
        lambda house, room, signer, until: room.sign_lift(
            signer, house.patient.address, house.record, until
        ),
        lambda house, by: house.consent.lift_for(
            house.relay, house.patient.address, house.record, by
        ),
        lambda house: house.consent.set(house.patient, TERMS, in_a_year(house), FORM, house.record),
        before=lambda house: house.consent.revoke(house.patient, house.record),
    ),
    Case(
        acts.MANDATE,
        "consent",
        "patient",
        lambda house, room, signer, until: room.sign_mandate(
            signer, house.guardian.address, Scope.GRANT | Scope.SELL, in_a_year(house), until
        ),
        lambda house, by: house.consent.set_delegate_for(
            house.relay, house.guardian.address, Scope.GRANT | Scope.SELL, in_a_year(house), by
        ),
        lambda house: house.consent.set_delegate(
            house.patient, house.guardian.address, Scope(0), 0
        ),
    ),
    Case(
        acts.GRANT,
        "access",
        "patient",
        lambda house, room, signer, until: room.sign_grant(
            signer,
            house.patient.address,
            house.record,
            house.request(expires_at=in_a_year(house)),
            until,
        ),
        lambda house, by: house.access.grant_for(
            house.relay, house.patient.address, house.request(expires_at=in_a_year(house)), by
        ),
        lambda house: house.access.grant(house.patient, house.request()),
        before=lambda house: house.register(),
    ),
    Case(
        acts.GRANT_REVOCATION,
        "access",
        "patient",
        lambda house, room, signer, until: room.sign_revocation(
            signer, house.patient.address, house.record, house.reader.address, until
        ),
        lambda house, by: house.access.revoke_for(
            house.relay, house.patient.address, BLIND, house.reader.address, by
        ),
        lambda house: house.access.grant(house.patient, house.request()),
        before=lambda house: (
            house.register(),
            house.access.grant(house.patient, house.request()),
        ),
    ),
    Case(
        acts.CUSTODIAN,
        "access",
        "patient",
        lambda house, room, signer, until: room.sign_custodian(
            signer, house.patient.address, house.hospital.address, in_a_year(house), until
        ),
        lambda house, by: house.access.name_custodian_for(
            house.relay, house.patient.address, house.hospital.address, in_a_year(house), by
        ),
        lambda house: house.access.name_custodian(
            house.patient, house.guardian.address, in_a_year(house)
        ),
    ),
    Case(
        acts.WITHDRAWAL,
        "market",
        "patient",
        lambda house, room, signer, until: room.sign_withdrawal(signer, *places(house), until),
        lambda house, by: house.market.withdraw_for(house.relay, *standing(house), by),
        again=AlreadyWithdrawn,
        before=listed,
    ),
    Case(
        acts.CLAIM,
        "market",
        "stranger",
        lambda house, room, signer, until: room.sign_claim(
            signer, *places(house), house.guardian.address, until
        ),
        lambda house, by: house.market.claim_to(
            house.relay, *standing(house), house.guardian.address, by
        ),
        lambda house: house.market.claim(house.relay, *standing(house)),
        before=listed,
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.act.name)
def case(request: pytest.FixtureRequest, house: House) -> Case:
    found: Case = request.param
    found.before(house)
    return found


def word(house: House, case: Case, room: Room | None = None, minutes: int = 60) -> Signed:
    room = room or getattr(house, case.room)
    signer = getattr(house, case.signer)
    return case.sign(house, room, signer, house.network.now() + 60 * minutes)


def test_every_act_but_a_contribution_is_here():
    assert {case.act for case in CASES} == set(acts.ALL) - {acts.CONTRIBUTION}


def test_a_word_is_taken_once(house: House, case: Case):
    by = word(house, case)
    receipt = case.send(house, by)
    assert receipt.sender == house.relay.address
    with pytest.raises(case.again) as caught:
        case.send(house, by)
    if case.again is SignatureInvalid:
        assert caught.value.values == {"signer": getattr(house, case.signer).address}


def test_a_word_ends_after_its_deadline(house: House, case: Case):
    by = word(house, case, minutes=30)
    house.chain.set_time(by.deadline + 1)
    with pytest.raises(SignatureExpired) as caught:
        case.send(house, by)
    assert caught.value.values == {"signer": by.signer, "deadline": by.deadline}


@pytest.mark.parametrize(
    "case",  # a withdrawal has no state but its leaf and listing
    [case for case in CASES if case.meanwhile],
    ids=lambda case: case.act.name,
    indirect=True,
)
def test_a_word_is_for_one_state(house: House, case: Case):
    by = word(house, case)
    assert case.meanwhile
    case.meanwhile(house)
    with pytest.raises(SignatureInvalid):
        case.send(house, by)


def test_a_word_is_for_one_deadline_and_one_signer(house: House, case: Case):
    by = word(house, case)
    with pytest.raises(SignatureInvalid):
        case.send(house, replace(by, deadline=by.deadline + 1))
    with pytest.raises((SignatureInvalid, MandateMissing, NotPayee)):
        case.send(house, replace(by, signer=house.reviewer.address))


def test_a_word_is_for_one_contract(house: House, case: Case):
    service = getattr(house, case.room)
    records, consents = (house.deployment.contracts[name] for name in ("Records", "Consents"))
    arguments = {
        "Records": (house.governance.address,),
        "Consents": (records,),
        "Grants": (records, consents, records),
        "Market": (records, consents),
    }[service.CONTRACT]
    other, _ = house.network.deploy(house.governance, service.CONTRACT, *arguments)
    with pytest.raises(SignatureInvalid):
        case.send(house, word(house, case, type(service)(house.network, other)))


def test_a_word_is_for_one_chain(house: House, case: Case):
    service = getattr(house, case.room)
    elsewhere = Network(house.network.rpc, house.network.chain_id + 1, house.network.outbox)
    with pytest.raises(SignatureInvalid):
        case.send(house, word(house, case, type(service)(elsewhere, service.address)))


def test_a_wallet_that_does_not_stand_yet_is_told(house: House, case: Case):
    with pytest.raises(SignerUndeployed):
        case.send(house, replace(word(house, case), signature=UNDEPLOYED))


def test_who_sends_the_transaction_needs_no_signature(house: House):
    patient = house.patient
    by = Signed(patient.address, 0, b"")
    house.consent.set_for(patient, patient.address, TERMS, in_a_year(house), FORM, by)
    assert house.consent.consent_of(patient.address).terms == TERMS


# Digests: what is signed is what the contract hashes; the digest methods say the same.


def test_digests_are_what_is_signed(house: House):
    """A signature over each digest is the signature that the sign method makes."""
    house.register()
    patient, record, until = house.patient.address, house.record, in_a_year(house)
    deadline = house.network.now() + 600
    request, guardian = house.request(), house.guardian.address
    listing, leaf = places(house)
    consent, access, market = house.consent, house.access, house.market
    scope = Scope.CONSENT
    pairs = [
        (
            house.accounts.digest_encryption_key(patient, BUNDLE, 1, deadline),
            house.accounts.sign_encryption_key(house.patient, BUNDLE, deadline),
        ),
        (
            consent.digest_consent(patient, record, TERMS, until, FORM, 1, deadline),
            consent.sign_consent(house.patient, patient, TERMS, until, FORM, deadline, record),
        ),
        (
            consent.digest_revocation(patient, record, 1, deadline),
            consent.sign_revocation(house.patient, patient, deadline, record),
        ),
        (
            consent.digest_lift(patient, record, 1, deadline),
            consent.sign_lift(house.patient, patient, record, deadline),
        ),
        (
            consent.digest_mandate(patient, guardian, scope, until, 1, deadline),
            consent.sign_mandate(house.patient, guardian, scope, until, deadline),
        ),
        (
            access.digest_grant(patient, record, request, 1, deadline),
            access.sign_grant(house.patient, patient, record, request, deadline),
        ),
        (
            access.digest_revocation(patient, record, guardian, 0, deadline),
            access.sign_revocation(house.patient, patient, record, guardian, deadline),
        ),
        (
            access.digest_custodian(patient, guardian, until, 1, deadline),
            access.sign_custodian(house.patient, patient, guardian, until, deadline),
        ),
        (
            market.digest_withdrawal(listing, leaf, deadline),
            market.sign_withdrawal(house.patient, listing, leaf, deadline),
        ),
        (
            market.digest_claim(listing, leaf, guardian, 0, deadline),
            market.sign_claim(house.patient, listing, leaf, guardian, deadline),
        ),
    ]
    assert [recovered(digest, by.signature) for digest, by in pairs] == [patient] * len(pairs)


def recovered(digest: bytes, signature: bytes) -> str:
    """Who signed a digest, by a library that knows nothing of typed data."""
    from eth_keys.datatypes import Signature

    shaped = Signature(signature[:64] + bytes([signature[64] - 27]))
    return shaped.recover_public_key_from_msg_hash(digest).to_checksum_address()


# Delegates speak for their patient, within their scope and no longer than their mandate.


def test_a_delegate_speaks_within_its_scope_and_time(house: House):
    house.register()
    patient, guardian, until = house.patient.address, house.guardian, in_a_year(house)
    deadline = house.network.now() + 3_600

    def consents(expires_at: int) -> Receipt:
        by = house.consent.sign_consent(guardian, patient, TERMS, expires_at, FORM, deadline)
        return house.consent.set_for(house.relay, patient, TERMS, expires_at, FORM, by)

    with pytest.raises(MandateMissing) as missing:
        consents(until)
    assert missing.value.values["scope"] == Scope.CONSENT
    assert "may not act for" in str(missing.value)
    assert " in consent now" in str(missing.value)
    house.consent.set_delegate(house.patient, guardian.address, Scope.CONSENT, until)
    with pytest.raises(MandateTooShort):
        consents(until + 1)
    (event,) = consents(until).events
    assert event.args["by"] == guardian.address
    by = house.access.sign_grant(guardian, patient, house.record, house.request(), deadline)
    with pytest.raises(MandateMissing):
        house.access.grant_for(house.relay, patient, house.request(), by)


# Contributions: their signature is never sent, but the market judges it.


def sold_under(house: House, signer: Signer, terms: ContributionTerms) -> tuple[Any, ...]:
    """Lists one contribution, signed by `signer`, with a bond; gives what a challenge takes."""
    digest, signature = house.market.sign_contribution(signer, terms)
    leaf = Contribution(
        patient=terms.patient,
        payee=terms.payee,
        record=terms.record,
        weight=terms.weight,
        consent_digest=ids.consent_digest(digest, signature),
    )
    bond = 1_000
    house.token.mint(house.governance, house.hospital.address, bond)
    house.token.approve(house.hospital, house.market.address, bond)
    root = MerkleTree([ids.contribution_leaf(leaf)]).root
    listing = house.list(root=root, total_weight=terms.weight, bond=bond)
    return listing, leaf, SignedContribution(terms, signature), ()


def terms_of(house: House, **changed: object) -> ContributionTerms:
    fields = {
        "patient": house.patient.address,
        "signer": house.patient.address,
        "steward": house.hospital.address,
        "token": house.token.address,
        "terms": purpose.HMB,
        "min_price": PRICE,
        "max_fee_bps": 1_000,
        "payee": house.stranger.address,
        "record": house.record,
        "key_commitment": KeyCommitment(b"\x0c" * 32),
        "weight": 3,
        "max_total_weight": 12,
        "expires_at": 2**40 - 1,
    }
    return ContributionTerms(**(fields | changed))  # type: ignore[arg-type]


def test_a_contribution_that_is_signed_stands_every_challenge(house: House):
    evidence = sold_under(house, house.patient, terms_of(house))
    with pytest.raises(ContributionValid):
        house.market.challenge(house.relay, *evidence)


def test_a_delegate_who_ever_might_sell_signs_for_ever(house: House):
    guardian = house.guardian
    evidence = sold_under(house, guardian, terms_of(house, signer=guardian.address))
    house.consent.set_delegate(house.patient, guardian.address, Scope.SELL, in_a_year(house))
    house.consent.set_delegate(house.patient, guardian.address, Scope(0), 0)
    with pytest.raises(ContributionValid):
        house.market.challenge(house.relay, *evidence)


@pytest.mark.parametrize("changed", [{"signer": "guardian"}, {"min_price": PRICE + 1}])
def test_a_contribution_that_is_not_signed_so_costs_the_bond(house: House, changed):
    if "signer" in changed:
        terms = terms_of(house, signer=house.guardian.address)
        evidence = sold_under(house, house.guardian, terms)
    else:
        evidence = sold_under(house, house.patient, terms_of(house, **changed))
    house.market.challenge(house.relay, *evidence)
    listing = evidence[0]
    assert house.market.challenger_of(house.listing_id(listing)) == house.relay.address
    house.market.close_out(house.stranger, listing)
    assert house.token.balance(house.relay.address) == listing.bond // 2


def test_the_contracts_view_hashes_a_contribution_as_we_do(house: House):
    terms = terms_of(house)
    contract = house.deployment.contract("Market")
    on_chain = house.network.call(contract, "contributionDigest", astuple(terms))
    assert house.market.contribution_digest(terms) == on_chain


def test_general_is_the_record_of_zeros():
    assert bytes(32) == GENERAL
