"""The patient's own slot: set, replaced, revoked."""

from __future__ import annotations

from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.crypto.ids import keccak256
from medibloc_py.model import GENERAL
from support.clock import YEAR, next_block_at, now
from support.expect import emits, reverts_with
from support.plain import plain

FORM = keccak256(b"I agree to health research. (en)")
VALID = [purpose.NRES, purpose.HMB | purpose.NCU, purpose.DS | purpose.RS, purpose.TERMS
         & ~(purpose.PERMISSIONS & ~purpose.POA)]  # fmt: skip
INVALID = [0, purpose.NCU, purpose.HMB | purpose.DS, purpose.HMB | 1, purpose.TREATMENT,
           purpose.HMB | purpose.HAS_IRB, purpose.TERMS, 2**64 - 1]  # fmt: skip


@pytest.mark.parametrize("terms", VALID, ids=hex)
def test_set_emits_ConsentSet(consents: Any, patient: Any, terms: int) -> None:
    until = now() + YEAR
    done = consents.set(GENERAL, terms, until, FORM, {"from": patient})
    emits(
        done, consents, "ConsentSet",
        patient=patient, terms=terms, expiresAt=until, version=1, form=FORM,
        record=GENERAL, by=patient,
    )  # fmt: skip
    assert plain(consents.consentOf(patient, GENERAL)) == (terms, until, 1, False)


def test_set_replaces_given_earlier_consent(consents: Any, patient: Any) -> None:
    until = now() + YEAR
    consents.set(GENERAL, purpose.GRU, until, FORM, {"from": patient})
    done = consents.set(GENERAL, purpose.DS, until + 1, bytes(32), {"from": patient})
    emits(
        done, consents, "ConsentSet",
        patient=patient, terms=purpose.DS, expiresAt=until + 1, version=2, form=bytes(32),
        record=GENERAL, by=patient,
    )  # fmt: skip
    assert plain(consents.consentOf(patient, GENERAL)) == (purpose.DS, until + 1, 2, False)


def test_set_touches_nobody_else(consents: Any, patient: Any, stranger: Any) -> None:
    consents.set(GENERAL, purpose.GRU, now() + YEAR, FORM, {"from": patient})
    assert plain(consents.consentOf(stranger, GENERAL)) == (0, 0, 0, False)


@pytest.mark.parametrize("terms", INVALID, ids=hex)
def test_set_reverts_when_terms_are_invalid(consents: Any, patient: Any, terms: int) -> None:
    assert not purpose.valid_terms(terms)
    with reverts_with("TermsInvalid", terms):
        consents.set(GENERAL, terms, now() + YEAR, FORM, {"from": patient})


def test_set_reverts_when_expiry_is_not_ahead(consents: Any, patient: Any) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", at, at):
        consents.set(GENERAL, purpose.GRU, at, FORM, {"from": patient})
    at = next_block_at(now() + 100)
    consents.set(GENERAL, purpose.GRU, at + 1, FORM, {"from": patient})
    with reverts_with("ExpiryInPast", 0, lambda time: time):
        consents.set(GENERAL, purpose.GRU, 0, FORM, {"from": patient})


def test_revoke_emits_ConsentRevoked(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, purpose.GRU, now() + YEAR, FORM, {"from": patient})
    done = consents.revoke(GENERAL, {"from": patient})
    emits(done, consents, "ConsentRevoked", patient=patient, record=GENERAL, version=2, by=patient)
    assert plain(consents.consentOf(patient, GENERAL)) == (0, 0, 2, False)


def test_revoke_works_given_expired_consent(consents: Any, patient: Any) -> None:
    until = now() + 100
    consents.set(GENERAL, purpose.GRU, until, FORM, {"from": patient})
    next_block_at(until + 1)
    done = consents.revoke(GENERAL, {"from": patient})
    emits(done, consents, "ConsentRevoked", patient=patient, record=GENERAL, version=2, by=patient)


def test_revoke_reverts_given_no_consent(consents: Any, patient: Any) -> None:
    with reverts_with("ConsentMissing", patient):
        consents.revoke(GENERAL, {"from": patient})


def test_revoke_reverts_given_revoked_consent(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, purpose.GRU, now() + YEAR, FORM, {"from": patient})
    consents.revoke(GENERAL, {"from": patient})
    with reverts_with("ConsentMissing", patient):
        consents.revoke(GENERAL, {"from": patient})


def test_set_counts_on_given_revoked_consent(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, purpose.GRU, now() + YEAR, FORM, {"from": patient})
    consents.revoke(GENERAL, {"from": patient})
    consents.set(GENERAL, purpose.GRU, now() + YEAR, FORM, {"from": patient})
    assert plain(consents.consentOf(patient, GENERAL))[2] == 3
