"""Delegates: who may act for a patient, in what, until when; and no second longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py.chain import Signer
from medibloc_py.client import Client
from medibloc_py.errors import (
    ExpiryInPast,
    GrantNotFound,
    HandOverRefused,
    InvalidValue,
    KeyMismatched,
    KeyUnpublished,
    MandateMissing,
    MandateTooShort,
    PurposeDenied,
    PurposeNotPermitted,
    RecordNotHeld,
    RecordUnknown,
    ReviewerInvolved,
    WrongKey,
)
from medibloc_py.flows import keyring
from medibloc_py.flows.decisions import clear_listing, clear_record
from medibloc_py.flows.parties import fingerprint_of
from medibloc_py.model import GENERAL, ZERO_ADDRESS, RecordId, Role, Scope
from medibloc_py.purpose import COMMERCIAL, HMB, NCU, SENSITIVE, Answer
from tests.flow.world import DAY, World

ALL = Scope.CONSENT | Scope.GRANT | Scope.SELL


@pytest.fixture
def guardian(world: World, tmp_path: Path) -> Client:
    """Somebody with coins and a published key, and no record."""
    signer = Signer.generate()
    world.exchange.network.transfer(world.node.accounts[0], signer.address, 10**19)
    client = world["alice"].acting_for(keyring.ephemeral(tmp_path / "guardian", signer))
    client.publish_key()
    return client


def mandate(world: World, guardian: Client, scope: Scope = ALL, days: float = 30) -> int:
    until = world.in_days(days)
    world["alice"].name_delegate(guardian.me.address, scope, until)
    return until


def answer(world: World, request: int, record: RecordId = GENERAL) -> Answer:
    return world.exchange.consent.check(world.address("alice"), request, record).answer


def test_a_delegate_decides_until_the_mandate_ends(world: World, guardian: Client) -> None:
    alice, until = world.address("alice"), mandate(world, guardian)
    receipt = guardian.set_consent("HMB+NCU", until, "form", patient=alice)
    assert receipt.sender == guardian.me.address
    held = world.exchange.consent.consent_of(alice)
    assert (held.terms, held.expires_at) == (HMB | NCU, until)
    with pytest.raises(MandateTooShort):
        guardian.set_consent("HMB", until + 1, "form", patient=alice)

    # Coming of age: from the next second nobody's word counts but the patient's own.
    world.chain.increase_time(30 * DAY + 1)
    with pytest.raises(MandateMissing):
        guardian.set_consent("HMB", world.in_days(1), "form", patient=alice)
    assert answer(world, HMB) is Answer.DENY  # what was given ended with the mandate
    world["alice"].set_consent("HMB", world.in_days(1), "form")
    assert answer(world, HMB) is Answer.PERMIT


def test_a_delegate_acts_in_its_scope_only(world: World, guardian: Client) -> None:
    alice, clinic, until = world.address("alice"), world.address("clinic"), world.in_days(1)
    mandate(world, guardian, Scope.GRANT)
    hand = world["alice"].hand_over(world.records["alice"], guardian.me.address)
    guardian.import_record(hand, "file")
    for act in (
        lambda: guardian.set_consent("HMB", until, "form", patient=alice),
        lambda: guardian.revoke_consent(patient=alice),
        lambda: guardian.lift_consent(world.records["alice"], patient=alice),
    ):
        with pytest.raises(MandateMissing):
            act()
    guardian.grant(world.records["alice"], clinic, "TREATMENT", until, patient=alice)
    mandate(world, guardian, Scope.CONSENT)  # in place of the other
    with pytest.raises(MandateMissing):
        guardian.grant(world.records["alice"], clinic, "TREATMENT", until, patient=alice)
    with pytest.raises(MandateMissing):
        guardian.name_custodian(clinic, until, patient=alice)
    guardian.set_consent("HMB", until, "form", patient=alice)


def test_a_dismissed_delegate_gives_nothing_more(world: World, guardian: Client) -> None:
    alice, until = world.address("alice"), mandate(world, guardian)
    guardian.set_consent("HMB", until, "form", patient=alice)
    world["alice"].name_delegate(guardian.me.address, Scope(0), 0)
    with pytest.raises(MandateMissing):
        guardian.revoke_consent(patient=alice)
    assert answer(world, HMB) is Answer.PERMIT, "what was given stands until its own end"
    (found,) = world.exchange.consent.mandates(alice)
    assert (found.scope, found.ever_scope) == (Scope(0), ALL)


def test_no_delegate_names_another_nor_publishes_a_key(world: World, guardian: Client) -> None:
    mandate(world, guardian)
    by = guardian.deciding(world.address("alice"))
    with pytest.raises(InvalidValue, match="mandate"):
        by.name_delegate(world.address("bob"), ALL, world.in_days(1))
    with pytest.raises(InvalidValue, match="encryption key"):
        by.publish_key()
    assert world.exchange.consent.mandates(delegate=world.address("bob")) == []


def test_consents_of_one_record(world: World) -> None:
    alice, record = world["alice"], world.records["alice"]
    until = world.in_days(9)
    alice.set_consent("HMB+NCU", until, "form", record)
    assert answer(world, HMB) is Answer.PERMIT  # GRU, for all the others
    assert answer(world, HMB, record) is Answer.DENY
    alice.revoke_consent(record)
    (own,) = world.exchange.consent.overrides(alice.me.address)
    assert own.barred
    assert answer(world, HMB, record) is Answer.DENY
    alice.lift_consent(record)
    assert answer(world, HMB, record) is Answer.PERMIT
    assert world.exchange.consent.overrides(alice.me.address) == []


# The record file's way to a delegate.


def test_a_delegate_grants_what_was_handed_over(world: World, guardian: Client) -> None:
    alice, record, clinic = world.address("alice"), world.records["alice"], world.address("clinic")
    until = mandate(world, guardian)
    with pytest.raises(RecordNotHeld):
        guardian.grant(record, clinic, "TREATMENT", until, patient=alice)
    for holder in ("alice", "hospital"):
        paper = world[holder].hand_over(record, guardian.me.address)
        assert guardian.import_record(paper, "file") == record
    blobs = sorted(world.store.iterdir())
    with pytest.raises(MandateTooShort):
        guardian.grant(record, clinic, "TREATMENT", until + 1, patient=alice)
    with pytest.raises(RecordUnknown):  # not in its own name: it is not the patient
        guardian.grant(record, clinic, "TREATMENT", until)
    with pytest.raises(PurposeNotPermitted):
        guardian.grant(record, clinic, "HMB+COMMERCIAL", until, patient=alice)
    assert sorted(world.store.iterdir()) == blobs, "what is refused is not stored"

    made = guardian.grant(record, clinic, "TREATMENT", until, patient=alice)
    assert made.receipt.sender == guardian.me.address
    (event,) = world.exchange.access.grants(record=record, grantee=clinic)
    assert (event.patient, event.by) == (alice, guardian.me.address)
    source = world.released("CT_small.dcm")
    assert world["clinic"].open_granted(record).read(0) == source
    guardian.revoke_grant(record, clinic, patient=alice)
    with pytest.raises(GrantNotFound):
        world["clinic"].open_granted(record)
    assert not world.exchange.store.has(made.grant_object)


def test_a_record_file_goes_to_who_may_grant_only(world: World, guardian: Client) -> None:
    record, to = world.records["alice"], guardian.me.address
    with pytest.raises(MandateMissing):
        world["alice"].hand_over(record, to)
    mandate(world, guardian, Scope.CONSENT | Scope.SELL)
    with pytest.raises(MandateMissing):
        world["hospital"].hand_over(record, to)
    mandate(world, guardian, Scope.GRANT)
    paper = world["alice"].hand_over(record, to)
    with pytest.raises(WrongKey):
        world["bob"].import_record(paper, "file")
    world["alice"].name_delegate(to, Scope(0), 0)
    with pytest.raises(MandateMissing):
        guardian.import_record(paper, "file")
    with pytest.raises(RecordNotHeld):
        guardian.hand_over(record)
    mandate(world, guardian, Scope.GRANT)
    guardian.import_record(paper, "file")
    world["alice"].name_delegate(world.address("clinic"), Scope.GRANT, world.in_days(1))
    with pytest.raises(HandOverRefused) as caught:
        guardian.hand_over(record, world.address("clinic"))
    assert caught.value.values["holder"] == to
    # Back to its patient it may always go.
    assert world["alice"].import_record(guardian.hand_over(record), "file") == record


def test_a_key_that_a_node_invented_gets_nothing(world: World, guardian: Client) -> None:
    until = mandate(world, guardian)
    right = fingerprint_of(guardian.me.keys.current.bundle)
    record, alice = world.records["alice"], world["alice"]
    with pytest.raises(KeyMismatched):
        alice.hand_over(record, guardian.me.address, b"\x01" * 32)
    assert alice.hand_over(record, guardian.me.address, right)
    blobs = sorted(world.store.iterdir())
    with pytest.raises(KeyMismatched) as caught:
        alice.grant(record, guardian.me.address, "TREATMENT", until, fingerprint=b"\x01" * 32)
    assert caught.value.values["found"] == right
    assert sorted(world.store.iterdir()) == blobs
    alice.grant(record, guardian.me.address, "TREATMENT", until, fingerprint=right)
    assert guardian.open_granted(record).manifest.files
    with pytest.raises(KeyUnpublished):
        alice.grant(record, world.address("stranger"), "TREATMENT", until, fingerprint=b"\x01" * 32)


def test_a_delegate_names_the_custodian(world: World, guardian: Client) -> None:
    alice, until = world.address("alice"), mandate(world, guardian)
    with pytest.raises(MandateTooShort):
        guardian.name_custodian(world.address("rival"), until + 1, patient=alice)
    guardian.name_custodian(world.address("rival"), until, patient=alice)
    assert world.exchange.access.custodian_of(alice).custodian == world.address("rival")
    guardian.name_custodian(ZERO_ADDRESS, until + 1, patient=alice)
    assert world.exchange.access.custodian_of(alice).custodian == ZERO_ADDRESS


# Reviewers.


def test_a_reviewer_clears_what_a_consent_refers(world: World) -> None:
    alice, rival = world.address("alice"), world.address("rival")
    reviewer, exchange = world.me("researcher"), world.exchange
    world.accredit("researcher", Role.REVIEWER, world.in_days(100))
    until = world.in_days(9)
    world["alice"].set_consent("HMB+COL", until, "form")
    assert exchange.consent.check(alice, HMB, GENERAL, rival).answer is Answer.REFER
    made, _ = clear_record(exchange, reviewer, alice, GENERAL, rival, HMB, until)
    assert (made.reviewer, made.until) == (reviewer.address, until)
    assert exchange.consent.check(alice, HMB, GENERAL, rival).answer is Answer.PERMIT
    assert exchange.consent.check(alice, HMB, GENERAL, alice).answer is Answer.REFER
    # It permits nothing that is denied, and nobody is his own judge.
    with pytest.raises(PurposeNotPermitted):
        clear_record(exchange, reviewer, alice, GENERAL, rival, HMB | COMMERCIAL, until)
    with pytest.raises(ReviewerInvolved):
        clear_record(exchange, reviewer, alice, GENERAL, reviewer.address, HMB, until)
    with pytest.raises(ExpiryInPast):
        clear_record(exchange, reviewer, alice, GENERAL, rival, HMB, 1)
    clear_record(exchange, reviewer, alice, GENERAL, rival, HMB, 0)
    assert exchange.consent.check(alice, HMB, GENERAL, rival).answer is Answer.REFER


def test_a_reviewer_clears_what_a_listing_refers(world: World) -> None:
    reviewer, rival = world.me("clinic"), world.address("rival")
    world.accredit("clinic", Role.REVIEWER, world.in_days(100))
    listed = world.list_dataset(world.contribute("alice", terms="HMB+COL"))
    until, exchange = world.in_days(9), world.exchange
    made, _ = clear_listing(exchange, reviewer, listed.listing_id, rival, HMB, until)
    assert made.subject == listed.listing_id
    assert exchange.consent.is_cleared(listed.listing_id, rival, HMB)
    with pytest.raises(PurposeDenied):
        clear_listing(exchange, reviewer, listed.listing_id, rival, HMB | COMMERCIAL, until)
    with pytest.raises(PurposeDenied):  # sensitive or not, what the terms deny stays denied
        clear_listing(
            exchange, reviewer, listed.listing_id, rival, HMB | COMMERCIAL | SENSITIVE, until
        )
