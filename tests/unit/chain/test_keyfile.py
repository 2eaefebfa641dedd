from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from eth_account import Account
from eth_hash.auto import keccak

from medibloc_py.chain import (
    Signer,
    import_key_file,
    key_file_address,
    load_key_file,
    new_key_file,
    save_key_file,
)
from medibloc_py.errors import (
    AccountExists,
    AccountUnknown,
    InvalidValue,
    KeyFileCorrupt,
    StoreFailed,
    WrongPassword,
)

N = 2  # scrypt for tests: the least there is


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alice.json"


def rewrite(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_new_key_file_opens_with_its_password(path):
    signer = new_key_file(path, "pässword", n=N)
    assert load_key_file(path, "pässword") == signer
    assert key_file_address(path) == signer.address


def test_a_key_file_is_private_and_holds_no_key(path):
    signer = new_key_file(path, "password", n=N)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signer.export_key().hex() not in path.read_text()
    assert list(path.parent.iterdir()) == [path]


def test_a_key_file_of_another_program_opens(path):
    # The test vector of the Web3 Secret Storage Definition, with scrypt.
    path.write_text(
        json.dumps(
            {
                "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
                "crypto": {
                    "cipher": "aes-128-ctr",
                    "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
                    "ciphertext": (
                        "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c"
                    ),
                    "kdf": "scrypt",
                    "kdfparams": {
                        "dklen": 32,
                        "n": 262144,
                        "p": 8,
                        "r": 1,
                        "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
                    },
                    "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
                },
                "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
                "version": 3,
            }
        )
    )
    key = load_key_file(path, "testpassword").export_key()
    assert key.hex() == "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"


def test_our_key_file_opens_in_another_program(path):
    signer = import_key_file(path, "0x" + "11" * 32, "password", n=N)
    assert bytes(Account.decrypt(path.read_text(), "password")) == signer.export_key()


def test_import_refuses_what_is_no_key(path):
    with pytest.raises(InvalidValue):
        import_key_file(path, "0x1234", "password", n=N)
    assert not path.exists()


def test_a_key_file_is_never_overwritten(path):
    signer = new_key_file(path, "password", n=N)
    with pytest.raises(AccountExists) as caught:
        new_key_file(path, "other", n=N)
    assert caught.value.values == {"name": "alice", "path": path.parent}
    assert load_key_file(path, "password") == signer


def test_a_name_taken_meanwhile_is_not_overwritten(path, monkeypatch):
    path.write_text("taken")
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(AccountExists):
        save_key_file(path, Signer.generate(), "password", n=N)
    assert path.read_text() == "taken"
    assert os.listdir(path.parent) == [path.name]


def test_a_failed_write_leaves_nothing(path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFailed, match="No space left"):
        new_key_file(path, "password", n=N)
    assert os.listdir(path.parent) == []


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(StoreFailed):
        new_key_file(tmp_path / "nowhere" / "alice.json", "password", n=N)


@pytest.mark.parametrize("n", [0, 1, 3, -4, 1 << 21])
def test_an_impossible_work_factor_is_refused(path, n):
    with pytest.raises(InvalidValue):
        new_key_file(path, "password", n=n)


def test_a_wrong_password_is_told(path):
    new_key_file(path, "password", n=N)
    with pytest.raises(WrongPassword):
        load_key_file(path, "Password")


def test_a_missing_file_is_an_unknown_account(path):
    for read in (key_file_address, lambda at: load_key_file(at, "password")):
        with pytest.raises(AccountUnknown):
            read(path)


def test_an_unreadable_file_is_told(path):
    path.mkdir()
    with pytest.raises(KeyFileCorrupt):
        key_file_address(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "{}", '{"version":3}'])
def test_what_is_no_key_file_is_told(path, text):
    path.write_text(text)
    with pytest.raises(KeyFileCorrupt):
        load_key_file(path, "password")


def test_a_file_too_large_is_told(path):
    path.write_text(" " * (1 << 17))
    with pytest.raises(KeyFileCorrupt):
        load_key_file(path, "password")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(version=4),
        lambda c: c.update(address="00"),
        lambda c: c.update(address="zz" * 20),
        lambda c: c.update(address="00" * 20),
        lambda c: c.pop("crypto"),
        lambda c: c.update(crypto=1),
        lambda c: c["crypto"].pop("mac"),
        lambda c: c["crypto"].update(mac=1),
        lambda c: c["crypto"].update(mac="xyz"),
        lambda c: c["crypto"].update(kdf="md5"),
        lambda c: c["crypto"].update(kdfparams={}),
        lambda c: c["crypto"].update(kdfparams=[]),
        lambda c: c["crypto"]["kdfparams"].update(n=1 << 40),
        lambda c: c["crypto"]["kdfparams"].update(n=3),
        lambda c: c["crypto"]["kdfparams"].update(r=1 << 30),
        lambda c: c["crypto"]["kdfparams"].update(p=1 << 30),
        lambda c: c["crypto"]["kdfparams"].update(n="2"),
        lambda c: c["crypto"]["kdfparams"].update(n=-2),
        lambda c: c["crypto"]["kdfparams"].update(salt=None),
        lambda c: c["crypto"].pop("cipherparams"),
    ],
)
def test_a_damaged_file_is_told_from_a_wrong_password(path, change):
    new_key_file(path, "password", n=N)
    rewrite(path, change)
    with pytest.raises(KeyFileCorrupt):
        load_key_file(path, "password")


def test_a_file_whose_secret_is_no_key_is_told(path):
    new_key_file(path, "password", n=N)

    def shorten(content) -> None:
        salt = bytes.fromhex(content["crypto"]["kdfparams"]["salt"])
        derived = hashlib.scrypt(b"password", salt=salt, n=N, r=8, p=1, dklen=32)
        content["crypto"]["ciphertext"] = "22" * 31
        content["crypto"]["mac"] = keccak(derived[16:] + b"\x22" * 31).hex()

    rewrite(path, shorten)
    with pytest.raises(KeyFileCorrupt, match="no private key"):
        load_key_file(path, "password")
