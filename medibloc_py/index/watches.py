"""Watches: up to which event each has told, and what it told."""

from __future__ import annotations

from medibloc_py.index.base import Base
from medibloc_py.index.rows import Entry, sqlalchemy, tables


class Watches:
    """The watches of one log; a reorganisation sets them back with the log."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._t = tables()

    def begin(self, name: str, block: int) -> tuple[int, int]:
        """Gives the place up to which a watch has told, and makes it if there is none.

        Args:
            name: of the watch, at most 64 characters.
            block: the first block that a new watch tells of.

        Returns:
            Block and log index of the last event that was dealt with.
        """
        t = self._t.watches
        query = sqlalchemy().select(t.c.block, t.c.log_index).where(t.c.name == name)
        with self._base.change() as base:
            row = base.execute(query).first()
            if row is not None:
                return int(row[0]), int(row[1])
            base.execute(t.insert().values(name=name, block=block, log_index=-1))
        return block, -1

    def has_told(self, name: str, notice: str) -> bool:
        """Whether a watch told something before, in another block perhaps."""
        t = self._t.notices
        query = t.select().where((t.c.watch == name) & (t.c.id == notice))
        with self._base.read() as base:
            return base.execute(query).first() is not None

    def pass_by(self, name: str, entry: Entry, notice: str | None) -> None:
        """Moves a watch past an event; with what it told of it, if it did, in one transaction."""
        t = self._t
        with self._base.change() as base:
            base.execute(
                t.watches.update()
                .where(t.watches.c.name == name)
                .values(block=entry.block, log_index=entry.log_index)
            )
            if notice is not None:
                base.execute(t.notices.insert().values(watch=name, id=notice))
