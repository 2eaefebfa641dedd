"""A pinning service that answers as its specification says, until a test tells it not to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.serving import Quiet, serving

TOKEN = "a-token-for-tests"


class Service:
    """The service's state, open for tests.

    Attributes:
        url: of the API.
        requests: method, path and query of every request.
        bodies: what was posted.
        pins: the statuses it tells, by the id of the request.
        lifecycle: the states a new request goes through, one at each look.
        faults: what to do instead of a method.
        page: how many results it gives at once.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.clear()

    def clear(self) -> None:
        self.requests: list[str] = []
        self.bodies: list[Any] = []
        self.pins: dict[str, dict[str, Any]] = {}
        self.lifecycle = ["queued", "pinning", "pinned"]
        self.faults: dict[str, Callable[[Call], None]] = {}
        self.page = 1000

    def add(self, pin: dict[str, Any], state: str = "queued") -> dict[str, Any]:
        number = len(self.pins)
        status = {
            "requestid": f"request/{number}",
            "status": state,
            "created": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
            "pin": pin,
            "delegates": ["/ip4/203.0.113.7/tcp/4001"],
        }
        self.pins[str(status["requestid"])] = status
        return status


class Call(Quiet, BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    service: Service  # set by `serve`

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, well: Callable[[], None]) -> None:
        self.service.requests.append(f"{self.command} {self.path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.service.faults.get(self.command)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.refuse(401, "UNAUTHORIZED")
        elif fault is not None:
            fault(self)
        else:
            well()

    def _post(self) -> None:
        self.service.bodies.append(json.loads(self.body))
        self.say(self.service.add(self.service.bodies[-1], self.service.lifecycle[0]), 202)

    def _get(self) -> None:
        if urlsplit(self.path).path == "/pins":
            self._list()
            return
        status = self._status()
        if status is not None:
            states = self.service.lifecycle
            if status["status"] in states[:-1]:
                status["status"] = states[states.index(status["status"]) + 1]
            self.say(status)

    def _list(self) -> None:
        asked = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
        found = [
            each
            for each in self.service.pins.values()
            if each["pin"]["cid"] == asked.get("cid", each["pin"]["cid"])
            and each["status"] in asked.get("status", "pinned").split(",")
            and each["created"] <= asked.get("before", "9")
        ]
        found.sort(key=lambda each: str(each["created"]), reverse=True)
        self.say({"count": len(found), "results": found[: self.service.page]})

    def _delete(self) -> None:
        status = self._status()
        if status is not None:
            del self.service.pins[status["requestid"]]
            self.say(None, 202)

    def _status(self) -> dict[str, Any] | None:
        found = self.service.pins.get(unquote(self.path.removeprefix("/pins/")))
        if found is None:
            self.refuse(404, "NOT_FOUND")
        return found

    # Answers.

    def say(self, value: object, code: int = 200) -> None:
        self.plain(json.dumps(value).encode() if value is not None else b"", code)

    def refuse(self, code: int, reason: str, details: str = "as told") -> None:
        self.say({"error": {"reason": reason, "details": details}}, code)

    def plain(self, body: bytes, code: int = 200, **more: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve() -> Iterator[Service]:
    """Run a service on a free port of the loopback."""
    with serving(Call, "service", Service) as service:
        yield service
