"""SHA-256 of leaves on every core this process may use.

`hashlib` lets go of the interpreter while it hashes, so threads are enough (ADR 0018).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from medibloc_py.cores import usable_cores

_MOST_HELPERS: Final = 3  # reading and sealing take a third of the time that hashing takes
_AHEAD: Final = 3  # a helper hashes one leaf and has the next at hand
_WORTH_HOLDING: Final = 1 << 14  # a shorter piece is copied, for to hold it takes more


class Leaf:
    """A leaf: pieces in order, held where they are rather than copied.

    Attributes:
        size_bytes: of all pieces.
    """

    def __init__(self, at_once: bool, kept: bool) -> None:
        """Start an empty one.

        Args:
            at_once: hash each piece as it comes, while it is in this core's cache.
            kept: hold the pieces for `block`, though they are hashed.
        """
        self.size_bytes = 0
        self.at_once = at_once
        self._holds = kept or not at_once
        self._pieces: list[memoryview | bytearray] = []
        self._sha256 = hashlib.sha256()

    def take(self, piece: memoryview) -> None:
        """Append a piece, which does not change until the leaf is done with."""
        self.size_bytes += len(piece)
        if self.at_once:
            self._sha256.update(piece)
        if self._holds:
            self._hold(piece)

    def digest(self) -> bytes:
        """The sha-256 of the leaf, which takes no more pieces."""
        if not self.at_once:
            for piece in self._pieces:
                self._sha256.update(piece)
        return self._sha256.digest()

    def block(self) -> bytes:
        """The bytes of a leaf that was kept."""
        return b"".join(self._pieces)

    def _hold(self, piece: memoryview) -> None:
        last = self._pieces[-1] if self._pieces else None
        if len(piece) >= _WORTH_HOLDING:
            self._pieces.append(piece)
        elif isinstance(last, bytearray):
            last += piece
        else:
            self._pieces.append(bytearray(piece))


class LeafHasher:
    """Takes leaves in order and gives them back in that order, hashed.

    The caller works too: with n cores there are n - 1 helpers, and a leaf that starts when
    they have enough to do is hashed in the caller's thread. With one core all are.
    """

    def __init__(self, cores: int | None = None) -> None:
        """Prepare; a thread starts with the first leaf that is handed to one.

        Args:
            cores: how many to use; None for all that this process may.
        """
        self._helpers = min((cores or usable_cores()) - 1, _MOST_HELPERS)
        self._threads = ThreadPoolExecutor(self._helpers, "leaf") if self._helpers else None
        self._waiting: deque[tuple[Leaf, Future[bytes]]] = deque()

    def start(self, kept: bool) -> Leaf:
        """Start a leaf.

        Args:
            kept: whether its bytes are asked for after it was hashed.
        """
        busy = sum(not digest.done() for _, digest in self._waiting)
        return Leaf(at_once=busy >= _AHEAD * self._helpers, kept=kept)

    def end(self, leaf: Leaf) -> Iterator[tuple[Leaf, bytes]]:
        """End a leaf, and give those that are next in order and hashed, with their sha-256."""
        self._waiting.append((leaf, self._hash(leaf)))
        while self._waiting and (self._is_long() or self._waiting[0][1].done()):
            yield self._next()

    def end_last(self, leaf: Leaf) -> Iterator[tuple[Leaf, bytes]]:
        """End the last leaf in the caller's thread, and give all that were not given yet."""
        digest = leaf.digest()
        while self._waiting:
            yield self._next()
        yield leaf, digest

    def close(self) -> None:
        """End the threads. Leaves that were not given yet are forgotten."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._waiting.clear()

    def _hash(self, leaf: Leaf) -> Future[bytes]:
        if self._threads is not None and not leaf.at_once:
            return self._threads.submit(leaf.digest)
        done: Future[bytes] = Future()
        done.set_result(leaf.digest())
        return done

    def _is_long(self) -> bool:
        return len(self._waiting) > _AHEAD * (self._helpers + 1)

    def _next(self) -> tuple[Leaf, bytes]:
        leaf, digest = self._waiting.popleft()
        return leaf, digest.result()
