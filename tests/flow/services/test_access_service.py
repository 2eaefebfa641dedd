from __future__ import annotations

from dataclasses import replace

import pytest

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree, MultiProof
from medibloc_py.errors import (
    ClinicianInvolved,
    CustodianInvalid,
    CustodianMissing,
    EmergencyMissing,
    ExpiryInPast,
    GlassNotNeeded,
    GlassReviewerInvolved,
    GranteeInvalid,
    GrantMissing,
    InvalidValue,
    LocatorsMismatched,
    MerkleProofInvalidMultiproof,
    NotAccredited,
    NotCustodian,
    PurposeNotPermitted,
    ReasonMissing,
    RecordsUnknown,
    RecordUnknown,
)
from medibloc_py.model import (
    ZERO_ADDRESS,
    Blind,
    Custodian,
    Delivery,
    Emergency,
    GlassEvent,
    GlassReview,
    Grant,
    GrantEvent,
    Locator,
    Receipt,
    Role,
)
from tests.flow.services.house import BLIND, LOCATOR, House


@pytest.fixture
def house(house: House) -> House:
    house.register()
    return house


def grant(house: House, **changed: object) -> Receipt:
    return house.access.grant(house.patient, house.request(**changed))


def is_active(house: House) -> bool:
    return house.access.is_active(house.patient.address, BLIND, house.reader.address)


def test_a_grant_is_read_back_and_told_by_its_event(house: House):
    reader, until = house.reader.address, house.in_days(30)
    receipt = grant(house, expires_at=until)
    assert house.access.grant_of(house.record, reader) == Grant(
        house.record, reader, purpose.TREATMENT, until, 1
    )
    assert is_active(house)
    assert house.access.grants() == [
        GrantEvent(
            record=house.record,
            patient=house.patient.address,
            grantee=reader,
            purpose=purpose.TREATMENT,
            expires_at=until,
            epoch=1,
            locator=bytes(LOCATOR),
            by=house.patient.address,
            block=receipt.block,
        )
    ]


def test_grants_are_found_by_record_reader_and_patient(house: House):
    grant(house)
    grant(house, grantee=house.stranger.address)
    access = house.access
    assert len(access.grants(record=house.record)) == 2
    assert len(access.grants(grantee=house.reader.address)) == 1
    assert len(access.grants(patient=house.patient.address)) == 2
    assert access.grants(patient=house.reader.address) == []
    found = access.grants(house.record, house.stranger.address, house.patient.address)
    assert [event.grantee for event in found] == [house.stranger.address]


def test_a_second_grant_has_the_next_epoch(house: House):
    grant(house)
    grant(house)
    assert [event.epoch for event in house.access.grants()] == [1, 2]


def test_a_revoked_grant_is_over(house: House):
    with pytest.raises(GrantMissing) as caught:
        house.access.revoke(house.patient, BLIND, house.reader.address)
    assert caught.value.values == {"record_id": house.record, "grantee": house.reader.address}
    grant(house)
    receipt = house.access.revoke(house.patient, BLIND, house.reader.address)
    assert not is_active(house)
    reader = house.reader.address
    over = Grant(house.record, reader, 0, 0, 1)
    assert house.access.grant_of(house.record, reader) == replace(over, epoch=2)
    assert house.access.revocations(patient=house.patient.address) == [(over, receipt.block)]


def test_a_grant_ends_after_its_last_second(house: House):
    until = house.network.now() + 1_000
    grant(house, expires_at=until)
    house.chain.set_time(until + 1)
    assert not is_active(house)


def test_a_purpose_other_than_treatment_needs_consent_all_the_time(house: House):
    with pytest.raises(PurposeNotPermitted) as caught:
        grant(house, purpose=purpose.HMB)
    assert caught.value.values["bit"] == purpose.NO_BIT
    house.give_consent()
    grant(house, purpose=purpose.HMB)
    assert is_active(house)
    house.consent.revoke(house.patient)
    assert not is_active(house)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"blind": Blind(b"\x0e" * 32)}, RecordUnknown),
        ({"proof": (b"\x01" * 32,)}, RecordUnknown),
        ({"grantee": ZERO_ADDRESS}, GranteeInvalid),
        ({"expires_at": 1}, ExpiryInPast),
        ({"locator": Locator.of(b"\x10" * 79)}, InvalidValue),
        ({"locator": Locator.of(b"\x10" * 81)}, InvalidValue),
    ],
)
def test_grant_refuses(house: House, changed, error):
    with pytest.raises(error):
        grant(house, **changed)


