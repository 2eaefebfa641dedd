"""Limits on what an HTTP answer of a daemon may be.

ipfshttpclient reads an answer whole, follows redirects and unpacks compressed
bodies, so a hostile daemon could fill the memory, hold the line for ever or send us
elsewhere. requests lets an `auth` object hook into every answer before its body is
read; that is where the limits sit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from medibloc_py.errors import StoreFailed, StoreUnreachable
from medibloc_py.storage.unixfs import CHUNK_BYTES

_PIECE_BYTES = 1 << 16


class AnswerLimits:
    """An `auth` object for requests that authenticates nothing and bounds every answer."""

    def __init__(self, url: str, patience_s: float | None) -> None:
        """Set the limits.

        Args:
            url: the daemon, for error messages.
            patience_s: how long a whole body may take; None for as long as it keeps coming.
        """
        self._url = url
        self._patience_s = patience_s

    def __call__(self, request: Any) -> Any:
        """Hook into the answer to `request`, a `requests.PreparedRequest`."""
        request.register_hook("response", self._bound)
        return request

    def _bound(self, response: Any, **_: object) -> Any:
        if response.is_redirect or response.headers.get("Content-Encoding"):
            raise StoreFailed(url=self._url, reason="its answer is redirected or compressed")
        response.raw = _Body(response.raw, self._url, self._patience_s)
        return response


class _Body:
    """The body of an answer, as far as requests asks for it."""

    def __init__(self, raw: Any, url: str, patience_s: float | None) -> None:
        self._raw = raw
        self._url = url
        self._deadline = None if patience_s is None else time.monotonic() + patience_s

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The body in pieces, at most as long as one block.

        Raises:
            StoreFailed: it is longer.
            StoreUnreachable: it takes too long.
        """
        room = CHUNK_BYTES
        # `read1` returns what is there: a trickle cannot hold it until a buffer is full.
        while piece := self._raw.read1(_PIECE_BYTES, decode_content=False):
            room -= len(piece)
            if room < 0:
                raise StoreFailed(url=self._url, reason="its answer is longer than any block")
            if self._deadline is not None and time.monotonic() > self._deadline:
                raise StoreUnreachable(url=self._url, reason="its answer takes too long")
            yield piece

    def close(self) -> None:
        """Drop the connection."""
        self._raw.close()

    def release_conn(self) -> None:
        """Give the connection back."""
        self._raw.release_conn()
