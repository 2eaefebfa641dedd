"""Reading through a gateway, and every way it may answer badly."""

from __future__ import annotations

import gzip
import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    InvalidValue,
    StoreFailed,
    StoreReadOnly,
    StoreUnreachable,
)
from medibloc_py.model import Cid
from medibloc_py.storage import GatewayStore, again, raw_cid
from medibloc_py.storage.car import header
from medibloc_py.storage.cid import cid_bytes
from medibloc_py.storage.unixfs import uvarint
from tests.fakes.gateway import Gateway, Section, Visit, serve
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

SIZE = 3 * CHUNK + 17
DATA = some_bytes(SIZE)
CID = cid_of(DATA)
LEAVES = [raw_cid(hashlib.sha256(DATA[at : at + CHUNK]).digest()) for at in range(0, SIZE, CHUNK)]
ABSENT = raw_cid(hashlib.sha256(b"nobody has this").digest())

Fault = Callable[[Visit], None]


@pytest.fixture(scope="module")
def _gateway() -> Iterator[Gateway]:
    with serve() as gateway:
        yield gateway


@pytest.fixture
def gateway(_gateway: Gateway) -> Gateway:
    _gateway.requests.clear()
    _gateway.headers.clear()
    _gateway.blocks.clear()
    _gateway.lies.clear()
    _gateway.faults.clear()
    _gateway.hold(DATA)
    return _gateway


