"""What accreditors vouch for."""

from __future__ import annotations

from typing import Any

import pytest
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.model import Role
from support.clock import YEAR, now
from support.expect import emits, reverts_with
from support.plain import plain


@pytest.mark.parametrize(
    "evidence", [0, purpose.NONPROFIT, purpose.HAS_IRB, purpose.VOUCHED], ids=hex
)
def test_attest_emits_Attested(
    accounts: Any, accreditor: Any, stranger: Any, evidence: int
) -> None:
    done = accounts.attest(stranger, evidence, {"from": accreditor})
    emits(done, accounts, "Attested", account=stranger, accreditor=accreditor, evidence=evidence)
    assert plain(accounts.accreditation(stranger, Role.RESEARCHER)) == (0, evidence)


def test_attest_replaces_given_earlier_evidence(
    accounts: Any, accreditor: Any, researcher: Any
) -> None:
    accounts.attest(researcher, purpose.VOUCHED, {"from": accreditor})
    accounts.attest(researcher, purpose.HAS_IRB, {"from": accreditor})
    until, evidence = plain(accounts.accreditation(researcher, Role.RESEARCHER))
    assert evidence == purpose.HAS_IRB
    assert until > now() + YEAR


def test_attest_reverts_when_sender_is_not_accreditor(
    accounts: Any, governance: Any, stranger: Any
) -> None:
    for sender in (governance, stranger):
        with reverts_with("NotAccreditor", sender):
            accounts.attest(sender, purpose.HAS_IRB, {"from": sender})


@given(evidence=st.integers(0, 2**64 - 1).filter(lambda word: word & ~purpose.VOUCHED))
def test_attest_reverts_when_evidence_has_other_bits(
    accounts: Any, accreditor: Any, stranger: Any, evidence: int
) -> None:
    with reverts_with("EvidenceInvalid", evidence):
        accounts.attest(stranger, evidence, {"from": accreditor})
