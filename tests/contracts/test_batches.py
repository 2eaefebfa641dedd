"""Several acts in one transaction: all or none, or all that are not refused."""

from __future__ import annotations

from typing import Any

from brownie import web3

from medibloc_py import purpose
from medibloc_py.model import GENERAL
from support.clock import YEAR, now
from support.expect import reverts_with
from support.plain import plain

FORM = bytes(32)


def acts(consents: Any) -> list[str]:
    """One that is taken, one that is refused, one that is taken."""
    until = now() + YEAR
    return [
        consents.set.encode_input(GENERAL, terms, until, FORM)
        for terms in (purpose.GRU, 0, purpose.HMB)
    ]


def test_multicall_reverts_with_the_first_reason_given_atomic(consents: Any, patient: Any) -> None:
    with reverts_with("TermsInvalid", 0):
        consents.multicall(acts(consents), True, {"from": patient})
    assert plain(consents.consentOf(patient, GENERAL))[2] == 0


def test_multicall_emits_CallRefused_and_makes_the_others(consents: Any, patient: Any) -> None:
    done = consents.multicall(acts(consents), False, {"from": patient})
    assert plain(done.return_value) == (True, False, True)
    names = [event.name for event in done.events if event.address == consents.address]
    assert names == ["ConsentSet", "CallRefused", "ConsentSet"]
    refused = done.events["CallRefused"]
    reason = web3.keccak(text="TermsInvalid(uint64)")[:4] + bytes(32)
    assert (plain(refused["index"]), plain(refused["reason"])) == (1, reason)
    terms, _, version, _ = plain(consents.consentOf(patient, GENERAL))
    assert (terms, version) == (purpose.HMB, 2)


def test_multicall_gives_nobody_more_rights(accounts: Any, governance: Any, stranger: Any) -> None:
    call = accounts.setAccreditor.encode_input(stranger, True)
    with reverts_with("OwnableUnauthorizedAccount", stranger):
        accounts.multicall([call], True, {"from": stranger})
    accounts.multicall([call], True, {"from": governance})
    assert accounts.isAccreditor(stranger)
