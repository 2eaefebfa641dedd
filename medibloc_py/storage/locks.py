"""Files that say that somebody is at work, and say it no longer when that process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from medibloc_py.errors import WorkUnderway
from medibloc_py.storage.files import make_folder, on_disk

_PAUSE_S: Final = 0.001


@contextmanager
def sole(path: Path, work: str) -> Iterator[None]:
    """Keeps all other processes and threads from the same work. The file goes at the end.

    Args:
        path: of the lock file; what a process that died left there counts for nothing.
        work: what is done, for the error.

    Raises:
        WorkUnderway: another is at it.
        StoreFailed: the file cannot be made.
    """
    make_folder(path.parent)
    with on_disk(path):
        descriptor = _locked(path, work)
    try:
        yield
    finally:
        with suppress(OSError):  # what stays counts for nothing
            path.unlink(missing_ok=True)  # before it is free: whoever waits makes a new one
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody is at the work of a lock file. Who looks holds it too, but shares it.

    Raises:
        StoreFailed: the file cannot be read.
    """
    with on_disk(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def _locked(path: Path, work: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # its last holder removed it a moment ago
        except BlockingIOError:
            if not _is_shared(descriptor):
                os.close(descriptor)
                raise WorkUnderway(work=work, path=path) from None
            time.sleep(_PAUSE_S)  # somebody looks, and works not
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_shared(descriptor: int) -> bool:
    """Whether those who hold a file hold it together, as who looks does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_claimed(path: Path) -> bool:
    """Whether a program of others has claimed a file by a POSIX lock, as Kubo does a repository."""
    try:
        with path.open("r+b") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