def test_nobody_grants_anothers_record(house: House):
    with pytest.raises(RecordUnknown):
        house.access.grant(house.stranger, house.request())


# Several records at once.


def batch(house: House, count: int = 5) -> tuple[list[Blind], MerkleTree]:
    """Registers a batch of the patient's records."""
    blinds = [Blind(bytes([number]) * 32) for number in range(1, count + 1)]
    tree = MerkleTree([ids.record_id(house.patient.address, blind) for blind in blinds])
    house.records.register(house.hospital, tree.root, count)
    return blinds, tree


def several(house: House, places: tuple[int, ...]) -> tuple[list[Blind], MultiProof]:
    """Some of the batch's blinds in the order of their multiproof."""
    blinds, tree = batch(house)
    patient = house.patient.address
    by_record = {ids.record_id(patient, blinds[place]): blinds[place] for place in places}
    proof = tree.multiproof(by_record)
    return [by_record[leaf] for leaf in proof.leaves], proof


@pytest.mark.parametrize("places", [(0,), (0, 3), (1, 2, 4), (0, 1, 2, 3, 4)])
def test_grant_many_grants_each(house: House, places):
    blinds, proof = several(house, places)
    issuer, reader, until = house.hospital.address, house.reader.address, house.in_days(9)
    locators = [Locator.of(bytes([place]) * 80) for place in range(len(blinds))]
    receipt = house.access.grant_many(
        house.patient,
        issuer,
        blinds,
        proof.proof,
        proof.flags,
        reader,
        purpose.TREATMENT,
        until,
        locators,
    )
    assert len(receipt.events) == len(places)
    told = house.access.grants(grantee=reader)
    assert [event.record for event in told] == list(proof.leaves)
    assert [event.locator for event in told] == [bytes(locator) for locator in locators]
    assert all(house.access.is_active(house.patient.address, b, reader) for b in blinds)
    opened = house.records.open_many(
        issuer, house.patient.address, blinds, proof.proof, proof.flags
    )
    assert opened == list(proof.leaves)


def test_grant_many_refuses_what_does_not_fit(house: House):
    blinds, proof = several(house, (1, 2, 4))

    def grant_many(blinds, proof, flags, locators) -> None:
        house.access.grant_many(
            house.patient,
            house.hospital.address,
            blinds,
            proof,
            flags,
            house.reader.address,
            purpose.TREATMENT,
            house.in_days(9),
            locators,
        )

    with pytest.raises(LocatorsMismatched) as caught:
        grant_many(blinds, proof.proof, proof.flags, [LOCATOR])
    assert caught.value.values == {"records": 3, "locators": 1}
    with pytest.raises(RecordsUnknown) as unknown:
        grant_many(blinds[::-1], proof.proof, proof.flags, [LOCATOR] * 3)
    assert unknown.value.values == {"issuer": house.hospital.address, "count": 3}
    with pytest.raises(MerkleProofInvalidMultiproof):
        grant_many(blinds, proof.proof, proof.flags[1:], [LOCATOR] * 3)
    with pytest.raises(RecordsUnknown):
        grant_many([], [house.record], [], [])


# Emergencies.

REASON = b"\xea" * 32
FINDING = b"\xf1" * 32


def custody(house: House) -> None:
    """The hospital holds a grant of the record, and is the patient's custodian."""
    house.access.grant(house.patient, house.request(grantee=house.hospital.address))
    house.access.name_custodian(house.patient, house.hospital.address, house.in_days(30))


def break_glass(house: House, **changed: object) -> Receipt:
    arguments = {
        "patient": house.patient.address,
        "issuer": house.hospital.address,
        "blind": BLIND,
        "proof": (),
        "reason": REASON,
    } | changed
    return house.access.break_glass(house.reader, **arguments)


