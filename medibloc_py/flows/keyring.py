"""Accounts on this machine: an account key file and an encryption key file under one name.

    <home>/keys/<name>.json               account, Web3 Secret Storage v3
    <home>/keys/<name>.signer.json        in its place: where the key is, if elsewhere
    <home>/keys/<name>.encryption.json    encryption keys (docs/envelope-v1.md, "Key file")
    <home>/vault/<address>/               private documents, wrapped to the encryption keys

Account and encryption key files open with one password. None is ever overwritten but to add a key
version or to drop old ones (`key_pairs`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from medibloc_py.chain import (
    ExternalSigner,
    LockedSigner,
    Signer,
    key_file_address,
    key_file_content,
    load_signer_file,
    save_signer_file,
    write_new,
)
from medibloc_py.crypto.keyfile import open_key_file, require_whole, seal_key_file
from medibloc_py.crypto.keys import EncryptionKeys
from medibloc_py.errors import (
    AccountExists,
    AccountUnknown,
    InvalidValue,
    KeyFileCorrupt,
)
from medibloc_py.flows.parties import Identity
from medibloc_py.model import Address
from medibloc_py.storage import Vault
from medibloc_py.storage.files import read_private, write_atomic
from medibloc_py.storage.locks import sole

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ENCRYPTION = ".encryption.json"
_SIGNER = ".signer.json"


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account of this machine; opening it needs its password.

    Attributes:
        signer: where its key is, as far as it may be shown; empty if here.
    """

    name: str
    address: Address
    signer: str = ""


def new_account(home: Path, name: str, password: str, *, work: int | None = None) -> Identity:
    """Makes an account and its encryption keys.

    Args:
        home: the home folder.
        name: lower-case letters, digits, `_`, `-`.
        password: opens both files.
        work: scrypt work factor; the default suits a person's password.

    Raises:
        AccountExists: the name is taken.
        InvalidValue: the name or the password cannot be used.
    """
    return _create(home, name, Signer.generate(), EncryptionKeys.generate(), password, work)


def import_account(
    home: Path, name: str, private_key: str, password: str, *, work: int | None = None
) -> Identity:
    """Takes an existing account key in, with new encryption keys.

    Raises:
        AccountExists: the name is taken.
        InvalidValue: the key, name or password cannot be used.
    """
    signer = Signer.from_key(private_key)
    return _create(home, name, signer, EncryptionKeys.generate(), password, work)


def add_account(
    home: Path, name: str, signer: ExternalSigner, password: str, *, work: int | None = None
) -> Identity:
    """Takes an account in whose key stays with a signer, with new encryption keys of this machine.

    Raises:
        AccountExists: the name is taken.
        InvalidValue: the name or the password cannot be used.
        SignerUnreachable, SignerRefused, SignerAnsweredWrong: it does not show this account.
    """
    require_free(home, name)
    signer.require_held()
    return _create(home, name, signer, EncryptionKeys.generate(), password, work)


def restore_account(
    home: Path,
    name: str,
    signer: Signer,
    keys: EncryptionKeys,
    password: str,
    *,
    work: int | None = None,
) -> Identity:
    """Takes an account in with all of its keys, as a recovery sheet gives them.

    Raises:
        AccountExists: the name is taken.
        InvalidValue: the name or the password cannot be used.
    """
    return _create(home, name, signer, keys, password, work)


