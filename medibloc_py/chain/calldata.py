"""What goes with a transaction, as bytes: calls, creation code, and where a creation lands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_hash.auto import keccak

from medibloc_py.chain import abi, artifacts
from medibloc_py.chain.address import checksummed
from medibloc_py.chain.artifacts import Contract
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address


def encode_call(contract: Contract, function: str, args: tuple[object, ...]) -> bytes:
    """Writes a call of a function as selector and arguments.

    Raises:
        InvalidValue: no such function, or a value that does not fit its type.
        InvalidAddress: a malformed address.
    """
    item = function_of(contract, function)
    return abi.hash_of(item)[:4] + abi.encode(item["inputs"], args, f"{contract.name}.{function}")


def decode_call(contract: Contract, data: bytes) -> tuple[str, tuple[Any, ...]]:
    """Reads selector and arguments back into the function's name and plain values.

    Raises:
        InvalidValue: they call no function of the contract, or are not canonical.
    """
    for name, item in contract.artifact.functions.items():
        if abi.hash_of(item)[:4] == data[:4]:
            try:
                return name, abi.decode(item["inputs"], data[4:])
            except abi.Undecodable:
                break
    raise InvalidValue(
        name="calldata",
        given=f"{len(data)} bytes",
        allowed=f"a call of a function of {contract.name}",
    )


def function_of(contract: Contract, function: str) -> Mapping[str, Any]:
    """Looks a function up in the interface of a contract.

    Raises:
        InvalidValue: no such function.
    """
    known = contract.artifact.functions
    if function not in known:
        raise InvalidValue(
            name=f"function of {contract.name}", given=function, allowed=", ".join(sorted(known))
        )
    return known[function]


def creation_code(name: str, *args: object) -> bytes:
    """Gives what creates a contract: its creation code and the constructor's arguments.

    Raises:
        InvalidValue: no such artifact, or an argument that does not fit.
    """
    artifact = artifacts.load(name)
    return artifact.bytecode + abi.encode(artifact.constructor, args, f"constructor of {name}")


def created_by(sender: Address, nonce: int) -> Address:
    """Computes where a transaction without a receiver puts its contract."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    # RLP of (sender, nonce): a byte below 0x80 stands for itself, all else has a length.
    item = digits if 0 < nonce < 0x80 else bytes([0x80 + len(digits)]) + digits
    items = bytes([0x94]) + bytes.fromhex(sender[2:]) + item
    return checksummed(keccak(bytes([0xC0 + len(items)]) + items)[12:])
