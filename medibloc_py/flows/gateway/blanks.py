"""Empty files to be filled: their names are on the disk before anything is in them.

To force a folder to the disk takes longer than to force a file. Made some at a time, files
share that.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from medibloc_py.storage.files import on_disk, sync_folder, write_all

_FIRST: Final = 4
_MOST: Final = 64


class Blanks:
    """The files of one folder that wait to be filled. Threads share them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._names: deque[str] = deque()
        self._next = _FIRST

    def fill(self, name: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Fills a file that `take` gave; when this returns, no crash can take it away.

        Raises:
            StoreFailed: the disk does not take it.
        """
        path = self._folder / name
        try:
            with on_disk(path):
                descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
                try:
                    for piece in pieces:
                        write_all(descriptor, piece)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def take(self) -> str:
        """The name of an empty file.

        Raises:
            StoreFailed: the disk has no room for one.
        """
        with self._lock:
            while True:
                if not self._names:
                    self._make()
                name = self._names.popleft()
                if (self._folder / name).is_file():  # nobody swept it
                    return name

    def _make(self) -> None:
        """Makes some files, more each time, and forces the folder once."""
        with on_disk(self._folder):
            for _ in range(self._next):
                name = secrets.token_hex(16)
                path = self._folder / name
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                self._names.append(name)
            sync_folder(self._folder)
        self._next = min(2 * self._next, _MOST)

    def waiting(self) -> set[str]:
        """The names of those that are empty."""
        with self._lock:
            return set(self._names)

    def close(self) -> None:
        """Removes those that are empty."""
        with self._lock:
            for name in self._names:
                (self._folder / name).unlink(missing_ok=True)
            self._names.clear()
