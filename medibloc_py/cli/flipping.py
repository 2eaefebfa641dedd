"""A hostile store, which the walk must not believe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medibloc_py.model import Cid
    from medibloc_py.storage import Store


class FlippingStore:
    """A store as a hostile one would answer: one bit of every blob is flipped."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes asked for, with the lowest bit of byte 2,000 of the blob flipped."""
        for buffer in self._store.get(cid, offset, length):
            changed = bytearray(buffer)
            if offset <= 2000 < offset + len(buffer):
                changed[2000 - offset] ^= 1
            offset += len(buffer)
            yield bytes(changed)
