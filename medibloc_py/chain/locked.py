"""An account whose key file is opened when it first signs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from medibloc_py.chain.accounts import KeySigner, Signer
from medibloc_py.chain.keyfile import KeyFile
from medibloc_py.chain.typed import TypedFields


class LockedSigner(Signer):
    """An account of a key file that stays closed until a signature is asked for.

    Opening takes a second and much memory, on purpose. Who only reads does without, and has no
    account key in memory. Each method raises `WrongPassword` and `KeyFileCorrupt`, too.
    """

    __slots__ = ("_file", "_opened", "_opening", "_password", "address")

    def __init__(self, path: Path, password: str) -> None:
        """Reads the file, and leaves it closed.

        Raises:
            AccountUnknown: there is no file.
            KeyFileCorrupt: it is not a key file.
        """
        self._file = KeyFile.read(path)
        self._password = password
        self._opening = threading.Lock()
        self._opened: KeySigner | None = None
        self.address = self._file.address

    def ready(self) -> KeySigner:
        """As `Signer`; opens the file once, whichever thread asks first."""
        with self._opening:
            if self._opened is None:
                self._opened = self._file.open(self._password)
                self._password = ""
            return self._opened

    def sign_transaction(self, transaction: Mapping[str, object]) -> tuple[bytes, str]:
        """As `Signer`."""
        return self.ready().sign_transaction(transaction)

    def sign_typed(
        self,
        domain: Mapping[str, object],
        types: Mapping[str, TypedFields],
        primary: str,
        message: Mapping[str, object],
    ) -> tuple[bytes, bytes]:
        """As `Signer`."""
        return self.ready().sign_typed(domain, types, primary, message)

    def export_key(self) -> bytes:
        """As `Signer`."""
        return self.ready().export_key()