@pytest.fixture
def store(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> GatewayStore:
    monkeypatch.setattr(again, "PAUSES_S", (0.01, 0.01, 0.01))
    return GatewayStore(gateway.url, timeout_s=5)


def read(store: GatewayStore, cid: Cid = CID, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.get(cid, offset, length))


def read_into(got: bytearray, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        got += piece


def car_of(offset: int, last: int | str, cid: Cid = CID) -> str:
    return f"GET /ipfs/{cid}?format=car&dag-scope=entity&entity-bytes={offset}:{last}"


# Over the wire.


@pytest.mark.parametrize(
    "kind",
    [
        'application/vnd.ipld.car;dups="y" ; ORDER=dfs;version=1',
        "Application/Vnd.IPLD.Car; version=1; order=dfs; dups=y; charset=utf-8",
    ],
)
def test_a_walk_is_known_however_its_type_is_written(
    store: GatewayStore, gateway: Gateway, kind: str
) -> None:
    gateway.faults["car"] = lambda visit: visit.give(visit.framed(visit.sections()), kind)
    assert read(store) == DATA
    assert gateway.requests == [car_of(0, "*")]


def test_get_asks_once_for_the_whole_walk(store: GatewayStore, gateway: Gateway) -> None:
    assert read(store) == DATA
    assert gateway.requests == [car_of(0, "*")]
    assert gateway.headers[0]["Accept"] == "application/vnd.ipld.car; version=1; order=dfs; dups=y"
    assert gateway.headers[0]["Accept-Encoding"] == "identity"


def test_a_range_is_asked_for_by_its_first_and_last_byte(
    store: GatewayStore, gateway: Gateway
) -> None:
    assert read(store, CID, CHUNK, 2) == DATA[CHUNK : CHUNK + 2]
    assert gateway.requests == [car_of(CHUNK, CHUNK + 1)]
    assert [cid for cid, _ in gateway.walk(CID, CHUNK, CHUNK + 1)] == [
        cid_bytes(cid) for cid in (CID, LEAVES[1])
    ]


def test_size_asks_for_the_root_only(store: GatewayStore, gateway: Gateway) -> None:
    assert store.size(CID) == SIZE
    assert gateway.requests == [f"GET /ipfs/{CID}?format=raw"]


def test_has_asks_for_what_is_at_hand(store: GatewayStore, gateway: Gateway) -> None:
    assert store.has(CID)
    assert not store.has(ABSENT)
    assert gateway.requests[0] == f"HEAD /ipfs/{CID}?format=raw"
    assert gateway.headers[0]["Cache-Control"] == "only-if-cached"


def test_one_connection_serves_many_reads(store: GatewayStore, gateway: Gateway) -> None:
    ports = []
    gateway.faults["car"] = lambda visit: (ports.append(visit.client_address[1]), visit.well())[1]
    for at in range(5):
        assert read(store, CID, at * 1000, 10) == DATA[at * 1000 : at * 1000 + 10]
    assert len(ports) == 5
    assert len(set(ports)) == 1


def edges() -> st.SearchStrategy[int]:
    near = st.builds(
        lambda chunk, delta: min(max(chunk * CHUNK + delta, 0), SIZE),
        st.integers(0, 4),
        st.integers(-2, 2),
    )
    return near | st.integers(0, SIZE)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ends=st.tuples(edges(), edges()))
def test_get_gives_any_range(store: GatewayStore, ends: tuple[int, int]) -> None:
    start, stop = sorted(ends)
    assert read(store, CID, start, stop - start) == DATA[start:stop]
    assert read(store, CID, start) == DATA[start:]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_get_gives_blobs_of_any_size(store: GatewayStore, gateway: Gateway, size: int) -> None:
    cid = gateway.hold(some_bytes(size))
    assert read(store, cid) == some_bytes(size)
    assert store.size(cid) == size


def test_get_gives_a_blob_of_the_same_block_again_and_again(
    store: GatewayStore, gateway: Gateway
) -> None:
    cid = gateway.hold(bytes(4 * CHUNK))
    assert read(store, cid) == bytes(4 * CHUNK)
    assert read(store, cid, CHUNK, CHUNK + 1) == bytes(CHUNK + 1)


@pytest.mark.parametrize(
    ("offset", "length"),
    [(-1, 1), (0, SIZE + 1), (SIZE + 1, None), (SIZE, 1), (2, -1), (SIZE + 9, 0), (1 << 62, 1)],
)
def test_get_refuses_a_range_outside_of_the_blob(
    store: GatewayStore, offset: int, length: int | None
) -> None:
    with pytest.raises(InvalidValue):
        read(store, CID, offset, length)


@pytest.mark.parametrize("action", ["get", "size", "has", "pin", "unpin"])
@pytest.mark.parametrize("cid", ["", "b", "../../etc/passwd", f"{CID}?format=raw", CID.upper()])
def test_what_is_no_cid_is_sent_nowhere(
    store: GatewayStore, gateway: Gateway, action: str, cid: str
) -> None:
    with pytest.raises(InvalidValue):
        list(getattr(store, action)(Cid(cid)) or ())
    assert not gateway.requests


@pytest.mark.parametrize("action", ["put", "pin", "unpin", "pins", "collect"])
def test_a_gateway_is_only_read(store: GatewayStore, gateway: Gateway, action: str) -> None:
    act: dict[str, Callable[[], object]] = {
        "put": lambda: store.put([b"a scan"]),
        "pin": lambda: store.pin(CID),
        "unpin": lambda: store.unpin(CID),
        "pins": lambda: list(store.pins()),
        "collect": store.collect,
    }
    with pytest.raises(StoreReadOnly, match="--store"):
        act[action]()
    assert not gateway.requests


@pytest.mark.parametrize("action", ["get", "size"])
def test_a_blob_that_is_not_there_is_missing(store: GatewayStore, action: str) -> None:
    with pytest.raises(BlobMissing) as caught:
        list(getattr(store, action)(ABSENT) or ())
    assert caught.value.values == {"cid": ABSENT}


# A CAR that lies.


def changed(change: Callable[[list[Section]], list[Section]]) -> Fault:
    return lambda visit: visit.give(visit.framed(change(list(visit.sections()))))


def swapped(sections: list[Section]) -> list[Section]:
    root, first, second, *rest = sections
    return [root, second, first, *rest]


LIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda block: b"",
    "something": lambda block: b"something",
    "cut": lambda block: block[:-1],
    "extended": lambda block: block[: CHUNK - 1] + b"!",
    "a flipped bit": lambda block: bytes([block[0] ^ 1]) + block[1:],
}


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_get_reverts_when_a_block_has_other_bytes(
    store: GatewayStore, gateway: Gateway, number: int, lie: Callable[[bytes], bytes]
) -> None:
    def change(sections: list[Section]) -> list[Section]:
        cid, block = sections[number]
        sections[number] = cid, lie(block)
        return sections

    gateway.faults["car"] = changed(change)
    got = bytearray()
    with pytest.raises(Corrupted) as caught:
        read_into(got, store.get(CID))
    assert caught.value.values["name"] == CID
    assert got == DATA[: max(number - 1, 0) * CHUNK]
    assert gateway.requests == [car_of(0, "*")]  # a lie is not asked for again


