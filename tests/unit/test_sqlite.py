"""How processes share a database file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from medibloc_py.sqlite import write_ahead


def test_a_new_file_that_another_makes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "base.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE there (id)")
        ends = threading.Timer(0.1, other.execute, ("COMMIT",))
        with closing(sqlite3.connect(path, timeout=0)) as base:
            ends.start()
            write_ahead(base, 60)
            assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        ends.join()


def test_one_that_takes_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / "base.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE there (id)")
        base = sqlite3.connect(path, timeout=0)
        with closing(base), pytest.raises(sqlite3.OperationalError, match="locked"):
            write_ahead(base, 0.05)
