"""What was used lately, kept for the next time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """Holds the values used last, so many and no more. Threads may share one."""

    def __init__(self, most: int) -> None:
        """Start with none; `most` are held."""
        self._most = most
        self._held: OrderedDict[_Key, _Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The value held under `key`, or else the one that `make` gives; its errors pass."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        value = make()  # outside of the lock: it may take long, and another key is not held up
        with self._lock:
            self._held[key] = value
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return value
