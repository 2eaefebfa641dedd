"""The encrypted file that holds an account's encryption keys.

JSON, so that a person sees what it is; scrypt for the password, AES-256-GCM over
a DAG-CBOR payload, everything but nonce and ciphertext authenticated with it. The
checksum tells a damaged file from a wrong password, and the password's check value
tells a wrong password from a file that was changed on purpose.
"""

from __future__ import annotations

import hmac
import json
import secrets
import unicodedata
from contextlib import suppress
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from medibloc_py.crypto import cbor
from medibloc_py.crypto.cbor import Fields
from medibloc_py.crypto.keys import EncryptionKeys, KeyPair
from medibloc_py.errors import InvalidValue, KeyFileCorrupt, WrongPassword
from medibloc_py.nesting import require_shallow_json

SCRYPT_N = 1 << 17
"""Default cost: 128 MiB and about a third of a second."""
MOST_N = 1 << 20  # 1 GiB; a hostile file must not ask for more
_MOST_PAIRS = 10_000
_MOST_BYTES = 4 << 20
_R, _P = 8, 1


def seal_key_file(keys: EncryptionKeys, password: str, *, n: int = SCRYPT_N) -> bytes:
    """Seals keys under a password.

    Args:
        keys: what to seal.
        password: any text; Unicode is normalised (NFKC), so keyboards do not matter.
        n: scrypt's cost, a power of two.

    Returns:
        The file, JSON in UTF-8.

    Raises:
        InvalidValue: `n` is not a power of two from 2 to 2^20, or there are more pairs than
            a key file is read with.
    """
    if not _cost_is_sane(n):
        raise InvalidValue(name="n", given=n, allowed="a power of two from 2 to 2^20")
    if len(keys.pairs) > _MOST_PAIRS:
        raise InvalidValue(
            name="the number of key pairs",
            given=len(keys.pairs),
            allowed=f"at most {_MOST_PAIRS}; `medibloc account retire-keys` drops old ones",
        )
    return _seal(keys, password, n, secrets.token_bytes(32), secrets.token_bytes(12))


def _seal(keys: EncryptionKeys, password: str, n: int, salt: bytes, nonce: bytes) -> bytes:
    key, check = derive(password, salt, n)
    head: dict[str, Any] = {
        "medibloc": "encryption-keys",
        "version": 1,
        "kdf": {"name": "scrypt", "n": n, "r": _R, "p": _P, "salt": salt.hex()},
        "check": check.hex(),
        "cipher": "aes-256-gcm",
    }
    payload = cbor.encode(
        {
            "v": 1,
            "root_secret": keys.root_secret,
            "pairs": [
                {
                    "locator": pair.locator_seed,
                    "mlkem": pair.mlkem_seed,
                    "hybrid": pair.hybrid_seed,
                }
                for pair in keys.pairs
            ],
        }
    )
    sealed = AESGCM(key).encrypt(nonce, payload, _canonical(head))
    body = head | {"nonce": nonce.hex(), "ciphertext": sealed.hex()}
    body["checksum"] = sha256(_canonical(body)).hexdigest()
    return json.dumps(body, indent=1).encode() + b"\n"


def open_key_file(data: bytes, password: str, path: str) -> EncryptionKeys:
    """Opens a key file.

    Args:
        data: the whole file.
        password: the text it was sealed under.
        path: what to call the file in errors.

    Raises:
        WrongPassword: the file is whole and the password is another one.
        KeyFileCorrupt: the file is damaged, or was changed on purpose.
    """
    body = require_whole(data, path)
    nonce, sealed = bytes.fromhex(body.pop("nonce")), bytes.fromhex(body.pop("ciphertext"))
    key, check = derive(password, bytes.fromhex(body["kdf"]["salt"]), body["kdf"]["n"])
    if not hmac.compare_digest(check.hex(), body["check"]):
        raise WrongPassword(path=path)
    try:
        payload = AESGCM(key).decrypt(nonce, sealed, _canonical(body))
    except InvalidTag:
        raise KeyFileCorrupt(path=path, reason="it was changed after it was sealed") from None
    fields = cbor.decode(
        payload, lambda reason: KeyFileCorrupt(path=path, reason=reason), _MOST_BYTES
    )
    fields.constant("v", 1)
    root_secret = fields.octets("root_secret", 32)
    pairs = fields.maps("pairs", _MOST_PAIRS, _pair)
    fields.end()
    if not pairs:
        raise KeyFileCorrupt(path=path, reason="it holds no key pair")
    return EncryptionKeys(root_secret, pairs)


