"""A store that forgets: the port at its plainest, for tests of what stands on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from medibloc_py.errors import BlobMissing, CidMismatch, InvalidValue
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage import CidBuilder, cid_bytes
from medibloc_py.storage.port import Announce, unannounced

PIECE_BYTES = 1 << 20


class MemoryStore:
    """Keeps blobs in a dictionary.

    `blobs` is open for tests to look at and to tamper with.
    """

    def __init__(self) -> None:
        self.blobs: dict[Cid, bytes] = {}

    def put(
        self,
        chunks: Iterable[bytes | memoryview],
        expected: Cid | None = None,
        announce: Announce = unannounced,
    ) -> StoredBlob:
        data = b"".join(chunks)
        builder = CidBuilder()
        builder.write(data)
        blob = builder.finish()
        if expected is not None and blob.cid != expected:
            raise CidMismatch(actual=blob.cid, expected=expected)
        announce(blob)
        self.blobs[blob.cid] = data
        return blob

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        data = self._find(cid)
        stop = len(data) if length is None else offset + length
        if not 0 <= offset <= stop <= len(data):
            raise InvalidValue(
                name="range", given=f"{offset} to {stop}", allowed=f"within {len(data)} bytes"
            )
        for start in range(offset, stop, PIECE_BYTES):
            yield data[start : min(start + PIECE_BYTES, stop)]

    def size(self, cid: Cid) -> int:
        return len(self._find(cid))

    def has(self, cid: Cid) -> bool:
        cid_bytes(cid)
        return cid in self.blobs

    def pin(self, cid: Cid) -> None:
        self._find(cid)

    def unpin(self, cid: Cid) -> None:
        cid_bytes(cid)
        self.blobs.pop(cid, None)

    def pins(self) -> Iterator[Cid]:
        yield from self.blobs

    def collect(self) -> None:
        """Nothing: what is let go of is gone."""

    def _find(self, cid: Cid) -> bytes:
        cid_bytes(cid)
        if cid not in self.blobs:
            raise BlobMissing(cid=cid)
        return self.blobs[cid]
