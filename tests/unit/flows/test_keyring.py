"""Accounts on this machine: two files under one name, never lost and never open to others."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from medibloc_py.chain import Signer
from medibloc_py.errors import (
    AccountExists,
    AccountUnknown,
    Corrupted,
    InvalidValue,
    KeyFileCorrupt,
    StoreFailed,
    WorkUnderway,
    WrongKey,
    WrongPassword,
)
from medibloc_py.flows import keyring

PASSWORD = "correct horse"
CHEAP = 2  # scrypt's least cost: what is tested is not how long a guess takes


def files(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "keys").iterdir()}


def test_new_account_opens_with_its_password(tmp_path: Path) -> None:
    made = keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    opened = keyring.open_account(tmp_path, "alice", PASSWORD)
    assert opened.address == made.address
    assert opened.keys == made.keys
    assert keyring.known_account(tmp_path, "alice").address == made.address


def test_open_account_takes_the_password_however_it_was_composed(tmp_path: Path) -> None:
    made = keyring.new_account(tmp_path, "alice", "caf\u00e9 \u2460", work=CHEAP)
    opened = keyring.open_account(tmp_path, "alice", "cafe\u0301 1")
    assert (opened.address, opened.keys) == (made.address, made.keys)


def test_import_account_keeps_the_key_it_was_given(tmp_path: Path) -> None:
    signer = Signer.generate()
    key = "0x" + signer.export_key().hex()
    made = keyring.import_account(tmp_path, "alice", key, PASSWORD, work=CHEAP)
    assert made.address == signer.address
    assert keyring.open_account(tmp_path, "alice", PASSWORD).signer.ready() == signer


@pytest.mark.parametrize("key", ["", "0x", "00" * 32, "ff" * 32, "zz" * 32, "ab" * 31])
def test_import_account_refuses_what_is_no_key_and_does_not_repeat_it(
    tmp_path: Path, key: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        keyring.import_account(tmp_path, "alice", key, PASSWORD, work=CHEAP)
    assert caught.value.values["given"] == "not one"
    assert not (tmp_path / "keys").exists()


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {"alice.json": 0o600, "alice.encryption.json": 0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_key_files_hold_no_secret_in_the_clear(tmp_path: Path) -> None:
    made = keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    written = b"".join(files(tmp_path).values())
    for secret in (made.signer.export_key(), made.keys.root_secret, made.keys.current.mlkem_seed):
        assert secret not in written
        assert secret.hex().encode() not in written
    assert PASSWORD.encode() not in written
    assert made.signer.export_key().hex() not in repr(made)
    assert made.keys.root_secret.hex() not in repr(made)


@pytest.mark.parametrize("name", ["", "Alice", "a b", "../a", "a/b", ".a", "-a", "ä", "a" * 64])
def test_new_account_refuses_a_name_that_is_no_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValue):
        keyring.new_account(tmp_path, name, PASSWORD, work=CHEAP)
    with pytest.raises(AccountUnknown):
        keyring.known_account(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_new_account_refuses_an_empty_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        keyring.new_account(tmp_path, "alice", "", work=CHEAP)


@pytest.mark.parametrize("missing", ["alice.json", "alice.encryption.json", None])
def test_new_account_never_touches_what_is_there(tmp_path: Path, missing: str | None) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    if missing:
        (tmp_path / "keys" / missing).unlink()
    before = files(tmp_path)
    with pytest.raises(AccountExists):
        keyring.new_account(tmp_path, "alice", "another", work=CHEAP)
    with pytest.raises(AccountExists):
        keyring.import_account(tmp_path, "alice", "11" * 32, "another", work=CHEAP)
    assert files(tmp_path) == before


def test_new_account_leaves_nothing_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFailed(url="keys", reason="No space left on device")

    monkeypatch.setattr(keyring, "write_new", full)
    with pytest.raises(StoreFailed):
        keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    assert files(tmp_path) == {}


@pytest.mark.parametrize("step", ["seal_key_file", "key_file_content"])
def test_a_name_is_free_again_when_its_maker_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The password is stretched twice, which takes seconds, before anything is written."""
    child = os.fork()
    if not child:
        monkeypatch.setattr(keyring, step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    assert files(tmp_path).keys() == {"alice.json", "alice.encryption.json"}


def test_new_account_says_so_when_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    with pytest.raises(StoreFailed):
        keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)


