from __future__ import annotations

from dataclasses import replace

import pytest

from medibloc_py import purpose
from medibloc_py.errors import (
    ExpiryInPast,
    GranteeInvalid,
    GrantMissing,
    InvalidValue,
    PurposeNotPermitted,
    RecordUnknown,
)
from medibloc_py.model import ZERO_ADDRESS, Blind, Grant, GrantEvent, Locator, Receipt
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
