"""Atomic files and the vault."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from medibloc_py.errors import BlobMissing, InvalidValue, StoreFailed
from medibloc_py.storage import LocalStore, Vault, read_private, write_atomic
from medibloc_py.storage import files as files_module
from medibloc_py.storage.locks import sole
from tests.unit.storage.blobs import cid_of


def test_write_atomic_replaces_and_keeps_others_out(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert read_private(path) == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_write_atomic_gives_the_mode_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "public", b"", mode=0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "public").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod"])
def test_write_atomic_reverts_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    write_atomic(path, b"before")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StoreFailed, match="No space left"):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_write_atomic_survives_short_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    write_atomic(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_write_atomic_reverts_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        write_atomic(tmp_path / "nowhere" / "file", b"")


def test_write_atomic_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"untouched")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"untouched"


def test_read_private_tells_missing_from_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        read_private(tmp_path / "none")
    with pytest.raises(StoreFailed):
        read_private(tmp_path)


def test_vault_gives_what_was_put(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "a" / "vault")
    assert vault.names() == []
    assert not vault.has("record")
    vault.put("record", b"one")
    vault.put("record", b"two")
    vault.put("0x00ab.json", b"")
    assert vault.get("record") == b"two"
    assert vault.has("record")
    assert vault.names() == ["0x00ab.json", "record"]
    assert (tmp_path / "a" / "vault").stat().st_mode & 0o077 == 0
    assert (tmp_path / "a" / "vault" / "record").stat().st_mode & 0o777 == 0o600


def test_vault_removes_what_was_put_and_overwrites_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path)
    vault.put("record", b"secret")
    vault.put("other", b"stays")
    seen: list[bytes] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        seen.append(path.read_bytes())
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    vault.remove("record")
    assert seen == [bytes(6)]
    vault.remove("record")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_vault_reverts_when_nothing_was_put_under_the_name(tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        Vault(tmp_path).get("none")


NO_NAMES = ["", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a\0b", "a b", "ä", "x" * 201, "a\n"]


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("action", ["put", "get", "has"])
def test_vault_reverts_when_the_name_is_not_plain(tmp_path: Path, action: str, name: str) -> None:
    vault = Vault(tmp_path / "vault")
    with pytest.raises(InvalidValue):
        vault.put(name, b"") if action == "put" else getattr(vault, action)(name)
    assert not (tmp_path / "vault").exists()


def test_vault_hides_and_sweeps_what_a_dead_writer_left(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    part = tmp_path / ".part-dead"
    part.write_bytes(b"half")
    os.utime(part, (0, 0))
    assert vault.names() == []
    vault.put("name", b"")
    assert not part.exists()


def test_vault_reverts_when_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailed):
        Vault(tmp_path / "file").names()
    with pytest.raises(StoreFailed):
        Vault(tmp_path / "file").put("name", b"")


def test_has_reverts_when_the_disk_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(StoreFailed, match="Permission denied"):
        Vault(tmp_path).has("name")
    with pytest.raises(StoreFailed, match="Permission denied"):
        LocalStore(tmp_path).has(cid_of(b""))


def test_sweep_bears_with_a_faster_sweeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / ".part-dead"
    part.write_bytes(b"half")
    os.utime(part, (0, 0))

    def faster(path: str, *_: object) -> int:
        os.unlink(path)
        raise FileNotFoundError(errno.ENOENT, "gone", path)

    monkeypatch.setattr(files_module.os, "open", faster)
    files_module.sweep(tmp_path)


def test_every_folder_on_the_way_is_closed_to_others_and_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the last one alone: the folder of a store is a new one's name in another."""
    synced: list[Path] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    umask = os.umask(0)
    try:
        LocalStore(tmp_path / "home" / "store").put([b""])
    finally:
        os.umask(umask)
    folders = [tmp_path / "home", tmp_path / "home" / "store", tmp_path / "home/store/blobs"]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * 3
    assert {folder.parent for folder in folders} <= set(synced)


def test_a_disk_that_becomes_read_only_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an error: then nothing can be tidied up, either."""
    vault = Vault(tmp_path)
    vault.put("note", b"old")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        for module, name in ((os, "replace"), (os, "unlink"), (Path, "unlink")):
            patch.setattr(module, name, read_only)
        with pytest.raises(StoreFailed, match="Read-only"):
            vault.put("note", b"new")
        with sole(tmp_path / "lock", "work"):
            pass
    assert vault.get("note") == b"old"