def require_whole(data: bytes, path: str) -> dict[str, Any]:
    """Sees that a key file is as it was written; its password is not needed.

    Args:
        data: the whole file.
        path: what to call the file in errors.

    Returns:
        What it holds, without the checksum.

    Raises:
        KeyFileCorrupt: it is damaged.
    """
    body = _parse(data, path)
    checksum = body.pop("checksum")
    if not hmac.compare_digest(checksum, sha256(_canonical(body)).hexdigest()):
        raise KeyFileCorrupt(path=path, reason="its checksum does not match")
    return body


def _pair(fields: Fields) -> KeyPair:
    return KeyPair(
        fields.octets("locator", 32), fields.octets("mlkem", 64), fields.octets("hybrid", 32)
    )


def derive(password: str, salt: bytes, n: int) -> tuple[bytes, bytes]:
    """Stretches a password with scrypt.

    Args:
        password: any text; NFKC-normalised.
        salt: random, as long as whoever keeps it wants.
        n: scrypt's cost, a power of two up to 2^20.

    Returns:
        An AES-256 key (32 bytes), and a value to tell a wrong password by (16 bytes).
    """
    secret = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    derived = Scrypt(salt=salt, length=48, n=n, r=_R, p=_P).derive(secret)
    return derived[:32], derived[32:]


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _cost_is_sane(n: object) -> bool:
    return type(n) is int and 2 <= n <= MOST_N and n & (n - 1) == 0


def _parse(data: bytes, path: str) -> dict[str, Any]:
    """Reads the JSON and looks at every field before anything is derived from it."""
    body = None
    if len(data) <= _MOST_BYTES:
        with suppress(ValueError):
            require_shallow_json(data)
            body = json.loads(data)
    if not isinstance(body, dict) or body.get("medibloc") != "encryption-keys":
        raise KeyFileCorrupt(path=path, reason="it does not say that it holds encryption keys")
    if body.get("version") != 1 or body.get("cipher") != "aes-256-gcm":
        raise KeyFileCorrupt(path=path, reason="its version or cipher is unknown")
    kdf = body.get("kdf")
    known = {"medibloc", "version", "kdf", "check", "cipher", "nonce", "ciphertext", "checksum"}
    if body.keys() != known or not isinstance(kdf, dict):
        raise KeyFileCorrupt(path=path, reason="it does not have the fields it must have")
    shape = {key: kdf.get(key) for key in ("name", "r", "p")}
    if kdf.keys() != {"name", "n", "r", "p", "salt"} or not _cost_is_sane(kdf["n"]):
        raise KeyFileCorrupt(path=path, reason="its password parameters are unknown")
    if shape != {"name": "scrypt", "r": _R, "p": _P}:
        raise KeyFileCorrupt(path=path, reason="its password parameters are unknown")
    sizes = {"nonce": 12, "check": 16, "checksum": 32, "ciphertext": None}
    if not _is_hex(kdf["salt"], 32) or not all(_is_hex(body[k], n) for k, n in sizes.items()):
        raise KeyFileCorrupt(path=path, reason="a field is not the hex it must be")
    return body


def _is_hex(value: object, size: int | None) -> bool:
    if not isinstance(value, str) or (size is not None and len(value) != 2 * size):
        return False
    return len(value) % 2 == 0 and all(digit in "0123456789abcdef" for digit in value)
