"""Who may accredit, and what an accreditation says until when."""

from __future__ import annotations

from typing import Any

import pytest
from brownie.exceptions import VirtualMachineError

from medibloc_py.model import Role
from support.clock import YEAR, next_block_at, now, pass_to
from support.expect import emits, reverts_with
from support.plain import plain

ROLES = list(Role)


def test_setAccreditor_emits_AccreditorSet(accounts: Any, governance: Any, stranger: Any) -> None:
    named = accounts.setAccreditor(stranger, True, {"from": governance})
    emits(named, accounts, "AccreditorSet", account=stranger, allowed=True)
    assert accounts.isAccreditor(stranger)
    dismissed = accounts.setAccreditor(stranger, False, {"from": governance})
    emits(dismissed, accounts, "AccreditorSet", account=stranger, allowed=False)
    assert not accounts.isAccreditor(stranger)


def test_setAccreditor_reverts_when_sender_is_not_governance(
    accounts: Any, accreditor: Any, stranger: Any
) -> None:
    for sender in (accreditor, stranger):
        with reverts_with("OwnableUnauthorizedAccount", sender):
            accounts.setAccreditor(stranger, True, {"from": sender})


@pytest.mark.parametrize("role", ROLES)
def test_accredit_emits_Accredited(
    accounts: Any, accreditor: Any, stranger: Any, role: Role
) -> None:
    until = now() + YEAR
    done = accounts.accredit(stranger, role, until, {"from": accreditor})
    emits(
        done,
        accounts,
        "Accredited",
        account=stranger,
        role=role,
        accreditor=accreditor,
        until=until,
    )
    assert plain(accounts.accreditation(stranger, role)) == (until, 0)
    assert accounts.isAccredited(stranger, role)


def test_accredit_reverts_when_sender_is_not_accreditor(
    accounts: Any, governance: Any, hospital: Any, stranger: Any
) -> None:
    for sender in (governance, hospital, stranger):
        with reverts_with("NotAccreditor", sender):
            accounts.accredit(stranger, Role.ISSUER, now() + YEAR, {"from": sender})


def test_accredit_reverts_given_dismissed_accreditor(
    accounts: Any, governance: Any, accreditor: Any, stranger: Any
) -> None:
    accounts.setAccreditor(accreditor, False, {"from": governance})
    with reverts_with("NotAccreditor", accreditor):
        accounts.accredit(stranger, Role.ISSUER, now() + YEAR, {"from": accreditor})


def test_accredit_reverts_when_until_is_not_ahead(
    accounts: Any, accreditor: Any, stranger: Any
) -> None:
    until = next_block_at(now() + 100)
    with reverts_with("ExpiryInPast", until, until):
        accounts.accredit(stranger, Role.ISSUER, until, {"from": accreditor})
    with reverts_with("ExpiryInPast", 1, lambda time: time):
        accounts.accredit(stranger, Role.ISSUER, 1, {"from": accreditor})


def test_accredit_reverts_when_role_is_unknown(
    accounts: Any, accreditor: Any, stranger: Any
) -> None:
    with pytest.raises(VirtualMachineError):
        accounts.accredit(stranger, 4, now() + YEAR, {"from": accreditor})


def test_accredit_keeps_other_roles_given_packed_slot(
    accounts: Any, accreditor: Any, stranger: Any
) -> None:
    untils = {role: now() + YEAR + role for role in ROLES}
    untils[Role.CLINICIAN] = 2**40 - 1
    for role, until in untils.items():
        accounts.accredit(stranger, role, until, {"from": accreditor})
    accounts.attest(stranger, 1 << 50, {"from": accreditor})
    assert {role: plain(accounts.accreditation(stranger, role)) for role in ROLES} == {
        role: (until, 1 << 50) for role, until in untils.items()
    }


def test_accredit_takes_away_given_until_zero(
    accounts: Any, accreditor: Any, hospital: Any
) -> None:
    accounts.accredit(hospital, Role.CLINICIAN, now() + YEAR, {"from": accreditor})
    done = accounts.accredit(hospital, Role.ISSUER, 0, {"from": accreditor})
    emits(
        done,
        accounts,
        "Accredited",
        account=hospital,
        role=Role.ISSUER,
        accreditor=accreditor,
        until=0,
    )
    assert not accounts.isAccredited(hospital, Role.ISSUER)
    assert accounts.isAccredited(hospital, Role.CLINICIAN)


def test_accredit_replaces_given_other_accreditor(
    accounts: Any, governance: Any, accreditor: Any, hospital: Any, stranger: Any
) -> None:
    accounts.setAccreditor(stranger, True, {"from": governance})
    until = now() + 2 * YEAR
    accounts.accredit(hospital, Role.ISSUER, until, {"from": stranger})
    assert accounts.accreditation(hospital, Role.ISSUER)[0] == until


def test_isAccredited_holds_through_the_last_second(
    accounts: Any, accreditor: Any, stranger: Any
) -> None:
    until = now() + 1000
    accounts.accredit(stranger, Role.RESEARCHER, until, {"from": accreditor})
    pass_to(until)
    assert accounts.isAccredited(stranger, Role.RESEARCHER)
    pass_to(until + 1)
    assert not accounts.isAccredited(stranger, Role.RESEARCHER)
    assert plain(accounts.accreditation(stranger, Role.RESEARCHER)) == (until, 0)


def test_isAccredited_is_false_given_stranger(accounts: Any, stranger: Any) -> None:
    assert not any(accounts.isAccredited(stranger, role) for role in ROLES)
    assert plain(accounts.accreditation(stranger, Role.ISSUER)) == (0, 0)
