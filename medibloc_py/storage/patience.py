"""Answers over HTTP that come in their time, or not at all.

A timeout of a socket ends one silence. The head of an answer, the lengths of its chunks and
what follows them are read line by line below urllib3, whatever that takes: a server that
gives a byte now and then, or lines without end, would hold its reader for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any, Final, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PART_BYTES: Final = 1 << 16
"""What has to come within the timeout."""
_MOST_LINES_BYTES: Final = 1 << 17
"""Of lines in a row: a head is shorter, and so is the end of an answer in chunks."""


def patient(pools: urllib3.PoolManager) -> urllib3.PoolManager:
    """The same pools, whose timeout for reading holds for every 64 KiB of an answer together."""
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pools


class _Waiting(io.RawIOBase):
    """What comes over a connection; it may wait so long in all for each part of it."""

    def __init__(self, below: io.RawIOBase, connection: socket.socket) -> None:
        self._below = below
        self._connection = connection
        self._timeout_s = cast("float", connection.gettimeout())
        self._next_part()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._left_s <= 0:
            raise TimeoutError("its answer takes too long")
        self._connection.settimeout(self._left_s)
        began = time.monotonic()
        try:
            count = cast("int", cast("Any", self._below).readinto(buffer))
        finally:
            self._left_s -= time.monotonic() - began
            self._connection.settimeout(self._timeout_s)
        self._missing_bytes -= count
        if self._missing_bytes <= 0:
            self._next_part()
        return count

    def close(self) -> None:
        self._below.close()
        super().close()

    def _next_part(self) -> None:
        self._left_s, self._missing_bytes = self._timeout_s, _PART_BYTES


class _Lines(io.BufferedReader):
    """The same in lines and pieces, with an end to lines that follow one another."""

    _in_a_row = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        most = _MOST_LINES_BYTES + 1
        line = super().readline(most if size is None or size < 0 else min(size, most))
        self._in_a_row += len(line)
        if self._in_a_row > _MOST_LINES_BYTES:
            raise http.client.HTTPException("its head, or the end of its answer, has no end")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        self._in_a_row = 0
        return super().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        self._in_a_row = 0
        return super().read1(size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._in_a_row = 0
        return super().readinto(buffer)


class _Answer(http.client.HTTPResponse):
    def __init__(self, connection: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(connection, *args, **options)
        self.fp = _Lines(_Waiting(self.fp.detach(), connection))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
