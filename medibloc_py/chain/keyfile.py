"""Encrypted account keys on disk, in Web3 Secret Storage v3 with scrypt.

Files are private (0600), appear whole or not at all, and are never overwritten.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medibloc_py.chain.accounts import KeySigner, Signer
from medibloc_py.chain.address import checksummed
from medibloc_py.chain.foreign import account
from medibloc_py.errors import (
    AccountExists,
    AccountUnknown,
    InvalidValue,
    KeyFileCorrupt,
    StoreFailed,
    WrongPassword,
)
from medibloc_py.model import Address
from medibloc_py.nesting import require_shallow_json

SCRYPT_N = 1 << 18
"""Work factor of new files: geth's, about a second and 256 MiB."""
_SCRYPT_MEMORY_MAX = 1 << 30
_FILE_MAX = 1 << 16


def new_key_file(path: Path, password: str, *, n: int = SCRYPT_N) -> Signer:
    """Makes a fresh account and keeps its key.

    Args:
        path: where; its folder must exist.
        password: encrypts the file.
        n: scrypt's work factor, a power of two.

    Raises:
        AccountExists: something is at `path`; it was not touched.
        StoreFailed: the file cannot be written; nothing is left of it.
    """
    signer = Signer.generate()
    save_key_file(path, signer, password, n=n)
    return signer


def import_key_file(path: Path, key: bytes | str, password: str, *, n: int = SCRYPT_N) -> Signer:
    """Keeps a private key that was made elsewhere.

    Raises:
        InvalidValue: not a private key.
        AccountExists: something is at `path`; it was not touched.
        StoreFailed: the file cannot be written; nothing is left of it.
    """
    signer = Signer.from_key(key)
    save_key_file(path, signer, password, n=n)
    return signer


def save_key_file(path: Path, signer: Signer, password: str, *, n: int = SCRYPT_N) -> None:
    """Encrypts a signer's key into a new file.

    Raises:
        InvalidValue: `n` is no power of two that scrypt takes.
        AccountExists: something is at `path`; it was not touched.
        StoreFailed: the file cannot be written; nothing is left of it.
    """
    if path.exists():  # before a second of scrypt; the link in `write_new` is what decides
        raise AccountExists(name=path.stem, path=path.parent)
    write_new(path, key_file_content(signer, password, n=n))


def key_file_content(signer: Signer, password: str, *, n: int = SCRYPT_N) -> bytes:
    """Encrypts a signer's key: what stands in a key file.

    Raises:
        InvalidValue: `n` is no power of two that scrypt takes.
    """
    if n < 2 or n & (n - 1) or 128 * 8 * n > _SCRYPT_MEMORY_MAX:
        raise InvalidValue(name="scrypt n", given=n, allowed="a power of two up to 2^20")
    content = account().encrypt(signer.export_key(), password, kdf="scrypt", iterations=n)
    return json.dumps(content, indent=1).encode()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file as it was read; opening it takes a password, and a second."""

    path: Path
    address: Address
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> KeyFile:
        """Reads a key file, and what can be told of it without the password.

        Raises:
            AccountUnknown: there is no file.
            KeyFileCorrupt: it is not a key file.
        """
        content = read_json(path)
        address = _address_in(path, content)
        _check_cost(path, content)
        return cls(path, address, content)

    def open(self, password: str) -> KeySigner:
        """Opens it.

        Raises:
            KeyFileCorrupt: its parts do not belong together.
            WrongPassword: the password does not open it. The format's only check is the
                MAC, so a changed ciphertext or salt shows as this, too.
        """
        path = self.path
        try:
            key = bytes(account().decrypt(json.dumps(self.content), password))
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise WrongPassword(path=path) from error
            raise KeyFileCorrupt(path=path, reason="a field has an impossible value") from error
        except (KeyError, TypeError, AttributeError, NotImplementedError, OverflowError) as error:
            raise KeyFileCorrupt(path=path, reason="a field is missing or malformed") from error
        try:
            signer = Signer.from_key(key)
        except InvalidValue as error:
            raise KeyFileCorrupt(path=path, reason="it holds no private key") from error
        if signer.address != self.address:
            raise KeyFileCorrupt(path=path, reason=f"its key is not that of {self.address}")
        return signer


def load_key_file(path: Path, password: str) -> KeySigner:
    """Opens a key file.

    Raises:
        AccountUnknown: there is no file.
        KeyFileCorrupt, WrongPassword: as `KeyFile.open`.
    """
    return KeyFile.read(path).open(password)


def key_file_address(path: Path) -> Address:
    """Tells whose key a file says it holds, without the password.

    Raises:
        AccountUnknown: there is no file.
        KeyFileCorrupt: it is not a key file.
    """
    return _address_in(path, read_json(path))


def read_json(path: Path) -> dict[str, Any]:
    """Reads the JSON object of a small file.

    Raises:
        AccountUnknown: there is no file.
        KeyFileCorrupt: it is no JSON object.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_MAX + 1)
    except FileNotFoundError as error:
        raise AccountUnknown(name=path.stem, path=path.parent) from error
    except OSError as error:
        raise KeyFileCorrupt(path=path, reason=error.strerror) from error
    try:
        require_shallow_json(raw)
        content = json.loads(raw) if len(raw) <= _FILE_MAX else None
    except ValueError as error:
        raise KeyFileCorrupt(path=path, reason="it is no JSON") from error
    if not isinstance(content, dict):
        raise KeyFileCorrupt(path=path, reason="it is no Web3 Secret Storage")
    return content


def _address_in(path: Path, content: dict[str, Any]) -> Address:
    digits = content.get("address")
    if content.get("version") != 3 or not isinstance(digits, str):
        raise KeyFileCorrupt(path=path, reason="it is no Web3 Secret Storage version 3")
    try:
        raw = bytes.fromhex(digits.lower().removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise KeyFileCorrupt(path=path, reason="its address is none")
    return checksummed(raw)


def _check_cost(path: Path, content: dict[str, Any]) -> None:
    """Refuses a file whose key derivation would eat the machine's memory or hours."""
    crypto = content.get("crypto", content.get("Crypto"))
    params = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(params, dict):
        raise KeyFileCorrupt(path=path, reason="it has no key derivation")
    n, r, p, c = (params.get(name, 1) for name in ("n", "r", "p", "c"))
    if not all(isinstance(value, int) and value > 0 for value in (n, r, p, c)):
        raise KeyFileCorrupt(path=path, reason="its key derivation is malformed")
    if 128 * n * r > _SCRYPT_MEMORY_MAX or p > 16 or c > 10_000_000:
        raise KeyFileCorrupt(path=path, reason="its key derivation costs more than is sane")


def write_new(path: Path, data: bytes) -> None:
    """Writes a private file that appears whole under its name, and only if that is free."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # unlike a rename, refuses a name that is taken
        finally:
            part.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise AccountExists(name=path.stem, path=path.parent) from error
    except OSError as error:
        raise StoreFailed(url=path, reason=error.strerror) from error