def test_one_of_two_who_make_the_same_account_at_once_gets_it_whole(tmp_path: Path) -> None:
    made, refused = [], []

    def make(password: str) -> None:
        try:
            keyring.new_account(tmp_path, "alice", password, work=CHEAP)
            made.append(password)
        except (AccountExists, WorkUnderway):
            refused.append(password)

    threads = [threading.Thread(target=make, args=(f"password {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 3)
    assert keyring.open_account(tmp_path, "alice", made[0]).keys


def test_known_accounts_are_sorted_by_name(tmp_path: Path) -> None:
    assert keyring.known_accounts(tmp_path) == []
    made = {
        name: keyring.new_account(tmp_path, name, PASSWORD, work=CHEAP).address
        for name in ("bob", "alice")
    }
    known = keyring.known_accounts(tmp_path)
    assert [(each.name, each.address) for each in known] == sorted(made.items())


def test_open_account_refuses_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(AccountUnknown) as caught:
        keyring.open_account(tmp_path, "alice", PASSWORD)
    assert caught.value.values["name"] == "alice"


def test_open_account_refuses_a_wrong_password_and_changes_nothing(tmp_path: Path) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    before = files(tmp_path)
    with pytest.raises(WrongPassword):
        keyring.open_account(tmp_path, "alice", PASSWORD + " ")
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["alice.json", "alice.encryption.json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"nonsense", b"\x00" * 400, b"[" * 10_000])
def test_open_account_refuses_a_damaged_file(tmp_path: Path, name: str, damage: bytes) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    (tmp_path / "keys" / name).write_bytes(damage)
    with pytest.raises(KeyFileCorrupt):
        keyring.open_account(tmp_path, "alice", PASSWORD)
    assert (tmp_path / "keys" / name).read_bytes() == damage


def test_open_account_refuses_an_account_without_its_encryption_keys(tmp_path: Path) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    (tmp_path / "keys" / "alice.encryption.json").unlink()
    with pytest.raises(KeyFileCorrupt) as caught:
        keyring.open_account(tmp_path, "alice", PASSWORD)
    assert caught.value.values["reason"] == "it is missing"


def test_open_account_refuses_the_files_of_two_passwords(tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        keyring.new_account(tmp_path, name, f"password of {name}", work=CHEAP)
    (tmp_path / "keys" / "bob.encryption.json").replace(tmp_path / "keys" / "alice.encryption.json")
    with pytest.raises(WrongPassword) as caught:
        keyring.open_account(tmp_path, "alice", "password of alice")
    assert "encryption" in str(caught.value.values["path"])


def test_known_account_does_not_believe_a_file_without_an_address(tmp_path: Path) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    path = tmp_path / "keys" / "alice.json"
    body = json.loads(path.read_bytes())
    body["address"] = "nobody"
    path.write_text(json.dumps(body))
    with pytest.raises(KeyFileCorrupt):
        keyring.known_account(tmp_path, "alice")


# Private documents.


def test_what_is_kept_is_for_its_owner_only(tmp_path: Path) -> None:
    alice = keyring.ephemeral(tmp_path, Signer.generate())
    alice.keep("note", b"a private note")
    (file,) = (tmp_path / "vault" / alice.address.lower()).iterdir()
    assert b"private" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert alice.recall("note") == b"a private note"
    other = keyring.ephemeral(tmp_path, alice.signer)
    with pytest.raises(WrongKey):
        other.recall("note")


def test_a_kept_document_opens_under_its_own_name_only(tmp_path: Path) -> None:
    alice = keyring.ephemeral(tmp_path, Signer.generate())
    alice.keep("note", b"a private note")
    folder = tmp_path / "vault" / alice.address.lower()
    (folder / "note").rename(folder / "other")
    with pytest.raises(WrongKey):
        alice.recall("other")
    (folder / "other").write_bytes(b"short")
    with pytest.raises(Corrupted):
        alice.recall("other")


def test_kept_names_are_sorted(tmp_path: Path) -> None:
    alice = keyring.ephemeral(tmp_path, Signer.generate())
    for name in ("order-2", "record-1", "order-1"):
        alice.keep(name, b"")
    assert alice.kept("order-") == ["order-1", "order-2"]
