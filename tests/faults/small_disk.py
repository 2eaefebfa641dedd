"""A disk of one's own that is really full, without other rights than a process has by itself.

A fork of this process mounts a tmpfs where nobody else sees it: as root, or in a user namespace of
its own. Where neither is allowed, no file may grow beyond a limit, which the same writes meet with
another error of the system.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PAGE: Final = 4096
_SIZE: Final = "48m"
_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_PRIVATE = 0x40000 | 0x4000  # MS_PRIVATE | MS_REC
_PATIENCE_S = 300


@dataclass(frozen=True)
class Disk:
    """A disk that can be filled.

    Attributes:
        path: a folder on it.
        full: what the system says when it is full.
    """

    path: Path
    full: tuple[str, ...]

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self, pages: int) -> None:
        """Leaves room for so many pages; or for files of that length, where it has no end."""
        if self.full != TMPFS:
            _limit(pages * PAGE)
            return
        with self._ballast.open("ab") as ballast:
            while (room := self._free() - pages * PAGE) > 0:
                ballast.write(bytes(min(room, 1 << 20)))
                ballast.flush()

    def clear(self) -> None:
        """Makes room."""
        _limit(resource.RLIM_INFINITY)
        self._ballast.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize


TMPFS: Final = ("No space left on device", "database or disk is full", "disk I/O error")
LIMIT: Final = ("File too large", "disk I/O error", "database or disk is full")


def on_a_small_disk(folder: Path, work: Callable[[Disk], Any]) -> Any:
    """Runs in a fork of this process that has such a disk; gives what it gives."""
    mine, its = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(mine)
        try:
            signal.alarm(_PATIENCE_S)
            said: tuple[bool, Any] = True, work(_disk(folder))
        except BaseException:
            said = False, traceback.format_exc()
        _limit(resource.RLIM_INFINITY)
        with os.fdopen(its, "wb") as pipe:
            pickle.dump(said, pipe)
        os._exit(0)
    os.close(its)
    with os.fdopen(mine, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert answer, "it was killed, or hangs"
    well, found = pickle.loads(answer)
    assert well, found
    return found


def _disk(folder: Path) -> Disk:
    return Disk(folder, TMPFS if _mounted(folder) else LIMIT)


def _mounted(folder: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWNS if user == 0 else _NEWUSER | _NEWNS):
        return False
    if user != 0:
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        except OSError:
            return False
    if libc.mount(b"none", b"/", None, _PRIVATE, None):
        return False
    options = f"size={_SIZE},mode=700".encode()
    return not libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options)


def _limit(size_bytes: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, most))
