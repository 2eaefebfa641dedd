"""Granting: by the patient alone, for a purpose the patient may give."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.model import GENERAL, ZERO_ADDRESS, Address
from support.clock import YEAR, next_block_at, now
from support.expect import emits, reverts_with
from support.locators import parts
from support.plain import plain

FORM = bytes(32)


def test_constructor_keeps_its_neighbours(grants: Any, records: Any, consents: Any) -> None:
    assert grants.records() == records.address
    assert grants.consents() == consents.address
    assert grants.accounts() == records.address


def test_grant_emits_Granted(grants: Any, patient: Any, opening: Any) -> None:
    done = grants.grant(opening.request, {"from": patient})
    emits(
        done,
        grants,
        "Granted",
        recordId=opening.record,
        patient=patient,
        grantee=opening.grantee,
        purpose=purpose.TREATMENT,
        expiresAt=opening.expires_at,
        epoch=1,
        locator=parts(opening.locator),
        by=patient,
    )
    stored = plain(grants.grantOf(opening.record, opening.grantee))
    assert stored == (purpose.TREATMENT, opening.expires_at, 1)


def test_grant_replaces_given_standing_grant(grants: Any, patient: Any, opening: Any) -> None:
    grants.grant(opening.request, {"from": patient})
    again = opening.changed(expires_at=opening.expires_at + 1, locator=secrets.token_bytes(80))
    done = grants.grant(again.request, {"from": patient})
    emits(
        done,
        grants,
        "Granted",
        recordId=opening.record,
        patient=patient,
        grantee=opening.grantee,
        purpose=purpose.TREATMENT,
        expiresAt=again.expires_at,
        epoch=2,
        locator=parts(again.locator),
        by=patient,
    )


def test_grant_keeps_readers_apart(grants: Any, patient: Any, stranger: Any, opening: Any) -> None:
    grants.grant(opening.request, {"from": patient})
    grants.grant(opening.changed(grantee=stranger).request, {"from": patient})
    assert plain(grants.grantOf(opening.record, stranger))[2] == 1
    assert plain(grants.grantOf(opening.record, opening.grantee))[2] == 1


def test_grant_reverts_when_sender_is_not_the_patient(
    grants: Any, hospital: Any, stranger: Any, opening: Any
) -> None:
    for sender in (hospital, stranger):
        claimed = ids.record_id(Address(sender.address), opening.blind)
        with reverts_with("RecordUnknown", hospital, claimed):
            grants.grant(opening.request, {"from": sender})


def test_grant_reverts_when_issuer_is_another(
    grants: Any, patient: Any, stranger: Any, opening: Any
) -> None:
    with reverts_with("RecordUnknown", stranger, opening.record):
        grants.grant(opening.changed(issuer=stranger).request, {"from": patient})


def test_grant_reverts_when_proof_is_wrong(grants: Any, patient: Any, opening: Any) -> None:
    with reverts_with("RecordUnknown", opening.issuer, opening.record):
        grants.grant(opening.changed(proof=()).request, {"from": patient})


def test_grant_reverts_when_grantee_is_nobody_or_the_patient(
    grants: Any, patient: Any, opening: Any
) -> None:
    for grantee in (ZERO_ADDRESS, patient):
        with reverts_with("GranteeInvalid", grantee):
            grants.grant(opening.changed(grantee=grantee).request, {"from": patient})


def test_grant_reverts_when_expiry_is_not_ahead(grants: Any, patient: Any, opening: Any) -> None:
    at = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", at, at):
        grants.grant(opening.changed(expires_at=at).request, {"from": patient})
    at = next_block_at(now() + 100)
    grants.grant(opening.changed(expires_at=at + 1).request, {"from": patient})


def test_grant_reverts_when_purpose_is_not_permitted_given_no_consent(
    grants: Any, patient: Any, opening: Any
) -> None:
    denied = purpose.Answer.DENY, purpose.NO_BIT
    with reverts_with("PurposeNotPermitted", patient, purpose.HMB, *denied):
        grants.grant(opening.changed(purpose=purpose.HMB).request, {"from": patient})


TERMS = purpose.HMB | purpose.NCU | purpose.COL
PERMITTED = purpose.HMB | purpose.NONCOMMERCIAL | purpose.HAS_COL


@pytest.mark.parametrize(
    "request_word",
    [
        purpose.HMB,
        purpose.POA | purpose.NONCOMMERCIAL,
        purpose.HMB | purpose.NONCOMMERCIAL,
        purpose.HMB | purpose.NONCOMMERCIAL | purpose.SENSITIVE,
        purpose.TREATMENT | purpose.HMB,
        0,
    ],
    ids=hex,
)
def test_grant_reverts_when_purpose_is_not_permitted(
    grants: Any, consents: Any, patient: Any, opening: Any, request_word: int
) -> None:
    consents.set(GENERAL, TERMS, now() + YEAR, FORM, {"from": patient})
    decided = purpose.matches(TERMS, request_word | purpose.TS)
    assert decided.answer is not purpose.Answer.PERMIT
    with reverts_with("PurposeNotPermitted", patient, request_word, decided.answer, decided.bit):
        grants.grant(opening.changed(purpose=request_word).request, {"from": patient})


@given(
    permission=st.sampled_from([purpose.GRU, purpose.HMB, purpose.DS, purpose.POA]),
    restrictions=st.sets(st.sampled_from([purpose.NCU, purpose.IRB, purpose.RS, purpose.TS])),
    shown=st.sets(st.sampled_from([purpose.NONCOMMERCIAL, purpose.HAS_IRB, purpose.HAS_RS])),
    kind=st.sampled_from([purpose.HMB, purpose.DS | purpose.DISEASE_COVERED, purpose.POA]),
)
def test_grant_gives_exactly_what_the_consent_permits(
    grants: Any,
    consents: Any,
    patient: Any,
    opening: Any,
    permission: int,
    restrictions: set[int],
    shown: set[int],
    kind: int,
) -> None:
    terms, request = permission + sum(restrictions), kind + sum(shown)
    consents.set(GENERAL, terms, now() + YEAR, FORM, {"from": patient})
    decided = purpose.matches(terms, request | purpose.TS)
    asked = opening.changed(purpose=request)
    if decided.answer is purpose.Answer.PERMIT:
        grants.grant(asked.request, {"from": patient})
        assert grants.isActive(patient, opening.blind, opening.grantee)
        return
    with reverts_with("PurposeNotPermitted", patient, request, decided.answer, decided.bit):
        grants.grant(asked.request, {"from": patient})


def test_grant_permits_given_consent(
    grants: Any, consents: Any, patient: Any, opening: Any
) -> None:
    consents.set(GENERAL, TERMS, now() + YEAR, FORM, {"from": patient})
    grants.grant(opening.changed(purpose=PERMITTED).request, {"from": patient})
    assert plain(grants.grantOf(opening.record, opening.grantee))[0] == PERMITTED


def test_revoke_emits_GrantRevoked(grants: Any, patient: Any, opening: Any) -> None:
    grants.grant(opening.request, {"from": patient})
    done = grants.revoke(opening.blind, opening.grantee, {"from": patient})
    emits(
        done,
        grants,
        "GrantRevoked",
        recordId=opening.record,
        patient=patient,
        grantee=opening.grantee,
        epoch=1,
        by=patient,
    )
    assert plain(grants.grantOf(opening.record, opening.grantee)) == (0, 0, 2)


def test_grant_counts_on_given_revoked_grant(grants: Any, patient: Any, opening: Any) -> None:
    grants.grant(opening.request, {"from": patient})
    grants.revoke(opening.blind, opening.grantee, {"from": patient})
    grants.grant(opening.request, {"from": patient})
    assert plain(grants.grantOf(opening.record, opening.grantee))[2] == 3


def test_revoke_reverts_given_no_grant(grants: Any, patient: Any, opening: Any) -> None:
    with reverts_with("GrantMissing", opening.record, opening.grantee):
        grants.revoke(opening.blind, opening.grantee, {"from": patient})


def test_revoke_reverts_given_revoked_grant(grants: Any, patient: Any, opening: Any) -> None:
    grants.grant(opening.request, {"from": patient})
    grants.revoke(opening.blind, opening.grantee, {"from": patient})
    with reverts_with("GrantMissing", opening.record, opening.grantee):
        grants.revoke(opening.blind, opening.grantee, {"from": patient})


def test_revoke_reverts_when_sender_is_not_the_patient(
    grants: Any, patient: Any, stranger: Any, opening: Any
) -> None:
    grants.grant(opening.request, {"from": patient})
    for sender in (stranger, opening.grantee):
        other = ids.record_id(Address(sender.address), opening.blind)
        with reverts_with("GrantMissing", other, opening.grantee):
            grants.revoke(opening.blind, opening.grantee, {"from": sender})
    assert grants.isActive(patient, opening.blind, opening.grantee)
