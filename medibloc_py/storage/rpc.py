"""The RPC of an IPFS daemon over HTTP/1.1, and nothing believed of what it answers.

Answers are read piece by piece under limits of length and time, never followed
elsewhere, never unpacked. An error that comes after a 200 stands in the trailer
`X-Stream-Error`, which HTTP libraries drop: here it is read.
"""

from __future__ import annotations

import json
import math
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, parse_headers
from typing import Any, Final
from urllib.parse import urlencode

from medibloc_py.errors import StoreFailed, StoreUnreachable
from medibloc_py.errors.plain import MOST_CHARS, plain
from medibloc_py.nesting import JsonStream, require_shallow_json
from medibloc_py.storage.multiaddr import Endpoint

_PIECE_BYTES: Final = 1 << 16
_MOST_ERROR_BYTES: Final = 1 << 16
_MOST_LINE_BYTES: Final = 1 << 20
_TRAILER: Final = "X-Stream-Error"
_HEAD_CHARS: Final = 60


class Rpc:
    """One session with a daemon: one connection, however many requests."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        """Name the daemon; nothing is sent yet.

        Args:
            endpoint: where it listens.
            timeout_s: how long it may be silent.
        """
        self.url = endpoint.text
        self._connection = _connection(endpoint, timeout_s)

    def __enter__(self) -> Rpc:
        """The session."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._connection.close()

    @contextmanager
    def ask(
        self,
        command: str,
        options: Mapping[str, object] | None = None,
        *,
        upload: Upload | None = None,
        most_bytes: int = 1 << 20,
        patience_s: float = math.inf,
    ) -> Iterator[Answer]:
        """Send a command, and give its answer while the connection is held for it.

        Args:
            command: a path below `/api/v0/`.
            options: of the command.
            upload: a file to send along.
            most_bytes: how long the answer may be.
            patience_s: how long reading the whole answer may take.

        Raises:
            StoreFailed: the daemon says no, or answers as no daemon does.
            StoreUnreachable: it does not answer.
        """
        query = urlencode({name: _word(value) for name, value in (options or {}).items()})
        try:
            with self._translated():
                response = self._exchange(f"/api/v0/{command}?{query}", upload)
                if response.status != 200:
                    raise self._refused(response)
                if response.headers.get("Content-Encoding"):
                    raise StoreFailed(url=self.url, reason="its answer is compressed")
                yield Answer(self.url, response, most_bytes, patience_s)
        except BaseException:
            self._connection.close()  # what is left of the answer is nobody's
            raise
        if not response.isclosed():
            self._connection.close()

    def value(self, command: str, options: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The one JSON object that a command answers. Raises as `ask` does."""
        with self.ask(command, options) as answer:
            lines = list(answer.lines())
        if len(lines) != 1:
            raise StoreFailed(url=self.url, reason="no daemon answers like this: not one value")
        return lines[0]

    def _exchange(self, path: str, upload: Upload | None) -> HTTPResponse:
        if upload is None:
            self._connection.request("POST", path, headers={"Content-Length": "0"})
            return self._connection.getresponse()
        try:
            self._connection.request("POST", path, upload, upload.headers)
        except OSError:
            if upload.failure is not None or self._connection.sock is None:
                raise
            # A daemon that will not have it says why and hangs up; the why may have arrived.
            with suppress(OSError, HTTPException):
                response = self._connection.getresponse()
                if response.status != 200:
                    return response
            raise
        return self._connection.getresponse()

    def _refused(self, response: HTTPResponse) -> StoreFailed:
        if 300 <= response.status < 400:
            return StoreFailed(url=self.url, reason="its answer is redirected")
        if response.headers.get("Content-Encoding"):
            return StoreFailed(url=self.url, reason="its answer is compressed")
        body = b"".join(Answer(self.url, response, _MOST_ERROR_BYTES, math.inf).pieces())
        try:
            require_shallow_json(body)
            reason = json.loads(body)["Message"]
        except (ValueError, LookupError, TypeError):
            reason = f"{response.status} {body.decode(errors='replace')}"
        return StoreFailed(url=self.url, reason=said(reason))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            reason = plain(error) or type(error).__name__
            raise StoreUnreachable(url=self.url, reason=reason) from error


class Answer:
    """The body of an answer, as it comes in."""

    def __init__(self, url: str, response: HTTPResponse, most_bytes: int, patience_s: float):
        self._url = url
        self._response = response
        self._room = most_bytes
        self._deadline = time.monotonic() + patience_s

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces; its end is its whole end.

        Raises:
            StoreFailed: it is too long, or ends with an error.
            StoreUnreachable: it is cut off, or takes too long.
        """
        response = self._response
        # `read1` returns what is there: a trickle cannot hold it until a buffer is full.
        while piece := response.read1(_PIECE_BYTES):
            self._room -= len(piece)
            if self._room < 0:
                raise StoreFailed(url=self._url, reason="its answer has no end")
            if time.monotonic() > self._deadline:
                raise StoreUnreachable(url=self._url, reason="its answer takes too long")
            yield piece
        if response.length:
            raise StoreUnreachable(url=self._url, reason="its answer is cut off")
        trailer = getattr(response, "trailer", None)
        if trailer is not None and (reason := trailer.get(_TRAILER)):
            raise StoreFailed(url=self._url, reason=said(reason))

    def lines(self) -> Iterator[dict[str, Any]]:
        """The JSON objects of the body, one a line.

        Raises:
            StoreFailed: a line is something else, or says that the command failed.
            StoreUnreachable: as `pieces`.
        """
        depth, rest = JsonStream(), b""
        try:
            for piece in self.pieces():
                depth.feed(piece)
                *whole, rest = (rest + piece).split(b"\n")
                yield from map(self._object, filter(None, whole))
                if len(rest) > _MOST_LINE_BYTES:
                    raise ValueError("a line that has no end")
            if rest:
                yield self._object(rest)
        except ValueError as error:
            raise StoreFailed(
                url=self._url, reason=f"no daemon answers like this: {plain(error)}"
            ) from error

    def _object(self, line: bytes) -> dict[str, Any]:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("a line that is no object")
        if value.get("Type") == "error":
            raise StoreFailed(url=self._url, reason=said(value.get("Message")))
        return value


class Upload:
    """A file on its way to the daemon, as the body of a request.

    Attributes:
        headers: of the request.
        ended: whether the source was read to its end.
        failure: what the source raised, kept apart from failures of the transport.
    """

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        """Name the pieces of the file, none of them empty; they are read once."""
        self.ended = False
        self.failure: BaseException | None = None
        self._chunks = chunks
        self._boundary = secrets.token_hex(16)
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Transfer-Encoding": "chunked",
        }

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """The body in HTTP chunks, framed here: the standard library would copy every piece."""
        # The daemon is told a name that says nothing; a path of ours would be worse.
        head = (
            f"--{self._boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="blob"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        yield b"%x\r\n%b" % (len(head), head)
        try:
            for chunk in self._chunks:
                yield b"\r\n%x\r\n" % len(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise
        self.ended = True
        tail = f"\r\n--{self._boundary}--\r\n".encode()
        yield b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(tail), tail)


class _Response(HTTPResponse):
    """An answer that keeps its trailer, which the standard library reads and drops."""

    trailer: Any = None

    def _read_and_discard_trailer(self) -> None:
        self.trailer = parse_headers(self.fp)


class _UnixConnection(HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(endpoint: Endpoint, timeout_s: float) -> HTTPConnection:
    # No proxy is asked: none stands between this machine and its own daemon, and none is
    # to see what goes there.
    connection: HTTPConnection
    if endpoint.path:
        connection = _UnixConnection(endpoint.path, timeout_s)
    elif endpoint.tls:
        connection = HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    else:
        connection = HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    connection.response_class = _Response
    return connection


def said(reason: object) -> str:
    """A daemon's words; of many the first and the last, for it names the cause at the end."""
    words = str(reason)
    if len(words) > MOST_CHARS:
        words = f"{words[:_HEAD_CHARS]} … {words[_HEAD_CHARS + 3 - MOST_CHARS :]}"
    return f"it says: {plain(words)}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
