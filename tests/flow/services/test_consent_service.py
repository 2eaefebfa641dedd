from __future__ import annotations

import pytest

from medibloc_py import purpose
from medibloc_py.errors import (
    ClearanceMissing,
    ClearanceTooLong,
    ConsentMissing,
    DelegateInvalid,
    ExpiryInPast,
    NotAccredited,
    OverrideMissing,
    ReviewerInvolved,
    ScopeInvalid,
    TermsInvalid,
)
from medibloc_py.model import GENERAL, ZERO_ADDRESS, Clearance, Consent, Mandate, Role, Scope
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


# A record's own consent.


def test_a_records_own_consent_takes_the_place_of_the_general_one(house: House):
    patient, record, until = house.patient, house.record, house.in_days(30)
    house.give_consent(purpose.HMB)
    house.consent.set(patient, purpose.GRU, until, FORM, record)
    own = Consent(patient.address, record, purpose.GRU, until, 1)
    assert house.consent.consent_of(patient.address, record) == own
    assert house.consent.overrides(patient.address) == [own]
    assert house.consent.covers(patient.address, purpose.GRU, record)
    assert not house.consent.covers(patient.address, purpose.GRU)
    assert house.consent.check(patient.address, purpose.GRU, record).answer is Answer.PERMIT
    assert house.consent.check(patient.address, purpose.GRU).answer is Answer.DENY


def test_a_bar_holds_until_it_is_lifted(house: House):
    patient, record = house.patient, house.record
    house.give_consent(purpose.HMB)
    house.consent.revoke(patient, record)
    barred = Consent(patient.address, record, 0, 0, 1, barred=True)
    assert house.consent.overrides(patient.address) == [barred]
    assert house.consent.check(patient.address, purpose.HMB, record).answer is Answer.DENY
    house.give_consent(purpose.GRU)  # no other word of the patient lifts it
    assert not house.consent.covers(patient.address, purpose.HMB, record)
    house.consent.lift(patient, record)
    assert house.consent.overrides(patient.address) == []
    assert house.consent.covers(patient.address, purpose.HMB, record)
    with pytest.raises(OverrideMissing) as caught:
        house.consent.lift(patient, record)
    assert caught.value.values == {"patient": patient.address, "record": record}
    assert [change.barred for change, _ in house.consent.history(patient.address, record)] == [
        True,
        False,
    ]


# Delegates.


def test_a_mandate_is_read_back(house: House):
    patient, guardian = house.patient.address, house.guardian.address
    until, nothing = house.in_days(30), Scope(0)
    assert house.consent.mandate_of(patient, guardian) == Mandate(
        patient, guardian, nothing, nothing, 0, 0
    )
    both = Scope.CONSENT | Scope.SELL
    house.consent.set_delegate(house.patient, guardian, both, until)
    mandate = Mandate(patient, guardian, both, both, until, 1)
    assert house.consent.mandate_of(patient, guardian) == mandate
    assert house.consent.mandates(patient=patient) == [mandate]
    assert house.consent.mandates(delegate=guardian) == [mandate]
    assert house.consent.may_act(patient, guardian, Scope.SELL) == until
    assert house.consent.may_act(patient, guardian, Scope.GRANT) == 0
    assert house.consent.may_act(patient, patient, Scope.GRANT) == 2**40 - 1
    house.consent.set_delegate(house.patient, guardian, nothing, 0)
    assert house.consent.may_act(patient, guardian, Scope.SELL) == 0
    ended = Mandate(patient, guardian, nothing, both, 0, 2)
    assert house.consent.mandates(patient=patient) == [ended]


def test_a_mandate_ends_after_its_last_second(house: House):
    patient, guardian, until = house.patient, house.guardian.address, house.network.now() + 1_000
    house.consent.set_delegate(patient, guardian, Scope.GRANT, until)
    house.chain.set_time(until + 1)
    assert house.consent.may_act(patient.address, guardian, Scope.GRANT) == 0


@pytest.mark.parametrize(
    ("delegate", "scope", "until", "error"),
    [
        (ZERO_ADDRESS, 1, 2**39, DelegateInvalid),
        ("patient", 1, 2**39, DelegateInvalid),
        ("guardian", 8, 2**39, ScopeInvalid),
        ("guardian", 1, 1, ExpiryInPast),
    ],
)
def test_set_delegate_refuses(house: House, delegate, scope, until, error):
    account = delegate if delegate == ZERO_ADDRESS else getattr(house, delegate).address
    with pytest.raises(error):
        house.consent.set_delegate(house.patient, account, scope, until)


# Reviewers.

REFERRED = purpose.HMB | purpose.COL  # a person decides, unless the requester shows HAS_COL


def test_a_reviewer_clears_what_a_consent_refers(house: House):
    house.give_consent(REFERRED)
    consent, patient, reader = house.consent, house.patient.address, house.reader.address
    assert consent.check(patient, purpose.HMB, GENERAL, reader).answer is Answer.REFER
    subject, until = consent.subject_of(patient), house.in_days(9)
    receipt = consent.clear(house.reviewer, subject, reader, purpose.HMB, until)
    clearance = Clearance(subject, reader, purpose.HMB, house.reviewer.address, until)
    assert consent.clearance_of(subject, reader, purpose.HMB) == clearance
    assert consent.clearances(reviewer=house.reviewer.address) == [(clearance, receipt.block)]
    assert consent.is_cleared(subject, reader, purpose.HMB)
    assert consent.check(patient, purpose.HMB, GENERAL, reader).answer is Answer.PERMIT
    for other in (house.stranger.address, ZERO_ADDRESS):
        assert consent.check(patient, purpose.HMB, GENERAL, other).answer is Answer.REFER
    house.give_consent(REFERRED)  # a change ends what was cleared
    assert consent.check(patient, purpose.HMB, GENERAL, reader).answer is Answer.REFER


def test_a_clearance_is_taken_back_and_ends_with_the_accreditation(house: House):
    house.give_consent(REFERRED)
    consent, reader, reviewer = house.consent, house.reader.address, house.reviewer
    subject = consent.subject_of(house.patient.address)
    with pytest.raises(ClearanceMissing):
        consent.clear(reviewer, subject, reader, purpose.HMB, 0)
    consent.clear(reviewer, subject, reader, purpose.HMB, house.in_days(9))
    consent.clear(reviewer, subject, reader, purpose.HMB, 0)
    assert not consent.is_cleared(subject, reader, purpose.HMB)
    consent.clear(reviewer, subject, reader, purpose.HMB, house.in_days(9))
    house.accounts.accredit(house.governance, reviewer.address, Role.REVIEWER, 0)
    assert not consent.is_cleared(subject, reader, purpose.HMB)


def test_clear_refuses_who_is_no_reviewer_itself_and_what_lasts_longer(house: House):
    subject, reader = house.consent.subject_of(house.patient.address), house.reader.address
    clear, until = house.consent.clear, house.in_days(9)
    with pytest.raises(NotAccredited) as missing:
        clear(house.stranger, subject, reader, purpose.HMB, until)
    assert missing.value.values["role"] == Role.REVIEWER.value
    with pytest.raises(ReviewerInvolved):
        clear(house.reviewer, subject, house.reviewer.address, purpose.HMB, until)
    with pytest.raises(ClearanceTooLong):
        clear(house.reviewer, subject, reader, purpose.HMB, house.in_days(4_000))
