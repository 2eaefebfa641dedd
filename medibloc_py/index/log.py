"""The log in its database: appended to, rolled back, and asked; each change one transaction.

Every change names the head it was made on, and is refused if the log stands elsewhere by then:
two processes that follow one chain into one database take turns, and neither adds twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from medibloc_py.errors import IndexMismatched, IndexMissing
from medibloc_py.index.base import Base
from medibloc_py.index.rows import FORMAT, Entry, Head, Mark, Reorganisation, sqlalchemy, tables
from medibloc_py.index.watches import Watches

if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT_HEADS = 256
"""Last blocks whose hashes are kept; further back, the blocks that have events serve."""
_COLUMNS = Entry._fields[:-1]
_BATCH = 5_000


class EventLog:
    """One chain's events in one database."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._t = tables()

    @classmethod
    def open(cls, url: str) -> EventLog:
        """Opens a log that is there.

        Args:
            url: of the database, as SQLAlchemy writes it, or the path of an SQLite file.

        Raises:
            IndexMissing: there is none.
            IndexMismatched: it has another format.
            IndexFailed: the database cannot be used.
            ExtraMissing: SQLAlchemy is not installed.
        """
        base = Base(url, make=False)
        log = cls(base)
        if not base.has(log._t.mark) or log._mark_row() is None:
            base.close()
            raise IndexMissing(place=base.place)
        log._require(format=FORMAT)
        return log

    @classmethod
    def make(cls, url: str, mark: Mark) -> EventLog:
        """Opens a log, and makes it if there is none.

        Raises:
            IndexMismatched: there is one of another chain, other contracts or another format.
            IndexFailed: the database cannot be used.
            ExtraMissing: SQLAlchemy is not installed.
        """
        base = Base(url, make=True)
        log = cls(base)
        base.create(log._t.meta)
        if log._mark_row() is None:
            log._begin(mark)
        log._require(format=FORMAT, chain_id=mark.chain_id, contracts=mark.contracts)
        log._require(origin=mark.origin.block, origin_hash=mark.origin.hash)
        return log

    @staticmethod
    def drop(url: str) -> None:
        """Removes a log with all that it holds, if there is one.

        Raises:
            IndexFailed: the database cannot be used.
        """
        base = Base(url, make=False)
        base.drop(tables().meta)
        base.close()

    def close(self) -> None:
        """Lets go of the database."""
        self._base.close()

    @property
    def watches(self) -> Watches:
        """Who is told of what is in it."""
        return Watches(self._base)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self._base.place

    @property
    def mark(self) -> Mark:
        """Which chain it is of."""
        row = self._row()
        return Mark(row.chain_id, row.contracts, Head(row.origin, row.origin_hash))

    @property
    def head(self) -> Head:
        """The last block it was read up to; the origin, if none was."""
        row = self._row()
        return Head(row.block, row.hash)

    def append(self, on: Head, entries: Sequence[Entry], heads: Sequence[Head]) -> bool:
        """Adds the events of the next blocks.

        Args:
            on: the head they follow.
            entries: of blocks after it, in the order of the chain.
            heads: the blocks whose hashes are to be kept; the last is the new head.

        Returns:
            False if the log stands elsewhere by now: another process was faster.
        """
        with self._base.change() as base:
            if not self._move(base, on, heads[-1]):
                return False
            for start in range(0, len(entries), _BATCH):
                self._insert(base, entries[start : start + _BATCH])
            base.execute(
                self._t.heads.insert(), [{"block": each.block, "hash": each.hash} for each in heads]
            )
            old = self._t.heads.c.block <= heads[-1].block - KEPT_HEADS
            base.execute(self._t.heads.delete().where(old))
        return True

    def undo(self, on: Head, ancestor: Head) -> bool:
        """Takes back all after a block: the chain went another way from there.

        Returns:
            False if the log stands elsewhere by now.
        """
        sa, t = sqlalchemy(), self._t
        with self._base.change() as base:
            if not self._move(base, on, ancestor):
                return False
            number = (
                1
                + base.execute(
                    sa.select(sa.func.coalesce(sa.func.max(t.reorganisations.c.number), 0))
                ).scalar_one()
            )
            later = t.events.c.block > ancestor.block
            columns = [t.events.c[name] for name in _COLUMNS]
            moved = sa.select(sa.literal(number, sa.BigInteger), *columns).where(later)
            count = base.execute(
                sa.select(sa.func.count()).select_from(t.events).where(later)
            ).scalar_one()
            base.execute(t.undone.insert().from_select(["reorganisation", *_COLUMNS], moved))
            for table in (t.events, t.mentions, t.heads):
                base.execute(table.delete().where(table.c.block > ancestor.block))
            base.execute(  # what comes in place of it is to be told
                t.watches.update()
                .where(t.watches.c.block > ancestor.block)
                .values(block=ancestor.block + 1, log_index=-1)
            )
            base.execute(
                t.reorganisations.insert().values(
                    number=number,
                    ancestor=ancestor.block,
                    ancestor_hash=ancestor.hash,
                    block=on.block,
                    block_hash=on.hash,
                    events=count,
                )
            )
        return True

    def known_blocks(self) -> list[Head]:
        """The blocks whose hashes are known, the newest first; the origin is the last."""
        sa, t = sqlalchemy(), self._t
        with self._base.read() as base:
            heads = base.execute(sa.select(t.heads.c.block, t.heads.c.hash)).all()
            told = base.execute(sa.select(t.events.c.block, t.events.c.block_hash).distinct()).all()
        found = {Head(*row) for row in (*heads, *told)} | {self.mark.origin}
        return sorted(found, key=lambda head: -head.block)

    def entries(self, first: int = 0, last: int | None = None) -> Iterator[Entry]:
        """Reads the events of a range of blocks, in the order of the chain."""
        t = self._t
        query = self._select().where(t.events.c.block >= first)
        if last is not None:
            query = query.where(t.events.c.block <= last)
        with self._base.read() as base:
            rows = base.execution_options(yield_per=_BATCH).execute(query)
            for row in rows:
                yield Entry(*row)

    def mentioning(self, value: str) -> list[Entry]:
        """Reads the events that speak of an account (with checksum) or an id (`0x` hex)."""
        t = self._t
        same = (t.mentions.c.block == t.events.c.block) & (
            t.mentions.c.log_index == t.events.c.log_index
        )
        query = self._select().join(t.mentions, same).where(t.mentions.c.value == value)
        with self._base.read() as base:
            return [Entry(*row) for row in base.execute(query)]

    def count(self) -> int:
        """Counts the events."""
        sa = sqlalchemy()
        with self._base.read() as base:
            found = base.execute(sa.select(sa.func.count()).select_from(self._t.events))
            return int(found.scalar_one())

    def digest(self, last: int | None = None) -> bytes:
        """SHA-256 over all events in the order of the chain: one line of canonical JSON each.

        Two logs of one chain up to one block have the same digest, however they came there.

        Args:
            last: the last block that counts, if not all do.
        """
        sha = hashlib.sha256()
        for entry in self.entries(last=last):
            sha.update(json.dumps(entry[:-1], separators=(",", ":")).encode() + b"\n")
        return sha.digest()

    def reorganisations(self) -> list[Reorganisation]:
        """What the chain took back while it was followed, the oldest first."""
        t = self._t.reorganisations
        with self._base.read() as base:
            rows = base.execute(t.select().order_by(t.c.number)).all()
        return [
            Reorganisation(
                row.number,
                Head(row.ancestor, row.ancestor_hash),
                Head(row.block, row.block_hash),
                row.events,
            )
            for row in rows
        ]

    def undone(self, number: int) -> list[Entry]:
        """The events that a reorganisation took back."""
        sa, t = sqlalchemy(), self._t.undone
        columns = [t.c[name] for name in _COLUMNS]
        query = sa.select(*columns).where(t.c.reorganisation == number)
        with self._base.read() as base:
            rows = base.execute(query.order_by(t.c.block, t.c.log_index))
            return [Entry(*row) for row in rows]

    # Inside

    def _select(self) -> Any:
        t = self._t.events
        columns = [t.c[name] for name in _COLUMNS]
        return sqlalchemy().select(*columns).order_by(t.c.block, t.c.log_index)

    def _insert(self, base: Connection, entries: Sequence[Entry]) -> None:
        rows = [dict(zip(_COLUMNS, entry, strict=False)) for entry in entries]
        base.execute(self._t.events.insert(), rows)
        mentions = [
            {"value": value, "block": entry.block, "log_index": entry.log_index}
            for entry in entries
            for value in entry.mentions
        ]
        if mentions:
            base.execute(self._t.mentions.insert(), mentions)

    def _move(self, base: Connection, on: Head, to: Head) -> bool:
        """Moves the head, first of all: who comes second waits here, and finds it moved."""
        mark = self._t.mark
        done = base.execute(
            mark.update()
            .where((mark.c.block == on.block) & (mark.c.hash == on.hash))
            .values(block=to.block, hash=to.hash)
        )
        return bool(done.rowcount)

    def _begin(self, mark: Mark) -> None:
        origin = mark.origin
        values = {
            "id": 1,
            "format": FORMAT,
            "chain_id": mark.chain_id,
            "contracts": mark.contracts,
            "origin": origin.block,
            "origin_hash": origin.hash,
            "block": origin.block,
            "hash": origin.hash,
        }
        # Two that begin at once: the second finds what the first wrote.
        with self._base.unless_there(), self._base.change() as base:
            base.execute(self._t.mark.insert().values(**values))

    def _mark_row(self) -> Any:
        with self._base.read() as base:
            return base.execute(self._t.mark.select()).first()

    def _row(self) -> Any:
        row = self._mark_row()
        if row is None:
            raise IndexMissing(place=self.place)
        return row

    def _require(self, **expected: object) -> None:
        row = self._row()
        for name, value in expected.items():
            if getattr(row, name) != value:
                self.close()
                part = {"format": "format", "contracts": "deployment"}.get(name, "chain")
                raise IndexMismatched(place=self.place, part=part)
