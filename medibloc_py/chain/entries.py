"""Entries of the journal, and the tables they stand in."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from medibloc_py.model import Address
from medibloc_py.sqlite import write_ahead

MEMORY: Final = ":memory:"
"""In place of a path: a journal that ends with this process."""
BUSY_S = 180.0
"""Longest wait for a turn: a signer elsewhere may take two minutes (`external.TIMEOUT_S`)."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    chain TEXT NOT NULL,
    sender TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    intent TEXT NOT NULL,
    meaning TEXT NOT NULL,
    call TEXT NOT NULL,
    gas INTEGER NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    begun_at REAL NOT NULL,
    ended_at REAL,
    command TEXT NOT NULL DEFAULT '',
    moment INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_sender ON entries (chain, sender, state, nonce);
CREATE TABLE IF NOT EXISTS attempts (
    entry INTEGER NOT NULL REFERENCES entries (id),
    hash TEXT NOT NULL,
    raw BLOB NOT NULL,
    fee INTEGER NOT NULL,
    signed_at REAL NOT NULL,
    UNIQUE (entry, hash)
);
"""
_ADDED: Final = {"command": "TEXT NOT NULL DEFAULT ''", "moment": "INTEGER NOT NULL DEFAULT 0"}
"""Columns that journals of earlier checkouts lack."""


class State(StrEnum):
    """What is known of an entry.

    OPEN: signed, and perhaps sent. MINED: in a block, and its sender has not said that it
    knows. CLOSED: in a block, and known. VOID: it never will be; its nonce is another's, or free.
    """

    OPEN = "open"
    MINED = "mined"
    CLOSED = "closed"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed form of an entry; each has a higher fee than the one before.

    Attributes:
        fee: most wei for one gas.
    """

    hash: str
    raw: bytes
    fee: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction that was written down.

    Attributes:
        intent: digest of receiver, value and data: the same for the same call.
        meaning: what it does, for people, such as `Records.register`.
        call: as it was simulated: JSON of `from`, `to`, `value`, `data`.
        begun_at: by this machine's clock, for people.
        ended_at: when its end was known, likewise; also of one that a reorganisation opened again.
            None for one that was open ever since.
        attempts: its signed forms, the oldest first.
        command: digest of the words that were typed; empty for one that no command sent.
        moment: the time that the command's spans were counted from; 0 if it did not ask.
    """

    id: int
    sender: Address
    nonce: int
    intent: str
    meaning: str
    call: str
    gas: int
    owner: str
    state: State
    begun_at: float
    ended_at: float | None
    attempts: tuple[Attempt, ...]
    command: str = ""
    moment: int = 0

    @property
    def to(self) -> str | None:
        """The contract that it calls; None if it creates one."""
        to: str | None = json.loads(self.call).get("to")
        return to


def open_base(path: Path | None) -> sqlite3.Connection:
    """Opens the tables, and makes what of them is not there yet.

    Args:
        path: the SQLite file; None for one in memory.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    base = sqlite3.connect(
        MEMORY if path is None else path,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        base.row_factory = sqlite3.Row
        write_ahead(base, BUSY_S)
        base.execute("PRAGMA synchronous = FULL")
        base.executescript(_SCHEMA)
        _add_columns(base)
    except BaseException:
        base.close()
        raise
    return base


def _add_columns(base: sqlite3.Connection) -> None:
    """Makes older tables those of now; several processes may try at once."""
    base.execute("BEGIN IMMEDIATE")
    there = {row["name"] for row in base.execute("PRAGMA table_info(entries)")}
    for name in _ADDED.keys() - there:
        base.execute(f"ALTER TABLE entries ADD COLUMN {name} {_ADDED[name]}")
    base.execute("COMMIT")
