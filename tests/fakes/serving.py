"""HTTP servers on the loopback, for fakes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, TypeVar

State = TypeVar("State")


class Quiet:
    """A handler that writes no log."""

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # clients hang up on it, that is what some tests are about


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler],
    name: str,
    state: Callable[[int], State],
    tls: SSLContext | None = None,
) -> Iterator[State]:
    """Serve on a free port until the block ends.

    Args:
        handler: of each request.
        name: of the attribute by which the handler knows the state.
        state: makes the state, given the port.
        tls: to serve over TLS.
    """
    bound: Any = type("Bound", (handler,), {})
    with _Server(("127.0.0.1", 0), bound) as server:
        made = state(server.server_address[1])
        setattr(bound, name, made)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
