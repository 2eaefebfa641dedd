"""Files that are whole or not there, and a folder of private ones.

A file is written under another name, forced to the disk, renamed, and its folder is
forced to the disk: a crash at any moment leaves the old file or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medibloc_py.errors import BlobMissing, InvalidValue, StoreFailed

_PART: Final = ".part-"
_SETTLED_S: Final = 60  # a writer locks its part at once; past this, an unlocked one is an orphan
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write `data` to `path`, replacing what is there in one step.

    Args:
        path: in a folder that exists.
        data: the whole content.
        mode: permission bits; the default keeps others out.

    Raises:
        StoreFailed: it could not be written; what was there before is untouched.
    """
    with part_file(path.parent, mode) as part:
        with on_disk(path):
            write_all(part.descriptor, data)
        part.become(path)


def rewrite(path: Path, data: bytes) -> None:
    """Write `data` to `path` as `write_atomic` does, and overwrite what was there.

    What has another name besides, such as that of a backup, is left as it is.

    Raises:
        StoreFailed: it could not be written; what was there before is untouched.
    """
    with on_disk(path):
        old = _writable(path)
    try:
        write_atomic(path, data)
        if old is not None and not os.fstat(old).st_nlink:
            with on_disk(path):
                _zero(old)
    finally:
        if old is not None:
            os.close(old)


def erase(path: Path, scraps: Path) -> None:
    """Take a file away in one step, and overwrite it; no error if there is none.

    What has another name besides, such as that of a backup, is left as it is. What a journal,
    a snapshot or flash memory kept of it is out of reach.

    Args:
        path: of the file.
        scraps: a folder on the same disk that is swept, should we die in between.

    Raises:
        StoreFailed: it could not be removed.
    """
    gone = scraps / (_PART + path.name)
    with on_disk(path):
        with suppress(FileNotFoundError):
            os.replace(path, gone)
            sync_folder(path.parent)
        with suppress(FileNotFoundError):  # ours, or that of a run that died here
            _overwrite(gone)
            gone.unlink()
            sync_folder(scraps)


def read_private(path: Path) -> bytes:
    """The content of `path`.

    Raises:
        BlobMissing: no such file.
        StoreFailed: it cannot be read.
    """
    with on_disk(path):
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise BlobMissing(cid=path) from error


class Vault:
    """A folder of private files by name, each whole or absent. The caller encrypts."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made by the first `put`."""
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` under `name`; what was there is replaced, and overwritten as by `remove`.

        Raises:
            InvalidValue: not a plain name.
            StoreFailed: it could not be written.
        """
        path = self.path(name)
        make_folder(self._folder)
        sweep(self._folder, overwrite=True)
        rewrite(path, data)

    def get(self, name: str) -> bytes:
        """What was put under `name`.

        Raises:
            BlobMissing: nothing was.
            InvalidValue: not a plain name.
            StoreFailed: it cannot be read.
        """
        return read_private(self.path(name))

    def has(self, name: str) -> bool:
        """Whether something was put under `name`.

        Raises:
            InvalidValue: not a plain name.
            StoreFailed: the folder cannot be read.
        """
        path = self.path(name)
        with on_disk(path):
            return path.is_file()

    def remove(self, name: str) -> None:
        """Overwrite and delete what was put under `name` (`erase`); no error if nothing was.

        Raises:
            InvalidValue: not a plain name.
            StoreFailed: it could not be removed.
        """
        erase(self.path(name), self._folder)

    def names(self) -> list[str]:
        """All names, sorted.

        Raises:
            StoreFailed: the folder cannot be read.
        """
        with on_disk(self._folder), suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self._folder) if _NAME.fullmatch(name))
        return []

    def path(self, name: str) -> Path:
        """Where a file of that name is; for one that grows and is never whole, see `append_log`.

        Raises:
            InvalidValue: not a plain name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                name="name",
                given=repr(name),
                allowed="1 to 200 letters, digits, dots, dashes or underscores, no dot first",
            )
        return self._folder / name


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Translate the failures of the file system around `path` into `StoreFailed`."""
    try:
        yield
    except OSError as error:
        raise StoreFailed(url=path, reason=error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class Part:
    """A file being written: an open descriptor, and the name it has until it is whole."""

    descriptor: int
    path: Path

    def become(self, path: Path) -> None:
        """Force the content to the disk and let it stand at `path`, on the same disk.

        Raises:
            StoreFailed: it could not; `path` is as it was before.
        """
        with on_disk(path):
            os.fsync(self.descriptor)
            os.replace(self.path, path)
            sync_folder(path.parent)


@contextmanager
def part_file(folder: Path, mode: int = 0o600) -> Iterator[Part]:
    """A new file in `folder` that vanishes at the end unless it became something.

    Raises:
        StoreFailed: it could not be made.
    """
    with on_disk(folder):
        descriptor, name = tempfile.mkstemp(prefix=_PART, dir=folder)
    part = Part(descriptor, Path(name))
    try:
        with on_disk(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # tells `sweep` that the writer lives
            os.fchmod(descriptor, mode)
        yield part
    finally:
        with suppress(OSError):  # what stays is swept
            part.path.unlink(missing_ok=True)
        os.close(descriptor)


def sweep(folder: Path, *, overwrite: bool = False) -> None:
    """Remove what writers that died left half-written in `folder`; overwritten first, if asked.

    Raises:
        StoreFailed: the folder cannot be read.
    """
    with on_disk(folder), os.scandir(folder) as entries:
        parts = [entry.path for entry in entries if entry.name.startswith(_PART)]
    for part in parts:
        with suppress(OSError):  # another sweeper or its writer was faster
            descriptor = os.open(part, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                if time.time() - os.fstat(descriptor).st_mtime > _SETTLED_S:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if overwrite and os.fstat(descriptor).st_nlink == 1:
                        _zero(descriptor)
                    os.unlink(part)
            finally:
                os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and what leads to it, closed to others, if it is not there.

    Raises:
        StoreFailed: it cannot be made.
    """
    with on_disk(folder):
        if not folder.is_dir():
            make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Force the entries of `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _writable(path: Path) -> int | None:
    """A descriptor of a file that is there; None if none is, or a link in its place."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def _overwrite(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_nlink == 1:
            _zero(descriptor)
    finally:
        os.close(descriptor)


def _zero(descriptor: int) -> None:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(bytes(os.fstat(descriptor).st_size))
    os.fsync(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
