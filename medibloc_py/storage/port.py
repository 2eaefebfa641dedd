"""The one door to every store of blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from medibloc_py.model import Cid, StoredBlob

Announce = Callable[[StoredBlob], None]
"""Told of a blob whose bytes are held, before the store answers for it."""


def unannounced(blob: StoredBlob) -> None:
    """For a blob that nobody has to know of before it is kept."""


class Store(Protocol):
    """Keeps blobs under the CID of their bytes.

    Every room behind this port computes CIDs itself and verifies every block it
    hands out, so no caller needs to trust the disk or the daemon.
    """

    def put(
        self,
        chunks: Iterable[bytes | memoryview],
        expected: Cid | None = None,
        announce: Announce = unannounced,
    ) -> StoredBlob:
        """Keep the blob that `chunks` make up; errors of `chunks` and `announce` pass through.

        Args:
            chunks: the blob in order, pieces of any length; read once, in constant memory.
            expected: the CID the blob must have, if known beforehand.
            announce: called once, when only keeping is left to do. Who writes down there what
                it is about to own can let go of it after a crash: nothing is kept unknown.

        Raises:
            CidMismatch: the blob has another CID than `expected`, or the store claims
                another than was computed; nothing is kept.
            StoreFailed: it could not be kept; nothing half-written stays.
            StoreUnreachable: the store does not answer.
        """
        ...

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, `length` of them or all that follow.

        Yields:
            Verified pieces of at most 1 MiB. Errors come while iterating.

        Raises:
            BlobMissing: the store does not have it.
            Corrupted: a block in the way is not what its CID names.
            InvalidValue: `cid` is no CID, or the range lies outside of the blob.
            StoreFailed: the blob is there but cannot be read.
            StoreUnreachable: the store does not answer.
        """
        ...

    def size(self, cid: Cid) -> int:
        """Bytes of the blob, by its verified root. Raises as `get` does."""
        ...

    def has(self, cid: Cid) -> bool:
        """Whether the store holds the blob itself, by its own word; only `get` proves it.

        Raises:
            InvalidValue: `cid` is no CID.
            StoreFailed: the store cannot tell.
            StoreUnreachable: the store does not answer.
        """
        ...

    def pin(self, cid: Cid) -> None:
        """Keep the whole blob until `unpin`. What was `put` here is pinned already.

        Raises:
            BlobMissing: the store does not have it and cannot get it.
            InvalidValue, StoreFailed, StoreUnreachable: as for `has`.
        """
        ...

    def unpin(self, cid: Cid) -> None:
        """Let go of the blob; no error if it was not kept.

        Raises:
            InvalidValue, StoreFailed, StoreUnreachable: as for `has`.
        """
        ...

    def pins(self) -> Iterator[Cid]:
        """The blobs that are kept until `unpin`, in no order.

        Raises:
            StoreFailed, StoreUnreachable: as for `has`.
        """
        ...

    def collect(self) -> None:
        """Free at once what nothing keeps; without it a store does so in its own time.

        Raises:
            StoreFailed, StoreUnreachable: as for `has`.
        """
        ...
