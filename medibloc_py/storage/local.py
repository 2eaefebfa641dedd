"""The embedded store: a folder with one CAR per blob, the very CIDs Kubo gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from medibloc_py.errors import BlobMissing, CidMismatch, Corrupted, InvalidValue
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage.car import CarWriter, block_places
from medibloc_py.storage.cid import CidBuilder, cid_bytes, cid_text
from medibloc_py.storage.dag import Blob, Fetch, Nodes
from medibloc_py.storage.files import erase, make_folder, on_disk, part_file, sweep, sync_folder
from medibloc_py.storage.port import Announce, unannounced
from medibloc_py.storage.recent import Recent

_KEPT_FILES: Final = 8
_OVERWRITTEN_BYTES: Final = 1 << 16
"""Of a file that holds a wrapped key; what is larger is noise without one."""
_Places = dict[bytes, tuple[int, int]]


class LocalStore:
    """Keeps blobs in `<path>/blobs/<cid>.car`; being written, in `<path>/incoming`.

    File names and contents are not trusted: whatever is read is verified. Several
    processes may use one folder at once.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; it is made by the first `put`."""
        self._path = path
        self._blobs = path / "blobs"
        self._incoming = path / "incoming"
        self._nodes = Nodes()
        self._places: Recent[tuple[object, ...], _Places] = Recent(_KEPT_FILES)

    def put(
        self,
        chunks: Iterable[bytes | memoryview],
        expected: Cid | None = None,
        announce: Announce = unannounced,
    ) -> StoredBlob:
        """Keep a blob (see `Store.put`)."""
        make_folder(self._blobs)
        make_folder(self._incoming)
        sweep(self._incoming)
        with part_file(self._incoming) as part:
            writer = CarWriter(part.descriptor)

            def keep(cid: bytes, block: bytes | memoryview) -> None:
                with on_disk(self._path):
                    writer.block(cid, block)

            with CidBuilder(keep) as builder:
                for chunk in chunks:
                    builder.write(chunk)
                blob = builder.finish()
            if expected is not None and blob.cid != expected:
                raise CidMismatch(actual=blob.cid, expected=expected)
            with on_disk(self._path):
                writer.finish(blob.cid)
            announce(blob)
            # An older copy is replaced, which heals it if it was damaged.
            part.become(self._car(blob.cid))
        return blob

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range (see `Store.get`)."""
        nodes = None if length is None else self._nodes  # read to its end, all is read anew
        with self._open(cid, nodes) as blob:
            yield from blob.read(offset, length)

    def size(self, cid: Cid) -> int:
        """Bytes of a blob (see `Store.size`)."""
        with self._open(cid) as blob:
            return blob.size_bytes

    def has(self, cid: Cid) -> bool:
        """Whether there is a file for the blob (see `Store.has`)."""
        path = self._car(cid)
        with on_disk(path):
            return path.is_file()

    def pin(self, cid: Cid) -> None:
        """Check that the blob is there: it stays until `unpin` (see `Store.pin`)."""
        if not self.has(cid):
            raise BlobMissing(cid=cid)

    def unpin(self, cid: Cid) -> None:
        """Delete the blob (see `Store.unpin`); one as small as a grant object is overwritten."""
        path = self._car(cid)
        with on_disk(path), suppress(FileNotFoundError):
            if path.stat().st_size <= _OVERWRITTEN_BYTES:
                make_folder(self._incoming)
                erase(path, self._incoming)
            else:
                path.unlink()
                sync_folder(self._blobs)

    def pins(self) -> Iterator[Cid]:
        """Every blob in the folder (see `Store.pins`)."""
        with on_disk(self._blobs):
            names = sorted(os.listdir(self._blobs)) if self._blobs.is_dir() else []
        for name in names:
            cid, dot, kind = name.partition(".")
            with suppress(InvalidValue):  # what is no CID is none of ours
                if (dot, kind) == (".", "car") and cid_bytes(cid):
                    yield Cid(cid)

    def collect(self) -> None:
        """Remove what writers that died left behind; blobs go with `unpin` (see `Store`)."""
        with on_disk(self._incoming):
            there = self._incoming.is_dir()
        if there:
            sweep(self._incoming)

    def _car(self, cid: Cid) -> Path:
        cid_bytes(cid)  # what is not a CID never becomes a path
        return self._blobs / f"{cid}.car"

    @contextmanager
    def _open(self, cid: Cid, nodes: Nodes | None = None) -> Iterator[Blob]:
        path = self._car(cid)
        with on_disk(path):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError as error:
                raise BlobMissing(cid=cid) from error
        try:
            yield Blob(cid, self._blocks(cid, descriptor), nodes)
        finally:
            os.close(descriptor)

    def _blocks(self, cid: Cid, descriptor: int) -> Fetch:
        with on_disk(self._path):
            status = os.fstat(descriptor)
            # One walk through a file: as long as it is the same, its blocks stay where they are.
            file = cid, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
            places = self._places.get(file, lambda: self._walk(cid, descriptor))

        def fetch(block: bytes) -> bytes:
            if block not in places:
                raise Corrupted(name=cid, reason=f"its file lacks block {cid_text(block)}")
            offset, length = places[block]
            with on_disk(self._path):
                return os.pread(descriptor, length, offset)

        return fetch

    def _walk(self, cid: Cid, descriptor: int) -> _Places:
        try:
            return block_places(descriptor, cid)
        except ValueError as error:
            raise Corrupted(name=cid, reason=f"its file is no CAR of it: {error}") from error
