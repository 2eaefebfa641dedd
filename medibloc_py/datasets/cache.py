"""Decoded volumes on the disk: sealed, so that no image ever lies there in the open.

What is cached can be lost at any time. A file that is damaged, or of another key, is removed
and read again from the store.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import Corrupted
from medibloc_py.flows.parties import Identity
from medibloc_py.imaging.geometry import FrameFacts, Plane
from medibloc_py.storage.files import make_folder, on_disk, part_file, sweep, write_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

CACHE_KEY: Final = "dataset-cache-key"
"""The vault's document with the key; without it, the cache is noise."""
MOST_BYTES: Final = 20 << 30
_LENGTH_BYTES: Final = 4
_SUFFIX: Final = ".volume"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded volume.

    Attributes:
        array: stored values of shape (slices, rows, columns), or with a last axis of samples.
        frames: what the headers say of each slice.
    """

    array: NDArray[Any]
    frames: tuple[FrameFacts, ...]


class VolumeCache:
    """A folder of sealed volumes; what was used longest ago goes when it is full.

    Threads and processes of one account may share a folder.
    """

    def __init__(self, folder: Path, secret: bytes, most_bytes: int = MOST_BYTES) -> None:
        """Names the folder; it is made by the first `put`.

        Args:
            folder: of the cache, and of nothing else.
            secret: what its keys are made of, 32 bytes.
            most_bytes: of all its files.
        """
        self._folder = folder
        self._cipher = AtRestCipher(secret)
        self._most_bytes = most_bytes

    @classmethod
    def of(cls, owner: Identity, folder: Path, most_bytes: int = MOST_BYTES) -> VolumeCache:
        """The cache of an account; its key is drawn at the first use and kept in the vault.

        Raises:
            WrongKey, Corrupted, StoreFailed: the key in the vault cannot be read.
            WorkUnderway: another process is making it.
        """
        secret = owner.own_secret(CACHE_KEY, "make the cache's key")
        return cls(folder, secret, most_bytes)

    def get(self, *parts: str) -> Loaded | None:
        """What was put under these words; None if it is not there any more.

        Raises:
            StoreFailed: the disk cannot be read.
        """
        path = self._path(parts)
        with on_disk(path):
            try:
                sealed = path.read_bytes()
                _used_now(path)
            except FileNotFoundError:
                return None
        try:
            return _unpacked(bytearray(self._cipher.open(sealed, path.name)))
        except Corrupted:
            with on_disk(path):
                path.unlink(missing_ok=True)
            return None

    def put(self, loaded: Loaded, *parts: str) -> None:
        """Keeps a volume under words that say which it is.

        Raises:
            StoreFailed: the disk is full, or does not take it.
        """
        path = self._path(parts)
        make_folder(self._folder)
        sweep(self._folder)
        with part_file(self._folder) as part:
            for piece in self._cipher.pieces(_packed(loaded), path.name):
                with on_disk(path):
                    write_all(part.descriptor, piece)
            part.become(path)
        with on_disk(path), suppress(FileNotFoundError):
            _used_now(path)
        self._shrink_to(self._most_bytes)

    def clear(self) -> None:
        """Removes all of it."""
        self._shrink_to(0)

    def _path(self, parts: Sequence[str]) -> Path:
        return self._folder / (self._cipher.tag(*parts).hex() + _SUFFIX)

    def _shrink_to(self, most_bytes: int) -> None:
        with on_disk(self._folder):
            used = []
            for path in self._folder.glob(f"*{_SUFFIX}"):
                try:
                    status = path.stat()
                except FileNotFoundError:  # another process removed it
                    continue
                used.append((status.st_mtime_ns, status.st_size, path))
            total = sum(size for _, size, _ in used)
            for _, size, path in sorted(used):
                if total <= most_bytes:
                    return
                path.unlink(missing_ok=True)
                total -= size


def _used_now(path: Path) -> None:
    """Sets when a file was used; the file system's own clock is too coarse."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _packed(loaded: Loaded) -> bytes:
    """`u32 length || JSON of shape, type and slices || values`, little-endian."""
    array = np.ascontiguousarray(loaded.array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    head = {
        "type": array.dtype.str,
        "shape": array.shape,
        "frames": [asdict(each) for each in loaded.frames],
    }
    told = json.dumps(head).encode()
    return len(told).to_bytes(_LENGTH_BYTES, "big") + told + array.tobytes()


def _unpacked(content: bytearray) -> Loaded:
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    head = json.loads(content[_LENGTH_BYTES:start])
    array = np.frombuffer(content, np.dtype(head["type"]), offset=start).reshape(head["shape"])
    return Loaded(array, tuple(_frame(each) for each in head["frames"]))


def _frame(told: dict[str, Any]) -> FrameFacts:
    plane = told["plane"] and _plane(told["plane"])
    return FrameFacts(plane, told["slope"], told["intercept"])


def _plane(told: dict[str, Any]) -> Plane:
    position, along_row, along_column, spacing = (
        tuple(told[name]) for name in ("position", "along_row", "along_column", "spacing")
    )
    return Plane(position, along_row, along_column, spacing, told["thickness"])
