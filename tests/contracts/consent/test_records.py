"""A record's own consent takes the general one's place; a bar permits nothing."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.model import GENERAL, ZERO_ADDRESS, RecordId
from support.clock import YEAR, now, pass_to
from support.expect import emits, reverts_with
from support.plain import plain

FORM = bytes(32)
RECORD = RecordId(secrets.token_bytes(32))
MISSING = (purpose.Answer.DENY, purpose.NO_BIT)


@pytest.fixture
def general(consents: Any, patient: Any) -> None:
    """A general consent to health research."""
    consents.set(GENERAL, purpose.HMB, now() + YEAR, FORM, {"from": patient})


def answer(consents: Any, patient: Any, request: int, record: bytes = RECORD) -> Any:
    return plain(consents.check(patient, record, ZERO_ADDRESS, request))


def test_set_of_a_record_takes_the_general_ones_place(
    consents: Any, patient: Any, general: None
) -> None:
    until = now() + YEAR
    done = consents.set(RECORD, purpose.POA, until, FORM, {"from": patient})
    emits(
        done,
        consents,
        "ConsentSet",
        patient=patient,
        record=RECORD,
        terms=purpose.POA,
        expiresAt=until,
        version=1,
        form=FORM,
        by=patient,
    )
    assert answer(consents, patient, purpose.POA) == (purpose.Answer.PERMIT, 11)
    assert answer(consents, patient, purpose.HMB) == (purpose.Answer.DENY, 6)
    assert answer(consents, patient, purpose.HMB, GENERAL) == (purpose.Answer.PERMIT, 6)
    assert answer(consents, patient, purpose.HMB, secrets.token_bytes(32))[0] == 1
    assert consents.covers(patient, RECORD, purpose.HMB) is False


def test_check_denies_given_a_records_expired_consent(
    consents: Any, patient: Any, general: None
) -> None:
    """It does not fall back: what was narrowed does not widen by itself."""
    until = now() + 1000
    consents.set(RECORD, purpose.HMB, until, FORM, {"from": patient})
    pass_to(until)
    assert answer(consents, patient, purpose.HMB) == (purpose.Answer.PERMIT, 6)
    pass_to(until + 1)
    assert answer(consents, patient, purpose.HMB) == MISSING
    assert consents.covers(patient, RECORD, purpose.HMB) is False
    consents.lift(RECORD, {"from": patient})
    assert answer(consents, patient, purpose.HMB) == (purpose.Answer.PERMIT, 6)


def test_revoke_bars_a_record(consents: Any, patient: Any, general: None) -> None:
    done = consents.revoke(RECORD, {"from": patient})
    emits(done, consents, "ConsentRevoked", patient=patient, record=RECORD, version=1, by=patient)
    assert plain(consents.consentOf(patient, RECORD)) == (0, 0, 1, True)
    assert answer(consents, patient, purpose.HMB) == MISSING
    consents.set(GENERAL, purpose.NRES, now() + YEAR, FORM, {"from": patient})
    assert answer(consents, patient, purpose.HMB) == MISSING
    with reverts_with("ConsentMissing", patient):
        consents.revoke(RECORD, {"from": patient})


def test_lift_emits_ConsentLifted(consents: Any, patient: Any, general: None) -> None:
    consents.revoke(RECORD, {"from": patient})
    done = consents.lift(RECORD, {"from": patient})
    emits(done, consents, "ConsentLifted", patient=patient, record=RECORD, version=2, by=patient)
    assert plain(consents.consentOf(patient, RECORD)) == (0, 0, 2, False)
    assert answer(consents, patient, purpose.HMB) == (purpose.Answer.PERMIT, 6)


def test_lift_reverts_when_the_record_has_no_consent_of_its_own(
    consents: Any, patient: Any, general: None
) -> None:
    for record in (RECORD, GENERAL):
        with reverts_with("OverrideMissing", patient, record):
            consents.lift(record, {"from": patient})
