"""Governance passes on in two steps, and can do no more than name accreditors."""

from __future__ import annotations

from typing import Any

from medibloc_py.model import ZERO_ADDRESS, Role
from support.clock import YEAR, now
from support.expect import emits, reverts_with


def test_constructor_sets_governance(accounts: Any, governance: Any) -> None:
    assert accounts.owner() == governance
    assert not accounts.isAccreditor(governance)


def test_constructor_reverts_when_governance_is_zero(Records: Any, stranger: Any) -> None:
    with reverts_with("OwnableInvalidOwner", ZERO_ADDRESS):
        Records.deploy(ZERO_ADDRESS, {"from": stranger})


def test_transferOwnership_waits_for_acceptance(
    accounts: Any, governance: Any, stranger: Any
) -> None:
    begun = accounts.transferOwnership(stranger, {"from": governance})
    parties = {"previousOwner": governance, "newOwner": stranger}
    emits(begun, accounts, "OwnershipTransferStarted", **parties)
    assert accounts.owner() == governance
    assert accounts.pendingOwner() == stranger
    done = accounts.acceptOwnership({"from": stranger})
    emits(done, accounts, "OwnershipTransferred", **parties)
    assert accounts.owner() == stranger
    with reverts_with("OwnableUnauthorizedAccount", governance):
        accounts.setAccreditor(governance, True, {"from": governance})


def test_transferOwnership_reverts_when_sender_is_not_governance(
    accounts: Any, stranger: Any
) -> None:
    with reverts_with("OwnableUnauthorizedAccount", stranger):
        accounts.transferOwnership(stranger, {"from": stranger})


def test_acceptOwnership_reverts_when_sender_is_not_pending(
    accounts: Any, governance: Any, accreditor: Any, stranger: Any
) -> None:
    accounts.transferOwnership(stranger, {"from": governance})
    with reverts_with("OwnableUnauthorizedAccount", accreditor):
        accounts.acceptOwnership({"from": accreditor})


def test_renounceOwnership_leaves_accreditors_at_work(
    accounts: Any, governance: Any, accreditor: Any, stranger: Any
) -> None:
    done = accounts.renounceOwnership({"from": governance})
    emits(done, accounts, "OwnershipTransferred", previousOwner=governance, newOwner=ZERO_ADDRESS)
    with reverts_with("OwnableUnauthorizedAccount", governance):
        accounts.setAccreditor(stranger, True, {"from": governance})
    accounts.accredit(stranger, Role.ISSUER, now() + YEAR, {"from": accreditor})
    assert accounts.isAccredited(stranger, Role.ISSUER)


def test_renounceOwnership_reverts_when_sender_is_not_governance(
    accounts: Any, stranger: Any
) -> None:
    with reverts_with("OwnableUnauthorizedAccount", stranger):
        accounts.renounceOwnership({"from": stranger})