def require_free(home: Path, name: str) -> None:
    """Sees that an account of that name can be made.

    Raises:
        AccountExists: the name is taken, be it by half of an account.
        InvalidValue: it is no name.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            name="account name", given=name, allowed="lower-case letters, digits, _ or -"
        )
    if any(file.exists() for file in (*_files(home, name), _signer_file(home, name))):
        raise AccountExists(name=name, path=home / "keys")


def _create(
    home: Path,
    name: str,
    signer: Signer,
    encryption: EncryptionKeys,
    password: str,
    work: int | None,
) -> Identity:
    require_free(home, name)
    if not password:
        raise InvalidValue(name="password", given="empty", allowed="at least one character")
    cost = {} if work is None else {"n": work}
    with alone(home, name, f"make the account {name}"):
        require_free(home, name)
        # Seconds of scrypt before the first write: who is killed in them leaves nothing.
        sealed = seal_key_file(encryption, password, **cost)
        if isinstance(signer, ExternalSigner):
            finish = partial(save_signer_file, _signer_file(home, name), signer)
        else:
            content = key_file_content(signer, _normal(password), **cost)
            finish = partial(write_new, _files(home, name)[0], content)
        _write_both(encryption_file(home, name), sealed, finish)
    return Identity(signer, encryption, _vault(home, signer.address))


def _write_both(encryption: Path, sealed: bytes, finish: Callable[[], None]) -> None:
    """Writes the encryption keys first: an account file without them would look complete."""
    try:
        write_atomic(encryption, sealed)
        finish()
    except BaseException:
        encryption.unlink(missing_ok=True)
        raise


@contextmanager
def alone(home: Path, name: str, work: str) -> Iterator[None]:
    """Keeps two processes from writing the same account's files, each without the other's.

    Raises:
        WorkUnderway: another is at it.
    """
    with sole(encryption_file(home, name).with_name(f"{name}.lock"), work):
        yield


def _normal(password: str) -> str:
    # One password, however a keyboard composes its letters; `seal_key_file` does the same.
    return unicodedata.normalize("NFKC", password)


def ephemeral(home: Path, signer: Signer) -> Identity:
    """An identity whose keys live only as long as this process; for demonstrations and tests."""
    return Identity(signer, EncryptionKeys.generate(), _vault(home, signer.address))


def known_accounts(home: Path) -> list[KnownAccount]:
    """The accounts of this machine, by name; no password needed.

    Raises:
        KeyFileCorrupt: an account file cannot be read.
    """
    return [_known(home, name) for name in account_names(home)]


def account_names(home: Path) -> list[str]:
    """Names of the accounts of this machine, sorted; whether their files are whole is not seen."""
    files = {file.name for file in (home / "keys").glob("*.json")}
    return sorted(
        name.removesuffix(_SIGNER).removesuffix(".json")
        for name in files
        if not name.endswith(_ENCRYPTION)
    )


def signer_of(home: Path, name: str) -> ExternalSigner:
    """The signer of an account whose key is elsewhere.

    Raises:
        AccountUnknown: there is no such account.
        KeyFileCorrupt: its file cannot be read.
    """
    return load_signer_file(_signer_file(home, name))


def require_encryption_file(home: Path, name: str) -> None:
    """Sees that an account's encryption keys are there and undamaged, without the password.

    Raises:
        KeyFileCorrupt: the file is missing, or not as it was written.
    """
    path = encryption_file(home, name)
    if not path.is_file():
        raise KeyFileCorrupt(path=path, reason="it is missing")
    require_whole(read_private(path), str(path))


def known_account(home: Path, name: str) -> KnownAccount:
    """One account of this machine.

    Raises:
        AccountUnknown: there is none of that name.
        KeyFileCorrupt: its file cannot be read.
    """
    files = _files(home, name)[0], _signer_file(home, name)
    if not _NAME.fullmatch(name) or not any(file.is_file() for file in files):
        raise AccountUnknown(name=name, path=home / "keys")
    return _known(home, name)


def _known(home: Path, name: str) -> KnownAccount:
    elsewhere = _signer_file(home, name)
    if elsewhere.is_file():
        signer = load_signer_file(elsewhere)
        return KnownAccount(name, signer.address, signer.url)
    return KnownAccount(name, key_file_address(_files(home, name)[0]))


def open_account(home: Path, name: str, password: str) -> Identity:
    """Opens an account: its encryption keys now, its account key when it first signs.

    Raises:
        AccountUnknown: there is none of that name.
        WrongPassword: the password does not open the encryption keys.
        KeyFileCorrupt: a file is damaged or missing.
    """
    known = known_account(home, name)
    account_file, encryption_file = _files(home, name)
    signer: Signer = (
        load_signer_file(_signer_file(home, name))
        if known.signer
        else LockedSigner(account_file, _normal(password))
    )
    if not encryption_file.is_file():
        raise KeyFileCorrupt(path=encryption_file, reason="it is missing")
    encryption = open_key_file(read_private(encryption_file), password, str(encryption_file))
    return Identity(signer, encryption, _vault(home, signer.address))


def encryption_file(home: Path, name: str) -> Path:
    """Where an account's encryption keys stand."""
    return home / "keys" / f"{name}{_ENCRYPTION}"


def _files(home: Path, name: str) -> tuple[Path, Path]:
    return home / "keys" / f"{name}.json", encryption_file(home, name)


def _signer_file(home: Path, name: str) -> Path:
    return home / "keys" / f"{name}{_SIGNER}"


def _vault(home: Path, address: Address) -> Vault:
    return Vault(home / "vault" / address.lower())
