"""Private documents that must not be read again: overwritten, as far as a file can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medibloc_py.errors import StoreFailed
from medibloc_py.storage import LocalStore, Vault, files


def test_put_overwrites_what_was_there(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.put("note", b"a secret of some length")
    old = os.open(tmp_path / "note", os.O_RDONLY)
    try:
        vault.put("note", b"nothing")
        assert os.pread(old, 100, 0) == bytes(len(b"a secret of some length"))
    finally:
        os.close(old)
    assert vault.get("note") == b"nothing"
    assert os.listdir(tmp_path) == ["note"]


def test_put_leaves_a_copy_of_another_name_as_it_is(tmp_path: Path) -> None:
    """A backup of hard links is its owner's."""
    vault = Vault(tmp_path / "vault")
    vault.put("note", b"old")
    os.link(tmp_path / "vault" / "note", tmp_path / "backup")
    vault.put("note", b"new")
    assert (tmp_path / "backup").read_bytes() == b"old"
    assert vault.get("note") == b"new"


def test_put_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"of somebody else")
    vault = Vault(tmp_path / "vault")
    vault.put("first", b"")
    (tmp_path / "vault" / "note").symlink_to(tmp_path / "other")
    vault.put("note", b"new")
    assert (tmp_path / "other").read_bytes() == b"of somebody else"
    assert vault.get("note") == b"new"


def test_what_a_dead_writer_left_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    vault, part, copy = Vault(tmp_path), tmp_path / ".part-dead", tmp_path / ".part-copied"
    vault.put("note", b"")
    for path in (part, copy):
        path.write_bytes(b"half a secret")
        os.utime(path, (0, 0))
    os.link(copy, tmp_path / "backup")
    old = os.open(part, os.O_RDONLY)
    try:
        vault.put("note", b"")
        assert os.pread(old, 100, 0) == bytes(len(b"half a secret"))
    finally:
        os.close(old)
    assert sorted(os.listdir(tmp_path)) == ["backup", "note"]
    assert (tmp_path / "backup").read_bytes() == b"half a secret"


def test_a_put_that_fails_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(tmp_path)
    vault.put("note", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_all", full)
        with pytest.raises(StoreFailed):
            vault.put("note", b"new")
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


@pytest.mark.parametrize(("size", "linked", "zeros"), [
    (5_000, False, True), (5_000, True, False), (100_000, False, False),
])  # fmt: skip
def test_a_store_overwrites_what_may_hold_a_key(
    tmp_path: Path, size: int, linked: bool, zeros: bool
) -> None:
    store = LocalStore(tmp_path / "store")
    cid = store.put([os.urandom(size)]).cid
    car = tmp_path / "store" / "blobs" / f"{cid}.car"
    if linked:
        os.link(car, tmp_path / "backup")
    old = os.open(car, os.O_RDONLY)
    try:
        store.unpin(cid)
        assert (not any(os.pread(old, size, 0))) is zeros
    finally:
        os.close(old)
    assert not store.has(cid)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_what_is_let_go_of_by_a_dead_process_is_gone_and_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    cid = store.put([b"a wrapped key"]).cid

    def dead(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "_overwrite", dead)
        with pytest.raises(KeyboardInterrupt):
            store.unpin(cid)
    assert not store.has(cid)
    (part,) = (tmp_path / "incoming").iterdir()
    os.utime(part, (0, 0))
    store.collect()
    assert not part.exists()
