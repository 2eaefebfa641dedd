"""Saving what is opened: whole files only, over nothing, and on from where a run died.

A receipt stands in the folder, in `.medibloc-opening`, until all is saved. It has a line
for each file, written before the file gets its name: so a file that a run that died has
saved is known again by its size and hash, and any other is not touched.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import FileExists
from medibloc_py.nesting import require_shallow_json
from medibloc_py.storage.files import make_folder, on_disk, part_file, sync_folder, write_all
from medibloc_py.storage.locks import sole

if TYPE_CHECKING:
    from medibloc_py.flows.opened import OpenedRecord

WORK_FOLDER: Final = ".medibloc-opening"
_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Saved:
    """A file as it was written: `path` as given, SHA-256 in hex."""

    path: str
    size_bytes: int
    sha256: str


@contextmanager
def saving(folder: Path, subject: bytes) -> Iterator[Saving]:
    """Makes a folder into which something is opened; the same again goes on where it was.

    What is done inside, such as printing the result, is part of it: the receipt goes after.

    Args:
        folder: new, or one that holds no file of the same names.
        subject: id of what is opened.

    Raises:
        FileExists: something else was begun to be opened there.
        WorkUnderway: another process opens something there.
        StoreFailed: the folder cannot be used.
    """
    work = folder / WORK_FOLDER
    make_folder(folder)
    try:
        with sole(work / "lock", "open something into this folder"):
            with on_disk(work):
                for part in work.glob(".part-*"):  # we hold the lock: their writers died
                    part.unlink()
            receipt = _Receipt(work / "receipt", folder, subject)
            done = False
            try:
                yield Saving(work, receipt)
                done = True
            finally:
                receipt.close(remove=done or not receipt.lines)
    finally:
        with suppress(OSError):  # not empty: the receipt waits for the next run
            work.rmdir()


class Saving:
    """Saves opened records.

    Attributes:
        resumed: how many files an earlier run had saved.
    """

    def __init__(self, work: Path, receipt: _Receipt) -> None:
        self.resumed = 0
        self._work = work
        self._receipt = receipt
        self._taken: set[Path] = set()

    def save(
        self, opened: OpenedRecord, folder: Path, progress: Any, *, arrays: bool
    ) -> list[Saved]:
        """Writes an opened record's files and, if asked for, its pixel arrays beside them."""
        saved = self.files(opened, folder, progress)
        return saved + (self.arrays(opened, folder, progress) if arrays else [])

    def files(self, opened: OpenedRecord, folder: Path, progress: Any) -> list[Saved]:
        """Writes an opened record's files, byte for byte as published.

        Raises:
            FileExists: the folder holds a file of the same name; nothing was written.
        """
        files = opened.manifest.files
        earlier = [self._claim(folder / file.name) for file in files]
        saved = []
        for index, file in enumerate(files):
            there = earlier[index]
            saved.append(there or self._write(folder / file.name, opened.stream(index)))
            progress("open", index + 1, len(files))
        return saved

    def arrays(self, opened: OpenedRecord, folder: Path, progress: Any) -> list[Saved]:
        """Writes an opened record's pixel arrays in NumPy's format.

        Raises:
            FileExists: something has an array's name; it was not touched.
            PixelsUnreadable: a file's pixels do not decode.
        """
        import numpy as np

        saved = []
        for name, array in opened.arrays(progress).items():
            path = (folder / name).with_suffix(".npy")
            there = self._claim(path)
            if there is None:
                buffer = io.BytesIO()
                np.save(buffer, array, allow_pickle=False)
                there = self._write(path, [buffer.getvalue()])
            saved.append(there)
        return saved

    @property
    def remark(self) -> str:
        """What to say of the files that an earlier run had saved, if any."""
        return f" {self.resumed} files were there from an earlier run." if self.resumed else ""

    def _claim(self, path: Path) -> Saved | None:
        """What an earlier run saved at a path; None if the path is free.

        Raises:
            FileExists: something else is there, or this run saved it already.
        """
        if path in self._taken:
            raise FileExists(path=path)
        self._taken.add(path)
        with on_disk(path):
            there = path.exists()
        if not there:
            return None
        noted = self._receipt.lines.get(str(path))
        if noted is None or _read(path) != noted:
            raise FileExists(path=path)
        self.resumed += 1
        return noted

    def _write(self, path: Path, buffers: Iterable[bytes]) -> Saved:
        """Writes buffers to a new file, which is there only once the last one has come."""
        make_folder(path.parent)
        size, digest = 0, hashlib.sha256()
        with part_file(self._work) as part:
            for buffer in buffers:
                with on_disk(path):
                    write_all(part.descriptor, buffer)
                size += len(buffer)
                digest.update(buffer)
            saved = Saved(str(path), size, digest.hexdigest())
            self._receipt.note(saved)
            part.become(path)
        return saved


class _Receipt:
    """What was saved, a line of JSON for each file; a line that a crash cut off is none.

    Attributes:
        lines: by path.
    """

    def __init__(self, path: Path, folder: Path, subject: bytes) -> None:
        self.lines: dict[str, Saved] = {}
        self._path = path
        self._folder = folder
        with on_disk(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._begin(json.dumps({"opening": "0x" + subject.hex()}))
        except BaseException:
            self.close(remove=False)
            raise

    def _begin(self, head: str) -> None:
        with on_disk(self._path):
            whole = self._whole_lines()
        if whole and whole[0] != head:
            raise FileExists(path=self._path.parent)
        for line in whole[1:]:
            self._take(line)
        if not whole:
            try:
                self._append(head)
            except BaseException:
                self._path.unlink(missing_ok=True)
                raise
            with on_disk(self._path):
                sync_folder(self._path.parent)

    def note(self, saved: Saved) -> None:
        """Adds a line; it is on the disk when this returns."""
        told = asdict(saved) | {"path": os.path.relpath(saved.path, self._folder)}
        self._append(json.dumps(told))
        self.lines[saved.path] = saved

    def close(self, *, remove: bool) -> None:
        """Closes the file, and removes it if nothing is left to do."""
        if remove:
            with on_disk(self._path):
                self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _whole_lines(self) -> list[str]:
        with open(self._descriptor, "rb", closefd=False) as file:
            data = file.read()
        end = data.rfind(b"\n") + 1
        os.ftruncate(self._descriptor, end)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        return data[:end].decode(errors="replace").splitlines()

    def _append(self, line: str) -> None:
        with on_disk(self._path):
            write_all(self._descriptor, line.encode() + b"\n")
            os.fsync(self._descriptor)

    def _take(self, line: str) -> None:
        with suppress(ValueError, TypeError, KeyError):  # it says nothing: the file must speak
            require_shallow_json(line.encode())
            told = json.loads(line)
            path = str(self._folder / told["path"])
            self.lines[path] = Saved(path, told["size_bytes"], told["sha256"])


def _read(path: Path) -> Saved:
    """A file as it is now."""
    size, digest = 0, hashlib.sha256()
    with on_disk(path), path.open("rb") as file:
        while buffer := file.read(_BUFFER_BYTES):
            size += len(buffer)
            digest.update(buffer)
    return Saved(str(path), size, digest.hexdigest())
