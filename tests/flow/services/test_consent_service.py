from __future__ import annotations

import pytest

from medibloc_py import purpose
from medibloc_py.errors import ConsentMissing, ExpiryInPast, TermsInvalid
from medibloc_py.model import GENERAL, Consent
from medibloc_py.purpose import Answer, Decision
from tests.flow.services.house import FORM, House


def test_a_consent_is_read_back(house: House):
    patient, until = house.patient, house.in_days(30)
    terms = purpose.HMB | purpose.NCU
    receipt = house.consent.set(patient, terms, until, FORM)
    assert receipt.events[0].args["form"] == FORM
    assert house.consent.consent_of(patient.address) == Consent(
        patient.address, GENERAL, terms, until, 1
    )


def test_nobodys_consent_is_empty(house: House):
    nobody = house.stranger.address
    assert house.consent.consent_of(nobody) == Consent(nobody, GENERAL, 0, 0, 0)
    assert house.consent.check(nobody, purpose.HMB) == Decision(Answer.DENY, purpose.NO_BIT)
    assert not house.consent.covers(nobody, purpose.HMB)


def test_set_refuses_what_is_no_consent(house: House):
    with pytest.raises(TermsInvalid) as caught:
        house.consent.set(house.patient, purpose.HMB | purpose.GRU, house.in_days(1), FORM)
    assert caught.value.values == {"terms": purpose.HMB | purpose.GRU}
    with pytest.raises(ExpiryInPast):
        house.consent.set(house.patient, purpose.HMB, 1, FORM)


@pytest.mark.parametrize(
    "request_", [purpose.HMB, purpose.GRU, purpose.HMB | purpose.COMMERCIAL, purpose.POA, 0]
)
def test_check_answers_as_the_library_does(house: House, request_):
    terms = purpose.HMB | purpose.TS
    house.give_consent(terms)
    expected = purpose.matches(terms, request_ | purpose.TS)
    assert house.consent.check(house.patient.address, request_) == expected


def test_covers_answers_as_the_library_does(house: House):
    house.give_consent(purpose.HMB)
    assert house.consent.covers(house.patient.address, purpose.HMB | purpose.NCU)
    assert not house.consent.covers(house.patient.address, purpose.GRU)


def test_a_consent_ends_after_its_last_second(house: House):
    until = house.network.now() + 1_000
    house.consent.set(house.patient, purpose.HMB, until, FORM)
    house.chain.set_time(until + 1)
    assert house.consent.check(house.patient.address, purpose.HMB).answer is Answer.DENY


def test_revoke_binds_at_once(house: House):
    patient = house.patient
    with pytest.raises(ConsentMissing) as caught:
        house.consent.revoke(patient)
    assert caught.value.values == {"patient": patient.address}
    house.give_consent()
    house.consent.revoke(patient)
    assert house.consent.consent_of(patient.address).terms == 0
    assert house.consent.check(patient.address, purpose.HMB).answer is Answer.DENY


def test_history_tells_all_in_order(house: House):
    patient, until = house.patient, house.in_days(30)
    blocks = [
        house.consent.set(patient, purpose.HMB, until, FORM).block,
        house.consent.revoke(patient).block,
        house.consent.set(patient, purpose.GRU, until, FORM).block,
    ]
    house.consent.set(house.stranger, purpose.GRU, until, FORM)
    assert house.consent.history(patient.address) == [
        (Consent(patient.address, GENERAL, purpose.HMB, until, 1), blocks[0]),
        (Consent(patient.address, GENERAL, 0, 0, 2), blocks[1]),
        (Consent(patient.address, GENERAL, purpose.GRU, until, 3), blocks[2]),
    ]
