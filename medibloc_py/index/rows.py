"""The rows of the log as values, and the tables that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from medibloc_py.errors import ExtraMissing

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

FORMAT = 1
"""Of the tables; an index of another format is made anew."""


class Entry(NamedTuple):
    """One event of the log, as it is stored.

    Attributes:
        block: number of its block.
        log_index: its place among the logs of the block.
        block_hash: `0x` and 64 hex digits, as `transaction`.
        contract: name of the contract.
        event: name of the event.
        args: its arguments as canonical JSON: names sorted, no spaces; bytes as `0x` hex,
            integers from 2^53 on as decimal strings, structs as lists.
        at: time of the block, unix seconds.
        mentions: the accounts and 32-byte ids in it, each once, sorted.
    """

    block: int
    log_index: int
    block_hash: str
    transaction: str
    contract: str
    event: str
    args: str
    at: int
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """A block that the log was read up to: its number and hash (`0x`, 64 hex digits)."""

    block: int
    hash: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Which chain and contracts a log is of.

    Attributes:
        contracts: address by name, as JSON with sorted names.
        origin: the block before the first that is read.
    """

    chain_id: int
    contracts: str
    origin: Head


@dataclass(frozen=True, slots=True)
class Reorganisation:
    """What the chain took back.

    Attributes:
        ancestor: the last block that stood.
        head: the block up to which the log was taken back.
        events: how many events were undone.
    """

    number: int
    ancestor: Head
    head: Head
    events: int


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of the log.

    `events` is the log as the chain tells it now; `undone` holds what the chain once told and
    took back, under the number of its row in `reorganisations`: both only grow, but for events
    that move from the one to the other. `mentions` finds events by what they speak of. `heads`
    are the last blocks that were read; `mark` says of which chain all this is, and up to where.
    `watches` says up to where each watch has told, and `notices` what it told.
    """

    meta: MetaData
    events: Table
    undone: Table
    mentions: Table
    heads: Table
    reorganisations: Table
    mark: Table
    watches: Table
    notices: Table


def sqlalchemy() -> Any:
    """The library, where it is installed.

    Raises:
        ExtraMissing: it is not.
    """
    try:
        import sqlalchemy as found
    except ImportError:
        raise ExtraMissing(extra="index") from None
    return found


@cache
def tables() -> Tables:
    """The tables, made once a process."""
    sa = sqlalchemy()
    meta = sa.MetaData()

    def table(name: str, *columns: Any) -> Any:
        return sa.Table(f"medibloc_{name}", meta, *columns)

    def number(name: str, **options: Any) -> Any:
        return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False, **options)

    def text(name: str, size: int | None = None, **options: Any) -> Any:
        kind = sa.String(size) if size else sa.Text
        return sa.Column(name, kind, nullable=False, **options)

    def event_columns() -> list[Any]:
        return [
            text("block_hash", 66),
            text("transaction", 66),
            text("contract", 32),
            text("event", 64),
            text("args"),
            number("at"),
        ]

    def place() -> list[Any]:
        return [number("block", primary_key=True), number("log_index", primary_key=True)]

    return Tables(
        meta=meta,
        events=table("events", *place(), *event_columns()),
        undone=table(
            "undone", number("reorganisation", primary_key=True), *place(), *event_columns()
        ),
        mentions=table("mentions", text("value", 66, primary_key=True), *place()),
        heads=table("heads", number("block", primary_key=True), text("hash", 66)),
        reorganisations=table(
            "reorganisations",
            number("number", primary_key=True),
            number("ancestor"),
            text("ancestor_hash", 66),
            number("block"),
            text("block_hash", 66),
            number("events"),
        ),
        mark=table(
            "mark",
            number("id", primary_key=True),
            number("format"),
            number("chain_id"),
            text("contracts"),
            number("origin"),
            text("origin_hash", 66),
            number("block"),
            text("hash", 66),
        ),
        watches=table(
            "watches", text("name", 64, primary_key=True), number("block"), number("log_index")
        ),
        notices=table(
            "notices", text("watch", 64, primary_key=True), text("id", 66, primary_key=True)
        ),
    )
