"""Encryption keys as accounts publish them."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from medibloc_py.crypto.ids import keccak256
from medibloc_py.crypto.keys import EncryptionKeys
from support.expect import emits, reverts_with
from support.plain import plain


def test_publishKey_emits_KeyPublished(accounts: Any, stranger: Any) -> None:
    bundle = EncryptionKeys.generate().current.bundle
    done = accounts.publishKey(bundle, {"from": stranger})
    emits(done, accounts, "KeyPublished", account=stranger, version=1, bundle=bundle)
    assert plain(accounts.keyOf(stranger)) == (keccak256(bundle), 1)


def test_publishKey_counts_versions_given_earlier_key(accounts: Any, stranger: Any) -> None:
    for version in (1, 2, 3):
        bundle = b"\x01" + secrets.token_bytes(1248)
        done = accounts.publishKey(bundle, {"from": stranger})
        emits(done, accounts, "KeyPublished", account=stranger, version=version, bundle=bundle)
        assert plain(accounts.keyOf(stranger)) == (keccak256(bundle), version)


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"\x01",
        b"\x01" + bytes(1247),
        b"\x01" + bytes(1249),
        bytes(1249),
        b"\x02" + bytes(1248),
    ],
    ids=["empty", "one byte", "short", "long", "suite 0", "suite 2"],
)
def test_publishKey_reverts_when_bundle_is_malformed(
    accounts: Any, stranger: Any, bundle: bytes
) -> None:
    with reverts_with("KeyBundleInvalid", len(bundle)):
        accounts.publishKey(bundle, {"from": stranger})
    assert plain(accounts.keyOf(stranger)) == (bytes(32), 0)


def test_keyOf_is_zero_given_no_key(accounts: Any, hospital: Any) -> None:
    assert plain(accounts.keyOf(hospital)) == (bytes(32), 0)
