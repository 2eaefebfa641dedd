"""A reviewer may clear what a consent refers: one request of one requester, in the open."""

from __future__ import annotations

from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.crypto.ids import keccak256
from medibloc_py.model import GENERAL, Role
from support.clock import YEAR, next_block_at, now, pass_to
from support.expect import emits, reverts_with
from support.plain import plain

FORM = bytes(32)
TERMS = purpose.GRU | purpose.COL
REQUEST = purpose.HMB
REFERRED = (purpose.Answer.REFER, 20)
CLEARED = (purpose.Answer.PERMIT, 20)


@pytest.fixture
def subject(consents: Any, patient: Any) -> bytes:
    """What is cleared: the patient's consent, as it stands."""
    consents.set(GENERAL, TERMS, now() + YEAR, FORM, {"from": patient})
    return plain(consents.subjectOf(patient, GENERAL))


def answer(consents: Any, patient: Any, requester: Any, request: int = REQUEST) -> Any:
    return plain(consents.check(patient, keccak256(b"any"), requester, request))


def test_clear_emits_Cleared(
    consents: Any, patient: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    assert answer(consents, patient, researcher) == REFERRED
    until = now() + 1000
    done = consents.clear(subject, researcher, REQUEST, until, {"from": reviewer})
    emits(
        done,
        consents,
        "Cleared",
        subject=subject,
        requester=researcher,
        reviewer=reviewer,
        request=REQUEST,
        until=until,
    )
    assert plain(consents.clearanceOf(subject, researcher, REQUEST)) == (reviewer.address, until)
    pass_to(until)
    assert answer(consents, patient, researcher) == CLEARED
    pass_to(until + 1)
    assert answer(consents, patient, researcher) == REFERRED


def test_clear_is_for_this_request_and_requester_alone(
    consents: Any, patient: Any, researcher: Any, stranger: Any, reviewer: Any, subject: bytes
) -> None:
    consents.clear(subject, researcher, REQUEST, now() + 1000, {"from": reviewer})
    assert answer(consents, patient, stranger) == REFERRED
    assert answer(consents, patient, researcher, REQUEST | purpose.GENETIC) == REFERRED
    denied = answer(consents, patient, researcher, REQUEST | purpose.COMMERCIAL)
    assert denied == (purpose.Answer.DENY, 60)


def test_clear_never_permits_what_is_denied(
    consents: Any, patient: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    request = REQUEST | purpose.COMMERCIAL
    consents.clear(subject, researcher, request, now() + 1000, {"from": reviewer})
    assert answer(consents, patient, researcher, request) == (purpose.Answer.DENY, 60)


def test_clear_ends_with_the_consents_next_version(
    consents: Any, patient: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    consents.clear(subject, researcher, REQUEST, now() + 1000, {"from": reviewer})
    consents.set(GENERAL, TERMS, now() + YEAR, FORM, {"from": patient})
    assert answer(consents, patient, researcher) == REFERRED


def test_clear_ends_with_the_accreditation(
    consents: Any,
    accounts: Any,
    accreditor: Any,
    patient: Any,
    researcher: Any,
    reviewer: Any,
    subject: bytes,
) -> None:
    consents.clear(subject, researcher, REQUEST, now() + 1000, {"from": reviewer})
    accounts.accredit(reviewer, Role.REVIEWER, 0, {"from": accreditor})
    assert answer(consents, patient, researcher) == REFERRED
    assert consents.isCleared(subject, researcher, REQUEST) is False


def test_clear_takes_back_given_until_zero(
    consents: Any, patient: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    consents.clear(subject, researcher, REQUEST, now() + 1000, {"from": reviewer})
    done = consents.clear(subject, researcher, REQUEST, 0, {"from": reviewer})
    emits(
        done,
        consents,
        "Cleared",
        subject=subject,
        requester=researcher,
        reviewer=reviewer,
        request=REQUEST,
        until=0,
    )
    assert answer(consents, patient, researcher) == REFERRED
    with reverts_with("ClearanceMissing", subject, researcher, REQUEST):
        consents.clear(subject, researcher, REQUEST, 0, {"from": reviewer})


def test_clear_reverts_when_sender_is_no_reviewer(
    consents: Any, patient: Any, accreditor: Any, researcher: Any, subject: bytes
) -> None:
    for sender in (patient, accreditor, researcher):
        with reverts_with("NotAccredited", sender, Role.REVIEWER, 0):
            consents.clear(subject, researcher, REQUEST, now() + 1000, {"from": sender})


def test_clear_reverts_when_the_reviewer_is_the_requester(
    consents: Any, reviewer: Any, subject: bytes
) -> None:
    with reverts_with("ReviewerInvolved", reviewer):
        consents.clear(subject, reviewer, REQUEST, now() + 1000, {"from": reviewer})


def test_clear_reverts_when_it_outlasts_the_accreditation(
    consents: Any, accounts: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    until = plain(accounts.accreditation(reviewer, Role.REVIEWER))[0]
    with reverts_with("ClearanceTooLong", reviewer, until):
        consents.clear(subject, researcher, REQUEST, until + 1, {"from": reviewer})
    consents.clear(subject, researcher, REQUEST, until, {"from": reviewer})


def test_clear_reverts_when_until_is_not_ahead(
    consents: Any, researcher: Any, reviewer: Any, subject: bytes
) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", at, at):
        consents.clear(subject, researcher, REQUEST, at, {"from": reviewer})
