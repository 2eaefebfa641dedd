"""What a signer elsewhere is asked: transactions and typed data in the form it takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medibloc_py.chain import abi, artifacts
from medibloc_py.chain.typed import TypedFields

_FEES = ("gasPrice",), ("maxPriorityFeePerGas", "maxFeePerGas")


def function_of(transaction: Mapping[str, object]) -> list[str]:
    """The function that is called, as `name(type,...)`; nothing if it is none of our contracts.

    clef decodes the call by it for its owner, and refuses calls that it cannot decode.
    """
    selector = bytes.fromhex(str(transaction["data"])[2:10])
    for name in artifacts.names():
        for item in artifacts.load(name).functions.values():
            if abi.hash_of(item)[:4] == selector and transaction.get("to"):
                return [abi.signature(item)]
    return []


def typed_json(
    domain: Mapping[str, object],
    types: Mapping[str, TypedFields],
    primary: str,
    message: Mapping[str, object],
) -> dict[str, object]:
    """Typed data as wallets take it."""
    kinds = {"chainId": "uint256", "verifyingContract": "address", "salt": "bytes32"}
    named = [{"name": name, "type": kinds.get(name, "string")} for name in domain]
    return {
        "types": {
            "EIP712Domain": named,
            **{
                struct: [{"name": name, "type": kind} for kind, name in fields]
                for struct, fields in types.items()
            },
        },
        "primaryType": primary,
        "domain": {n: v if n == "chainId" else _plain(v) for n, v in domain.items()},
        "message": _plain(message),
    }


def _plain(value: object) -> object:
    """A value in JSON; numbers as text, for those of JavaScript lose digits."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def fields_of(transaction: Mapping[str, object]) -> tuple[bytes, list[Any]]:
    """Gives the type byte (none for a legacy transaction), and the fields in the order of RLP."""
    legacy, of_1559 = _FEES
    to, data = transaction.get("to"), str(transaction["data"])
    tail = [
        minimal(number(transaction, "gas")),
        bytes.fromhex(str(to)[2:]) if to else b"",
        minimal(number(transaction, "value")),
        bytes.fromhex(data[2:]),
    ]
    nonce = minimal(number(transaction, "nonce"))
    if "gasPrice" in transaction:
        return b"", [nonce, *(minimal(number(transaction, n)) for n in legacy), *tail]
    fees = [minimal(number(transaction, name)) for name in of_1559]
    return b"\x02", [minimal(number(transaction, "chainId")), nonce, *fees, *tail, []]


def number(transaction: Mapping[str, object], name: str) -> int:
    """Takes a number out of a transaction."""
    value = transaction[name]
    assert isinstance(value, int)
    return value


def minimal(value: int) -> bytes:
    """Writes a number as RLP has it: big-endian, without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8)
