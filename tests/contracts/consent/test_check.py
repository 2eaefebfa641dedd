"""What a consent answers: the library's own answers, and the clock's."""

from __future__ import annotations

from typing import Any

from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.model import GENERAL, ZERO_ADDRESS
from support.clock import YEAR, now, pass_to
from support.plain import plain

FORM = bytes(32)
MISSING = (purpose.Answer.DENY, purpose.NO_BIT)


def some(word: int) -> st.SearchStrategy[int]:
    """Any subset of a word's bits."""
    bits = [1 << i for i in range(64) if word >> i & 1]
    return st.lists(st.sampled_from(bits), unique=True).map(sum)


def one(word: int) -> st.SearchStrategy[int]:
    """One of a word's bits."""
    return st.sampled_from([1 << i for i in range(64) if word >> i & 1])


TERMS = st.builds(int.__or__, one(purpose.PERMISSIONS), some(purpose.TERMS & ~purpose.PERMISSIONS))
REQUESTS = st.one_of(
    st.builds(int.__or__, one(purpose.TYPES), some(purpose.REQUEST)),
    st.integers(0, 2**64 - 1),
)


@given(terms=TERMS, requests=st.lists(REQUESTS, min_size=12, max_size=12))
def test_check_answers_as_the_library(
    consents: Any, patient: Any, terms: int, requests: list[int]
) -> None:
    consents.set(GENERAL, terms, now() + YEAR, FORM, {"from": patient})
    for request in [*requests, purpose.HMB, 0]:
        expected = purpose.matches(terms, request | purpose.TS)
        assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, request)) == (
            expected.answer,
            expected.bit,
        )


@given(terms=TERMS, offers=st.lists(TERMS | st.integers(0, 2**64 - 1), min_size=12, max_size=12))
def test_covers_answers_as_the_library(
    consents: Any, patient: Any, terms: int, offers: list[int]
) -> None:
    consents.set(GENERAL, terms, now() + YEAR, FORM, {"from": patient})
    for offer in [*offers, terms, terms | purpose.NCU, 0]:
        assert consents.covers(patient, GENERAL, offer) == purpose.covers(terms, offer)


def test_check_permits_given_time_limit(consents: Any, patient: Any) -> None:
    """TS is the clock's to tell: a caller need not and cannot claim it."""
    consents.set(GENERAL, purpose.HMB | purpose.TS, now() + YEAR, FORM, {"from": patient})
    permitted = (purpose.Answer.PERMIT, 6)
    assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)) == permitted
    assert (
        plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB | purpose.TS)) == permitted
    )


def test_check_denies_given_no_consent(consents: Any, patient: Any) -> None:
    assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)) == MISSING
    assert consents.covers(patient, GENERAL, purpose.HMB) is False


def test_check_denies_given_revoked_consent(consents: Any, patient: Any) -> None:
    consents.set(GENERAL, purpose.NRES, now() + YEAR, FORM, {"from": patient})
    consents.revoke(GENERAL, {"from": patient})
    assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)) == MISSING
    assert consents.covers(patient, GENERAL, purpose.HMB) is False


def test_check_permits_through_the_last_second(consents: Any, patient: Any) -> None:
    until = now() + 1000
    consents.set(GENERAL, purpose.HMB, until, FORM, {"from": patient})
    pass_to(until)
    assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)) == (
        purpose.Answer.PERMIT,
        6,
    )
    assert consents.covers(patient, GENERAL, purpose.HMB) is True
    pass_to(until + 1)
    assert plain(consents.check(patient, GENERAL, ZERO_ADDRESS, purpose.HMB)) == MISSING
    assert consents.covers(patient, GENERAL, purpose.HMB) is False
