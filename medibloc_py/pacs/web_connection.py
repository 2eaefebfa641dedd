"""Connections of HTTP, of which uvicorn keeps one for ever that never says what it wants."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from medibloc_py.pacs.intake import GREETING_S, SILENCE_S


def connections(most: int) -> type[asyncio.Protocol]:
    """What serves one connection, and closes it where it is one too many, or silent.

    Args:
        most: how many there may be at a time.
    """

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.abort()
            else:
                self.loop.call_later(GREETING_S, self._look, None)

        def _look(self, seen: object) -> None:
            """Ends it if there is no request, and was none when it was looked at before."""
            idle = self.cycle is None or self.cycle.response_complete
            if idle and self.cycle is seen:
                self.transport.abort()
            elif not self.transport.is_closing():
                self.loop.call_later(SILENCE_S / 2, self._look, self.cycle if idle else self)

    return Connection
