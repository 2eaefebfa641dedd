"""Reading one blob here and there, by its leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from medibloc_py.model import Cid
from medibloc_py.storage.port import Store
from medibloc_py.storage.unixfs import CHUNK_BYTES

_KEPT: Final = 2
"""Leaves: what is shorter than one lies in at most two."""


class LeafReader:
    """Ranges of one blob, with the last leaves kept.

    A store verifies whole leaves, however few of their bytes are wanted, and small reads lie
    close together: so a leaf is fetched whole, and not again for its neighbours.

    Attributes:
        leaves: how many leaves were fetched so far.
        fetched_bytes: bytes of the blob that were fetched so far.
    """

    def __init__(self, store: Store, cid: Cid, size_bytes: int) -> None:
        """Name the blob; nothing is fetched yet.

        Args:
            store: where it is.
            cid: its CID.
            size_bytes: its length.
        """
        self.leaves = 0
        self.fetched_bytes = 0
        self._store = store
        self._cid = cid
        self._size_bytes = size_bytes
        self._kept: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in pieces of at most 1 MiB.

        Raises:
            MediBlocError: as `Store.get` does.
        """
        stop = offset + length
        leaves = range(offset // CHUNK_BYTES, -(-stop // CHUNK_BYTES))
        if len(leaves) > _KEPT or stop > self._size_bytes:
            yield from self._fetch(offset, length)
            return
        kept = self._with(leaves)
        for leaf in leaves:
            start = leaf * CHUNK_BYTES
            yield kept[leaf][max(offset - start, 0) : stop - start]

    def _with(self, leaves: range) -> dict[int, bytes]:
        """The leaves kept, with these among them."""
        kept = self._kept  # replaced and never changed, so that threads may share a reader
        missing = [leaf for leaf in leaves if leaf not in kept]
        if missing:
            start = missing[0] * CHUNK_BYTES
            stop = min((missing[-1] + 1) * CHUNK_BYTES, self._size_bytes)
            data = b"".join(self._fetch(start, stop - start))
            kept = kept | {
                leaf: data[leaf * CHUNK_BYTES - start :][:CHUNK_BYTES] for leaf in missing
            }
            self._kept = dict(list(kept.items())[-_KEPT:])
        return kept

    def _fetch(self, offset: int, length: int) -> Iterator[bytes]:
        at, behind = offset, offset // CHUNK_BYTES
        for piece in self._store.get(self._cid, offset, length):
            at += len(piece)
            reached = -(-at // CHUNK_BYTES)
            self.leaves += reached - behind
            self.fetched_bytes += len(piece)
            behind = reached
            yield piece
