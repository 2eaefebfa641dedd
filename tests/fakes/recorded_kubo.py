"""A small HTTP server that answers as Kubo's RPC does, and records what it was asked.

Shapes and headers follow Kubo v0.4x (`core/commands`, `go-ipfs-cmds/http`): every
command is a POST below `/api/v0`; answers are lines of JSON in chunks; an error
before the first byte is a 500 with `{"Message", "Code", "Type"}`, a later one is a
200 that simply ends, its reason in the trailer `X-Stream-Error`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from medibloc_py.storage.cid import CidBuilder, cid_bytes, cid_text
from medibloc_py.storage.unixfs import decode_node
from tests.fakes.serving import Quiet, serving

RAW = 0x55


class RecordedKubo:
    """The daemon's state, open for tests.

    Attributes:
        url: the multiaddr of its RPC.
        requests: path and query of every request, as they came over the wire.
        uploads: content type and part headers of every `add`.
        blocks: block by CID.
        pins: CIDs pinned recursively.
        faults: what to do instead of a command, by its path below `/api/v0/`.
    """

    def __init__(self, port: int) -> None:
        self.url = f"/ip4/127.0.0.1/tcp/{port}"
        self.requests: list[str] = []
        self.uploads: list[bytes] = []
        self.blocks: dict[str, bytes] = {}
        self.pins: set[str] = set()
        self.faults: dict[str, Callable[[Exchange], None]] = {}

    def collect_garbage(self) -> None:
        """Drop every block no pin leads to."""
        kept: set[str] = set()
        ahead = list(self.pins)
        while ahead:
            cid = ahead.pop()
            kept.add(cid)
            if cid_bytes(cid)[1] != RAW:
                ahead += [cid_text(link.cid) for link in decode_node(self.blocks[cid])]
        self.blocks = {cid: block for cid, block in self.blocks.items() if cid in kept}

    def complete(self, cid: str) -> bool:
        """Whether all blocks below `cid` are here."""
        if cid not in self.blocks:
            return False
        if cid_bytes(cid)[1] == RAW:
            return True
        return all(self.complete(cid_text(link.cid)) for link in decode_node(self.blocks[cid]))


class Exchange(Quiet, BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # with small unbuffered writes, every answer would wait 40 ms for an ACK
    disable_nagle_algorithm = True
    kubo: RecordedKubo  # set by `serve`

    def do_POST(self) -> None:
        self.kubo.requests.append(self.path)
        command = urlsplit(self.path).path.removeprefix("/api/v0/")
        self.options = parse_qs(urlsplit(self.path).query)
        # Before the body is read: a fault may be to close the door on it.
        answer = self.kubo.faults.get(command) or getattr(self, "_" + command.replace("/", "_"))
        answer(self) if command in self.kubo.faults else answer()

    @property
    def arg(self) -> str:
        return self.options["arg"][0]

    # Answers.

    def lines(self, *values: Any, trailer: str | None = None) -> None:
        """200, a line of JSON each, and perhaps an error after all."""
        body = [json.dumps(value).encode() + b"\n" for value in values]
        self.chunked(body, "application/json", "X-Chunked-Output", trailer)

    def chunked(
        self,
        pieces: list[bytes] | Iterator[bytes],
        kind: str = "application/octet-stream",
        marker: str = "X-Stream-Output",
        trailer: str | None = None,
    ) -> None:
        self.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            (marker, "1"),
            ("Trailer", "X-Stream-Error"),
            ("Transfer-Encoding", "chunked"),
        ):
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        tail = f"X-Stream-Error: {trailer}\r\n".encode() if trailer else b""
        self.wfile.write(b"0\r\n" + tail + b"\r\n")

    def error(self, message: str, code: int = 500) -> None:
        body = json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode() + b"\n"
        self.plain(body, code)

    def plain(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def upload(self) -> bytes:
        """The one file of a multipart body sent in chunks."""
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        content_type = Message()
        content_type["Content-Type"] = self.headers["Content-Type"]
        boundary = str(content_type.get_param("boundary")).encode()
        head, _, rest = bytes(body).partition(b"\r\n\r\n")
        data, _, epilogue = rest.rpartition(b"\r\n--" + boundary + b"--\r\n")
        assert head.startswith(b"--" + boundary)
        assert not epilogue
        self.kubo.uploads.append(head.removeprefix(b"--" + boundary + b"\r\n"))
        return data

    # Commands.

    def _add(self) -> None:
        def keep(cid: bytes, block: bytes | memoryview) -> None:
            self.kubo.blocks[cid_text(cid)] = bytes(block)

        builder = CidBuilder(keep)
        builder.write(self.upload())
        blob = builder.finish()
        if self.options["pin"] == ["true"]:
            self.kubo.pins.add(blob.cid)
        self.lines({"Name": "blob", "Hash": blob.cid, "Size": str(builder.dag_bytes)})

    def _block_get(self) -> None:
        if self.arg in self.kubo.blocks:
            self.chunked([self.kubo.blocks[self.arg]] if self.kubo.blocks[self.arg] else [])
        else:
            self._not_there()

    def _block_stat(self) -> None:
        if self.arg in self.kubo.blocks:
            self.lines({"Key": self.arg, "Size": len(self.kubo.blocks[self.arg])})
        else:
            self._not_there()

    def _pin_add(self) -> None:
        if not self.kubo.complete(self.arg):
            self.lines({}, trailer="context canceled")
            return
        self.kubo.pins.add(self.arg)
        self.lines({}, {"Progress": 1, "Bytes": 1}, {"Pins": [self.arg]})

    def _pin_rm(self) -> None:
        if self.arg not in self.kubo.pins:
            self.error("not pinned or pinned indirectly")
            return
        self.kubo.pins.discard(self.arg)
        self.lines({"Pins": [self.arg]})

    def _pin_ls(self) -> None:
        self.lines(*({"Type": "recursive", "Cid": cid} for cid in sorted(self.kubo.pins)))

    def _repo_gc(self) -> None:
        held = set(self.kubo.blocks)
        self.kubo.collect_garbage()
        self.lines(*({"Key": {"/": cid}} for cid in sorted(held - set(self.kubo.blocks))))

    def _not_there(self) -> None:
        if self.options.get("offline") == ["true"]:
            self.error(f"block was not found locally (offline): ipld: could not find {self.arg}")
        else:
            self.error("context deadline exceeded")


@contextmanager
def serve() -> Iterator[RecordedKubo]:
    """Run a daemon on a free port of the loopback."""
    with serving(Exchange, "kubo", RecordedKubo) as kubo:
        yield kubo
