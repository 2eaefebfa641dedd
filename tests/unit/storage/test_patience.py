"""What a server can draw out or repeat below the body of its answer: it is given up in time.

Each server here comes to a good end some time, so that a reader that waits for it would be
satisfied.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

import pytest

from medibloc_py.errors import StoreUnreachable
from medibloc_py.storage import GatewayStore, again, raw_cid
from tests.fakes.gateway import Gateway, Visit, serve

DATA = b"a scan"
CID = raw_cid(hashlib.sha256(DATA).digest())
TIMEOUT_S = 0.3
RAW = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ipld.raw\r\n"
WHOLE = RAW + b"Content-Length: 6\r\n"
CHUNKED = RAW + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"6\r\na scan\r\n"
END = b"0\r\n\r\n"

DRAWN_OUT: dict[str, tuple[bytes, bytes, bytes]] = {
    "the head": (WHOLE, b"X: " + b"x" * 97, b"\r\n\r\n" + DATA),
    "the length of a chunk": (CHUNKED, b"6;" + b"x" * 98, b"\r\na scan\r\n" + END),
    "what follows the last chunk": (CHUNKED + PIECE + b"0\r\n", b"X: y\r\n" * 16, b"\r\n"),
    "the body": (WHOLE + b"X: y\r\n\r\n", b"", DATA),
}
"""What comes at once, what comes byte by byte, and what is left."""

REPEATED: dict[str, tuple[bytes, bytes, bytes]] = {
    "come later": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE + b"\r\n" + DATA),
    "a line after the last chunk": (CHUNKED + PIECE + b"0\r\n", b"X: y\r\n", b"\r\n"),
}
"""What comes first, what comes thousands of times, and what ends it."""


@pytest.fixture(scope="module")
def _gateway() -> Iterator[Gateway]:
    with serve() as gateway:
        yield gateway


@pytest.fixture
def gateway(_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setattr(again, "PAUSES_S", ())
    _gateway.requests.clear()
    _gateway.faults.clear()
    return _gateway


def sending(pieces: Iterator[bytes]) -> Callable[[Visit], None]:
    def fault(visit: Visit) -> None:
        for piece in pieces:
            visit.wfile.write(piece)
            visit.wfile.flush()

    return fault


def slowly(first: bytes, drawn_out: bytes, rest: bytes) -> Iterator[bytes]:
    yield first
    for byte in drawn_out or rest:
        time.sleep(0.02 if drawn_out else TIMEOUT_S / 3)
        yield bytes([byte])
    if drawn_out:
        yield rest


@pytest.mark.parametrize("parts", DRAWN_OUT.values(), ids=DRAWN_OUT)
def test_an_answer_of_which_a_part_trickles_is_given_up(
    gateway: Gateway, parts: tuple[bytes, bytes, bytes]
) -> None:
    gateway.faults["raw"] = sending(slowly(*parts))
    with pytest.raises(StoreUnreachable, match=r"takes too long|timed out"):
        GatewayStore(gateway.url, TIMEOUT_S).size(CID)


@pytest.mark.parametrize("parts", REPEATED.values(), ids=REPEATED)
def test_lines_without_end_are_cut_off(gateway: Gateway, parts: tuple[bytes, bytes, bytes]) -> None:
    first, repeated, last = parts
    gateway.faults["raw"] = sending(iter([first, repeated * 50_000, last]))
    with pytest.raises(StoreUnreachable, match="no end"):
        GatewayStore(gateway.url, 20).size(CID)


def test_a_long_head_and_many_small_chunks_are_no_fault(gateway: Gateway) -> None:
    head = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(90))
    small = b"".join(b"1;%s\r\n%c\r\n" % (b"x" * 30_000, letter) for letter in DATA)
    pieces = [b"HTTP/1.1 100 Continue\r\n\r\n", CHUNKED[:-2], head + b"\r\n", small, END]
    gateway.faults["raw"] = sending(iter(pieces))
    assert GatewayStore(gateway.url, 20).size(CID) == len(DATA)
