"""Accounts: keys that sign transactions and EIP-712 typed data (`chain.typed`)."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from medibloc_py.chain.address import checksummed
from medibloc_py.chain.foreign import account
from medibloc_py.chain.typed import ORDER, TypedFields, signable
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address


class Signer(ABC):
    """An account that signs: with a key at hand (`from_key`), in a file that is opened when it is
    needed (`chain.locked`), or elsewhere (`chain.external`).
    """

    __slots__ = ()
    address: Address

    @staticmethod
    def from_key(key: bytes | str) -> KeySigner:
        """Makes the signer of a private key.

        Args:
            key: 32 bytes, or 64 hex digits with or without `0x`.

        Raises:
            InvalidValue: not a private key of secp256k1; the value is not repeated.
        """
        try:
            raw = bytes.fromhex(key.strip().removeprefix("0x")) if isinstance(key, str) else key
        except ValueError:
            raw = b""
        if len(raw) != 32 or not 0 < int.from_bytes(raw, "big") < ORDER:
            raise InvalidValue(
                name="private key", given="not one", allowed="32 bytes, below the curve's order"
            )
        return KeySigner(checksummed(account().from_key(raw).address), raw)

    @staticmethod
    def generate() -> KeySigner:
        """Makes a fresh account from the system's randomness."""
        return Signer.from_key((secrets.randbelow(ORDER - 1) + 1).to_bytes(32, "big"))

    def ready(self) -> Signer:
        """The same account, which signs at once: what takes a second of it is done.

        Raises:
            WrongPassword, KeyFileCorrupt: a key file does not open (`chain.locked`).
        """
        return self

    @abstractmethod
    def sign_transaction(self, transaction: Mapping[str, object]) -> tuple[bytes, str]:
        """Signs a transaction.

        Args:
            transaction: every field of its type, as `eth_account` names them.

        Returns:
            The raw transaction, and its hash as `0x` and 64 hex digits.

        Raises:
            SignerUnreachable, SignerRefused, SignerAnsweredWrong: by a signer elsewhere.
        """

    @abstractmethod
    def sign_typed(
        self,
        domain: Mapping[str, object],
        types: Mapping[str, TypedFields],
        primary: str,
        message: Mapping[str, object],
    ) -> tuple[bytes, bytes]:
        """Signs EIP-712 typed data.

        Args:
            domain: `name`, `version`, `chainId`, `verifyingContract`, as many as apply.
            types: fields of each struct.
            primary: the struct that `message` is.
            message: a value for each field.

        Returns:
            The digest (32 bytes) and the signature `r || s || v` (65 bytes).

        Raises:
            InvalidValue: a value that does not fit its type.
            InvalidAddress: a malformed address.
            SignerUnreachable, SignerRefused, SignerAnsweredWrong: by a signer elsewhere.
        """

    @abstractmethod
    def export_key(self) -> bytes:
        """Gives the private key, 32 bytes, to a key file; never show or log it.

        Raises:
            KeyElsewhere: it is not on this machine.
        """


@dataclass(frozen=True, slots=True)
class KeySigner(Signer):
    """An account whose private key is at hand. Its text form never shows the key."""

    address: Address
    _key: bytes = field(repr=False)

    def sign_transaction(self, transaction: Mapping[str, object]) -> tuple[bytes, str]:
        """As `Signer`."""
        signed = account().sign_transaction(dict(transaction), self._key)
        return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()

    def sign_typed(
        self,
        domain: Mapping[str, object],
        types: Mapping[str, TypedFields],
        primary: str,
        message: Mapping[str, object],
    ) -> tuple[bytes, bytes]:
        """As `Signer`."""
        signed = account().sign_message(signable(domain, types, primary, message), self._key)
        return bytes(signed.message_hash), bytes(signed.signature)

    def export_key(self) -> bytes:
        """As `Signer`."""
        return self._key
