"""The spool's database: one SQLite file, forced to the disk with every change.

It holds numbers, states, times and lengths. UIDs and ids stand in it as keyed hashes, or
sealed: who reads the disk learns no patient.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from medibloc_py.errors import DocumentInvalid, StoreFailed
from medibloc_py.sqlite import write_ahead
from medibloc_py.storage.files import make_folder, on_disk, sync_folder

VERSION: Final = 1
_BUSY_S: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE study (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tag BLOB NOT NULL,                    -- keyed, of study and patient
    whose BLOB NOT NULL,                  -- sealed: study and patient
    part INTEGER NOT NULL,                -- 2 and on: of instances that came later
    state TEXT NOT NULL,
    waits TEXT NOT NULL DEFAULT '',       -- what it waits for
    alone INTEGER NOT NULL DEFAULT 0,     -- to be published by itself: it stopped others
    error TEXT NOT NULL DEFAULT '',       -- why it was refused
    began_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    instances INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    batch INTEGER REFERENCES batch,
    record BLOB
);
CREATE INDEX study_of_tag ON study (tag);
CREATE INDEX study_in_state ON study (state);
CREATE TABLE instance (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tag BLOB NOT NULL UNIQUE,             -- keyed, of the SOP Instance UID
    digest BLOB NOT NULL,                 -- keyed, of transfer syntax and data set
    study INTEGER NOT NULL REFERENCES study,
    size_bytes INTEGER NOT NULL,
    file TEXT,                            -- of the sealed instance; NULL once it is cleared
    place BLOB                            -- sealed: series, number, UID
);
CREATE INDEX instance_of_study ON instance (study);
CREATE TABLE batch (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    plan BLOB NOT NULL,                   -- sealed: who the patients are, what is done
    root BLOB,                            -- once it is published
    cleared INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE note (name TEXT PRIMARY KEY, at INTEGER NOT NULL, text TEXT NOT NULL);
"""


class Database:
    """One connection that threads share; processes wait for each other."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it where there is none.

        Raises:
            StoreFailed: the disk does not take it.
            DocumentInvalid: it is of another version.
        """
        self.path = path
        self._lock = threading.RLock()
        make_folder(path.parent)
        with on_disk(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        with self._told():
            self._link = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            write_ahead(self._link, _BUSY_S)
            self._link.execute("PRAGMA synchronous = FULL")
            self._link.execute("PRAGMA foreign_keys = ON")
        self._prepare()
        with on_disk(path):
            sync_folder(path.parent)

    def _prepare(self) -> None:
        with self.writing() as write:
            (version,) = write("PRAGMA user_version")[0]
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    write(statement)
                write(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise DocumentInvalid(
                    path=self.path, kind="spool", reason=f"it is of version {version}"
                )

    def close(self) -> None:
        """Closes the connection."""
        with self._lock, self._told():
            self._link.close()

    def read(self, statement: str, *given: object) -> list[tuple[Any, ...]]:
        """The rows that a statement gives.

        Raises:
            StoreFailed: the database cannot be read.
        """
        with self._lock, self._told():
            return self._link.execute(statement, given).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """One transaction: all of it is on the disk at the end, or nothing is.

        Yields:
            What executes a statement and gives its rows.

        Raises:
            StoreFailed: the disk does not take it, or another process holds it too long.
        """
        with self._lock:
            with self._told():
                self._link.execute("BEGIN IMMEDIATE")
            try:
                yield self._execute
                with self._told():
                    self._link.execute("COMMIT")
            except BaseException:
                with self._told():
                    if self._link.in_transaction:
                        self._link.execute("ROLLBACK")
                raise

    def _execute(self, statement: str, *given: object) -> list[tuple[Any, ...]]:
        with self._told():
            return self._link.execute(statement, given).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFailed(url=self.path, reason=str(error)) from error
