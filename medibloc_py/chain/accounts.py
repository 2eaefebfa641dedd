"""Accounts: keys that sign transactions and EIP-712 typed data."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from medibloc_py.chain import abi
from medibloc_py.chain.address import checksummed
from medibloc_py.chain.foreign import account, typed_data_encoder
from medibloc_py.errors import InvalidAddress, InvalidValue
from medibloc_py.model import Address

TypedFields: TypeAlias = Sequence[tuple[str, str]]
"""`(type, name)` of each field of an EIP-712 struct, in order."""
TypedData: TypeAlias = tuple[
    Mapping[str, object], Mapping[str, TypedFields], str, Mapping[str, object]
]
"""Domain, types, primary type and message of EIP-712."""

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_DOMAIN_TYPES = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


class Signer(ABC):
    """An account that signs: with a key at hand (`from_key`), or elsewhere (`chain.external`)."""

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
        if len(raw) != 32 or not 0 < int.from_bytes(raw, "big") < _ORDER:
            raise InvalidValue(
                name="private key", given="not one", allowed="32 bytes, below the curve's order"
            )
        return KeySigner(checksummed(account().from_key(raw).address), raw)

    @staticmethod
    def generate() -> KeySigner:
        """Makes a fresh account from the system's randomness."""
        return Signer.from_key((secrets.randbelow(_ORDER - 1) + 1).to_bytes(32, "big"))

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
        signable = _signable(domain, types, primary, message)
        signed = account().sign_message(signable, self._key)
        return bytes(signed.message_hash), bytes(signed.signature)

    def export_key(self) -> bytes:
        """As `Signer`."""
        return self._key


def typed_digest(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
) -> bytes:
    """Hashes EIP-712 typed data to the 32 bytes that are signed.

    Raises:
        InvalidValue: a value that does not fit its type.
        InvalidAddress: a malformed address.
    """
    from eth_hash.auto import keccak

    signable = _signable(domain, types, primary, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def domain_separator(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
) -> bytes:
    """Hashes the domain of EIP-712 typed data; 32 bytes.

    Raises:
        InvalidValue: a value that does not fit its type.
        InvalidAddress: a malformed address.
    """
    header: bytes = _signable(domain, types, primary, message).header
    return header


def recover_typed(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
    signature: bytes,
) -> Address:
    """Tells which account signed EIP-712 typed data.

    As strict as OpenZeppelin's ECDSA: 65 bytes, `v` 27 or 28, low `s`, so that one
    signature has one encoding.

    Raises:
        InvalidValue: not such a signature, or a value that does not fit its type.
        InvalidAddress: a malformed address.
    """
    from eth_keys.exceptions import BadSignature

    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    shaped = len(signature) == 65 and signature[64] in (27, 28)
    signable = _signable(domain, types, primary, message)
    if shaped and 0 < r < _ORDER and 0 < s <= _ORDER // 2:
        try:
            return checksummed(account().recover_message(signable, signature=signature))
        except BadSignature:
            pass  # r is the x of no point
    raise InvalidValue(
        name="signature", given=signature, allowed="65 bytes r || s || v of secp256k1, s low"
    )


def _signable(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
) -> Any:
    domain_fields = [(kind, name) for name, kind in _DOMAIN_TYPES.items() if name in domain]
    return typed_data_encoder()(
        full_message={
            "types": {
                name: [{"type": kind, "name": each} for kind, each in fields]
                for name, fields in {"EIP712Domain": domain_fields, **types}.items()
            },
            "primaryType": primary,
            "domain": _checked(domain_fields, domain, {}),
            "message": _checked(types[primary], message, types),
        }
    )


def _checked(
    fields: TypedFields, values: Mapping[str, object], types: Mapping[str, TypedFields]
) -> dict[str, object]:
    """Holds the values against their types: `eth_account` pads short bytes silently."""
    if set(values) != {name for _, name in fields}:
        raise InvalidValue(
            name="typed data", given=", ".join(values), allowed=", ".join(n for _, n in fields)
        )
    return {
        name: _checked(types[kind], values[name], types)  # type: ignore[arg-type]  # a struct
        if kind in types
        else abi.checked({"type": kind}, values[name], name)
        for kind, name in fields
    }


def is_signed_by(signer: Address, typed: TypedData, signature: bytes) -> bool:
    """Tells whether an account signed typed data; of what nobody can have signed, it did not.

    Args:
        signer: the account.
        typed: domain, types, primary type, message.
        signature: `r || s || v`, 65 bytes.
    """
    try:
        return recover_typed(*typed, signature) == signer
    except (InvalidValue, InvalidAddress):
        return False
