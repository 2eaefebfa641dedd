"""A scratch file: room for what is too much for memory and must never lie open on a disk.

It has no name, so it goes with the process that made it, however that ends; and it is
sealed under a key that only this process has.
"""

from __future__ import annotations

import io
import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from medibloc_py.crypto.stream import BUFFER_BYTES, Buffers, open_stream, seal_stream
from medibloc_py.errors import Corrupted
from medibloc_py.storage.files import make_folder, on_disk, write_all

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import WriteableBuffer

_CONTEXT: Final = b"medibloc/scratch/v1"


class Scratch:
    """Keeps contents while its block lasts; see `keep`."""

    def __init__(self, folder: Path) -> None:
        """Name the folder whose disk is used; nothing is made before the first `keep`."""
        self._folder = folder
        self._key = secrets.token_bytes(32)
        self._buffers = Buffers()
        self._file: BinaryIO | None = None
        self._end = 0

    def __enter__(self) -> Scratch:
        """Begins."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets go of all of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def keep(self, data: bytes) -> partial[BinaryIO]:
        """Keeps a content; what is returned opens it, any number of times.

        Raises:
            StoreFailed: the disk is full, or does not take it.
        """
        start, context = self._end, _CONTEXT + self._end.to_bytes(8, "big")
        descriptor = self._descriptor()
        fill = io.BytesIO(data).readinto
        for sealed in seal_stream(fill, len(data), self._key, context, self._buffers):
            with on_disk(self._folder):
                write_all(descriptor, sealed)
            self._end += len(sealed)
        return partial(self._open, start, self._end, len(data), context)

    def _descriptor(self) -> int:
        if self._file is None:
            make_folder(self._folder)
            with on_disk(self._folder):
                self._file = cast(
                    "BinaryIO",
                    tempfile.TemporaryFile(dir=self._folder, buffering=0),  # noqa: SIM115
                )
        return self._file.fileno()

    def _open(self, start: int, end: int, length: int, context: bytes) -> BinaryIO:
        sealed = self._sealed(start, end)
        return plain_file(open_stream(sealed, self._key, context, length, _damaged))

    def _sealed(self, start: int, end: int) -> Iterator[bytes]:
        at = start
        while at < end:
            with on_disk(self._folder):
                buffer = os.pread(self._descriptor(), min(BUFFER_BYTES, end - at), at)
            if not buffer:
                raise _damaged("it is cut off")
            at += len(buffer)
            yield buffer


def plain_file(buffers: Iterator[bytes]) -> BinaryIO:
    """A stream of buffers as a binary file that is read once, from its start."""
    return cast("BinaryIO", _Plain(buffers))


class _Plain(io.RawIOBase):
    """Plaintext as a file; its end is reached only if all of the sealed stream holds."""

    def __init__(self, buffers: Iterator[bytes]) -> None:
        self._buffers = buffers
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills as much of `target` as is at hand; 0 at the end."""
        view = memoryview(target).cast("B")
        while not self._rest:
            buffer = next(self._buffers, None)
            if buffer is None:
                return 0
            self._rest = memoryview(buffer)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _damaged(reason: str) -> Corrupted:
    return Corrupted(name="the scratch file", reason=reason)
