"""The contract ABI: values checked on the way out, decoded on the way in.

`eth_abi` pads a short `bytes32` without a word, so every value is checked against
its type before it is encoded. What comes back is plain Python: int, bool, str,
bytes, checksummed addresses, and tuples for structs and arrays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from medibloc_py.chain.address import checksummed, parse_address
from medibloc_py.errors import InvalidValue

Param: TypeAlias = Mapping[str, Any]
"""One entry of `inputs`, `outputs` or `components`: at least `name` and `type`."""

_ARRAY = re.compile(r"(.+)\[(\d*)\]")
_NUMBER = re.compile(r"(u?)int(\d+)")


class Undecodable(Exception):
    """Bytes that are not the ABI encoding they should be; never leaves this room."""


def signature(item: Mapping[str, Any]) -> str:
    """Writes `name(type,...)` of a function, event or error, structs as tuples."""
    return f"{item['name']}({','.join(canonical(param) for param in item['inputs'])})"


def canonical(param: Param) -> str:
    """Writes the type of a parameter as selectors and `eth_abi` know it."""
    kind: str = param["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(canonical(part) for part in param["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def hash_of(item: Mapping[str, Any]) -> bytes:
    """Hashes the signature: the topic of an event; its first 4 bytes are a selector."""
    from eth_hash.auto import keccak

    return keccak(signature(item).encode())


def encode(params: Sequence[Param], values: Sequence[object], where: str) -> bytes:
    """Encodes arguments.

    Args:
        params: what the function takes.
        values: one value each; a struct is a tuple of its fields in order.
        where: what is called, for the error.

    Raises:
        InvalidValue: a value that does not fit its type.
        InvalidAddress: a malformed address.
    """
    from eth_abi.abi import encode as encode_abi

    if len(values) != len(params):
        raise InvalidValue(name=where, given=f"{len(values)} arguments", allowed=len(params))
    fitting = [
        checked(param, value, f"{param['name']} of {where}")
        for param, value in zip(params, values, strict=True)
    ]
    return encode_abi([canonical(param) for param in params], fitting)


def decode(params: Sequence[Param], data: bytes, *, exact: bool = True) -> tuple[Any, ...]:
    """Decodes values.

    Args:
        params: what the bytes hold.
        data: the ABI encoding.
        exact: refuse any other encoding of the same values, and bytes after it.

    Raises:
        Undecodable: the bytes are no such encoding.
    """
    from eth_abi.abi import decode as decode_abi
    from eth_abi.abi import encode as encode_abi
    from eth_abi.exceptions import DecodingError, EncodingError

    kinds = [canonical(param) for param in params]
    try:
        values = decode_abi(kinds, data)
        if exact and encode_abi(kinds, values) != data:
            raise Undecodable("another encoding than the canonical one")
    except (DecodingError, EncodingError, UnicodeDecodeError, OverflowError) as error:
        raise Undecodable(f"{len(data)} bytes are no ({','.join(kinds)})") from error
    return tuple(_plain(param, value) for param, value in zip(params, values, strict=True))


def checked(param: Param, value: Any, name: str) -> Any:
    """Gives the value as `eth_abi` takes it, if it fits the type exactly.

    Raises:
        InvalidValue: it does not fit.
        InvalidAddress: a malformed address.
    """
    kind: str = param["type"]
    if array := _ARRAY.fullmatch(kind):
        element, size = {**param, "type": array[1]}, array[2]
        if not isinstance(value, (list, tuple)) or (size and len(value) != int(size)):
            raise InvalidValue(name=name, given=value, allowed=f"a list ({kind})")
        return [checked(element, item, f"{name}[{i}]") for i, item in enumerate(value)]
    if kind == "tuple":
        parts = param["components"]
        if not isinstance(value, (list, tuple)) or len(value) != len(parts):
            raise InvalidValue(name=name, given=value, allowed=f"{len(parts)} fields")
        return tuple(
            checked(part, item, f"{name}.{part['name']}")
            for part, item in zip(parts, value, strict=True)
        )
    if kind == "address":
        return parse_address(value)
    if not _fits(kind, value):
        raise InvalidValue(name=name, given=value, allowed=f"a value of type {kind}")
    return value


def _fits(kind: str, value: object) -> bool:
    if number := _NUMBER.fullmatch(kind):
        bits = int(number[2])
        low, high = (0, 1 << bits) if number[1] else (-1 << bits - 1, 1 << bits - 1)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value < high
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    size = kind.removeprefix("bytes")
    return isinstance(value, bytes) and (not size or len(value) == int(size))


def _plain(param: Param, value: Any) -> Any:
    kind: str = param["type"]
    if array := _ARRAY.fullmatch(kind):
        return tuple(_plain({**param, "type": array[1]}, item) for item in value)
    if kind == "tuple":
        parts = zip(param["components"], value, strict=True)
        return tuple(_plain(part, item) for part, item in parts)
    return checksummed(value) if kind == "address" else value
