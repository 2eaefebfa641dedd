"""What the tests of stores share: blobs, the same on every run, and a store to be tested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from medibloc_py.model import Cid
from medibloc_py.storage import CidBuilder, Store

CHUNK = 1 << 20


@dataclass(frozen=True)
class StoreUnderTest:
    """A store, and how to make it really let go of what is no longer pinned."""

    store: Store
    collect_garbage: Callable[[], None]


@cache
def some_bytes(size: int) -> bytes:
    """`size` bytes; shorter ones are prefixes of longer ones."""
    return hashlib.shake_128(b"blob").digest(size)


def cid_of(data: bytes) -> Cid:
    builder = CidBuilder()
    builder.write(data)
    return builder.finish().cid
