"""The journal of transactions: written down before one is sent, closed when its end is known.

A process can be killed between any two steps. What it had signed stands in the journal, with the
nonce it took; who comes next with the same intent takes it up instead of sending another, and
who comes with another intent sends it on its way first, so that no nonce is left out.

One SQLite file (write-ahead log, synchronous) serves any number of processes. Each entry names
the process that made it; whether that one still is there, `alive` tells.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medibloc_py.chain.alive import Life
from medibloc_py.chain.entries import BUSY_S, MEMORY, Attempt, Entry, State, open_base
from medibloc_py.errors import JournalFailed
from medibloc_py.model import Address


class Journal:
    """The transactions of this machine on one chain."""

    def __init__(self, path: Path | None, chain: str) -> None:
        """Opens the journal, and makes it if there is none.

        Args:
            path: the SQLite file; None for one in memory.
            chain: which chain, such as its id and the hash of its first block.

        Raises:
            JournalFailed: it cannot be opened.
        """
        self._path = path
        self._chain = chain
        self._lock = threading.RLock()
        self._given_up: set[int] = set()
        with self._on_disk():
            self._base = open_base(path)
            try:
                self._life = Life(path)
            except BaseException:
                self._base.close()
                raise
        self._told = [True]
        # Also when the process ends; not when it is killed.
        self.close = weakref.finalize(self, _close, os.getpid(), self._base, self._life, self._told)

    @property
    def owner(self) -> str:
        """What this process is called where it says that an entry is its own."""
        return self._life.name

    def keep_open(self, until_told: bool) -> None:
        """Says whether what comes into a block stands as unheard of when this process ends.

        So it does for a command that ends with an error: who typed it heard of the error alone.
        """
        self._told[0] = not until_told

    @staticmethod
    def knows(path: Path, command: str) -> bool:
        """Whether a file has something of a command that is open or unheard of; changes nothing."""
        try:
            read_only = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(read_only, uri=True, timeout=BUSY_S)) as base:
                found = base.execute(
                    "SELECT 1 FROM entries WHERE command = ? AND state IN (?, ?) LIMIT 1",
                    (command, State.OPEN, State.MINED),
                ).fetchone()
        except sqlite3.Error:  # none yet, one of before, or one that who sends will complain of
            return False
        return found is not None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keeps all others from taking a nonce; what is written stands once this ends.

        Raises:
            JournalFailed: the journal cannot be written, and nothing was.
        """
        with self._lock, self._on_disk():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def write(
        self,
        sender: Address,
        nonce: int,
        call: str,
        gas: int,
        intent: str,
        meaning: str,
        command: str = "",
        moment: int = 0,
    ) -> int:
        """Writes an entry down, within `turn`; gives its number."""
        done = self._base.execute(
            "INSERT INTO entries (chain, sender, nonce, intent, meaning, call, gas, owner, state,"
            " begun_at, command, moment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._chain, sender, nonce, intent, meaning, call, gas, self.owner, State.OPEN,
             time.time(), command, moment),
        )  # fmt: skip
        return int(done.lastrowid or 0)

    def add(self, entry: int, attempt: Attempt) -> None:
        """Adds a signed form to an entry, before it is sent."""
        with self._lock, self._on_disk():
            self._base.execute(
                "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?, ?)",
                (entry, attempt.hash, attempt.raw, attempt.fee, time.time()),
            )

    def end(self, entry: int, state: State) -> None:
        """Says what became of an entry."""
        with self._lock, self._on_disk():
            self._base.execute(
                "UPDATE entries SET state = ?, ended_at = ? WHERE id = ?",
                (state, time.time(), entry),
            )

    def leave(self, entry: int) -> None:
        """Gives an entry up while it is open: whoever comes next may take it up."""
        self._given_up.add(entry)  # by this process too, should the disk not take it now
        with self._lock, self._on_disk():
            self._base.execute(
                "UPDATE entries SET owner = '' WHERE id = ? AND state = ?", (entry, State.OPEN)
            )

    def take(self, entry: Entry) -> bool:
        """Makes an entry one's own, and open again; False if another was faster."""
        with self._lock, self._on_disk():
            done = self._base.execute(
                "UPDATE entries SET owner = ?, state = ? WHERE id = ? AND owner = ? AND state = ?",
                (self.owner, State.OPEN, entry.id, entry.owner, entry.state),
            )
        return done.rowcount == 1

    def reopen(self, entry: Entry) -> None:
        """Says that the end of an entry is not known any more; whoever comes next may take it."""
        with self._lock, self._on_disk():
            self._base.execute(
                "UPDATE entries SET owner = '', state = ? WHERE id = ? AND state = ?",
                (State.OPEN, entry.id, entry.state),
            )

    def left(self, sender: Address) -> list[Entry]:
        """Entries of an account whose maker died or gave up before it knew their end, by nonce."""
        return self._orphaned("sender = ?", sender)

    def left_by(self, command: str) -> list[Entry]:
        """Entries of a command whose run died or gave up before it knew their end, by nonce."""
        return self._orphaned("command = ?", command)

    def followed_by_another(self, entry: Entry) -> bool:
        """Whether its account has since sent something else to the same contract.

        Another command did, or, where none is known, another process.
        """
        later = self._select(
            "sender = ? AND nonce > ? AND state <> ?"
            " AND (command <> ? OR command = '' AND owner <> ?)",
            (entry.sender, entry.nonce, State.VOID, entry.command, entry.owner),
        )
        return any(each.to == entry.to for each in later)

    def _orphaned(self, condition: str, value: str) -> list[Entry]:
        found = self._select(
            f"{condition} AND state IN (?, ?) ORDER BY nonce, id", (value, State.OPEN, State.MINED)
        )
        others = {entry.owner for entry in found} - {self.owner}
        dead = {owner for owner in others if not self._life.lives(owner)}
        return [
            entry
            for entry in found
            if entry.owner in dead or (entry.state is State.OPEN and entry.id in self._given_up)
        ]

    def used(self, sender: Address, nonce: int) -> list[Entry]:
        """Entries of an account that were in a block, from a nonce on, by nonce."""
        return self._select(
            "sender = ? AND nonce >= ? AND state IN (?, ?) ORDER BY nonce, id",
            (sender, nonce, State.MINED, State.CLOSED),
        )

    def entries(
        self, sender: Address | None = None, state: State | None = None, most: int = 1_000
    ) -> list[Entry]:
        """Entries on this chain, the newest first."""
        return self._select(
            "(? IS NULL OR sender = ?) AND (? IS NULL OR state = ?) ORDER BY id DESC LIMIT ?",
            (sender, sender, state, state, most),
        )

    def next_nonce(self, sender: Address) -> int:
        """One more than the highest nonce that is known to be used; 0 if none is."""
        with self._lock, self._on_disk():
            (highest,) = self._base.execute(
                "SELECT MAX(nonce) FROM entries WHERE chain = ? AND sender = ? AND state IN (?, ?)",
                (self._chain, sender, State.MINED, State.CLOSED),
            ).fetchone()
        return 0 if highest is None else int(highest) + 1

    def free_nonce(self, sender: Address, first: int) -> int:
        """The first nonce that no entry holds and that follows all used ones, within `turn`.

        Args:
            sender: the account.
            first: below it, the node knows of a transaction for each.
        """
        known = self._base.execute(
            "SELECT nonce, state FROM entries WHERE chain = ? AND sender = ? AND nonce >= ?"
            " AND state <> ?",
            (self._chain, sender, first, State.VOID),
        ).fetchall()
        used = [row["nonce"] for row in known if row["state"] != State.OPEN]
        held = {row["nonce"] for row in known}
        nonce: int = max(used, default=first - 1) + 1
        while nonce in held:
            nonce += 1
        return nonce

    def forget_from(self, sender: Address, nonce: int) -> None:
        """Takes back that nonces from one on are used: the chain no longer says so."""
        with self._lock, self._on_disk():
            self._base.execute(
                "UPDATE entries SET state = ? WHERE chain = ? AND sender = ? AND nonce >= ?"
                " AND state IN (?, ?)",
                (State.VOID, self._chain, sender, nonce, State.MINED, State.CLOSED),
            )

    def forget(self) -> None:
        """Takes back all that is said of this chain: somebody turned it back on purpose."""
        with self._lock, self._on_disk():
            self._base.execute(
                "UPDATE entries SET state = ? WHERE chain = ?", (State.VOID, self._chain)
            )

    def _select(self, condition: str, values: tuple[object, ...]) -> list[Entry]:
        with self._lock, self._on_disk():
            rows = self._base.execute(
                f"SELECT * FROM entries WHERE chain = ? AND {condition}",  # noqa: S608 -- ours
                (self._chain, *values),
            ).fetchall()
            return [self._entry(row) for row in rows]

    def _entry(self, row: sqlite3.Row) -> Entry:
        attempts = self._base.execute(
            "SELECT hash, raw, fee FROM attempts WHERE entry = ? ORDER BY signed_at", (row["id"],)
        ).fetchall()
        return Entry(
            id=row["id"],
            sender=Address(row["sender"]),
            nonce=row["nonce"],
            intent=row["intent"],
            meaning=row["meaning"],
            call=row["call"],
            gas=row["gas"],
            owner=row["owner"],
            state=State(row["state"]),
            begun_at=row["begun_at"],
            ended_at=row["ended_at"],
            attempts=tuple(Attempt(one["hash"], one["raw"], one["fee"]) for one in attempts),
            command=row["command"],
            moment=row["moment"],
        )

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalFailed(path=self._path or MEMORY, reason=str(error)) from error


def _close(
    process: int,
    base: sqlite3.Connection,
    life: Life,
    told: list[bool],
) -> None:
    """Says that this process knows the end of all that it sent, if it told of it; and goes."""
    if os.getpid() != process:  # a fork: the entries are its parent's
        return
    with contextlib.suppress(sqlite3.Error):
        if told[0]:
            base.execute(
                "UPDATE entries SET state = ? WHERE owner = ? AND state = ?",
                (State.CLOSED, life.name, State.MINED),
            )
        base.execute(
            "UPDATE entries SET owner = '' WHERE owner = ? AND state IN (?, ?)",
            (life.name, State.OPEN, State.MINED),
        )
        base.close()
    life.end()
