"""SHA-256 of leaves on every core this process may use.

`hashlib` lets go of the interpreter while it hashes a leaf, so threads are enough (ADR 0018).
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

_MOST_HELPERS: Final = 3  # reading and sealing take a third of the time that hashing takes
_AHEAD: Final = 2  # a helper hashes one leaf and has the next at hand

Hashed = tuple[memoryview, bytes]
"""A leaf and its sha-256."""


class LeafHasher:
    """Takes leaves in order and gives them back in that order, hashed.

    The caller works too: with n cores there are n - 1 helpers, and a leaf that no helper
    can take soon is hashed in the caller's thread. With one core there is no thread.
    """

    def __init__(self, cores: int | None = None) -> None:
        """Prepare; a thread starts with the first leaf that is handed to one.

        Args:
            cores: how many to use; None for all that this process may.
        """
        self._helpers = min((cores or _cores()) - 1, _MOST_HELPERS)
        self._threads = ThreadPoolExecutor(self._helpers, "leaf") if self._helpers > 0 else None
        self._waiting: deque[tuple[memoryview, Future[bytes]]] = deque()

    def add(self, leaf: memoryview) -> Iterator[Hashed]:
        """Take a leaf, and give those that are next in order and hashed.

        Args:
            leaf: left alone until it is given back.
        """
        self._waiting.append((leaf, self._hash(leaf)))
        while self._waiting and (self._is_long() or self._waiting[0][1].done()):
            yield self._next()

    def rest(self) -> Iterator[Hashed]:
        """Give all that were not given yet."""
        while self._waiting:
            yield self._next()

    def close(self) -> None:
        """End the threads. Leaves that were not given yet are forgotten."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._waiting.clear()

    def _hash(self, leaf: memoryview) -> Future[bytes]:
        busy = sum(not digest.done() for _, digest in self._waiting)
        if self._threads is not None and busy < _AHEAD * self._helpers:
            return self._threads.submit(_sha256, leaf)
        done: Future[bytes] = Future()
        done.set_result(_sha256(leaf))
        return done

    def _is_long(self) -> bool:
        return len(self._waiting) > _AHEAD * (self._helpers + 1)

    def _next(self) -> Hashed:
        leaf, digest = self._waiting.popleft()
        return leaf, digest.result()


def _sha256(leaf: memoryview) -> bytes:
    return hashlib.sha256(leaf).digest()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
