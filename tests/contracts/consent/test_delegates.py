"""Who may act for a patient: in its scope, to its last second, giving nothing that outlasts it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.model import GENERAL, ZERO_ADDRESS, RecordId, Scope
from support.clock import YEAR, next_block_at, now, pass_to
from support.expect import emits, reverts_with
from support.plain import plain
from support.words import own

FORM = bytes(32)
RECORD = RecordId(secrets.token_bytes(32))
ALL = Scope.CONSENT | Scope.GRANT | Scope.SELL


def test_setDelegate_emits_DelegateSet(consents: Any, patient: Any, stranger: Any) -> None:
    for version, (scope, ever) in enumerate(
        [(ALL, ALL), (Scope.SELL, ALL), (0, ALL), (Scope.GRANT, ALL)], start=1
    ):
        until = now() + YEAR
        done = consents.setDelegate(stranger, scope, until, {"from": patient})
        until = until if scope else 0
        emits(
            done,
            consents,
            "DelegateSet",
            patient=patient,
            delegate=stranger,
            scope=scope,
            until=until,
            version=version,
        )
        assert plain(consents.mandateOf(patient, stranger)) == (scope, ever, until, version)


def test_setDelegate_reverts_when_delegate_is_nobody_or_the_patient(
    consents: Any, patient: Any
) -> None:
    for delegate in (ZERO_ADDRESS, patient):
        with reverts_with("DelegateInvalid", delegate):
            consents.setDelegate(delegate, ALL, now() + YEAR, {"from": patient})


@pytest.mark.parametrize("scope", [8, 15, 255])
def test_setDelegate_reverts_when_scope_is_unknown(
    consents: Any, patient: Any, stranger: Any, scope: int
) -> None:
    with reverts_with("ScopeInvalid", scope):
        consents.setDelegate(stranger, scope, now() + YEAR, {"from": patient})


def test_setDelegate_reverts_when_until_is_not_ahead(
    consents: Any, patient: Any, stranger: Any
) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", at, at):
        consents.setDelegate(stranger, ALL, at, {"from": patient})


@given(scope=st.integers(1, 7), asked=st.integers(0, 255))
def test_mayAct_tells_scope_and_time(
    consents: Any, patient: Any, stranger: Any, scope: int, asked: int
) -> None:
    until = now() + 1000
    consents.setDelegate(stranger, scope, until, {"from": patient})
    may = asked and not asked & ~scope
    pass_to(until)
    assert consents.mayAct(patient, stranger, asked) == (until if may else 0)
    assert consents.mayAct(patient, patient, asked) == 2**40 - 1
    assert consents.mayAct(stranger, patient, asked) == 0
    pass_to(until + 1)
    assert consents.mayAct(patient, stranger, asked) == 0


def test_setFor_reverts_when_the_consent_outlasts_the_mandate(
    consents: Any, patient: Any, stranger: Any
) -> None:
    until = now() + YEAR
    consents.setDelegate(stranger, Scope.CONSENT, until, {"from": patient})
    said = purpose.GRU, until + 1, FORM, own(stranger)
    with reverts_with("MandateTooShort", patient, stranger, until):
        consents.setFor(patient, GENERAL, *said, {"from": stranger})
    said = purpose.GRU, until, FORM, own(stranger)
    consents.setFor(patient, GENERAL, *said, {"from": stranger})


def test_liftFor_reverts_when_the_general_consent_outlasts_the_mandate(
    consents: Any, patient: Any, stranger: Any
) -> None:
    until = now() + YEAR
    consents.setDelegate(stranger, Scope.CONSENT, until, {"from": patient})
    consents.set(GENERAL, purpose.GRU, until + 1, FORM, {"from": patient})
    consents.revoke(RECORD, {"from": patient})
    with reverts_with("MandateTooShort", patient, stranger, until):
        consents.liftFor(patient, RECORD, own(stranger), {"from": stranger})
    consents.set(GENERAL, purpose.GRU, until, FORM, {"from": patient})
    consents.liftFor(patient, RECORD, own(stranger), {"from": stranger})


def test_a_guardian_hands_over(consents: Any, patient: Any, stranger: Any) -> None:
    birthday = now() + 1000
    consents.setDelegate(stranger, ALL, birthday, {"from": patient})
    said = purpose.GRU, birthday, FORM, own(stranger)
    consents.setFor(patient, GENERAL, *said, {"from": stranger})
    next_block_at(birthday + 1)
    with reverts_with("MandateMissing", patient, stranger, Scope.CONSENT):
        consents.revokeFor(patient, GENERAL, own(stranger), {"from": stranger})
    assert consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)[0] == purpose.Answer.DENY
    consents.set(GENERAL, purpose.HMB, now() + YEAR, FORM, {"from": patient})


def test_a_delegate_names_no_delegate_of_the_patient(
    consents: Any, patient: Any, stranger: Any, payee: Any
) -> None:
    until = now() + YEAR
    consents.setDelegate(stranger, ALL, until, {"from": patient})
    consents.setDelegateFor(payee, ALL, until, own(stranger), {"from": stranger})
    assert consents.mayAct(patient, payee, Scope.CONSENT) == 0
    assert consents.mayAct(stranger, payee, Scope.CONSENT) == until
