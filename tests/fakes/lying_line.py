"""The line to a node, on which a test tells lies: the answers to chosen methods are its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.hostile_node import Refuse
from tests.fakes.serving import Quiet, serving

Ask = Callable[[list[Any]], Any]
"""Asks the node itself the same with these parameters; gives the result."""
Tell = Callable[[Ask, list[Any]], Any]
"""Gives what is told instead: a result, or `Refuse`."""


class _Refused(Exception):
    """The node itself refused; its answer."""


@dataclass
class LyingLine:
    """Passes JSON-RPC on to a node, but for the lies.

    Attributes:
        url: where to ask instead of the node itself.
        lies: what is told, by method.
        told: the methods of the lies that were told, one after the other.
        silent: whether nothing is answered at all.
    """

    node_url: str
    url: str
    lies: dict[str, Tell] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    silent: bool = False

    def answer(self, question: dict[str, Any]) -> Any:
        """The envelope that goes back."""
        method = question["method"]

        def ask(params: list[Any]) -> Any:
            answer = self._pass_on(question | {"params": params})
            if "error" in answer:
                raise _Refused(answer)
            return answer["result"]

        lie = self.lies.get(method)
        if lie is None:
            return self._pass_on(question)
        try:
            made = lie(ask, question["params"])
        except _Refused as refused:
            return refused.args[0]
        self.told.append(method)
        envelope = {"jsonrpc": "2.0", "id": question["id"]}
        if isinstance(made, Refuse):
            return envelope | {"error": {"code": made.code, "message": made.message}}
        return envelope | {"result": made}

    def _pass_on(self, question: dict[str, Any]) -> Any:
        body = json.dumps(question).encode()
        request = urllib.request.Request(self.node_url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


class _Handler(Quiet, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer: two would wait for each other
    line: LyingLine

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.line.silent:
            self.close_connection = True
            return
        body = json.dumps(self.line.answer(question)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def lying_line(node_url: str) -> Iterator[LyingLine]:
    """Runs a line to a node on a free port of loopback."""
    with serving(
        _Handler, "line", lambda port: LyingLine(node_url, f"http://127.0.0.1:{port}")
    ) as line:
        yield line