SHUFFLES: dict[str, Callable[[list[Section]], list[Section]]] = {
    "out of order": swapped,
    "leaves first": lambda sections: [*sections[1:], sections[0]],
    "a block that was not asked for": lambda sections: [
        sections[0], (cid_bytes(ABSENT), b"nobody has this"), *sections[1:],
    ],
    "a block twice": lambda sections: [*sections[:2], *sections[1:]],
    "a block left out": lambda sections: [*sections[:2], *sections[3:]],
    "right bytes for another block": lambda sections: [
        sections[0], (sections[1][0], sections[2][1]), *sections[2:],
    ],
    "another blob": lambda _: [(cid_bytes(ABSENT), b"nobody has this")],
}  # fmt: skip


@pytest.mark.parametrize("shuffle", SHUFFLES.values(), ids=SHUFFLES)
def test_get_reverts_when_a_car_is_no_walk(
    store: GatewayStore, gateway: Gateway, shuffle: Callable[[list[Section]], list[Section]]
) -> None:
    gateway.faults["car"] = changed(shuffle)
    with pytest.raises(Corrupted) as caught:
        read(store)
    assert caught.value.values["name"] == CID


def test_get_reverts_when_the_gateway_ignores_the_range(
    store: GatewayStore, gateway: Gateway
) -> None:
    gateway.faults["car"] = lambda visit: visit.give(visit.framed(gateway.walk(CID, 0, None)))
    with pytest.raises(Corrupted, match="another"):
        read(store, CID, 2 * CHUNK, 5)


ROOT = cid_bytes(CID)
HEAD = header(CID)
NONSENSE: dict[str, bytes] = {
    "words": b"<html>sign in to the guest network</html>" * 200,
    "an endless number": b"\xff" * 100,
    "a header of no bytes": b"\x00" + HEAD,
    "a header without end": uvarint(1 << 40) + bytes(10_000),
    "a section too short": HEAD + uvarint(35) + ROOT[:35],
    "a section of one megabyte and one": HEAD + uvarint(36 + CHUNK + 1) + ROOT + bytes(CHUNK + 1),
    "a section without end": HEAD + uvarint(1 << 62) + ROOT,
    "a CAR of version 2": b"\x0a\xa1gversion\x02" + bytes(16) + uvarint(51) + bytes(31) + HEAD,
    "another version of CIDs": HEAD + uvarint(34) + b"\x12\x20" + bytes(32),
}


@pytest.mark.parametrize("car", NONSENSE.values(), ids=NONSENSE)
def test_get_reverts_when_a_car_is_nonsense(
    store: GatewayStore, gateway: Gateway, car: bytes
) -> None:
    gateway.faults["car"] = lambda visit: visit.give([car])
    with pytest.raises(Corrupted) as caught:
        read(store)
    assert caught.value.values["name"] == CID


def test_what_follows_the_last_block_is_not_read(store: GatewayStore, gateway: Gateway) -> None:
    sent = []

    def endless(visit: Visit) -> None:
        def pieces() -> Iterator[bytes]:
            yield from visit.framed(visit.sections())
            while True:
                sent.append(1)
                yield bytes(65536)

        visit.give(pieces())

    gateway.faults["car"] = endless
    assert read(store) == DATA
    time.sleep(0.2)
    assert len(sent) < 300  # as much as the sockets hold


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_car_that_is_bent_anywhere_gives_the_beginning_and_an_error(
    store: GatewayStore, gateway: Gateway, data: st.DataObject
) -> None:
    car = bent(gateway, data)
    gateway.faults["car"] = lambda visit: visit.give([car])
    got = bytearray()
    try:
        read_into(got, store.get(CID))
    except (Corrupted, StoreUnreachable):
        assert len(got) < SIZE
    assert DATA.startswith(bytes(got))
    assert len(got) % CHUNK == 0 or bytes(got) == DATA


def bent(gateway: Gateway, data: st.DataObject) -> bytes:
    """The right CAR with some bytes changed, cut out, or put in; mostly in its framing."""
    car, at = bytearray(HEAD), [0, len(HEAD) - 1]
    for cid, block in gateway.walk(CID, 0, None):
        at += range(len(car), len(car) + 45)
        car += uvarint(len(cid) + len(block)) + cid + block
    place = data.draw(st.sampled_from(at) | st.integers(0, len(car) - 1))
    change = data.draw(st.binary(max_size=40))
    width = data.draw(st.integers(0, 40))
    car[place : place + width] = change
    return bytes(car)


