"""The JSON files people hand to each other: strict to read, stable to write.

A paper is one JSON object with `medibloc` (its kind) and `version`. Byte strings
are `0x` hex; integers too large for JavaScript are decimal strings. Sealed papers
carry their body as `sealed` in base64 and only routing data in the clear.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NewType, TypeVar, get_args, get_origin, get_type_hints

from medibloc_py.chain import TypedData, is_signed_by, parse_address
from medibloc_py.errors import DocumentInvalid, InvalidAddress, InvalidValue
from medibloc_py.model import Address, Contribution, IssuerShare, Listing
from medibloc_py.nesting import require_shallow_json

VERSION = 1
MOST_BYTES = 1 << 28
"""Of a paper: a dataset of some 200,000 records."""
Bytes32 = NewType("Bytes32", bytes)
"""An id, a hash or a salt, as all named kinds of bytes in `model` are: 32 bytes."""
_SAFE_INTEGER = 2**53
_HEX_MOST = 128  # longer bytes are written in base64
_INTEGER = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
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
    subject: Bytes32
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
    proof: tuple[Bytes32, ...]


@dataclass(frozen=True, slots=True)
class IssuerClaim:
    """All that anyone needs to claim for an issuer; nothing in it is secret."""

    chain_id: int
    market: Address
    listing: Listing
    share: IssuerShare
    proof: tuple[Bytes32, ...]


def require_signed(
    who: str, signer: Address, typed: TypedData, signature: bytes, *, kind: str, path: object
) -> None:
    """Proves that a paper was signed by the one whom it names; needs no chain.

    Args:
        who: what that one is called, such as `reader`.
        signer: its account.
        typed: what must be signed.
        signature: `r || s || v`, 65 bytes.
        kind: of the paper.
        path: its name, for errors.

    Raises:
        DocumentInvalid: it was not, or was changed since.
    """
    if not is_signed_by(signer, typed, signature):
        reason = f"its {who} did not sign it, or it was changed since"
        raise DocumentInvalid(path=path, kind=kind, reason=reason)


def write(kind: str, paper: object) -> bytes:
    """Writes a dataclass of this package as a paper of the given kind.

    Raises:
        InvalidValue: it would be larger than `read` takes.
    """
    body = {"medibloc": kind, "version": VERSION, **as_json(paper)}
    data = (json.dumps(body, indent=2) + "\n").encode()
    if len(data) > MOST_BYTES:
        raise InvalidValue(
            name=f"the {kind}", given=f"{len(data)} bytes", allowed=f"at most {MOST_BYTES} bytes"
        )
    return data


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
        result: T = _value(cls, _body(kind, data), "the paper")
    except _Malformed as error:
        raise DocumentInvalid(path=path, kind=kind, reason=str(error)) from None
    return result


def kind_of(data: bytes) -> str | None:
    """Tells of which kind a paper says it is; None when it is none."""
    try:
        body = _json(data)
    except _Malformed:
        return None
    kind = body.get("medibloc")
    return kind if isinstance(kind, str) else None


def as_json(value: Any) -> Any:
    """Turns model values into what JSON can hold; dataclasses become objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, bytes):
        short = len(value) <= _HEX_MOST
        return "0x" + value.hex() if short else base64.b64encode(value).decode()
    if isinstance(value, (tuple, list)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < _SAFE_INTEGER else str(int(value))
    return str(value)


class _Malformed(Exception):
    """Why a paper cannot be read: our words only, nothing that its writer chose."""


def _body(kind: str, data: bytes) -> dict[str, Any]:
    body = _json(data)
    if body.pop("medibloc", None) != kind:
        raise _Malformed("it is of another kind")
    version = body.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise _Malformed("it is of another version")
    return body


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise _Malformed("it is too large")
    try:
        require_shallow_json(data)
        body = json.loads(data, object_pairs_hook=_distinct)
    except ValueError:
        raise _Malformed("it is no JSON") from None
    if not isinstance(body, dict):
        raise _Malformed("it is of another kind")
    return body


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Malformed("a field stands in it twice")
    return found


def _value(kind: Any, value: Any, where: str) -> Any:
    """Reads a JSON value as `kind`, a type of this package's own choosing."""
    if kind is Address:
        return _address(value, where)
    if isinstance(kind, NewType):
        inner = _value(kind.__supertype__, value, where)
        if isinstance(inner, bytes) and len(inner) != 32:
            raise _Malformed(f"{where} has not 32 bytes")
        return inner
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            raise _Malformed(f"{where} has other fields than a {kind.__name__}")
        return kind(**{name: _value(hint, value[name], name) for name, hint in hints.items()})
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _Malformed(f"{where} is no list")
        return tuple(_value(get_args(kind)[0], item, where) for item in value)
    if kind is bytes:
        return _bytes(value, where)
    if kind is int:
        return _integer(value, where)
    if type(value) is not kind:  # str and bool
        raise _Malformed(f"{where} is no {kind.__name__}")
    return value


def _address(value: Any, where: str) -> Address:
    try:
        return parse_address(value)
    except InvalidAddress:
        raise _Malformed(f"{where} is no address with its checksum") from None


def _integer(value: Any, where: str) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << 256:
        raise _Malformed(f"{where} is no integer of 0 to 2^256 - 1")
    return value


def _bytes(value: Any, where: str) -> bytes:
    if isinstance(value, str):
        if len(value) <= 2 + 2 * _HEX_MOST and _HEX.fullmatch(value):
            return bytes.fromhex(value[2:])
        try:
            found = base64.b64decode(value, validate=True)
        except ValueError:
            found = b""
        if len(found) > _HEX_MOST:
            return found
    raise _Malformed(f"{where} is neither bytes in hex nor, if long, in base64")
