"""An append-only file of slots of one size: what was acknowledged is never lost.

A slot is a payload and, behind it, a mark. The payload is forced to the disk before the
mark is written, and the mark before `append` returns. So a slot without its mark was
never acknowledged, whatever a crash left of it: the next append cuts it off.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medibloc_py.errors import Corrupted
from medibloc_py.storage.files import make_folder, on_disk, sync_folder, write_all

MARK: Final = b"medibloc/kept/v1"
"""Behind every payload that was acknowledged, 16 bytes."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a log.

    Attributes:
        payloads: all that was acknowledged, oldest first.
        torn_bytes: length of a last append that died before it was acknowledged.
    """

    payloads: tuple[bytes, ...] = ()
    torn_bytes: int = 0


class Appender:
    """A log under an exclusive lock."""

    def __init__(self, path: Path, descriptor: int, contents: Contents, slot_bytes: int) -> None:
        self.contents = contents
        self._path = path
        self._descriptor = descriptor
        self._slot_bytes = slot_bytes
        self._end = len(contents.payloads) * slot_bytes

    def append(self, payload: bytes) -> None:
        """Adds a payload; when this returns, a crash cannot take it away.

        Raises:
            StoreFailed: it could not be written; what stood there before is untouched.
        """
        if len(payload) + len(MARK) != self._slot_bytes:
            raise ValueError("a payload of another size")
        with on_disk(self._path):
            os.ftruncate(self._descriptor, self._end)  # what nobody acknowledged
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            self._write(payload)
            self._write(MARK)
            sync_folder(self._path.parent)
        self._end += self._slot_bytes

    def _write(self, part: bytes) -> None:
        write_all(self._descriptor, part)
        os.fsync(self._descriptor)


class AppendLog:
    """One such file, private to its owner. Processes and threads wait for each other."""

    def __init__(self, path: Path, payload_bytes: int) -> None:
        """Name the file; it is made by the first append.

        Args:
            path: of the file.
            payload_bytes: of every payload.
        """
        self.path = path
        self._slot_bytes = payload_bytes + len(MARK)

    def read(self) -> Contents:
        """All that was acknowledged; nothing where there is no file.

        Raises:
            Corrupted: a slot before the last lacks its mark, or the last has another one.
            StoreFailed: it cannot be read.
        """
        with on_disk(self.path):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                return Contents()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                return self._contents(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def appending(self) -> Iterator[Appender]:
        """Locks the file against all others, and makes it if it is not there.

        Raises:
            Corrupted: as `read`.
            StoreFailed: it cannot be opened.
        """
        make_folder(self.path.parent)
        with on_disk(self.path):
            descriptor = self._lock()
        try:
            with on_disk(self.path):
                contents = self._contents(descriptor)
            yield Appender(self.path, descriptor, contents, self._slot_bytes)
        finally:
            os.close(descriptor)

    def _lock(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Whoever put another file in its place while we waited has the name now.
                if os.path.samestat(os.fstat(descriptor), os.lstat(self.path)):
                    os.fchmod(descriptor, 0o600)
                    return descriptor
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _contents(self, descriptor: int) -> Contents:
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read()
        size = self._slot_bytes
        slots = [data[at : at + size] for at in range(0, len(data), size)]
        torn = slots.pop() if slots and _is_torn(slots[-1], size) else b""
        for number, slot in enumerate(slots):
            if slot[-len(MARK) :] != MARK:
                raise Corrupted(name=self.path, reason=f"slot {number} lacks its mark")
        return Contents(tuple(slot[: -len(MARK)] for slot in slots), len(torn))


def _is_torn(slot: bytes, size: int) -> bool:
    """Whether a last slot was never acknowledged: cut off, or zeros where its mark belongs.

    Some file systems give a file its new length before its new bytes.
    """
    return len(slot) < size or not any(slot[-len(MARK) :])
