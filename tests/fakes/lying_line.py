"""The line to a node, on which a test tells lies: the answers to chosen methods are its own."""

from __future__ import annotations

import json
import time
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
_NEWEST = ("latest", "pending")


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
            return self.ask(method, params)

        lie = self.lies.get(method)
        if lie is None:
            return self._pass_on(question)
        try:
            made = lie(ask, question["params"])
        except _Refused as refused:
            return refused.args[0] | {"id": question["id"]}
        self.told.append(method)
        envelope = {"jsonrpc": "2.0", "id": question["id"]}
        if isinstance(made, Refuse):
            return envelope | {"error": {"code": made.code, "message": made.message}}
        return envelope | {"result": made}

    def ask(self, method: str, params: list[Any]) -> Any:
        """Asks the node itself."""
        answer = self._pass_on({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if "error" in answer:
            raise _Refused(answer)
        return answer["result"]

    def _pass_on(self, question: dict[str, Any]) -> Any:
        body = json.dumps(question).encode()
        request = urllib.request.Request(self.node_url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


class Late:
    """An honest node that hears of each block a moment later."""

    def __init__(self, line: LyingLine, by_s: float) -> None:
        self._line = line
        self._by_s = by_s
        self._seen: list[tuple[float, int]] = []

    def lies(self) -> dict[str, Tell]:
        """What such a node answers."""
        state = ("eth_call", "eth_getCode", "eth_getBalance", "eth_getTransactionCount")
        return dict.fromkeys(state, self._of_state) | {
            "eth_estimateGas": lambda ask, params: ask([params[0], hex(self._newest())]),
            "eth_getBlockByNumber": self._block,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getLogs": self._logs,
        }

    def _newest(self) -> int:
        """The newest block that it has heard of."""
        now, number = time.monotonic(), int(self._line.ask("eth_blockNumber", []), 16)
        self._seen.append((now, number))
        heard = [number for at, number in self._seen if at <= now - self._by_s]
        return heard[-1] if heard else self._seen[0][1]

    def _of_state(self, ask: Ask, params: list[Any]) -> Any:
        if params[1] == "pending" and len(params[0]) == 42:  # what waits in its pool counts
            return ask(params)
        return ask([params[0], hex(self._newest()) if params[1] in _NEWEST else params[1]])

    def _block(self, ask: Ask, params: list[Any]) -> Any:
        newest = self._newest()
        if params[0] in _NEWEST:
            return ask([hex(newest), *params[1:]])
        return ask(params) if int(params[0], 16) <= newest else None

    def _receipt(self, ask: Ask, params: list[Any]) -> Any:
        newest, receipt = self._newest(), ask(params)
        return receipt if receipt and int(receipt["blockNumber"], 16) <= newest else None

    def _logs(self, ask: Ask, params: list[Any]) -> Any:
        newest = self._newest()
        return [log for log in ask(params) if int(log["blockNumber"], 16) <= newest]


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
