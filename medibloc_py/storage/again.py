"""Reading again what was cut off: a daemon restarts, a line drops.

Only reads, and only where the store did not answer. What is damaged or missing stays
so however often it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from medibloc_py.errors import StoreUnreachable

PAUSES_S: Final = (0.2, 0.8, 3.0)
"""Waited before each new try; progress starts them anew."""

T = TypeVar("T")


class Tries:
    """The tries of one read."""

    def __init__(self, timeout_s: float) -> None:
        """Start the first.

        Args:
            timeout_s: all tries without progress together take no longer: a store that was
                silent for so long is not asked again.
        """
        self._timeout_s = timeout_s
        self.progress()

    def progress(self) -> None:
        """Something came: the next failure is a first one again."""
        self._pauses = iter(PAUSES_S)
        self._since = time.monotonic()

    def after(self, error: StoreUnreachable) -> None:
        """Wait for the next try.

        Raises:
            StoreUnreachable: there is none; it is `error`.
        """
        pause = next(self._pauses, None)
        if pause is None or time.monotonic() - self._since + pause > self._timeout_s:
            raise error
        time.sleep(pause)


def again(read: Callable[[], T], timeout_s: float) -> T:
    """What `read` gives, if need be at a later try.

    Raises:
        StoreUnreachable: as `read` did at its last try.
    """
    tries = Tries(timeout_s)
    while True:
        try:
            return read()
        except StoreUnreachable as error:
            tries.after(error)


def resumed(
    read: Callable[[int, int | None], Iterator[bytes]],
    offset: int,
    length: int | None,
    timeout_s: float,
) -> Iterator[bytes]:
    """The pieces of a range; where they are cut off, `read` is asked for the rest.

    Args:
        read: gives the pieces of a range, from offset and length; verified, for what came
            is not asked for again.
        offset: of the range.
        length: of the range; None for all that follows.
        timeout_s: see `Tries`.

    Raises:
        StoreUnreachable: as `read` did at its last try.
    """
    tries = Tries(timeout_s)
    done = 0
    while True:
        try:
            for piece in read(offset + done, None if length is None else length - done):
                done += len(piece)
                yield piece
                tries.progress()  # only now: the reader's own time is not the store's
        except StoreUnreachable as error:
            tries.after(error)
        else:
            return