# A gateway that lost a block.


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("offset", [0, 1])
def test_a_block_that_the_gateway_lost_is_missing_by_name(
    store: GatewayStore, gateway: Gateway, number: int, offset: int
) -> None:
    del gateway.blocks[LEAVES[number]]
    got = bytearray()
    with pytest.raises(BlobMissing) as caught:
        read_into(got, store.get(CID, offset))
    assert caught.value.values == {"cid": LEAVES[number]}
    assert got == DATA[offset : number * CHUNK]


@pytest.mark.parametrize("code", [404, 410, 412, 504])
def test_every_way_to_say_that_it_is_not_there_counts(
    store: GatewayStore, gateway: Gateway, code: int
) -> None:
    for kind in ("car", "raw", "head"):
        gateway.faults[kind] = lambda visit: visit.plain(b"no", code=code)
    assert not store.has(CID)
    for act in (lambda: read(store), lambda: store.size(CID)):
        with pytest.raises(BlobMissing):
            act()


# A gateway that gives no CAR in the order of the walk.

OTHER_ANSWERS: dict[str, Fault] = {
    "refused": lambda visit: visit.plain(b"no CAR here", code=406),
    "not understood": lambda visit: visit.plain(b"unknown format", code=400),
    "of an unknown order": lambda visit: visit.give(
        visit.framed(list(visit.sections())[::-1]), "application/vnd.ipld.car; version=1"
    ),
    "without the repeated": lambda visit: visit.give(
        visit.framed(visit.sections()), "application/vnd.ipld.car; version=1; order=dfs; dups=n"
    ),
    "of a later version": lambda visit: visit.give(
        [b"?"], "application/vnd.ipld.car; version=2; order=dfs; dups=y"
    ),
    "no CAR at all": lambda visit: visit.plain(b"<html>", "text/html"),
    "a parameter with an endless number": lambda visit: visit.plain(
        b"?", f"application/vnd.ipld.car; version*{'1' * 5000}=1"
    ),
    "a parameter in parts and whole": lambda visit: visit.plain(
        b"?", "application/vnd.ipld.car; version*0=1; version*0*=1; version*=1; version=1; *="
    ),
}


@pytest.mark.parametrize("answer", OTHER_ANSWERS.values(), ids=OTHER_ANSWERS)
def test_a_gateway_without_walks_is_asked_block_by_block(
    store: GatewayStore, gateway: Gateway, answer: Fault
) -> None:
    gateway.faults["car"] = answer
    assert read(store, CID, CHUNK + 1, CHUNK) == DATA[CHUNK + 1 : 2 * CHUNK + 1]
    assert gateway.requests[1:] == [
        f"GET /ipfs/{cid}?format=raw" for cid in (CID, LEAVES[1], LEAVES[2])
    ]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_about_a_single_block_is_found(
    store: GatewayStore, gateway: Gateway, number: int, lie: Callable[[bytes], bytes]
) -> None:
    gateway.faults["car"] = OTHER_ANSWERS["refused"]
    cid = [CID, *LEAVES][number]
    gateway.blocks[cid] = lie(gateway.blocks[cid])
    with pytest.raises(Corrupted):
        read(store)


def test_a_page_in_place_of_a_block_is_no_block(store: GatewayStore, gateway: Gateway) -> None:
    for kind in ("car", "raw"):
        gateway.faults[kind] = lambda visit: visit.plain(b"<html>sign in</html>", "text/html")
    for act in (lambda: read(store), lambda: store.size(CID)):
        with pytest.raises(StoreFailed, match="no trustless gateway"):
            act()


# Any answer.

ACTIONS: dict[str, tuple[str, Callable[[GatewayStore], object]]] = {
    "get": ("car", lambda store: read(store)),
    "get by block": ("raw", lambda store: read(store, CID, 0, 0)),
    "size": ("raw", lambda store: store.size(CID)),
    "has": ("head", lambda store: store.has(CID)),
}


@pytest.fixture(params=ACTIONS)
def action(
    request: pytest.FixtureRequest, store: GatewayStore, gateway: Gateway
) -> Callable[[Fault], None]:
    kind, act = ACTIONS[request.param]

    def run(fault: Fault) -> None:
        gateway.faults[kind] = fault
        act(store)

    return run


@pytest.mark.parametrize("code", [401, 403, 418, 500, 505])
def test_a_refusal_is_told_in_its_own_words(action: Callable[[Fault], None], code: int) -> None:
    with pytest.raises(StoreFailed, match=str(code)) as caught:
        action(lambda visit: visit.plain(b"\x1b[2Jno, " + b"x" * 5000, code=code))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    action: Callable[[Fault], None], gateway: Gateway, code: int
) -> None:
    with pytest.raises(StoreFailed, match="redirected"):
        action(lambda visit: visit.plain(b"", code=code, Location=f"{gateway.url}/elsewhere"))
    assert not [path for path in gateway.requests if "elsewhere" in path]


