"""A store that lies, loses or breaks down: each room, each fault, each block of a blob.

What comes before the fault is right, what is named is what happened, and nothing else
comes. Only where a store did not answer is it asked again.
"""

from __future__ import annotations

import hashlib
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medibloc_py.errors import BlobMissing, Corrupted, StoreFailed, StoreUnreachable
from medibloc_py.model import Cid
from medibloc_py.storage import CidBuilder, GatewayStore, KuboStore, LocalStore, Store, raw_cid
from medibloc_py.storage.car import CarWriter
from medibloc_py.storage.cid import cid_bytes, cid_text
from tests.fakes.gateway import Gateway
from tests.fakes.gateway import serve as serve_gateway
from tests.fakes.recorded_kubo import Exchange, RecordedKubo
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

DATA = some_bytes(3 * CHUNK + 17)
CID = cid_of(DATA)
LEAVES = [
    raw_cid(hashlib.sha256(DATA[at : at + CHUNK]).digest()) for at in range(0, len(DATA), CHUNK)
]
BLOCKS = [CID, *LEAVES]
"""In the order of a read."""


def blocks_of(data: bytes) -> dict[Cid, bytes]:
    found: dict[Cid, bytes] = {}
    builder = CidBuilder(lambda cid, block: found.__setitem__(cid_text(cid), bytes(block)))
    builder.write(data)
    builder.finish()
    return found


class Room(ABC):
    """A store with the blob in it, and a hand inside."""

    store: Store

    @abstractmethod
    def give(self, cid: Cid, block: bytes) -> None:
        """Something else in a block's place from now on."""

    @abstractmethod
    def lose(self, cid: Cid) -> None:
        """A block."""


class LocalRoom(Room):
    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder)
        self.store.put([DATA])
        self.car = folder / "blobs" / f"{CID}.car"
        self.blocks = blocks_of(DATA)

    def give(self, cid: Cid, block: bytes) -> None:
        self.blocks[cid] = block
        self._write()

    def lose(self, cid: Cid) -> None:
        del self.blocks[cid]
        self._write()

    def _write(self) -> None:
        with self.car.open("wb") as file:
            writer = CarWriter(file.fileno())
            for cid, block in self.blocks.items():
                writer.block(cid_bytes(cid), block)
            writer.finish(CID)


class KuboRoom(Room):
    def __init__(self, kubo: RecordedKubo) -> None:
        self.kubo = kubo
        self.store = KuboStore(kubo.url, timeout_s=5)
        self.store.put([DATA])
        kubo.requests.clear()

    def give(self, cid: Cid, block: bytes) -> None:
        self.kubo.blocks[cid] = block

    def lose(self, cid: Cid) -> None:
        del self.kubo.blocks[cid]


class GatewayRoom(Room):
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.store = GatewayStore(gateway.url, timeout_s=5)
        gateway.hold(DATA)

    def give(self, cid: Cid, block: bytes) -> None:
        self.gateway.lies[cid] = block

    def lose(self, cid: Cid) -> None:
        self.gateway.lies[cid] = None


