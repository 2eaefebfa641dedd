"""Readers whose keys were rotated open what was wrapped for any of their versions."""

from __future__ import annotations

import pytest

from medibloc_py.crypto import hpke
from medibloc_py.crypto.keys import EncryptionKeys
from medibloc_py.errors import Corrupted, WrongKey
from medibloc_py.flows.parties import (
    MOST_VERSIONS,
    silent,
    unwrap_for_versions,
    versions_to_try,
)


def info(version: int) -> bytes:
    return b"info" + bytes([version])


@pytest.mark.parametrize("version", [1, 2, 3])
def test_any_version_opens(version: int) -> None:
    first = EncryptionKeys.generate()
    keys = first.rotated().rotated()
    bundle = keys.pairs[version - 1].bundle
    wrapped = hpke.wrap(b"payload", bundle, info(version))
    assert unwrap_for_versions(wrapped, keys, 3, info, "grant object") == b"payload"


def test_no_version_opens_what_is_for_another() -> None:
    keys = EncryptionKeys.generate()
    wrapped = hpke.wrap(b"payload", EncryptionKeys.generate().current.bundle, info(1))
    with pytest.raises(WrongKey) as caught:
        unwrap_for_versions(wrapped, keys, 1, info, "grant object")
    assert caught.value.values == {"what_for": "grant object"}
    with pytest.raises(WrongKey):
        unwrap_for_versions(wrapped, keys, 0, info, "grant object")


def test_a_node_that_invents_versions_keeps_nobody_waiting() -> None:
    assert list(versions_to_try(3)) == [3, 2, 1]
    assert list(versions_to_try(0)) == []
    assert len(versions_to_try(2**32 - 1)) == MOST_VERSIONS


def test_what_is_no_wrapping_is_damaged() -> None:
    with pytest.raises(Corrupted):
        unwrap_for_versions(b"short", EncryptionKeys.generate(), 1, info, "grant object")


def test_silent_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent("step", 1, 2)
    assert capsys.readouterr() == ("", "")
