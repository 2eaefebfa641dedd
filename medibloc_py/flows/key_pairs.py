"""An account's encryption key pairs: a new one, and the end of the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from medibloc_py.crypto.keyfile import seal_key_file
from medibloc_py.errors import OlderKeyPublished
from medibloc_py.flows.keyring import alone, encryption_file, known_account, open_account
from medibloc_py.flows.parties import Identity
from medibloc_py.storage.files import rewrite, write_atomic


def rotate_key(home: Path, name: str, password: str, *, work: int | None = None) -> Identity:
    """Adds a key pair to an account's encryption keys; the older ones still open what they did.

    Others wrap for the new pair once it is published.

    Raises:
        WorkUnderway: another process changes them at this moment.
        MediBlocError: as `open_account`; the file was not changed.
    """
    cost = {} if work is None else {"n": work}
    with _changing_keys(home, name):
        identity = open_account(home, name, password)
        keys = identity.keys.rotated()
        write_atomic(encryption_file(home, name), seal_key_file(keys, password, **cost))
    return replace(identity, keys=keys)


def retire_keys(
    home: Path, name: str, password: str, published: bytes, *, work: int | None = None
) -> Identity:
    """Seals the vault anew to the newest key pair, then drops all older ones.

    What was wrapped for the older pairs does not open any more: grants to this account from
    before, record files not yet imported, and old copies of the vault. Ended early, the same
    again goes on; the pairs go last.

    Args:
        home: the home folder.
        name: of the account.
        password: opens its files.
        published: its bundle on chain: what others wrap for is not dropped.
        work: scrypt work factor.

    Raises:
        OlderKeyPublished: the newest pair is another one.
        WorkUnderway: another process changes the keys at this moment.
        MediBlocError: as `open_account`, or a document does not open; no pair was dropped.
    """
    cost = {} if work is None else {"n": work}
    with _changing_keys(home, name):
        identity = open_account(home, name, password)
        if identity.keys.current.bundle != published:
            raise OlderKeyPublished(account=identity.address)
        renewed = replace(identity, keys=identity.keys.retired())
        for document in identity.documents():
            renewed.keep(document, identity.recall(document))
        rewrite(encryption_file(home, name), seal_key_file(renewed.keys, password, **cost))
    return renewed


@contextmanager
def _changing_keys(home: Path, name: str) -> Iterator[None]:
    known_account(home, name)
    with alone(home, name, f"change the keys of {name}"):
        yield