class RawGatewayRoom(GatewayRoom):
    """A gateway that gives single blocks and no CAR."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        gateway.faults["car"] = lambda visit: visit.plain(b"no CAR here", code=406)


@pytest.fixture(params=["local", "kubo", "gateway", "gateway by block"])
def room(request: pytest.FixtureRequest, tmp_path: Path, kubo: RecordedKubo) -> Iterator[Room]:
    if request.param == "local":
        yield LocalRoom(tmp_path)
    elif request.param == "kubo":
        yield KuboRoom(kubo)
    else:
        with serve_gateway() as gateway:
            make = GatewayRoom if request.param == "gateway" else RawGatewayRoom
            yield make(gateway)


def read(store: Store) -> tuple[bytes, BaseException | None]:
    """What a read of the whole gave, and how it ended."""
    got = bytearray()
    try:
        for piece in store.get(CID):
            got += piece
    except Exception as error:
        return bytes(got), error
    return bytes(got), None


LIES: dict[str, Callable[[bytes], bytes]] = {
    "no bytes": lambda block: b"",
    "wrong bytes": lambda block: b"something else",
    "a flipped bit": lambda block: block[:-1] + bytes([block[-1] ^ 1]),
    "truncated": lambda block: block[:-1],
    "extended": lambda block: (block + b"!")[-CHUNK:],
    "the right bytes of another block": lambda block: blocks_of(DATA)[LEAVES[2]],
    "a whole other blob": lambda block: b"other",
}


@pytest.mark.parametrize("number", [0, 1, 2, 4], ids=["root", "first", "second", "last"])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_damage_and_nothing_of_it_comes(
    room: Room, number: int, lie: Callable[[bytes], bytes]
) -> None:
    room.give(BLOCKS[number], lie(blocks_of(DATA)[BLOCKS[number]]))
    got, error = read(room.store)
    assert isinstance(error, Corrupted), error
    assert error.values["name"] == CID
    assert got == DATA[: max(number - 1, 0) * CHUNK]
    if number == 0:
        with pytest.raises(Corrupted):
            room.store.size(CID)
    else:
        assert room.store.size(CID) == len(DATA)


@pytest.mark.parametrize("number", [0, 1, 2, 4], ids=["root", "first", "second", "last"])
def test_a_lost_block_is_named(room: Room, number: int) -> None:
    """A folder's file that lacks one is damaged; a daemon that lacks one may find it again."""
    room.lose(BLOCKS[number])
    got, error = read(room.store)
    assert isinstance(error, Corrupted if isinstance(room, LocalRoom) else BlobMissing), error
    assert BLOCKS[number] in str(error)
    assert got == DATA[: max(number - 1, 0) * CHUNK]


def test_what_was_damaged_reads_well_once_it_is_whole_again(room: Room) -> None:
    room.give(LEAVES[1], b"something else")
    assert isinstance(read(room.store)[1], Corrupted)
    room.give(LEAVES[1], blocks_of(DATA)[LEAVES[1]])
    assert read(room.store) == (DATA, None)


# A daemon that breaks down in the middle. For gateways see test_gateway_store.


@pytest.fixture
def kubo_room(kubo: RecordedKubo) -> KuboRoom:
    return KuboRoom(kubo)


def hang_up(exchange: Exchange) -> None:
    exchange.connection.shutdown(socket.SHUT_RDWR)
    exchange.close_connection = True


def cut_in_half(exchange: Exchange) -> None:
    exchange.send_response(200)
    exchange.send_header("Transfer-Encoding", "chunked")
    exchange.end_headers()
    exchange.wfile.write(b"100000\r\n" + bytes(1000))
    exchange.close_connection = True


def at_block(cid: Cid, fault: Callable[[Exchange], None], times: int) -> Callable[[Exchange], None]:
    """A fault that befalls one block, so many times."""
    left = [times]

    def answer(exchange: Exchange) -> None:
        if exchange.arg == cid and left[0]:
            left[0] -= 1
            fault(exchange)
        else:
            exchange._block_get()

    return answer


def asked(kubo: RecordedKubo) -> list[str]:
    return [request.rpartition("arg=")[2] for request in kubo.requests]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("fault", [hang_up, cut_in_half])
def test_a_read_goes_on_when_the_daemon_is_back(
    kubo_room: KuboRoom, number: int, fault: Callable[[Exchange], None]
) -> None:
    kubo = kubo_room.kubo
    kubo.faults["block/get"] = at_block(BLOCKS[number], fault, times=2)
    assert read(kubo_room.store) == (DATA, None)
    # The one that was cut is asked for again, and no other.
    assert asked(kubo) == [*BLOCKS[: number + 1], *[BLOCKS[number]] * 2, *BLOCKS[number + 1 :]]