def test_a_compressed_answer_is_refused(action: Callable[[Fault], None]) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    with pytest.raises(StoreFailed, match="compressed"):
        action(lambda visit: visit.plain(bomb, Content_Encoding="gzip"))


def test_a_gateway_that_is_busy_is_asked_again(
    action: Callable[[Fault], None], gateway: Gateway
) -> None:
    left = [429, 502, 503]

    def busy(visit: Visit) -> None:
        if left:
            visit.plain(b"busy", code=left.pop())
        else:
            visit.well()

    action(busy)
    assert not left


def test_a_gateway_that_stays_busy_is_unreachable(
    action: Callable[[Fault], None], gateway: Gateway
) -> None:
    with pytest.raises(StoreUnreachable, match="503"):
        action(lambda visit: visit.plain(b"busy", code=503))
    assert len(gateway.requests) == 4


def test_a_gateway_that_hangs_up_is_asked_again_and_then_unreachable(
    action: Callable[[Fault], None], gateway: Gateway
) -> None:
    with pytest.raises(StoreUnreachable):
        action(lambda visit: visit.hang_up())
    assert len(gateway.requests) == 4


def test_a_gateway_that_is_down_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "PAUSES_S", (0.01,))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        store = GatewayStore(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout_s=1)
        for _, act in ACTIONS.values():
            with pytest.raises(StoreUnreachable, match="refused"):
                act(store)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_gateway_that_hangs_is_unreachable_in_time(gateway: Gateway, name: str) -> None:
    kind, act = ACTIONS[name]
    done = threading.Event()
    gateway.faults[kind] = lambda _: done.wait(10) and None
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="timed out"):
        act(GatewayStore(gateway.url, timeout_s=0.2))
    assert time.monotonic() - started < 3
    assert len(gateway.requests) == 1  # it had its time
    done.set()


