"""What stands in a steward's ledger, entry by entry, and what all entries together say.

An entry is its number, the time, and fields of fixed width in the order of its class,
filled up with zeros (docs/ledger-v1.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, NamedTuple, TypeAlias, get_type_hints

from medibloc_py.crypto import curve
from medibloc_py.crypto.frames import CONTENT_BYTES
from medibloc_py.crypto.ids import address_bytes, checksum_address
from medibloc_py.crypto.sale import lock_of
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address, ListingId, OrderId

UNSEEN = bytes(32)
"""Instead of a transaction: an earlier run sent it and did not live to hear of it."""
_TIME_BYTES = 8


class _Width(NamedTuple):
    """How a field stands in an entry."""

    size: int
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _uint(size: int) -> _Width:
    return _Width(size, lambda n: int(n).to_bytes(size, "big"), lambda b: int.from_bytes(b, "big"))


_U64 = _uint(8)
_U256 = _uint(32)
_ADDRESS = _Width(20, address_bytes, checksum_address)
_BYTES8 = _Width(8, bytes, bytes)
_BYTES32 = _Width(32, bytes, bytes)
_SCALAR = _Width(curve.SCALAR_BYTES, curve.scalar_bytes, curve.parse_scalar)


@dataclass(frozen=True, slots=True)
class ListingDrawn:
    """A listing's secret d, drawn for this listing alone.

    Attributes:
        salt, closes_at: with the other terms they give the listing's id, so that a later run
            knows the same offer again.
        point: the address of D = d·G.
    """

    chain_id: Annotated[int, _U256]
    market: Annotated[Address, _ADDRESS]
    listing: Annotated[ListingId, _BYTES32]
    salt: Annotated[bytes, _BYTES8]
    closes_at: Annotated[int, _U64]
    point: Annotated[Address, _ADDRESS]
    d: Annotated[int, _SCALAR] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListingSent:
    """A listing stands on the chain."""

    listing: Annotated[ListingId, _BYTES32]
    transaction: Annotated[bytes, _BYTES32]


@dataclass(frozen=True, slots=True)
class QuoteDrawn:
    """A quote's secret k, drawn for this quote alone; `lock` is the address of K = k·G."""

    listing: Annotated[ListingId, _BYTES32]
    buyer: Annotated[Address, _ADDRESS]
    purpose: Annotated[int, _U64]
    deadline: Annotated[int, _U64]
    lock: Annotated[Address, _ADDRESS]
    k: Annotated[int, _SCALAR] = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuoteHandedOut:
    """A quote is about to leave; `digest` is the SHA-256 of its file."""

    lock: Annotated[Address, _ADDRESS]
    digest: Annotated[bytes, _BYTES32]


@dataclass(frozen=True, slots=True)
class SettleDecided:
    """The secret of a lock is about to be shown for an order."""

    order: Annotated[OrderId, _BYTES32]
    lock: Annotated[Address, _ADDRESS]


@dataclass(frozen=True, slots=True)
class Settled:
    """An order was settled."""

    order: Annotated[OrderId, _BYTES32]
    transaction: Annotated[bytes, _BYTES32]


Entry: TypeAlias = (
    ListingDrawn | ListingSent | QuoteDrawn | QuoteHandedOut | SettleDecided | Settled
)
KINDS: dict[int, type[Entry]] = {
    1: ListingDrawn,
    2: ListingSent,
    3: QuoteDrawn,
    4: QuoteHandedOut,
    5: SettleDecided,
    6: Settled,
}
_NUMBERS = {cls: number for number, cls in KINDS.items()}
_WIDTHS: dict[type[Entry], tuple[tuple[str, _Width], ...]] = {
    cls: tuple(
        (name, hint.__metadata__[0])
        for name, hint in get_type_hints(cls, include_extras=True).items()
    )
    for cls in _NUMBERS
}


class Stamped(NamedTuple):
    """An entry, and when this machine wrote it, unix seconds."""

    at: int
    entry: Entry


class Impossible(Exception):
    """Why an entry cannot stand where it does; becomes `LedgerDamaged` in the ledger."""


