"""A trustless IPFS gateway that answers well, until a test tells it not to.

Headers, statuses and CARs are those of Kubo's gateway (v0.43): `GET /ipfs/<cid>` with
`format=raw` or `format=car`, the blocks of a CAR in the order of the walk.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from medibloc_py.model import Cid
from medibloc_py.storage.car import header
from medibloc_py.storage.cid import RAW, CidBuilder, cid_bytes, cid_text
from medibloc_py.storage.unixfs import decode_node, uvarint
from tests.fakes.serving import Quiet, serving

Section = tuple[bytes, bytes]
"""A binary CID, and what stands in the CAR under it."""


class Gateway:
    """The gateway's state, open for tests.

    Attributes:
        url: of the gateway.
        requests: method, path and query of every request.
        headers: the headers of every request.
        blocks: block by CID.
        lies: what is given for a block in its place, by CID; None for one that is lost.
        faults: what to do instead of an answer: to `car`, `raw` or `head`.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.blocks: dict[str, bytes] = {}
        self.lies: dict[str, bytes | None] = {}
        self.faults: dict[str, Callable[[Visit], None]] = {}

    def hold(self, data: bytes) -> Cid:
        """Serve a blob from now on."""

        def keep(cid: bytes, block: bytes | memoryview) -> None:
            self.blocks[cid_text(cid)] = bytes(block)

        builder = CidBuilder(keep)
        builder.write(data)
        return builder.finish().cid

    def told(self, cid: str) -> bytes:
        """A block, or the lie about it; KeyError if there is none."""
        block = self.lies.get(cid, self.blocks[cid])
        if block is None:
            raise KeyError(cid)
        return block

    def walk(self, cid: Cid, first: int, last: int | None) -> Iterator[Section]:
        """The blocks a reader of a range needs, as far as they are here."""
        yield from self._below(cid, 0, first, last)

    def _below(self, cid: str, at: int, first: int, last: int | None) -> Iterator[Section]:
        block = self.blocks[cid]
        yield cid_bytes(cid), self.told(cid)
        if cid_bytes(cid)[1] == RAW:
            return
        for link in decode_node(block):
            end = at + link.size_bytes
            if first < end and (last is None or at <= last):
                yield from self._below(cid_text(link.cid), at, first, last)
            at = end


class Visit(Quiet, BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # with small unbuffered writes, every answer would wait 40 ms for an ACK
    disable_nagle_algorithm = True
    gateway: Gateway  # set by `serve`

    def do_GET(self) -> None:
        self._answer(self.kind)

    def do_HEAD(self) -> None:
        self._answer("head")

    def _answer(self, kind: str) -> None:
        self.gateway.requests.append(f"{self.command} {self.path}")
        self.gateway.headers.append({name.title(): value for name, value in self.headers.items()})
        fault = self.gateway.faults.get(kind)
        if fault is not None:
            fault(self)
        else:
            self.well()

    def well(self) -> None:
        """Answer as a good gateway does."""
        {"car": self.car, "raw": self.raw}[self.kind]()

    @property
    def kind(self) -> str:
        return parse_qs(urlsplit(self.path).query)["format"][0]

    @property
    def cid(self) -> Cid:
        return Cid(urlsplit(self.path).path.removeprefix("/ipfs/"))

    def sections(self) -> Iterator[Section]:
        """The blocks that were asked for."""
        first, _, last = parse_qs(urlsplit(self.path).query)["entity-bytes"][0].partition(":")
        return self.gateway.walk(self.cid, int(first), None if last == "*" else int(last))

    # Answers.

    def raw(self) -> None:
        try:
            self.plain(self.gateway.told(self.cid), "application/vnd.ipld.raw")
        except KeyError:
            self.plain(b"block was not found locally", "text/plain", 404)

    def car(self) -> None:
        self.give(self.framed(self.sections()))

    def framed(self, sections: Iterable[Section]) -> Iterator[bytes]:
        """A CAR of these sections; where a block is missing, words, as Kubo writes them."""
        yield header(self.cid)
        try:
            for cid, block in sections:
                yield uvarint(len(cid) + len(block)) + cid + block
        except KeyError:
            yield b"\nblock was not found locally (offline): ipld: could not find it"

    def give(
        self,
        pieces: Iterable[bytes],
        kind: str = "application/vnd.ipld.car; version=1; order=dfs; dups=y",
    ) -> None:
        """200, and pieces as chunks."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def plain(self, body: bytes, kind: str = "text/plain", code: int = 200, **more: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> None:
        """Close the connection, whatever was written to it."""
        self.wfile.flush()
        self.close_connection = True


@contextmanager
def serve(certificate: Path | None = None) -> Iterator[Gateway]:
    """Run a gateway on a free port of the loopback; over TLS, with this key and certificate."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with serving(Visit, "gateway", Gateway, tls) as gateway:
        if tls is not None:
            gateway.url = gateway.url.replace("http:", "https:")
        yield gateway