@pytest.mark.parametrize("kind", ["car", "raw"])
def test_an_answer_that_trickles_is_given_up(gateway: Gateway, kind: str) -> None:
    def trickle() -> Iterator[bytes]:
        yield HEAD if kind == "car" else b""
        while True:
            yield b"\xff" if kind == "raw" else uvarint(1000) + ROOT
            time.sleep(0.02)

    def slowly(visit: Visit) -> None:
        if kind == "raw":
            visit.send_response(200)
            visit.send_header("Content-Type", "application/vnd.ipld.raw")
            visit.send_header("Content-Length", "1000000")
            visit.end_headers()
            for piece in trickle():
                visit.wfile.write(piece)
                visit.wfile.flush()
        visit.give(trickle())

    gateway.faults[kind] = slowly
    store = GatewayStore(gateway.url, timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises((StoreUnreachable, Corrupted)):
        read(store) if kind == "car" else store.size(CID)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("announced", [None, 1 << 40])
def test_a_block_without_end_is_cut_off(
    store: GatewayStore, gateway: Gateway, announced: int | None
) -> None:
    def endless(visit: Visit) -> None:
        visit.send_response(200)
        visit.send_header("Content-Type", "application/vnd.ipld.raw")
        if announced:
            visit.send_header("Content-Length", str(announced))
        visit.end_headers()
        while True:
            visit.wfile.write(bytes(65536))

    gateway.faults["raw"] = endless
    with pytest.raises(StoreFailed, match="no end"):
        store.size(CID)


def test_a_proxy_for_the_internet_is_not_asked_for_the_loopback(
    store: GatewayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert store.has(CID)


def test_a_proxy_of_the_environment_is_asked_for_the_internet(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake stands in for the proxy: it sees the whole URL, and the proxy's password."""
    monkeypatch.setenv("http_proxy", gateway.url.replace("://", "://user:secret@"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    gateway.faults["head"] = lambda visit: visit.plain(b"")
    assert GatewayStore("http://gateway.example", timeout_s=5).has(CID)
    assert gateway.requests == [f"HEAD http://gateway.example/ipfs/{CID}?format=raw"]
    assert gateway.headers[0]["Proxy-Authorization"] == "Basic dXNlcjpzZWNyZXQ="


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_gateway_has_to_prove_who_it_is(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(certificate) as gateway:
        cid = gateway.hold(DATA)
        with pytest.raises(StoreUnreachable, match="certificate verify failed"):
            read(GatewayStore(gateway.url, timeout_s=5), cid)
        assert not gateway.requests
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read(GatewayStore(gateway.url, timeout_s=5), cid) == DATA


def test_a_gateway_may_stand_below_a_path(gateway: Gateway) -> None:
    gateway.faults["head"] = lambda visit: visit.plain(b"")
    assert GatewayStore(gateway.url + "/below/", timeout_s=5).has(CID)
    assert gateway.requests == [f"HEAD /below/ipfs/{CID}?format=raw"]


def test_what_is_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(StoreUnreachable):
            GatewayStore(f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.3).has(CID)
        thread.join()


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://gateway.example", "http://", "https:///ipfs", "http://user:word@host",
     "https://host/?a=b", "https://host#a", "http://[::1", "/ip4/127.0.0.1/tcp/8080", "http://a b"],
)  # fmt: skip
def test_what_is_no_url_of_a_gateway_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue):
        GatewayStore(url)


# A line that drops.


def dropped_after(count: int, times: int) -> tuple[Fault, list[str]]:
    """Hangs up after so many sections, so many times; tells what it gave."""
    given: list[str] = []
    left = [times]

    def fault(visit: Visit) -> None:
        sections = list(visit.sections())
        cut = sections[:count] if left[0] else sections
        given.extend(str(cid.hex()) for cid, _ in cut)
        if not left[0]:
            visit.give(visit.framed(sections))
            return
        left[0] -= 1
        visit.send_response(200)
        visit.send_header("Content-Type", "application/vnd.ipld.car; version=1; order=dfs; dups=y")
        visit.send_header("Transfer-Encoding", "chunked")
        visit.end_headers()
        for piece in visit.framed(cut):
            visit.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        visit.hang_up()

    return fault, given


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_long_get_goes_on_where_it_was_dropped(
    store: GatewayStore, gateway: Gateway, times: int
) -> None:
    gateway.faults["car"], given = dropped_after(2, times)
    assert read(store) == DATA
    assert gateway.requests == [car_of(at * CHUNK, "*") for at in range(times + 1)]
    leaves = [cid for cid in given if cid != ROOT.hex()]
    assert leaves == [cid_bytes(cid).hex() for cid in LEAVES]  # each once


def test_a_range_goes_on_where_it_was_dropped(store: GatewayStore, gateway: Gateway) -> None:
    gateway.faults["car"], _ = dropped_after(2, 1)
    assert read(store, CID, 100, 2 * CHUNK) == DATA[100 : 100 + 2 * CHUNK]
    assert gateway.requests == [car_of(100, 99 + 2 * CHUNK), car_of(CHUNK, 99 + 2 * CHUNK)]


def test_a_get_without_progress_is_given_up(store: GatewayStore, gateway: Gateway) -> None:
    gateway.faults["car"], _ = dropped_after(1, 99)
    with pytest.raises(StoreUnreachable):
        read(store)
    assert gateway.requests == [car_of(0, "*")] * 4


def test_a_car_that_ends_too_early_goes_on_if_the_block_is_there(
    store: GatewayStore, gateway: Gateway
) -> None:
    whole = []

    def short(visit: Visit) -> None:
        sections = list(visit.sections())
        visit.give(visit.framed(sections if whole else sections[:2]))
        whole.append(True)

    gateway.faults["car"] = short
    assert read(store) == DATA
    assert gateway.requests == [
        car_of(0, "*"), f"HEAD /ipfs/{LEAVES[1]}?format=raw", car_of(CHUNK, "*"),
    ]  # fmt: skip


def test_get_that_is_dropped_half_way_frees_its_connection(
    store: GatewayStore, recwarn: pytest.WarningsRecorder
) -> None:
    pieces = store.get(CID)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # an iterator by promise, a generator in fact
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


# Constant memory.

MEASURED = """
import resource, sys
from medibloc_py.storage import GatewayStore
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
store = GatewayStore(sys.argv[1])
for piece in store.get(sys.argv[2], 0, 8 << 20):
    pass
before = peak()
total = sum(len(piece) for piece in store.get(sys.argv[2]))
print(peak() - before, total)
"""


def test_get_needs_constant_memory(gateway: Gateway) -> None:
    cid = gateway.hold(bytes(128 * CHUNK))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, gateway.url, cid], check=True, capture_output=True
    )
    grown, total = map(int, done.stdout.split())
    assert total == 128 * CHUNK
    assert grown < 8 * CHUNK