@pytest.mark.parametrize("fault", [hang_up, cut_in_half])
def test_a_read_is_given_up_when_the_daemon_stays_away(
    kubo_room: KuboRoom, fault: Callable[[Exchange], None]
) -> None:
    kubo_room.kubo.faults["block/get"] = at_block(LEAVES[1], fault, times=99)
    got, error = read(kubo_room.store)
    assert isinstance(error, StoreUnreachable)
    assert got == DATA[:CHUNK]
    assert asked(kubo_room.kubo)[-4:] == [LEAVES[1]] * 4


@pytest.mark.parametrize("lie", [b"", b"something else"])
def test_a_lie_is_not_asked_for_again(kubo_room: KuboRoom, lie: bytes) -> None:
    kubo_room.give(LEAVES[1], lie)
    assert isinstance(read(kubo_room.store)[1], Corrupted)
    assert asked(kubo_room.kubo) == BLOCKS[:3]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda x: x.chunked([b"half"], trailer="datastore: i/o error"), StoreFailed),
        (lambda x: x.error("datastore: i/o error"), StoreFailed),
        (lambda x: x.error("context deadline exceeded"), BlobMissing),
        (lambda x: x.chunked(b" " * 65536 for _ in range(100)), StoreFailed),
        (lambda x: x.plain(b"", 302, Location="/elsewhere"), StoreFailed),
    ],
    ids=["a trailer", "a refusal", "not found", "without end", "redirected"],
)
def test_what_the_daemon_says_is_not_asked_for_again(
    kubo_room: KuboRoom, fault: Callable[[Exchange], None], error: type[Exception]
) -> None:
    kubo_room.kubo.faults["block/get"] = at_block(LEAVES[1], fault, times=99)
    got, found = read(kubo_room.store)
    assert isinstance(found, error), found
    assert got == DATA[:CHUNK]
    assert asked(kubo_room.kubo) == BLOCKS[:3]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_daemon_that_forgets_in_the_middle(kubo_room: KuboRoom, number: int) -> None:
    """Garbage collected while it was read."""
    pieces = kubo_room.store.get(CID)
    got = b"".join(next(pieces) for _ in range(number - 1))
    kubo_room.kubo.blocks.clear()
    with pytest.raises(BlobMissing) as caught:
        list(pieces)
    assert caught.value.values == {"cid": BLOCKS[number]}
    assert got == DATA[: (number - 1) * CHUNK]


def test_what_changes_something_is_not_tried_again(kubo_room: KuboRoom) -> None:
    """Nobody knows whether it was done."""
    for command, act in (
        ("add", lambda: kubo_room.store.put([DATA])),
        ("pin/add", lambda: kubo_room.store.pin(CID)),
        ("pin/rm", lambda: kubo_room.store.unpin(CID)),
        ("repo/gc", kubo_room.store.collect),
    ):
        kubo_room.kubo.requests.clear()
        kubo_room.kubo.faults[command] = hang_up
        with pytest.raises(StoreUnreachable):
            act()
        asked_for = [request for request in kubo_room.kubo.requests if f"/{command}?" in request]
        assert len(asked_for) == 1, command


# A disk that fails, or changes, in the middle.


def test_a_disk_that_fails_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalRoom(tmp_path).store
    pieces = store.get(CID)
    got = next(pieces)

    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(StoreFailed, match="Input/output error"):
        next(pieces)
    assert got == DATA[:CHUNK]


def test_a_file_that_is_cut_in_the_middle(tmp_path: Path) -> None:
    room = LocalRoom(tmp_path)
    pieces = room.store.get(CID)
    got = next(pieces)
    os.truncate(room.car, CHUNK + 1000)
    with pytest.raises(Corrupted):
        next(pieces)
    assert got == DATA[:CHUNK]


def test_a_folder_that_is_emptied_in_the_middle(tmp_path: Path) -> None:
    room = LocalRoom(tmp_path)
    pieces = room.store.get(CID)
    got = next(pieces)
    room.car.unlink()
    assert got + b"".join(pieces) == DATA  # what was open stays
    with pytest.raises(BlobMissing):
        list(room.store.get(CID))
