"""EIP-712: what is signed besides transactions, the one maker of it, and who signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from medibloc_py.acts import VERSION, Act
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
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""

_DOMAIN_TYPES = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


def typed_domain(
    name: str, chain_id: int, contract: Address, version: str = VERSION
) -> dict[str, object]:
    """The domain of what is signed for one contract on one chain."""
    return {
        "name": name,
        "version": version,
        "chainId": chain_id,
        "verifyingContract": contract,
    }


def typed_act(
    act: Act, chain_id: int, contract: Address, values: Mapping[str, object]
) -> TypedData:
    """Writes an act as typed data.

    Args:
        act: which.
        chain_id: of the chain on which it counts.
        contract: of the deployment in which it counts.
        values: of all its fields, by name.
    """
    return typed_domain(act.domain, chain_id, contract), act.types, act.name, values


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

    signed = signable(domain, types, primary, message)
    return keccak(b"\x19" + signed.version + signed.header + signed.body)


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
    header: bytes = signable(domain, types, primary, message).header
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
    signed = signable(domain, types, primary, message)
    if shaped and 0 < r < ORDER and 0 < s <= ORDER // 2:
        try:
            return checksummed(account().recover_message(signed, signature=signature))
        except BadSignature:
            pass  # r is the x of no point
    raise InvalidValue(
        name="signature", given=signature, allowed="65 bytes r || s || v of secp256k1, s low"
    )


def signable(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
) -> Any:
    """Prepares EIP-712 typed data for `eth_account`, once each value is held to its type."""
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
