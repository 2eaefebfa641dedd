"""Whether a reader may read now."""

from __future__ import annotations

from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.model import GENERAL
from support.clock import YEAR, now, pass_to

TERMS = purpose.HMB | purpose.NCU
PURPOSE = purpose.HMB | purpose.NONCOMMERCIAL


@pytest.fixture
def treated(grants: Any, patient: Any, opening: Any) -> Any:
    grants.grant(opening.request, {"from": patient})
    return opening


@pytest.fixture
def studied(grants: Any, consents: Any, patient: Any, opening: Any) -> Any:
    """A grant for a purpose that the consent permits."""
    consents.set(GENERAL, TERMS, now() + 2 * YEAR, bytes(32), {"from": patient})
    granted = opening.changed(purpose=PURPOSE)
    grants.grant(granted.request, {"from": patient})
    return granted


def test_isActive_is_false_given_no_grant(grants: Any, patient: Any, opening: Any) -> None:
    assert grants.isActive(patient, opening.blind, opening.grantee) is False


def test_isActive_holds_through_the_last_second(grants: Any, patient: Any, treated: Any) -> None:
    pass_to(treated.expires_at)
    assert grants.isActive(patient, treated.blind, treated.grantee) is True
    pass_to(treated.expires_at + 1)
    assert grants.isActive(patient, treated.blind, treated.grantee) is False


def test_isActive_is_false_given_revoked_grant(grants: Any, patient: Any, treated: Any) -> None:
    grants.revoke(treated.blind, treated.grantee, {"from": patient})
    assert grants.isActive(patient, treated.blind, treated.grantee) is False


def test_isActive_is_false_when_reader_or_patient_is_another(
    grants: Any, patient: Any, stranger: Any, treated: Any
) -> None:
    assert grants.isActive(patient, treated.blind, stranger) is False
    assert grants.isActive(stranger, treated.blind, treated.grantee) is False


def test_isActive_stays_given_treatment_and_revoked_consent(
    grants: Any, consents: Any, patient: Any, treated: Any
) -> None:
    consents.set(GENERAL, TERMS, now() + YEAR, bytes(32), {"from": patient})
    consents.revoke(GENERAL, {"from": patient})
    assert grants.isActive(patient, treated.blind, treated.grantee) is True


def test_isActive_ends_given_revoked_consent(
    grants: Any, consents: Any, patient: Any, studied: Any
) -> None:
    assert grants.isActive(patient, studied.blind, studied.grantee) is True
    consents.revoke(GENERAL, {"from": patient})
    assert grants.isActive(patient, studied.blind, studied.grantee) is False


def test_isActive_ends_and_returns_given_narrowed_consent(
    grants: Any, consents: Any, patient: Any, studied: Any
) -> None:
    until = now() + 2 * YEAR
    consents.set(GENERAL, TERMS | purpose.IRB, until, bytes(32), {"from": patient})
    assert grants.isActive(patient, studied.blind, studied.grantee) is False
    consents.set(GENERAL, purpose.GRU, until, bytes(32), {"from": patient})
    assert grants.isActive(patient, studied.blind, studied.grantee) is True


def test_isActive_ends_given_expired_consent(
    grants: Any, consents: Any, patient: Any, studied: Any
) -> None:
    until = now() + 1000
    consents.set(GENERAL, TERMS, until, bytes(32), {"from": patient})
    pass_to(until)
    assert grants.isActive(patient, studied.blind, studied.grantee) is True
    pass_to(until + 1)
    assert grants.isActive(patient, studied.blind, studied.grantee) is False
