"""Break-glass: a clinician, a reason, a custodian the patient named, minutes, and a review."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.crypto.ids import keccak256
from medibloc_py.model import ZERO_ADDRESS, Role
from support.clock import YEAR, next_block_at, now, pass_to
from support.expect import emits, reverts_with
from support.locators import parts
from support.plain import plain

REASON = keccak256(b"unconscious")
FINDING = keccak256(b"justified")
GLASS_TIME = 1800
LOCATOR = parts(secrets.token_bytes(80))


@pytest.fixture
def custodian(grants: Any, patient: Any, payee: Any, opening: Any) -> Any:
    """Named by the patient, and holds a grant of the record."""
    grants.grant(opening.changed(grantee=payee).request, {"from": patient})
    grants.nameCustodian(payee, now() + YEAR, {"from": patient})
    return payee


@pytest.fixture
def glass(grants: Any, patient: Any, opening: Any) -> Any:
    """Breaks the glass as `sender`."""

    def broken(sender: Any, reason: bytes = REASON) -> Any:
        found = opening.issuer, opening.blind, opening.proof, reason
        return grants.breakGlass(patient, *found, {"from": sender})

    return broken


@pytest.fixture
def broken(glass: Any, custodian: Any, clinician: Any) -> Any:
    """The emergency of the clinician: epoch 1."""
    return glass(clinician)


def test_nameCustodian_emits_CustodianNamed(grants: Any, patient: Any, payee: Any) -> None:
    until = now() + YEAR
    for version, (named, last) in enumerate([(payee.address, until), (ZERO_ADDRESS, 0)], start=1):
        done = grants.nameCustodian(named, until, {"from": patient})
        emits(
            done,
            grants,
            "CustodianNamed",
            patient=patient,
            custodian=named,
            until=last,
            version=version,
        )
        assert plain(grants.custodianOf(patient)) == (named, last, version)


def test_nameCustodian_reverts_when_custodian_is_the_patient(grants: Any, patient: Any) -> None:
    with reverts_with("CustodianInvalid", patient):
        grants.nameCustodian(patient, now() + YEAR, {"from": patient})


def test_breakGlass_emits_GlassBroken(
    grants: Any, patient: Any, opening: Any, glass: Any, custodian: Any, clinician: Any
) -> None:
    assert grants.GLASS_TIME() == GLASS_TIME
    at = next_block_at(now() + 10)
    done = glass(clinician)
    emits(
        done,
        grants,
        "GlassBroken",
        recordId=opening.record,
        patient=patient,
        clinician=clinician,
        custodian=custodian,
        expiresAt=at + GLASS_TIME,
        epoch=1,
        reason=REASON,
    )
    assert plain(grants.emergencyOf(opening.record, clinician, 1)) == (
        custodian.address,
        at,
        False,
    )
    stored = plain(grants.grantOf(opening.record, clinician))
    assert stored == (purpose.TREATMENT, at + GLASS_TIME, 1)
    pass_to(at + GLASS_TIME)
    assert grants.isActive(patient, opening.blind, clinician) is True
    pass_to(at + GLASS_TIME + 1)
    assert grants.isActive(patient, opening.blind, clinician) is False


def test_breakGlass_reverts_when_sender_is_no_clinician(
    glass: Any, custodian: Any, hospital: Any, stranger: Any
) -> None:
    for sender in (hospital, stranger, custodian):
        with reverts_with("NotAccredited", sender, Role.CLINICIAN, 0):
            glass(sender)


def test_breakGlass_reverts_when_reason_is_missing(
    glass: Any, custodian: Any, clinician: Any
) -> None:
    with reverts_with("ReasonMissing"):
        glass(clinician, bytes(32))


def test_breakGlass_reverts_given_no_custodian(
    grants: Any, patient: Any, opening: Any, glass: Any, clinician: Any, payee: Any
) -> None:
    missing = reverts_with("CustodianMissing", patient, opening.record)
    with missing:
        glass(clinician)
    grants.nameCustodian(payee, now() + YEAR, {"from": patient})
    with missing:  # who holds no grant
        glass(clinician)
    grants.grant(opening.changed(grantee=payee).request, {"from": patient})
    until = now() + 1000
    grants.nameCustodian(payee, until, {"from": patient})
    grants.revoke(opening.blind, payee, {"from": patient})
    with missing:  # who lost it
        glass(clinician)
    grants.grant(opening.changed(grantee=payee).request, {"from": patient})
    next_block_at(until + 1)
    with missing:  # whose time is over
        glass(clinician)


def test_breakGlass_reverts_when_the_clinician_takes_part(
    accounts: Any, accreditor: Any, patient: Any, glass: Any, custodian: Any
) -> None:
    for involved in (patient, custodian):
        accounts.accredit(involved, Role.CLINICIAN, now() + YEAR, {"from": accreditor})
        with reverts_with("ClinicianInvolved", involved):
            glass(involved)


def test_breakGlass_reverts_given_an_active_grant(
    opening: Any, glass: Any, broken: Any, clinician: Any
) -> None:
    with reverts_with("GlassNotNeeded", opening.record, clinician):
        glass(clinician)


def test_revoke_ends_an_emergency_at_once(
    grants: Any, patient: Any, opening: Any, broken: Any, custodian: Any, clinician: Any
) -> None:
    grants.revoke(opening.blind, clinician, {"from": patient})
    assert grants.isActive(patient, opening.blind, clinician) is False
    with reverts_with("EmergencyMissing", opening.record, clinician, 2):
        grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": custodian})


def test_deliver_emits_GlassDelivered(
    grants: Any, patient: Any, opening: Any, broken: Any, custodian: Any, clinician: Any
) -> None:
    done = grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": custodian})
    emits(
        done,
        grants,
        "GlassDelivered",
        recordId=opening.record,
        clinician=clinician,
        epoch=1,
        custodian=custodian,
        locator=LOCATOR,
    )


def test_deliver_reverts_when_sender_is_not_the_custodian(
    grants: Any, patient: Any, opening: Any, broken: Any, custodian: Any, clinician: Any
) -> None:
    for sender in (clinician, patient):
        with reverts_with("NotCustodian", sender, custodian):
            grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": sender})


def test_deliver_reverts_given_no_open_emergency(
    grants: Any, patient: Any, opening: Any, custodian: Any, clinician: Any, glass: Any
) -> None:
    with reverts_with("EmergencyMissing", opening.record, clinician, 0):
        grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": custodian})
    glass(clinician)
    grants.grant(opening.changed(grantee=clinician).request, {"from": patient})
    with reverts_with("EmergencyMissing", opening.record, clinician, 2):
        grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": custodian})


def test_deliver_reverts_given_an_ended_emergency(
    grants: Any, patient: Any, opening: Any, broken: Any, custodian: Any, clinician: Any
) -> None:
    next_block_at(broken.timestamp + GLASS_TIME + 1)
    with reverts_with("EmergencyMissing", opening.record, clinician, 1):
        grants.deliver(patient, opening.blind, clinician, LOCATOR, {"from": custodian})


@pytest.mark.parametrize("justified", [True, False])
def test_review_emits_GlassReviewed(
    grants: Any,
    patient: Any,
    opening: Any,
    broken: Any,
    clinician: Any,
    reviewer: Any,
    justified: bool,
) -> None:
    judged = opening.blind, clinician, 1, justified, FINDING
    done = grants.review(patient, *judged, {"from": reviewer})
    emits(
        done,
        grants,
        "GlassReviewed",
        recordId=opening.record,
        clinician=clinician,
        reviewer=reviewer,
        epoch=1,
        justified=justified,
        finding=FINDING,
    )
    assert plain(grants.emergencyOf(opening.record, clinician, 1))[2] is True
    with reverts_with("EmergencyMissing", opening.record, clinician, 1):
        grants.review(patient, *judged, {"from": reviewer})


def test_review_works_given_a_newer_emergency(
    grants: Any, patient: Any, opening: Any, glass: Any, broken: Any, clinician: Any, reviewer: Any
) -> None:
    next_block_at(broken.timestamp + GLASS_TIME + 1)
    glass(clinician)
    for epoch in (1, 2):
        judged = opening.blind, clinician, epoch, True, FINDING
        grants.review(patient, *judged, {"from": reviewer})
    with reverts_with("EmergencyMissing", opening.record, clinician, 3):
        grants.review(patient, opening.blind, clinician, 3, True, FINDING, {"from": reviewer})


def test_review_reverts_when_sender_is_no_reviewer_or_took_part(
    grants: Any,
    accounts: Any,
    accreditor: Any,
    patient: Any,
    opening: Any,
    broken: Any,
    custodian: Any,
    clinician: Any,
) -> None:
    judged = opening.blind, clinician, 1, True, FINDING
    for involved in (clinician, custodian, patient):
        with reverts_with("NotAccredited", involved, Role.REVIEWER, 0):
            grants.review(patient, *judged, {"from": involved})
        accounts.accredit(involved, Role.REVIEWER, now() + YEAR, {"from": accreditor})
        with reverts_with("GlassReviewerInvolved", involved):
            grants.review(patient, *judged, {"from": involved})
