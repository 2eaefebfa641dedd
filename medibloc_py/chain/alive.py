"""Who lives: each process locks a file of its own, which the system frees when it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path


class Life:
    """That this process lives, for others to see, and whether another does.

    Attributes:
        name: what this process is called from its start to its end, never the same again.
    """

    def __init__(self, beside: Path | None) -> None:
        """Begins.

        Args:
            beside: the file that processes share; None where there is nobody to see.

        Raises:
            OSError: the lock file cannot be written.
        """
        self.name = secrets.token_hex(8)
        self._beside = beside
        self._lock: int | None = None
        if beside is not None:
            path = self._path_of(beside, self.name)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            except BaseException:
                self.end()
                raise

    def lives(self, name: str) -> bool:
        """Whether a process that was called so still is there.

        Raises:
            OSError: its lock file cannot be read.
        """
        if name == self.name:
            return True
        if self._beside is None or not name:
            return False
        path = self._path_of(self._beside, name)
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared: of two who look at once, neither takes the other for the one who died.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Says that this process is gone, before it is."""
        if self._beside is not None and self._lock is not None:
            with contextlib.suppress(OSError):
                self._path_of(self._beside, self.name).unlink(missing_ok=True)
                os.close(self._lock)

    @staticmethod
    def _path_of(beside: Path, name: str) -> Path:
        return beside.with_name(f"{beside.name}-{name}.alive")