def pack(stamped: Stamped) -> bytes:
    """Writes an entry, `CONTENT_BYTES` long.

    Raises:
        InvalidValue: a field does not fit; what could not be read again is not written.
    """
    kind = type(stamped.entry)
    parts = [bytes([_NUMBERS[kind]]), stamped.at.to_bytes(_TIME_BYTES, "big")]
    for name, width in _WIDTHS[kind]:
        value = getattr(stamped.entry, name)
        try:
            parts.append(width.write(value))
        except OverflowError:
            parts.append(b"")
        if len(parts[-1]) != width.size:
            raise InvalidValue(name=name, given="too wide", allowed=f"{width.size} bytes")
    return b"".join(parts).ljust(CONTENT_BYTES, b"\0")


def unpack(content: bytes) -> Stamped:
    """Reads an entry.

    Raises:
        Impossible: it is none of this version.
    """
    kind = KINDS.get(content[0])
    if kind is None:
        raise Impossible("is of a kind that this version does not know")
    at = 1 + _TIME_BYTES
    values = {}
    for name, width in _WIDTHS[kind]:
        try:
            values[name] = width.read(content[at : at + width.size])
        except InvalidValue:
            raise Impossible("holds a secret that is no scalar") from None
        at += width.size
    if any(content[at:]):
        raise Impossible("has more than its fields")
    return Stamped(int.from_bytes(content[1 : 1 + _TIME_BYTES], "big"), kind(**values))


def shown(stamped: Stamped) -> dict[str, Any]:
    """An entry for people and programs, without its secret."""
    entry = stamped.entry
    open_fields = {each.name: getattr(entry, each.name) for each in fields(entry) if each.repr}
    return {"entry": type(entry).__name__, "at": stamped.at, **open_fields}


def require_points(entry: Entry) -> None:
    """Computes the point of an entry's secret again.

    Raises:
        Impossible: the entry names another.
    """
    if isinstance(entry, ListingDrawn) and lock_of(entry.d) != entry.point:
        raise Impossible("names another point than that of its secret")
    if isinstance(entry, QuoteDrawn) and lock_of(entry.k) != entry.lock:
        raise Impossible("names another lock than that of its secret")


@dataclass(slots=True)
class Book:
    """All that a ledger says: entries taken one after the other, each after what it rests on."""

    entries: list[Stamped] = field(default_factory=list)
    listings: dict[ListingId, ListingDrawn] = field(default_factory=dict)
    quotes: dict[Address, QuoteDrawn] = field(default_factory=dict)
    decided: dict[OrderId, Address] = field(default_factory=dict)
    points: set[Address] = field(default_factory=set)
    sent: set[ListingId] = field(default_factory=set)
    handed_out: set[Address] = field(default_factory=set)
    settled: set[OrderId] = field(default_factory=set)

    def take(self, stamped: Stamped) -> None:
        """Takes the next entry in.

        Raises:
            Impossible: it draws what was drawn, or speaks of what was not.
        """
        match stamped.entry:
            case ListingDrawn() as drawn:
                _require(drawn.listing not in self.listings, "draws for a listing a second time")
                self._draw(drawn.point)
                self.listings[drawn.listing] = drawn
            case QuoteDrawn() as drawn:
                _require(drawn.listing in self.listings, "quotes a listing that was not drawn")
                self._draw(drawn.lock)
                self.quotes[drawn.lock] = drawn
            case ListingSent(listing):
                _once(listing, self.listings, self.sent, "lists")
            case QuoteHandedOut(lock):
                _once(lock, self.quotes, self.handed_out, "hands out")
            case SettleDecided(order, lock):
                _once(lock, self.quotes, set(), "settles with")
                _require(order not in self.decided, "decides on an order a second time")
                self.decided[order] = lock
            case Settled(order):
                _once(order, self.decided, self.settled, "settles")
        self.entries.append(stamped)

    def drawn(self) -> Iterator[tuple[int, ListingDrawn]]:
        """Listings that were drawn, with the times of their drawing."""
        for at, entry in self.entries:
            if isinstance(entry, ListingDrawn):
                yield at, entry

    def _draw(self, point: Address) -> None:
        _require(point not in self.points, "holds a secret that was drawn before")
        self.points.add(point)


def _once(key: Any, drawn: Any, done: set[Any], verb: str) -> None:
    _require(key in drawn, f"{verb} what was not drawn")
    _require(key not in done, f"{verb} a second time")
    done.add(key)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Impossible(otherwise)
