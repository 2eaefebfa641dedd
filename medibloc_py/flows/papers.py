"""The JSON files people hand to each other: strict to read, stable to write.

A paper is one JSON object with `medibloc` (its kind) and `version`. Byte strings
are `0x` hex; integers too large for JavaScript are decimal strings. Sealed papers
carry their body as `sealed` in base64 and only routing data in the clear.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NewType, TypeVar, get_args, get_origin, get_type_hints

from medibloc_py.chain import parse_address
from medibloc_py.errors import DocumentInvalid, InputError
from medibloc_py.model import Address, Contribution, Listing

VERSION = 1
_SAFE_INTEGER = 2**53
_MAX_BYTES = 64 * 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A body only its addressee can open, and what is needed to route it there.

    Attributes:
        chain_id: the chain it belongs to.
        contract: the contract it belongs to (Records or Market).
        subject: record id or listing id, 32 bytes.
        sender: who sealed it.
        addressee: whose key opens it.
        sealed: the wrapped body.
    """

    chain_id: int
    contract: Address
    subject: bytes
    sender: Address
    addressee: Address
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """All that anyone needs to claim or withdraw for a contributor; nothing in it is secret."""

    chain_id: int
    market: Address
    listing: Listing
    contribution: Contribution
    proof: tuple[bytes, ...]


def write(kind: str, paper: object) -> bytes:
    """Writes a dataclass of this package as a paper of the given kind."""
    body = {"medibloc": kind, "version": VERSION, **as_json(paper)}
    return (json.dumps(body, indent=2) + "\n").encode()


def read(kind: str, cls: type[T], data: bytes, path: object) -> T:
    """Reads a paper back.

    Args:
        kind: the kind it must be.
        cls: dataclass to read into; exactly its fields must be there.
        data: the file's bytes.
        path: named in the error.

    Raises:
        DocumentInvalid: it is not such a paper.
    """
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError("it is too large")
        body = json.loads(data)
        if not isinstance(body, dict) or body.pop("medibloc", None) != kind:
            raise ValueError("it is of another kind")
        if body.pop("version", None) != VERSION:
            raise ValueError("it is of another version")
        result = _value(cls, body)
    except (ValueError, TypeError, RecursionError, InputError) as error:
        raise DocumentInvalid(path=path, kind=kind, reason=str(error) or "malformed") from None
    if not isinstance(result, cls):  # pragma: no cover - `_value` returns what it was asked for
        raise DocumentInvalid(path=path, kind=kind, reason="malformed")
    return result


def as_json(value: Any) -> Any:
    """Turns model values into what JSON can hold; dataclasses become objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, bytes):
        return "0x" + value.hex() if len(value) <= 128 else base64.b64encode(value).decode()
    if isinstance(value, (tuple, list)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < _SAFE_INTEGER else str(int(value))
    return str(value)


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, NewType):
        inner = _value(kind.__supertype__, value)
        return parse_address(inner) if kind is Address else inner
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            raise ValueError(f"a {kind.__name__} has other fields")
        return kind(**{name: _value(hint, value[name]) for name, hint in hints.items()})
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError("a list was expected")
        return tuple(_value(get_args(kind)[0], item) for item in value)
    if kind is bytes:
        return _bytes(value)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError("an integer was expected")
        return int(value)
    if kind is str and isinstance(value, str):
        return value
    raise ValueError(f"{kind!r} was expected")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("bytes were expected")
    if value.startswith("0x"):
        return bytes.fromhex(value[2:])
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("bytes were expected as 0x hex or base64") from None
