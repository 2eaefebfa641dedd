"""The key file: a wrong password is not a damaged file."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import keyfile
from medibloc_py.crypto.keys import EncryptionKeys
from medibloc_py.errors import InvalidValue, KeyFileCorrupt, SecretError, WrongPassword

N = 1 << 4
KEYS = EncryptionKeys.generate().rotated()
FILE = keyfile.seal_key_file(KEYS, "secret", n=N)


def reseal(change):
    """The file with something changed and its checksum made right again."""
    body = json.loads(FILE)
    del body["checksum"]
    change(body)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps(body | {"checksum": hashlib.sha256(canonical).hexdigest()}).encode()


@given(st.text(max_size=20))
def test_any_password_goes_round(password):
    sealed = keyfile.seal_key_file(KEYS, password, n=2)
    assert keyfile.open_key_file(sealed, password, "file") == KEYS


def test_two_files_of_one_password_have_nothing_in_common():
    first, second = (json.loads(keyfile.seal_key_file(KEYS, "secret", n=N)) for _ in range(2))
    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["nonce"] != second["nonce"]
    assert first["check"] != second["check"]


def test_the_default_cost_is_real():
    assert keyfile.SCRYPT_N == 131072


@pytest.mark.parametrize("password", ["", "Secret", "secret "])
def test_a_wrong_password_is_told(password):
    with pytest.raises(WrongPassword) as caught:
        keyfile.open_key_file(FILE, password, "my keys")
    assert caught.value.values == {"path": "my keys"}


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_damage_is_told_whatever_the_password(password):
    for place in range(0, len(FILE) - 1, 7):
        damaged = FILE[:place] + bytes([FILE[place] ^ 1]) + FILE[place + 1 :]
        try:
            assert json.loads(damaged) == json.loads(FILE)  # only white space changed
        except (ValueError, AssertionError):
            with pytest.raises(KeyFileCorrupt):
                keyfile.open_key_file(damaged, password, "file")


@pytest.mark.parametrize("cut", [0, 1, 100, len(FILE) - 2])
def test_a_cut_file_is_damaged(cut):
    with pytest.raises(KeyFileCorrupt):
        keyfile.open_key_file(FILE[:cut], "secret", "file")


def change(*path, to):
    def apply(body):
        for key in path[:-1]:
            body = body[key]
        body[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    "tamper",
    [
        change("medibloc", to="keystore"),
        change("version", to=2),
        change("cipher", to="aes-128-gcm"),
        change("kdf", to=None),
        change("kdf", "name", to="pbkdf2"),
        change("kdf", "n", to=3),
        change("kdf", "n", to=1),
        change("kdf", "n", to=1 << 40),
        change("kdf", "n", to=16.0),
        change("kdf", "n", to=True),
        change("kdf", "r", to=1 << 20),
        change("kdf", "p", to=1 << 20),
        change("kdf", "salt", to="00"),
        change("kdf", "salt", to=7),
        change("kdf", "extra", to=1),
        change("nonce", to="zz" * 12),
        change("ciphertext", to="0"),
        change("ciphertext", to=""),
        change("ciphertext", to="00" * 20),
        change("check", to=[]),
        change("extra", to=1),
    ],
)
def test_a_file_changed_on_purpose_is_damaged_under_the_right_password(tamper):
    with pytest.raises(KeyFileCorrupt):
        keyfile.open_key_file(reseal(tamper), "secret", "file")


def test_a_salt_changed_on_purpose_looks_like_a_wrong_password():
    with pytest.raises(WrongPassword):
        keyfile.open_key_file(reseal(change("kdf", "salt", to="00" * 32)), "secret", "file")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b"0" * 5_000_000]
)
def test_anything_else_is_damaged(data):
    with pytest.raises(KeyFileCorrupt):
        keyfile.open_key_file(data, "secret", "file")


@given(st.binary(max_size=200))
def test_hostile_bytes_end_in_a_typed_error(data):
    with pytest.raises(SecretError):
        keyfile.open_key_file(data, "secret", "file")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        {"v": 2, "root_secret": bytes(32), "pairs": []},
        {"v": 1, "root_secret": bytes(32), "pairs": []},
        {"v": 1, "root_secret": bytes(31), "pairs": []},
        {"v": 1, "root_secret": bytes(32), "pairs": [{"locator": bytes(32)}]},
        {"v": 1, "root_secret": bytes(32), "pairs": {}, "more": 1},
    ],
)
def test_a_payload_of_another_shape_is_damaged(payload, monkeypatch):
    encoded = payload if isinstance(payload, bytes) else keyfile.cbor.encode(payload)
    monkeypatch.setattr(keyfile.cbor, "encode", lambda _: encoded)
    sealed = keyfile.seal_key_file(KEYS, "secret", n=N)
    with pytest.raises(KeyFileCorrupt):
        keyfile.open_key_file(sealed, "secret", "file")


@pytest.mark.parametrize("n", [0, 1, 3, 1 << 21, -2])
def test_seal_key_file_reverts_when_n_is_no_cost(n):
    with pytest.raises(InvalidValue):
        keyfile.seal_key_file(KEYS, "secret", n=n)


def test_seal_key_file_reverts_when_nobody_could_open_it(monkeypatch):
    """A file that does not open again would lose every pair in it."""
    monkeypatch.setattr(keyfile, "_MOST_PAIRS", len(KEYS.pairs))
    assert keyfile.open_key_file(keyfile.seal_key_file(KEYS, "secret", n=N), "secret", "file")
    with pytest.raises(InvalidValue, match="retire-keys"):
        keyfile.seal_key_file(KEYS.rotated(), "secret", n=N)