def test_an_emergency_is_opened_delivered_and_reviewed_in_the_open(house: House):
    custody(house)
    patient, record = house.patient.address, house.record
    clinician, hospital = house.reader.address, house.hospital.address
    assert house.access.custodian_of(patient) == Custodian(
        patient, hospital, house.access.custodian_of(patient).until, 1
    )
    broken = break_glass(house)
    ends = broken.timestamp + house.access.glass_time()
    assert is_active(house)
    assert house.access.emergency_of(record, clinician, 1) == Emergency(
        record, clinician, 1, hospital, broken.timestamp, False
    )
    assert house.access.emergencies(patient=patient) == [
        GlassEvent(record, patient, clinician, hospital, ends, 1, REASON, broken.block)
    ]
    given = house.access.deliver(house.hospital, patient, BLIND, clinician, LOCATOR)
    assert house.access.deliveries(clinician=clinician) == [
        Delivery(record, clinician, 1, hospital, bytes(LOCATOR), given.block)
    ]
    judged = house.access.review(house.reviewer, patient, BLIND, clinician, 1, False, FINDING)
    assert house.access.reviews(record=record) == [
        GlassReview(record, clinician, house.reviewer.address, 1, False, FINDING, judged.block)
    ]
    assert house.access.emergency_of(record, clinician, 1).reviewed
    with pytest.raises(EmergencyMissing):
        house.access.review(house.reviewer, patient, BLIND, clinician, 1, True, FINDING)
    house.chain.set_time(ends + 1)
    assert not is_active(house)
    with pytest.raises(EmergencyMissing):
        house.access.deliver(house.hospital, patient, BLIND, clinician, LOCATOR)


def test_nobody_opens_in_an_emergency_who_may_not(house: House):
    with pytest.raises(CustodianMissing) as caught:
        break_glass(house)
    assert caught.value.values["record_id"] == house.record
    custody(house)
    with pytest.raises(ReasonMissing):
        break_glass(house, reason=bytes(32))
    with pytest.raises(RecordUnknown):
        break_glass(house, blind=Blind(b"\x0e" * 32))
    for signer in (house.stranger, house.hospital):
        with pytest.raises(NotAccredited):
            house.access.break_glass(
                signer, house.patient.address, house.hospital.address, BLIND, (), REASON
            )
    until = house.in_days(9)
    house.accounts.accredit(house.governance, house.hospital.address, Role.CLINICIAN, until)
    with pytest.raises(ClinicianInvolved):
        house.access.break_glass(
            house.hospital, house.patient.address, house.hospital.address, BLIND, (), REASON
        )
    grant(house)
    with pytest.raises(GlassNotNeeded):
        break_glass(house)


def test_only_the_custodian_delivers_and_only_a_stranger_to_it_reviews(house: House):
    custody(house)
    break_glass(house)
    patient, clinician = house.patient.address, house.reader.address
    with pytest.raises(NotCustodian) as caught:
        house.access.deliver(house.stranger, patient, BLIND, clinician, LOCATOR)
    assert caught.value.values["custodian"] == house.hospital.address
    with pytest.raises(NotAccredited):
        house.access.review(house.stranger, patient, BLIND, clinician, 1, True, FINDING)
    until = house.in_days(9)
    for involved in (house.hospital, house.reader, house.patient):
        house.accounts.accredit(house.governance, involved.address, Role.REVIEWER, until)
        with pytest.raises(GlassReviewerInvolved):
            house.access.review(involved, patient, BLIND, clinician, 1, True, FINDING)
    house.access.revoke(house.patient, BLIND, clinician)  # the patient ends it at once
    assert not is_active(house)


def test_nobody_keeps_the_own_keys(house: House):
    with pytest.raises(CustodianInvalid):
        house.access.name_custodian(house.patient, house.patient.address, house.in_days(9))
    custody(house)
    house.access.name_custodian(house.patient, ZERO_ADDRESS, 0)
    found = house.access.custodian_of(house.patient.address)
    assert found == Custodian(house.patient.address, ZERO_ADDRESS, 0, 2)
