"""Private documents that must not be read again: overwritten, as far as a file can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medibloc_py.errors import InvalidValue, StoreFailed
from medibloc_py.storage import Vault, files


def test_rewrite_overwrites_what_was_there(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.put("note", b"a secret of some length")
    old = os.open(tmp_path / "note", os.O_RDONLY)
    try:
        vault.rewrite("note", b"nothing")
        assert os.pread(old, 100, 0) == bytes(len(b"a secret of some length"))
    finally:
        os.close(old)
    assert vault.get("note") == b"nothing"
    assert os.listdir(tmp_path) == ["note"]


def test_rewrite_replaces_only_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        Vault(tmp_path).rewrite("note", b"new")
    with pytest.raises(InvalidValue):
        Vault(tmp_path).rewrite("../note", b"new")
    assert os.listdir(tmp_path) == []


def test_a_rewrite_that_fails_leaves_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path)
    vault.put("note", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_all", full)
        with pytest.raises(StoreFailed):
            vault.rewrite("note", b"new")
    assert vault.get("note") == b"old"


def test_remove_finishes_what_a_removal_that_died_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path)
    vault.put("note", b"a secret")

    def dead(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "_overwrite", dead)
        with pytest.raises(KeyboardInterrupt):
            vault.remove("note")
    assert not vault.has("note")
    (left,) = os.listdir(tmp_path)
    old = os.open(tmp_path / left, os.O_RDONLY)
    try:
        vault.remove("note")
        assert os.pread(old, 100, 0) == bytes(len(b"a secret"))
    finally:
        os.close(old)
    assert os.listdir(tmp_path) == []
    vault.remove("note")
