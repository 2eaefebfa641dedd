"""Events as the rows of the log: canonical, so that two logs of one chain are equal."""

from __future__ import annotations

import json
from typing import Any

from medibloc_py.chain import Told
from medibloc_py.index import Entry

_SAFE_INTEGER = 2**53
_ACCOUNT_DIGITS, _ID_BYTES = 42, 32


def entry_of(told: Told, at: int) -> Entry:
    """Writes an event as a row of the log."""
    event = told.event
    return Entry(
        block=event.block,
        log_index=event.log_index,
        block_hash=hexed(told.block_hash),
        transaction=event.transaction,
        contract=told.contract,
        event=event.name,
        args=canonical(event.args),
        at=at,
        mentions=tuple(sorted(_mentions(event.args.values()))),
    )


def hexed(value: bytes) -> str:
    """Bytes as `0x` hex."""
    return "0x" + value.hex()


def _mentions(values: Any, inside: bool = False) -> set[str]:
    """The accounts in an event, and the ids beside them; what a struct holds of bytes is none."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str) and len(value) == _ACCOUNT_DIGITS:
            found.add(value)
        elif isinstance(value, bytes) and len(value) == _ID_BYTES and not inside:
            found.add(hexed(value))
        elif isinstance(value, tuple):
            found |= _mentions(value, inside=True)
    return {value for value in found if value.strip("0x")}


def canonical(value: Any) -> str:
    """Values as canonical JSON: what two sides write alike."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return hexed(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _SAFE_INTEGER:
        return str(value)
    return value
