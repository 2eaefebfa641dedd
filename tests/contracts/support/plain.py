"""Brownie's values as plain ones: int, bool, bytes, checksummed address, tuple."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, is_dataclass
from typing import Any

from brownie.convert.datatypes import HexString
from eth_utils import is_hex_address, to_checksum_address


def plain(value: Any) -> Any:
    """One value as an int, bool, bytes, str, or tuple of such."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, HexString):
        return bytes.fromhex(str(value).removeprefix("0x"))
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if hasattr(value, "address"):
        return str(value.address)
    if isinstance(value, str):
        return to_checksum_address(value) if is_hex_address(value) else str(value)
    if is_dataclass(value):
        return plain(astuple(value))
    if isinstance(value, Iterable):
        return tuple(plain(each) for each in value)
    raise TypeError(f"{type(value)} is no value of a contract")
