"""DAG-CBOR documents, read strictly: the one door to dag_cbor.

What arrives is hostile until every key, type, length and bound has been looked at.
`Fields` looks at them and turns each breach into one typed error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, NoReturn, TypeVar

import dag_cbor
from dag_cbor.decoding import CBORDecodingError

from medibloc_py.crypto.ids import checksum_address
from medibloc_py.errors import DocumentInvalid, InvalidValue, MediBlocError
from medibloc_py.model import Address
from medibloc_py.nesting import require_shallow_cbor

T = TypeVar("T")
Refusal = Callable[[str], MediBlocError]
"""Makes the error to raise out of a reason."""

# What dag_cbor raises on hostile input besides its own error: lengths above 2^63, and CIDs
# that are empty, cut or of an unknown kind.
_HOSTILE = (CBORDecodingError, OverflowError, ValueError, LookupError)


def encode(document: Mapping[str, Any]) -> bytes:
    """Encodes a document canonically.

    Raises:
        InvalidValue: a value has no DAG-CBOR form, such as an integer above 64 bits.
    """
    try:
        return _encoded(dict(document))
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidValue(name="document", given=str(error), allowed="DAG-CBOR values") from None


def _encoded(value: object) -> bytes:
    """One value. dag_cbor gives the same, but keeps a path to it and so takes thrice as long."""
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case str():
            data = value.encode()
            return _head(3, len(data)) + data
        case bytes():
            return _head(2, len(value)) + value
        case list() | tuple():
            return _head(4, len(value)) + b"".join(map(_encoded, value))
        case dict():
            # A key's head holds its length: to sort what is encoded puts shorter keys first.
            items = sorted((_key(key), _encoded(item)) for key, item in value.items())
            return _head(5, len(items)) + b"".join(chain.from_iterable(items))
    raise TypeError(f"a {type(value).__name__}")


@lru_cache(1024)
def _key(key: object) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key that is a {type(key).__name__}")
    return _encoded(key)


def _head(major: int, number: int) -> bytes:
    """The kind of a value and its length or number, in as few bytes as hold it."""
    if number < 24:
        return bytes((major << 5 | number,))
    power = 0 if number < 1 << 8 else 1 if number < 1 << 16 else 2 if number < 1 << 32 else 3
    return bytes((major << 5 | 24 + power,)) + number.to_bytes(1 << power, "big")


def decode(data: bytes, refuse: Refusal, most: int = 1 << 20) -> Fields:
    """Decodes one canonical document whose top is a map.

    Args:
        data: the whole document, nothing after it.
        refuse: makes the error for bad input.
        most: bytes it may have.
    """
    if len(data) > most:
        raise refuse(f"it has more than {most} bytes")
    try:
        require_shallow_cbor(data)
        document = dag_cbor.decode(data)
    except _HOSTILE:
        raise refuse("it is not canonical DAG-CBOR") from None
    return Fields(document, "the document", refuse)


def invalid_document(kind: str, source: str) -> Refusal:
    """Makes refusals of kind `DocumentInvalid`."""
    return lambda reason: DocumentInvalid(path=source, kind=kind, reason=reason)


def unwritable(kind: str) -> Refusal:
    """Makes refusals of a document that no reader would take, before it is written."""
    return lambda reason: InvalidValue(
        name=kind, given=f"not writable ({reason})", allowed="as docs/envelope-v1.md says"
    )


class Fields:
    """A map being read: every key is taken once, and `end` leaves none over."""

    def __init__(self, value: object, where: str, refuse: Refusal) -> None:
        self._where = where
        self._refuse = refuse
        if not isinstance(value, dict):
            self.fail(f"{where} is not a map")
        self._rest: dict[str, Any] = dict(value)

    def fail(self, reason: str) -> NoReturn:
        """Raises the refusal."""
        raise self._refuse(reason)

    def end(self) -> None:
        """Refuses keys that nobody took."""
        if self._rest:
            self.fail(f"{self._where} has a key too many")

    def has(self, key: str) -> bool:
        """Tells whether an optional key is there."""
        return key in self._rest

    def constant(self, key: str, expected: int) -> None:
        """Takes a key that must hold `expected`."""
        if self.uint(key) != expected:
            self.fail(f"{key} is not {expected}")

    def uint(self, key: str, bits: int = 63, least: int = 0) -> int:
        """Takes an integer from `least` to `2**bits - 1`."""
        value = self._take(key)
        # bool is an int in Python but not in CBOR.
        if type(value) is not int or not least <= value < 1 << bits:
            self.fail(f"{key} is not an integer from {least} to 2^{bits} - 1")
        return value

    def octets(self, key: str, size: int) -> bytes:
        """Takes exactly `size` bytes."""
        value = self._take(key)
        if not isinstance(value, bytes) or len(value) != size:
            self.fail(f"{key} is not {size} bytes")
        return value

    def text(self, key: str, most: int) -> str:
        """Takes a text of at most `most` characters."""
        value = self._take(key)
        if not isinstance(value, str) or len(value) > most:
            self.fail(f"{key} is not a text of at most {most} characters")
        return value

    def address(self, key: str) -> Address:
        """Takes 20 bytes as a checksummed address."""
        return checksum_address(self.octets(key, 20))

    def hashes(self, key: str, most: int, size: int = 32) -> tuple[bytes, ...]:
        """Takes a list of at most `most` values of `size` bytes."""
        items = self._list(key, most)
        if not all(isinstance(item, bytes) and len(item) == size for item in items):
            self.fail(f"{key} has an item that is not {size} bytes")
        return tuple(items)

    def flags(self, key: str, most: int) -> tuple[bool, ...]:
        """Takes a list of at most `most` booleans."""
        items = self._list(key, most)
        if not all(isinstance(item, bool) for item in items):
            self.fail(f"{key} has an item that is not a boolean")
        return tuple(items)

    def maps(self, key: str, most: int, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """Takes a list of at most `most` maps, each read by `read`."""
        items = self._list(key, most)
        return tuple(self._read(item, f"{key}[{i}]", read) for i, item in enumerate(items))

    def map(self, key: str, read: Callable[[Fields], T]) -> T:
        """Takes one map, read by `read`."""
        return self._read(self._take(key), key, read)

    def plain(self, key: str, most: int) -> dict[str, str | int]:
        """Takes a map of at most `most` short texts, booleans and 64-bit integers."""
        value = self._take(key)
        if not isinstance(value, dict) or len(value) > most:
            self.fail(f"{key} is not a map of at most {most} entries")
        for name, item in value.items():
            if len(name) > 256 or not isinstance(item, str | int):
                self.fail(f"{key} has an entry that is neither a text nor an integer")
            if isinstance(item, str) and len(item) > 4096:
                self.fail(f"{key} has a text that is too long")
        return value

    def _take(self, key: str) -> Any:
        if key not in self._rest:
            self.fail(f"{self._where} has no {key}")
        return self._rest.pop(key)

    def _list(self, key: str, most: int) -> list[Any]:
        value = self._take(key)
        if not isinstance(value, list) or len(value) > most:
            self.fail(f"{key} is not a list of at most {most} items")
        return value

    def _read(self, value: object, where: str, read: Callable[[Fields], T]) -> T:
        fields = Fields(value, where, self._refuse)
        result = read(fields)
        fields.end()
        return result
