"""Batches: who registers a root, once, and what supersedes it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from medibloc_py.model import Role
from support.clock import YEAR, next_block_at, now
from support.expect import emits, reverts_with
from support.plain import plain


@pytest.fixture
def root() -> bytes:
    return secrets.token_bytes(32)


@pytest.fixture
def other_hospital(accounts: Any, accreditor: Any, stranger: Any) -> Any:
    accounts.accredit(stranger, Role.ISSUER, now() + YEAR, {"from": accreditor})
    return stranger


@pytest.mark.parametrize("count", [1, 100_000, 2**32 - 1])
def test_register_emits_Registered(records: Any, hospital: Any, root: bytes, count: int) -> None:
    done = records.register(root, count, {"from": hospital})
    emits(done, records, "Registered", issuer=hospital, root=root, count=count)
    assert plain(records.batch(hospital, root)) == (done.timestamp, count, False)


def test_register_reverts_when_sender_is_not_accredited(
    records: Any, accreditor: Any, researcher: Any, stranger: Any, root: bytes
) -> None:
    for sender in (stranger, researcher, accreditor):
        with reverts_with("NotAccredited", sender, Role.ISSUER, 0):
            records.register(root, 1, {"from": sender})


def test_register_reverts_given_lapsed_accreditation(
    records: Any, accounts: Any, accreditor: Any, stranger: Any, root: bytes
) -> None:
    until = now() + 1000
    accounts.accredit(stranger, Role.ISSUER, until, {"from": accreditor})
    next_block_at(until)
    records.register(root, 1, {"from": stranger})
    next_block_at(until + 1)
    with reverts_with("NotAccredited", stranger, Role.ISSUER, until):
        records.register(secrets.token_bytes(32), 1, {"from": stranger})


def test_register_reverts_when_count_is_zero(records: Any, hospital: Any, root: bytes) -> None:
    with reverts_with("RecordCountInvalid", 0):
        records.register(root, 0, {"from": hospital})


def test_register_reverts_given_registered_root(records: Any, hospital: Any, root: bytes) -> None:
    records.register(root, 3, {"from": hospital})
    before = plain(records.batch(hospital, root))
    with reverts_with("RootAlreadyRegistered", hospital, root):
        records.register(root, 4, {"from": hospital})
    assert plain(records.batch(hospital, root)) == before


def test_register_keeps_issuers_apart_given_same_root(
    records: Any, hospital: Any, other_hospital: Any, root: bytes
) -> None:
    records.register(root, 3, {"from": other_hospital})
    records.register(root, 5, {"from": hospital})
    assert plain(records.batch(other_hospital, root))[1] == 3
    assert plain(records.batch(hospital, root))[1] == 5


def test_batch_is_zero_given_unknown_root(records: Any, hospital: Any, root: bytes) -> None:
    assert plain(records.batch(hospital, root)) == (0, 0, False)


def test_supersede_emits_Superseded(records: Any, hospital: Any, root: bytes) -> None:
    new = secrets.token_bytes(32)
    records.register(root, 3, {"from": hospital})
    records.register(new, 2, {"from": hospital})
    registered_at = plain(records.batch(hospital, root))[0]
    done = records.supersede(root, new, {"from": hospital})
    emits(done, records, "Superseded", issuer=hospital, oldRoot=root, newRoot=new)
    assert plain(records.batch(hospital, root)) == (registered_at, 3, True)
    assert plain(records.batch(hospital, new))[2] is False


def test_supersede_works_given_lapsed_accreditation(
    records: Any, accounts: Any, accreditor: Any, hospital: Any, root: bytes
) -> None:
    new = secrets.token_bytes(32)
    records.register(root, 1, {"from": hospital})
    records.register(new, 1, {"from": hospital})
    accounts.accredit(hospital, Role.ISSUER, 0, {"from": accreditor})
    records.supersede(root, new, {"from": hospital})
    assert plain(records.batch(hospital, root))[2] is True


def test_supersede_reverts_when_old_root_is_unknown(
    records: Any, hospital: Any, root: bytes
) -> None:
    new = secrets.token_bytes(32)
    records.register(new, 1, {"from": hospital})
    with reverts_with("RootUnknown", hospital, root):
        records.supersede(root, new, {"from": hospital})


def test_supersede_reverts_when_new_root_is_unknown(
    records: Any, hospital: Any, root: bytes
) -> None:
    new = secrets.token_bytes(32)
    records.register(root, 1, {"from": hospital})
    with reverts_with("RootUnknown", hospital, new):
        records.supersede(root, new, {"from": hospital})


def test_supersede_reverts_when_sender_is_another_issuer(
    records: Any, hospital: Any, other_hospital: Any, root: bytes
) -> None:
    new = secrets.token_bytes(32)
    records.register(root, 1, {"from": hospital})
    records.register(new, 1, {"from": other_hospital})
    with reverts_with("RootUnknown", other_hospital, root):
        records.supersede(root, new, {"from": other_hospital})
    with reverts_with("RootUnknown", hospital, new):
        records.supersede(root, new, {"from": hospital})


def test_supersede_reverts_given_superseded_root(records: Any, hospital: Any, root: bytes) -> None:
    first, second = secrets.token_bytes(32), secrets.token_bytes(32)
    for each in (root, first, second):
        records.register(each, 1, {"from": hospital})
    records.supersede(root, first, {"from": hospital})
    with reverts_with("RootAlreadySuperseded", hospital, root):
        records.supersede(root, second, {"from": hospital})
