"""What every SQLite database of ours asks of SQLite beyond its settings."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_PAUSE_S: Final = 0.01


def write_ahead(base: sqlite3.Connection, busy_s: float) -> None:
    """Has a database keep its changes in a log of their own, so that readers never wait.

    A new file is switched once. Of processes that do so at the same time, SQLite has none
    wait, whatever its timeout: here they do.

    Args:
        base: the connection.
        busy_s: how long others may take.

    Raises:
        sqlite3.OperationalError: they took longer, or the file cannot be written.
    """
    give_up = time.monotonic() + busy_s
    while True:
        try:
            base.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(_PAUSE_S)
