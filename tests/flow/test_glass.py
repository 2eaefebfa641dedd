"""Emergencies: nobody can ask the patient, and the record opens; or a rule says no."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.crypto import hpke
from medibloc_py.errors import (
    BlobMissing,
    ClinicianInvolved,
    CustodianMissing,
    DocumentInvalid,
    EmergencyMissing,
    GlassNotNeeded,
    GlassReviewerInvolved,
    GrantNotFound,
    InvalidValue,
    KeyMismatched,
    KeyNotDelivered,
    MediBlocError,
    NotAccredited,
    NotCustodian,
    ReasonMissing,
    RecordUnknown,
    StoreUnreachable,
    WrongKey,
)
from medibloc_py.flows import glass, papers
from medibloc_py.flows.access import find_access
from medibloc_py.flows.given import given_of
from medibloc_py.flows.glass import Card, CaseState
from medibloc_py.flows.held import held_record, scalar_of
from medibloc_py.flows.parties import fingerprint_of
from medibloc_py.imaging.samples import sample
from medibloc_py.model import ZERO_ADDRESS, Role, Scope
from medibloc_py.purpose import TREATMENT
from tests.flow.world import World

CT = "CT_small.dcm"
REASON = "Unconscious after a fall; head CT of last week needed to judge the bleeding."
HALF_AN_HOUR = 1800
# Who is who: the clinic breaks the glass, the rival keeps the keys, the researcher reviews.
CLINICIAN, CUSTODIAN, REVIEWER = "clinic", "rival", "researcher"


def entrust(world: World) -> bytes:
    """Alice names a custodian, entrusts her record to it, and carries a card."""
    alice, custodian = world["alice"], world.address(CUSTODIAN)
    until = world.in_days(365)
    alice.name_custodian(custodian, until)
    alice.grant(world.records["alice"], custodian, "TREATMENT", until)
    world.accredit(CLINICIAN, Role.CLINICIAN, until)
    world.accredit(REVIEWER, Role.REVIEWER, until)
    return alice.card_of(world.records["alice"])


def break_glass(world: World, card: bytes, name: str = CLINICIAN) -> glass.GlassBroken:
    return world[name].break_glass(card, "card", REASON)


def deliver(world: World, name: str = CUSTODIAN) -> glass.Delivered:
    return world[name].deliver(world.records["alice"], world.address(CLINICIAN))


def opened(world: World, name: str = CLINICIAN) -> bytes:
    return world[name].open_granted(world.records["alice"]).read(0)


def states(world: World) -> list[CaseState]:
    found = glass.emergencies(world.exchange, patient=world.address("alice"))
    return [each.state for each in found]


def refusals(world: World, error: type[MediBlocError], card: bytes, name: str = CLINICIAN) -> None:
    """Breaking the glass is refused, costs nothing, and leaves nothing on chain."""
    before = world.exchange.network.balance(world.address(name))
    with pytest.raises(error):
        break_glass(world, card, name)
    assert world.exchange.network.balance(world.address(name)) == before
    assert states(world) == []


def test_an_emergency_from_the_fall_to_the_review(world: World) -> None:
    """Clinician breaks, custodian delivers, clinician reads bit for bit, time ends, judged."""
    card = entrust(world)
    record = world.records["alice"]
    with pytest.raises(GrantNotFound):
        opened(world)

    broken = break_glass(world, card)
    event = broken.emergency
    assert event.custodian == world.address(CUSTODIAN)
    assert event.expires_at == broken.receipt.timestamp + HALF_AN_HOUR
    assert states(world) == [CaseState.OPEN]
    with pytest.raises(KeyNotDelivered) as waiting:
        opened(world)
    assert waiting.value.values["custodian"] == world.address(CUSTODIAN)

    delivered = deliver(world)
    assert world.exchange.store.has(delivered.grant_object)
    assert states(world) == [CaseState.DELIVERED]
    study = world[CLINICIAN].open_granted(record)
    assert study.read(0) == world.released(CT)
    (array,) = study.arrays().values()
    assert np.array_equal(array, imaging.arrays(sample(CT).read_bytes(), CT))
    assert array.dtype == imaging.arrays(sample(CT).read_bytes(), CT).dtype

    world.chain.increase_time(HALF_AN_HOUR - 5)
    assert opened(world) == world.released(CT)
    world.chain.increase_time(10)
    with pytest.raises(GrantNotFound):
        opened(world)
    assert states(world) == [CaseState.OVER]
    with pytest.raises(EmergencyMissing):
        deliver(world)

    finding = "The CT was needed; the patient could not be asked."
    reviewer = world[REVIEWER]
    reviewer.review(card, "card", world.address(CLINICIAN), True, finding)
    (case,) = glass.emergencies(world.exchange, record)
    assert case.state is CaseState.REVIEWED
    assert case.review is not None
    assert case.review.justified
    assert case.review.reviewer == world.address(REVIEWER)
    with pytest.raises(EmergencyMissing):
        reviewer.review(card, "card", world.address(CLINICIAN), False, finding)


def test_reason_and_finding_stay_with_their_writers(world: World) -> None:
    card = entrust(world)
    event = break_glass(world, card).emergency
    told = glass.statement_of(world.me(CLINICIAN), event.reason)
    assert told is not None
    assert told.text == REASON
    assert told.digest == event.reason
    assert glass.statement_of(world.me(CUSTODIAN), event.reason) is None
    shown = glass.read_statement(papers.write("statement", told), "statement")
    assert shown.digest == event.reason
    assert replace(shown, text=REASON + "!").digest != event.reason
    # Two of the same text do not look alike on chain.
    world["alice"].revoke_grant(world.records["alice"], world.address(CLINICIAN))
    assert break_glass(world, card).emergency.reason != event.reason

    world[REVIEWER].review(card, "card", world.address(CLINICIAN), False, "No need.", event.epoch)
    (first, _) = glass.emergencies(world.exchange, world.records["alice"])
    assert first.review is not None
    found = glass.statement_of(world.me(REVIEWER), first.review.finding)
    assert found is not None
    assert found.text == "No need."


def test_a_card_holds_no_key(world: World) -> None:
    card = entrust(world)
    held = held_record(world.me("alice"), world.records["alice"])
    scalar = scalar_of(world.me("alice"), held).to_bytes(32, "big")
    assert scalar.hex().encode() not in card
    assert held.salt.hex().encode() not in card
    assert held.cid.encode() not in card
    # The custodian, who holds a grant, writes the very same card.
    assert world[CUSTODIAN].card_of(world.records["alice"]) == card
    assert world["hospital"].card_of(world.records["alice"]) == card
    with pytest.raises(GrantNotFound):
        world["stranger"].card_of(world.records["alice"])


def test_no_custodian_no_emergency(world: World) -> None:
    card = world["alice"].card_of(world.records["alice"])
    world.accredit(CLINICIAN, Role.CLINICIAN, world.in_days(1))
    refusals(world, CustodianMissing, card)
    world["alice"].name_custodian(world.address(CUSTODIAN), world.in_days(1))
    refusals(world, CustodianMissing, card)  # named, but holds no grant
    world["alice"].grant(
        world.records["alice"], world.address(CUSTODIAN), "TREATMENT", world.in_days(1)
    )
    world["alice"].name_custodian(ZERO_ADDRESS, 0)
    refusals(world, CustodianMissing, card)


def test_who_may_not_break_the_glass(world: World) -> None:
    card = entrust(world)
    refusals(world, NotAccredited, card, "stranger")
    world.accredit(CUSTODIAN, Role.CLINICIAN, world.in_days(1))
    refusals(world, ClinicianInvolved, card, CUSTODIAN)
    world.accredit("alice", Role.CLINICIAN, world.in_days(1))
    refusals(world, ClinicianInvolved, card, "alice")
    world["alice"].grant(
        world.records["alice"], world.address(CLINICIAN), "TREATMENT", world.in_days(1)
    )
    refusals(world, GlassNotNeeded, card)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_no_emergency_without_a_reason(world: World, reason: str) -> None:
    card = entrust(world)
    with pytest.raises(ReasonMissing):
        world[CLINICIAN].break_glass(card, "card", reason)
    with pytest.raises(InvalidValue):
        world[CLINICIAN].break_glass(card, "card", "x" * (glass.MOST_TEXT + 1))
    assert states(world) == []


def test_the_patient_revokes_at_once(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    deliver(world)
    assert opened(world) == world.released(CT)
    world["alice"].revoke_grant(world.records["alice"], world.address(CLINICIAN))
    with pytest.raises(GrantNotFound):
        opened(world)
    assert states(world) == [CaseState.OVER]
    with pytest.raises(EmergencyMissing):
        deliver(world)


def test_only_the_custodian_of_this_emergency_delivers(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    with pytest.raises(GrantNotFound):
        deliver(world, "bob")  # no grant, no key
    until = world.in_days(1)
    world["alice"].grant(world.records["alice"], world.address("bob"), "TREATMENT", until)
    blobs = sorted(world.store.iterdir())
    with pytest.raises(NotCustodian):
        deliver(world, "bob")
    assert sorted(world.store.iterdir()) == blobs, "what is refused is not stored"
    # Another custodian from now on: this emergency is still the first one's to answer.
    world["alice"].name_custodian(world.address("bob"), world.in_days(1))
    deliver(world)
    assert opened(world) == world.released(CT)


def test_a_key_that_a_node_invented_is_not_delivered_to(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    record, clinician = world.records["alice"], world.address(CLINICIAN)
    right = fingerprint_of(world.me(CLINICIAN).keys.current.bundle)
    with pytest.raises(KeyMismatched) as caught:
        world[CUSTODIAN].deliver(record, clinician, b"\x01" * 32)
    assert caught.value.values["found"] == right
    world[CUSTODIAN].deliver(record, clinician, right)
    assert opened(world) == world.released(CT)


def test_a_second_delivery_opens_if_the_first_one_is_lost(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    first = deliver(world)
    world.exchange.store.unpin(first.grant_object)
    with pytest.raises(BlobMissing):
        opened(world)
    deliver(world)
    assert opened(world) == world.released(CT)


def test_a_store_keeps_no_key_of_an_emergency_that_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next delivery of the custodian, of whatever record, lets go of it; a grant stays."""
    custodian, store, record = world.me(CUSTODIAN), world.exchange.store, world.records["alice"]
    card = entrust(world)
    break_glass(world, card)
    first, second = deliver(world), deliver(world)
    world["alice"].name_delegate(custodian.address, Scope.GRANT, world.in_days(30))
    paper = world["alice"].hand_over(record, custodian.address)
    world[CUSTODIAN].import_record(paper, "record file")
    (granted,) = world[CUSTODIAN].grant_many(
        [record],
        world.address(REVIEWER),
        "TREATMENT",
        world.in_days(1),
        patient=world.address("alice"),
    )
    world.chain.increase_time(HALF_AN_HOUR + 5)
    break_glass(world, card)
    third = deliver(world)
    kept = [each.grant_object for each in (first, second, third, granted)]
    assert [store.has(cid) for cid in kept] == [False, False, True, True]
    assert {cid for given in given_of(custodian) for cid in given.objects()} == set(kept[2:])
    assert opened(world) == world.released(CT)
    # One that the patient ended is over as well. A store that is away is told another time.
    world["alice"].revoke_grant(record, world.address(CLINICIAN))
    break_glass(world, card)

    def away(*_: object) -> None:
        raise StoreUnreachable(url="here", reason="refused")

    with monkeypatch.context() as patch:
        patch.setattr(store, "unpin", away)
        assert store.has(deliver(world).grant_object)
    assert store.has(third.grant_object)
    deliver(world)
    assert not store.has(third.grant_object)
    assert store.has(granted.grant_object)
    assert opened(world) == world.released(CT)


