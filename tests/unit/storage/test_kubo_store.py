"""What goes over the wire to a daemon, and every way it may answer badly."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from medibloc_py.errors import (
    BlobMissing,
    CidMismatch,
    Corrupted,
    InvalidValue,
    MediBlocError,
    StoreFailed,
    StoreUnreachable,
)
from medibloc_py.model import StoredBlob
from medibloc_py.storage import CidBuilder, KuboStore, raw_cid
from tests.fakes.recorded_kubo import Exchange, RecordedKubo
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

DATA = some_bytes(CHUNK + 5)
CID = cid_of(DATA)
LEAVES = [raw_cid(hashlib.sha256(part).digest()) for part in (DATA[:CHUNK], DATA[CHUNK:])]
OTHER = cid_of(b"other")

Fault = Callable[[Exchange], None]


@pytest.fixture
def store(kubo: RecordedKubo) -> KuboStore:
    return KuboStore(kubo.url, timeout_s=5)


@pytest.fixture
def filled(store: KuboStore, kubo: RecordedKubo) -> KuboStore:
    store.put([DATA])
    kubo.requests.clear()
    return store


@pytest.fixture
def impatient(filled: KuboStore, kubo: RecordedKubo) -> KuboStore:
    """For tests that wait until the store gives up."""
    return KuboStore(kubo.url, timeout_s=0.2)


def after_upload(answer: Fault) -> Fault:
    """A fault that comes only once the daemon has taken the whole upload."""

    def fault(exchange: Exchange) -> None:
        exchange.upload()
        answer(exchange)

    return fault


# Over the wire.


def test_put_sends_these_very_requests(store: KuboStore, kubo: RecordedKubo) -> None:
    store.put([DATA[:7], DATA[7:]])
    assert kubo.requests == [
        "/api/v0/add?pin=true&cid-version=1&hash=sha2-256&raw-leaves=true&chunker=size-1048576"
        "&max-file-links=1024&trickle=false&inline=false&wrap-with-directory=false"
        "&fast-provide-root=false"
    ]


def test_put_tells_the_daemon_no_path(store: KuboStore, kubo: RecordedKubo) -> None:
    store.put([DATA])
    assert kubo.uploads == [
        b'Content-Disposition: form-data; name="file"; filename="blob"\r\n'
        b"Content-Type: application/octet-stream"
    ]


def test_get_asks_for_the_blocks_it_needs_and_no_other(
    filled: KuboStore, kubo: RecordedKubo
) -> None:
    assert b"".join(filled.get(CID, CHUNK, 2)) == DATA[CHUNK : CHUNK + 2]
    assert kubo.requests == [
        f"/api/v0/block/get?timeout=4.000s&arg={cid}" for cid in (CID, LEAVES[1])
    ]


def test_size_asks_for_the_root_only(filled: KuboStore, kubo: RecordedKubo) -> None:
    assert filled.size(CID) == len(DATA)
    assert kubo.requests == [f"/api/v0/block/get?timeout=4.000s&arg={CID}"]


def test_has_asks_the_daemon_and_not_its_peers(filled: KuboStore, kubo: RecordedKubo) -> None:
    assert filled.has(CID)
    assert kubo.requests == [f"/api/v0/block/stat?offline=true&arg={CID}"]


def test_pin_and_unpin_send_these_very_requests(filled: KuboStore, kubo: RecordedKubo) -> None:
    filled.pin(CID)
    filled.unpin(CID)
    assert kubo.requests == [
        f"/api/v0/block/get?timeout=4.000s&arg={CID}",
        f"/api/v0/pin/add?progress=true&fast-provide-root=false&arg={CID}",
        f"/api/v0/pin/rm?arg={CID}",
    ]


def test_pins_asks_for_what_was_kept_as_a_whole(filled: KuboStore, kubo: RecordedKubo) -> None:
    assert list(filled.pins()) == [CID]
    assert kubo.requests == ["/api/v0/pin/ls?type=recursive&stream=true"]


def test_pins_leaves_out_what_is_in_another_shape(filled: KuboStore, kubo: RecordedKubo) -> None:
    kubo.pins |= {"Qm" + "x" * 44, "bafybeiaaa"}
    assert list(filled.pins()) == [CID]


# The upload.


def test_put_announces_before_the_daemon_knows_that_it_was_the_end(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    """So that nothing is pinned that nobody noted, wherever this process dies."""
    told: list[str] = []

    def announce(blob: StoredBlob) -> None:
        told.append(blob.cid)
        assert not kubo.pins
        assert not kubo.uploads

    store.put([DATA], announce=announce)
    assert told == [CID]
    assert kubo.pins == {CID}


def test_put_that_cannot_be_announced_is_never_ended(store: KuboStore, kubo: RecordedKubo) -> None:
    def announce(blob: StoredBlob) -> None:
        raise Corrupted(name="the notes", reason="they are full")

    with pytest.raises(Corrupted, match="the notes"):
        store.put([DATA], announce=announce)
    assert not kubo.uploads
    assert not kubo.pins


def test_put_reverts_when_the_daemon_says_why_and_hangs_up(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    """Its reason is read though the rest of the upload could not be sent."""

    def refuse(exchange: Exchange) -> None:
        exchange.rfile.read(CHUNK)
        exchange.error("no space left on device")
        exchange.wfile.flush()
        exchange.connection.shutdown(socket.SHUT_WR)
        exchange.rfile.read(3 * CHUNK)
        exchange.close_connection = True

    kubo.faults["add"] = refuse
    with pytest.raises(StoreFailed, match="no space left on device"):
        store.put(some_bytes(CHUNK) for _ in range(50))


def test_put_reverts_and_pins_nothing_when_the_daemon_lies_about_the_cid(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.lines({"Hash": OTHER, "Size": "5"}))
    with pytest.raises(CidMismatch) as caught:
        store.put([DATA])
    assert OTHER in str(caught.value.values["actual"])
    assert len(kubo.requests) == 1


def test_put_reverts_when_the_daemon_tells_another_total(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.lines({"Hash": CID, "Size": str(len(DATA))}))
    with pytest.raises(CidMismatch):
        store.put([DATA])
    assert not kubo.pins


def test_put_reverts_when_the_daemon_does_not_keep_to_the_profile(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    """As one that ignores `max-file-links` would above 174 MiB."""
    kubo.faults["add"] = after_upload(
        lambda x: x.lines({"Hash": "Qm" + "x" * 44, "Size": str(len(DATA))})
    )
    with pytest.raises(CidMismatch):
        store.put([DATA])


def test_put_cleans_what_a_daemon_says_before_showing_it(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.faults["add"] = after_upload(
        lambda x: x.lines({"Hash": "\x1b[2J" + "x" * 5000, "Size": "5"})
    )
    with pytest.raises(CidMismatch) as caught:
        store.put([DATA])
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


BAD_JSON: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>hello</html>",
    "half a JSON": b'{"Hash": "bafy',
    "null": b"null",
    "a list": b"[1, 2]",
    "a string": b'"ok"',
    "no hash": b'{"Name": "blob"}',
    "no size": b'{"Hash": "x"}',
    "a number": b'{"Hash": "x", "Size": 1}',
    "an infinity": b'{"Hash": "x", "Size": Infinity}',
    "two answers": b'{"Hash": "x", "Size": "1"}\n{"Hash": "x", "Size": "1"}\n',
    "a deep one": b"[" * 200_000,
    "no UTF-8": b'{"Hash": "\xff"}',
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_put_reverts_when_the_answer_is_none_of_kubo(
    store: KuboStore, kubo: RecordedKubo, body: bytes
) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.plain(body))
    with pytest.raises(StoreFailed):
        store.put([DATA])
    assert not kubo.pins


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
@pytest.mark.parametrize("command", ["pin/add", "pin/rm", "block/stat"])
def test_other_answers_that_are_none_of_kubo_stay_typed(
    filled: KuboStore, kubo: RecordedKubo, body: bytes, command: str
) -> None:
    kubo.faults[command] = lambda x: x.plain(body)
    act = {"pin/add": filled.pin, "pin/rm": filled.unpin, "block/stat": filled.has}[command]
    try:
        act(CID)
    except StoreFailed:
        return
    assert command != "pin/add"


def test_put_reverts_when_an_error_comes_after_a_200(store: KuboStore, kubo: RecordedKubo) -> None:
    kubo.faults["add"] = after_upload(
        lambda x: x.lines({"Message": "no space left on device", "Code": 0, "Type": "error"})
    )
    with pytest.raises(StoreFailed, match="no space left on device"):
        store.put([DATA])


def test_put_reverts_when_a_200_ends_with_an_error_in_its_trailer(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.lines(trailer="no space left on device"))
    with pytest.raises(StoreFailed, match="no space left on device"):
        store.put([DATA])


@pytest.mark.parametrize("code", [400, 403, 404, 500, 503])
def test_put_reverts_when_the_daemon_refuses(
    store: KuboStore, kubo: RecordedKubo, code: int
) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.plain(b"403 - Forbidden", code))
    with pytest.raises(StoreFailed):
        store.put([DATA])
    kubo.faults["add"] = after_upload(lambda x: x.error("daemon says no", code))
    with pytest.raises(StoreFailed, match="daemon says no"):
        store.put([DATA])


def test_a_long_refusal_is_cut_in_its_middle(store: KuboStore, kubo: RecordedKubo) -> None:
    """Kubo says what it did first, where next, and why last."""
    said = f"committing batch: write {'/a' * 500}: no space left on device"
    kubo.faults["add"] = after_upload(lambda x: x.error(said))
    with pytest.raises(
        StoreFailed, match=r"it says: committing batch.* … .*no space left"
    ) as caught:
        store.put([DATA])
    assert len(caught.value.values["reason"]) == len("it says: ") + 200


def test_put_reverts_when_the_daemon_hangs_up_on_the_upload(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    def hang_up(exchange: Exchange) -> None:
        exchange.rfile.read(1000)
        exchange.connection.shutdown(socket.SHUT_RDWR)
        exchange.close_connection = True

    kubo.faults["add"] = hang_up
    with pytest.raises(StoreUnreachable):
        store.put(some_bytes(CHUNK) for _ in range(50))


def test_put_reverts_when_the_daemon_refuses_before_the_upload_ends(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    def refuse(exchange: Exchange) -> None:
        exchange.error("too busy")
        exchange.close_connection = True

    kubo.faults["add"] = refuse
    with pytest.raises((StoreFailed, StoreUnreachable)):
        store.put(some_bytes(CHUNK) for _ in range(50))


def test_put_reverts_when_the_daemon_is_content_with_less(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    """It hangs up after the first chunk, and answers rightly for what was read till then."""
    pieces = [some_bytes(CHUNK)] * 20
    read: list[bytes] = []

    def source() -> Iterator[bytes]:
        for piece in pieces:
            read.append(piece)
            yield piece

    def hang_up(exchange: Exchange) -> None:
        exchange.rfile.read(CHUNK)
        exchange.connection.shutdown(socket.SHUT_RD)
        sent = -1
        while sent < len(read):  # until the client is stuck
            sent = len(read)
            time.sleep(0.1)
        builder = CidBuilder()
        for piece in read:
            builder.write(piece)
        cid = builder.finish().cid
        exchange.lines({"Name": "blob", "Hash": cid, "Size": str(builder.dag_bytes)})
        exchange.wfile.flush()
        exchange.close_connection = True

    kubo.faults["add"] = hang_up
    with pytest.raises((StoreFailed, StoreUnreachable)):
        store.put(source())
    assert len(read) < len(pieces)
    assert not kubo.pins


def test_put_reverts_when_the_pin_fails(store: KuboStore, kubo: RecordedKubo) -> None:
    kubo.faults["add"] = after_upload(lambda x: x.error("pin: no space left on device"))
    with pytest.raises(StoreFailed, match="no space left on device"):
        store.put([DATA])


def test_put_of_a_source_that_breaks_leaves_no_pin(store: KuboStore, kubo: RecordedKubo) -> None:
    def source() -> Iterator[bytes]:
        yield some_bytes(CHUNK)
        raise Corrupted(name="the source", reason="it broke")

    with pytest.raises(Corrupted, match="the source"):
        store.put(source())
    assert not kubo.pins


def test_take_over_reverts_when_a_200_ends_with_an_error_in_its_trailer(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.blocks[LEAVES[0]] = DATA[:CHUNK]
    kubo.faults["dag/import"] = after_upload(lambda x: x.lines(trailer="no space left on device"))
    with pytest.raises(StoreFailed, match="no space left on device"):
        store.take_over([DATA[:CHUNK], DATA[CHUNK:]], CID)
    assert not kubo.pins


def test_take_over_of_a_blob_that_the_daemon_has_nothing_of_is_a_put(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    store.take_over([DATA[:CHUNK], DATA[CHUNK:]], CID)
    assert kubo.pins == {CID}
    assert [path.partition("?")[0] for path in kubo.requests] == [
        "/api/v0/block/stat",
        "/api/v0/add",
    ]


def test_take_over_reverts_when_the_blob_is_another(store: KuboStore, kubo: RecordedKubo) -> None:
    kubo.blocks[LEAVES[0]] = DATA[:CHUNK]
    # The daemon takes what comes, until it comes no more.
    kubo.faults["dag/import"] = lambda exchange: exchange.rfile.read()
    with pytest.raises(CidMismatch):
        store.take_over([DATA[:CHUNK]], OTHER)
    assert not kubo.pins


def test_take_over_sends_what_the_daemon_lacks_and_reverts_where_it_was_not_kept(
    store: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.blocks[LEAVES[0]] = DATA[:CHUNK]
    bodies: list[bytes] = []

    def forget(exchange: Exchange) -> None:
        bodies.append(exchange.upload())
        exchange.lines()

    kubo.faults["dag/import"] = forget
    with pytest.raises(BlobMissing):
        store.take_over([DATA[:CHUNK], DATA[CHUNK:]], CID)
    (body,) = bodies
    assert DATA[:CHUNK] not in body
    assert DATA[CHUNK:] in body
    assert not kubo.pins


# Reading.


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("lie", ["nothing", "something", "another", "cut"])
def test_get_reverts_when_the_daemon_lies_about_a_block(
    filled: KuboStore, kubo: RecordedKubo, number: int, lie: str
) -> None:
    cids = [CID, *LEAVES]
    kubo.blocks[cids[number]] = {
        "nothing": b"",
        "something": b"something",
        "another": kubo.blocks[cids[number - 1]],
        "cut": kubo.blocks[cids[number]][:-1],
    }[lie]
    with pytest.raises(Corrupted):
        list(filled.get(CID))


def test_get_reverts_when_a_block_ends_with_an_error_in_its_trailer(
    filled: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.faults["block/get"] = lambda x: x.chunked([b"half"], trailer="datastore: i/o error")
    with pytest.raises(StoreFailed, match="i/o error"):
        list(filled.get(CID))


@pytest.mark.parametrize(
    "message",
    [
        "block was not found locally (offline): ipld: could not find bafk",
        "context deadline exceeded",
        "blockservice: key not found",
    ],
)
def test_get_tells_missing_from_failing(
    filled: KuboStore, kubo: RecordedKubo, message: str
) -> None:
    kubo.faults["block/get"] = lambda x: x.error(message)
    with pytest.raises(BlobMissing):
        list(filled.get(CID))
    kubo.faults["block/get"] = lambda x: x.error("datastore: i/o error")
    with pytest.raises(StoreFailed, match="i/o error"):
        list(filled.get(CID))


def test_get_that_is_dropped_half_way_frees_its_connection(
    filled: KuboStore, recwarn: pytest.WarningsRecorder
) -> None:
    pieces = filled.get(CID)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # an iterator by promise, a generator in fact
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


# Pins.


def test_pin_reverts_when_the_daemon_stops_fetching(
    impatient: KuboStore, kubo: RecordedKubo
) -> None:
    def stalled() -> Iterator[bytes]:
        while True:
            yield b'{"Progress":3}\n'
            time.sleep(0.02)

    kubo.faults["pin/add"] = lambda x: x.chunked(stalled())
    with pytest.raises(StoreUnreachable, match="stopped fetching"):
        impatient.pin(CID)


def test_pin_takes_as_long_as_the_daemon_makes_progress(
    impatient: KuboStore, kubo: RecordedKubo
) -> None:
    def slow() -> Iterator[bytes]:
        for number in range(14):
            yield b'{"Progress":%d}\n' % number
            time.sleep(0.05)
        yield b'{"Pins":["%s"]}\n' % CID.encode()

    kubo.faults["pin/add"] = lambda x: x.chunked(slow())
    impatient.pin(CID)


@pytest.mark.parametrize("pins", [[], [OTHER], None, "x"])
def test_pin_reverts_when_the_daemon_pins_something_else(
    filled: KuboStore, kubo: RecordedKubo, pins: Any
) -> None:
    kubo.faults["pin/add"] = lambda x: x.lines({"Progress": 1}, {"Pins": pins})
    with pytest.raises(StoreFailed):
        filled.pin(CID)


def test_pin_reverts_when_a_200_ends_with_an_error_in_its_trailer(
    filled: KuboStore, kubo: RecordedKubo
) -> None:
    kubo.blocks.pop(LEAVES[0])
    with pytest.raises(StoreFailed, match="context canceled"):
        filled.pin(CID)


def test_unpin_reverts_when_the_daemon_fails(filled: KuboStore, kubo: RecordedKubo) -> None:
    kubo.faults["pin/rm"] = lambda x: x.error("datastore: i/o error")
    with pytest.raises(StoreFailed, match="i/o error"):
        filled.unpin(CID)


# Any request.

ACTIONS: dict[str, tuple[str, Callable[[KuboStore], object]]] = {
    "put": ("add", lambda store: store.put([DATA])),
    "get": ("block/get", lambda store: list(store.get(CID))),
    "size": ("block/get", lambda store: store.size(CID)),
    "has": ("block/stat", lambda store: store.has(CID)),
    "pin": ("pin/add", lambda store: store.pin(CID)),
    "unpin": ("pin/rm", lambda store: store.unpin(CID)),
}


@pytest.fixture(params=ACTIONS)
def action(
    request: pytest.FixtureRequest, filled: KuboStore, kubo: RecordedKubo
) -> Callable[[Fault], None]:
    """Acts on the store with a fault in the way; a put gets its whole upload through."""
    command, act = ACTIONS[request.param]

    def run(fault: Fault) -> None:
        kubo.faults[command] = after_upload(fault) if command == "add" else fault
        act(filled)

    return run


def test_a_daemon_that_is_down_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        store = KuboStore(f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}", timeout_s=1)
        for _, act in ACTIONS.values():
            with pytest.raises(StoreUnreachable, match="refused"):
                act(store)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_daemon_that_hangs_is_unreachable_in_time(
    impatient: KuboStore, kubo: RecordedKubo, name: str
) -> None:
    command, act = ACTIONS[name]
    done = threading.Event()

    def hang(_: Exchange) -> None:
        done.wait(10)

    kubo.faults[command] = after_upload(hang) if command == "add" else hang
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="timed out"):
        act(impatient)
    assert time.monotonic() - started < 3
    done.set()


def test_a_daemon_that_hangs_up_is_unreachable(action: Callable[[Fault], None]) -> None:
    def hang_up(exchange: Exchange) -> None:
        exchange.connection.shutdown(socket.SHUT_RDWR)
        exchange.close_connection = True

    with pytest.raises(StoreUnreachable):
        action(hang_up)


def test_a_daemon_that_hangs_up_in_its_answer_is_told(action: Callable[[Fault], None]) -> None:
    def half(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", "1000")
        exchange.end_headers()
        exchange.wfile.write(b"{")
        exchange.close_connection = True

    with pytest.raises((StoreUnreachable, StoreFailed)):
        action(half)


def test_an_answer_without_end_is_cut_off(action: Callable[[Fault], None]) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 65536

    with pytest.raises(StoreFailed, match="no end"):
        action(lambda x: x.chunked(endless()))


def test_an_answer_that_announces_too_much_is_cut_off(action: Callable[[Fault], None]) -> None:
    def announce(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(1 << 40))
        exchange.end_headers()
        while True:
            exchange.wfile.write(b" " * 65536)

    with pytest.raises(StoreFailed, match="no end"):
        action(announce)


def test_an_answer_that_trickles_is_given_up(impatient: KuboStore, kubo: RecordedKubo) -> None:
    def trickle() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.05)

    kubo.faults["block/get"] = lambda x: x.chunked(trickle())
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="too long"):
        list(impatient.get(CID))
    assert time.monotonic() - started < 3


def test_a_compressed_answer_is_refused(action: Callable[[Fault], None]) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    with pytest.raises(StoreFailed, match="compressed"):
        action(lambda x: x.plain(bomb, Content_Encoding="gzip"))


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    action: Callable[[Fault], None], kubo: RecordedKubo, code: int
) -> None:
    elsewhere = f"http://127.0.0.1:{kubo.url.rsplit('/', 1)[1]}/api/v0/elsewhere"
    with pytest.raises(StoreFailed, match="redirected"):
        action(lambda x: x.plain(b"", code, Location=elsewhere))
    assert not [path for path in kubo.requests if "elsewhere" in path]


def test_a_proxy_for_the_internet_is_not_asked(
    filled: KuboStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert filled.has(CID)


def test_what_is_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(MediBlocError) as caught:
            KuboStore(f"/ip4/127.0.0.1/tcp/{server.getsockname()[1]}", timeout_s=1).has(CID)
        thread.join()
    assert isinstance(caught.value, StoreFailed | StoreUnreachable)


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://127.0.0.1:5001", "/ip4/127.0.0.1", "/ip4/300.0.0.1/tcp/1", "/tcp/5001",
     "/ip4/127.0.0.1/udp/5001", "/ip4/127.0.0.1/tcp/5001/ws", "/ip4/127.0.0.1/tcp/70000"],
)  # fmt: skip
def test_what_is_no_address_of_a_daemon_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        KuboStore(url).has(CID)
    assert caught.value.values["given"] == url
