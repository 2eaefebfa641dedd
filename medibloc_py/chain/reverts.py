"""What a contract said when it refused, as the error class of the same name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from medibloc_py import errors
from medibloc_py.chain import abi, artifacts
from medibloc_py.errors import ContractRefusal
from medibloc_py.errors.plain import MOST_CHARS, plain

_ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def refusal(data: bytes) -> ContractRefusal:
    """Decodes revert data.

    Args:
        data: what the call returned: selector and arguments; may be empty.

    Returns:
        The class of `errors` named like the custom error, its parameters in
        snake_case; else `ContractRefusal` with what can be told. Text a contract
        chose is cut and stripped of control characters.
    """
    if not data:
        return ContractRefusal(detail="it gave no reason")
    selector, arguments = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            (text,) = abi.decode([{"name": "reason", "type": "string"}], arguments, exact=False)
            return ContractRefusal(detail=f'"{plain(text)}"')
        if selector == _PANIC:
            (code,) = abi.decode([{"name": "code", "type": "uint256"}], arguments)
            return ContractRefusal(detail=f"it panicked with code {code:#x}")
        if item := _table().get(selector):
            return _named(item, abi.decode(item["inputs"], arguments))
    except abi.Undecodable:
        pass  # told below as an unknown error: its data is what there is to tell
    return ContractRefusal(detail=f"unknown error 0x{data[:MOST_CHARS].hex()}")


def snake_case(name: str) -> str:
    """Writes `closedAt` as `closed_at`."""
    return _HUMP.sub("_", name).lower()


def _named(item: Mapping[str, Any], values: tuple[Any, ...]) -> ContractRefusal:
    known = getattr(errors, item["name"], None)
    given = dict(zip((snake_case(each["name"]) for each in item["inputs"]), values, strict=True))
    if isinstance(known, type) and issubclass(known, ContractRefusal):
        return known(**given)
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in given.items())
    return ContractRefusal(detail=f"{item['name']}({shown})")


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else plain(value)


@lru_cache
def _table() -> dict[bytes, Mapping[str, Any]]:
    """Every custom error of every contract that ships, by selector."""
    return {
        abi.hash_of(item)[:4]: item
        for name in artifacts.names()
        for item in artifacts.load(name).errors.values()
    }