def test_what_is_delivered_is_bound_to_custodian_clinician_and_time(world: World) -> None:
    """The locator opens under the custodian as granter, and under no other."""
    card = entrust(world)
    event = break_glass(world, card).emergency
    deliver(world)
    exchange, clinician = world.exchange, world.me(CLINICIAN)
    standing = find_access(exchange, clinician.address, world.records["alice"])
    assert standing.granter == world.address(CUSTODIAN)
    assert standing.purpose == TREATMENT
    assert standing.expires_at == event.expires_at
    (locator,) = standing.locators

    def info(granter: str) -> bytes:
        return hpke.locator_info(
            exchange.chain_id,
            exchange.access.address,
            world.records["alice"],
            world.address(granter),
            clinician.address,
            1,
            TREATMENT,
            event.expires_at,
        )

    assert len(hpke.open_locator(locator, clinician.keys, info(CUSTODIAN))) == 32
    with pytest.raises(WrongKey):
        hpke.open_locator(locator, clinician.keys, info("alice"))
    with pytest.raises(WrongKey):
        hpke.open_locator(locator, world.me(CUSTODIAN).keys, info(CUSTODIAN))


def test_who_took_part_does_not_review(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    clinician = world.address(CLINICIAN)
    with pytest.raises(NotAccredited):
        world["bob"].review(card, "card", clinician, True, "fine")
    for name in (CLINICIAN, CUSTODIAN, "alice"):
        world.accredit(name, Role.REVIEWER, world.in_days(1))
        with pytest.raises(GlassReviewerInvolved):
            world[name].review(card, "card", clinician, True, "fine")
    with pytest.raises(InvalidValue):
        world[REVIEWER].review(card, "card", clinician, True, " ")
    with pytest.raises(EmergencyMissing):
        world[REVIEWER].review(card, "card", clinician, True, "fine", epoch=7)
    with pytest.raises(EmergencyMissing):
        world[REVIEWER].review(card, "card", world.address("bob"), True, "fine")


def test_emergencies_are_found_by_anyone_they_concern(world: World) -> None:
    card = entrust(world)
    break_glass(world, card)
    exchange = world.exchange
    for found in (
        glass.emergencies(exchange),
        glass.emergencies(exchange, patient=world.address("alice")),
        glass.emergencies(exchange, clinician=world.address(CLINICIAN)),
        glass.emergencies(exchange, custodian=world.address(CUSTODIAN)),
    ):
        assert [each.emergency.record for each in found] == [world.records["alice"]]
    assert glass.emergencies(exchange, patient=world.address("bob")) == []
    assert glass.emergencies(exchange, custodian=world.address("bob")) == []


def test_a_card_that_was_tampered_with(world: World) -> None:
    card = papers.read("record-card", Card, entrust(world), "card")
    other = papers.Bytes32(world.records["bob"])
    for changed, reason in (
        (replace(card, chain_id=1), "another deployment"),
        (replace(card, contract=world.token.address), "another deployment"),
        (replace(card, record=other), "another record than it opens"),
        (replace(card, patient=world.address("bob")), "another record than it opens"),
        (replace(card, blind=other), "another record than it opens"),
    ):
        with pytest.raises(DocumentInvalid, match=reason):
            break_glass(world, papers.write("record-card", changed))
    with pytest.raises(DocumentInvalid):
        break_glass(world, b"{}")
    for changed in (replace(card, issuer=world.address("bob")), replace(card, proof=(card.blind,))):
        with pytest.raises(RecordUnknown):
            break_glass(world, papers.write("record-card", changed))
