"""Limits on what an HTTP answer of a daemon may be.

ipfshttpclient reads an answer whole, follows redirects and unpacks compressed
bodies, so a hostile daemon could fill the memory, hold the line for ever or send us
elsewhere. requests lets an `auth` object hook into every answer before its body is
read; that is where the limits sit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Final

from medibloc_py.errors import StoreFailed, StoreUnreachable
from medibloc_py.nesting import JsonStream

_PIECE_BYTES: Final = 1 << 16


class AnswerLimits:
    """An `auth` object for requests that authenticates nothing and bounds every answer."""

    def __init__(self, url: str, most_bytes: int, patience_s: float = math.inf) -> None:
        """Set the limits.

        Args:
            url: the daemon, for error messages.
            most_bytes: how long a body may be.
            patience_s: how long reading a whole body may take.
        """
        self._url = url
        self._most_bytes = most_bytes
        self._patience_s = patience_s

    def __call__(self, request: Any) -> Any:
        """Hook into the answer to `request`, a `requests.PreparedRequest`."""
        request.register_hook("response", self._bound)
        return request

    def _bound(self, response: Any, **_: object) -> Any:
        if response.is_redirect or response.headers.get("Content-Encoding"):
            raise StoreFailed(url=self._url, reason="its answer is redirected or compressed")
        depth = None if "/block/get?" in response.url else JsonStream()
        response.raw = _Body(response.raw, self._url, self._most_bytes, self._patience_s, depth)
        return response


class _Body:
    """The body of an answer, as far as requests asks for it."""

    def __init__(
        self, raw: Any, url: str, most_bytes: int, patience_s: float, depth: JsonStream | None
    ) -> None:
        self._raw = raw
        self._depth = depth
        self._url = url
        self._room = most_bytes
        self._deadline = time.monotonic() + patience_s

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The body as it comes in.

        Raises:
            StoreFailed: it is too long, or JSON that is nested too deeply.
            StoreUnreachable: it takes too long.
        """
        # `read1` returns what is there: a trickle cannot hold it until a buffer is full.
        while piece := self._raw.read1(_PIECE_BYTES, decode_content=False):
            self._room -= len(piece)
            if self._room < 0:
                raise StoreFailed(url=self._url, reason="its answer has no end")
            if time.monotonic() > self._deadline:
                raise StoreUnreachable(url=self._url, reason="its answer takes too long")
            if self._depth is not None:
                try:
                    self._depth.feed(piece)
                except ValueError as error:
                    raise StoreFailed(url=self._url, reason=f"its answer is {error}") from None
            yield piece

    def close(self) -> None:
        """Drop the connection."""
        self._raw.close()

    def release_conn(self) -> None:
        """Give the connection back."""
        self._raw.release_conn()
