"""The line to a node, which a test cuts at a chosen moment and mends again."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Line:
    """Passes JSON-RPC on to a node until it is cut.

    Attributes:
        url: where to ask instead of the node itself.
    """

    node_url: str
    url: str = ""
    _last_words: str = ""
    _delivered: bool = False
    _left: int = 0
    _dead: bool = field(default=False)

    def cut_at(self, method: str, *, delivered: bool, times: int = 1) -> None:
        """Goes dead at a method's n-th call from now on: after the node had it, or before."""
        self._last_words, self._delivered, self._left = method, delivered, times

    def mend(self) -> None:
        self._last_words, self._dead = "", False

    def answer(self, body: bytes) -> bytes | None:
        """The node's answer, or None for a line that went dead."""
        if self._dead:
            return None
        if json.loads(body)["method"] == self._last_words:
            self._left -= 1
            self._dead = self._left == 0
        if self._dead and not self._delivered:
            return None
        request = urllib.request.Request(self.node_url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: bytes = answer.read()
        return None if self._dead else found


@contextmanager
def line_to(node_url: str) -> Iterator[Line]:
    line = Line(node_url)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = line.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.close_connection = True
            if answer is None:
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
