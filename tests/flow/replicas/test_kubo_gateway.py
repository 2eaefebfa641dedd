"""Reading through the gateway of a real Kubo."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from medibloc_py.cli import app
from medibloc_py.errors import BlobMissing, Corrupted, InvalidValue, StoreDamaged, StoreUnreachable
from medibloc_py.model import Cid
from medibloc_py.storage import CidBuilder, GatewayStore, raw_cid
from medibloc_py.storage.car import CarWriter
from medibloc_py.storage.cid import DAG_PB, RAW, binary_cid, cid_text
from medibloc_py.storage.unixfs import Link, encode_node
from tests.flow.replicas.swarm import Kubo, swarm

CHUNK = 1 << 20
DATA = hashlib.shake_128(b"blob").digest(3 * CHUNK + 17)
ABSENT = raw_cid(hashlib.sha256(b"nobody has this").digest())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubo]:
    with swarm(tmp_path_factory.mktemp("swarm"), 1) as (node,):
        yield node


@pytest.fixture
def reader(node: Kubo) -> GatewayStore:
    return node.reader


def read(reader: GatewayStore, cid: Cid, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(reader.get(cid, offset, length))


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
def test_a_gateway_gives_what_was_put_into_its_node(
    node: Kubo, reader: GatewayStore, size: int
) -> None:
    blob = node.store.put([DATA[:size]])
    assert read(reader, blob.cid) == DATA[:size]
    assert reader.size(blob.cid) == size
    assert reader.has(blob.cid)


@pytest.mark.parametrize("start", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5, 3 * CHUNK + 16])
@pytest.mark.parametrize("length", [0, 1, 2, CHUNK, None])
def test_a_gateway_gives_any_range(
    node: Kubo, reader: GatewayStore, start: int, length: int | None
) -> None:
    cid = node.store.put([DATA]).cid
    if length is None or start + length <= len(DATA):
        stop = None if length is None else start + length
        assert read(reader, cid, start, length) == DATA[start:stop]
    else:
        with pytest.raises(InvalidValue):
            read(reader, cid, start, length)


def test_a_gateway_repeats_a_repeated_block(node: Kubo, reader: GatewayStore) -> None:
    blob = node.store.put([bytes(4 * CHUNK)])
    assert read(reader, blob.cid) == bytes(4 * CHUNK)


def test_a_gateway_walks_a_tree_of_three_levels(
    node: Kubo, reader: GatewayStore, tmp_path: Path
) -> None:
    """More than 1024 leaves, all of them one block of zeros: a CAR of four blocks."""
    car = tmp_path / "zeros.car"
    with car.open("wb") as file:
        writer = CarWriter(file.fileno())

        def keep(codec: int, block: bytes) -> bytes:
            cid = binary_cid(codec, hashlib.sha256(block).digest())
            writer.block(cid, block)
            return cid

        def node_over(links: list[Link]) -> Link:
            block = encode_node(links)
            below = sum(link.dag_bytes for link in links)
            size = sum(link.size_bytes for link in links)
            return Link(keep(DAG_PB, block), size, below + len(block))

        leaf = Link(keep(RAW, bytes(CHUNK)), CHUNK, CHUNK)
        root = node_over([node_over([leaf] * 1024), node_over([leaf] * 6)])
        writer.finish(cid_text(root.cid))
    node.import_car(car)
    cid = cid_text(root.cid)
    assert reader.size(cid) == 1030 * CHUNK
    assert read(reader, cid, 1023 * CHUNK - 1, 3 * CHUNK) == bytes(3 * CHUNK)
    assert sum(len(piece) for piece in reader.get(cid, 1000 * CHUNK)) == 30 * CHUNK


def test_what_the_node_has_not_is_missing(node: Kubo, reader: GatewayStore) -> None:
    assert not reader.has(ABSENT)
    for act in (lambda: read(reader, ABSENT), lambda: reader.size(ABSENT)):
        with pytest.raises(BlobMissing) as caught:
            act()
        assert caught.value.values == {"cid": ABSENT}


def test_a_block_that_the_node_lost_is_missing_by_name(node: Kubo, reader: GatewayStore) -> None:
    """Kubo notices after its 200, and writes words into the CAR."""
    data = hashlib.shake_128(b"to be lost").digest(3 * CHUNK)
    blocks: list[bytes] = []
    builder = CidBuilder(lambda cid, _: blocks.append(cid))
    builder.write(data)
    builder.finish()
    lost = cid_text(blocks[1])
    cid = node.store.put([data]).cid
    node.store.unpin(cid)
    node.remove(lost)
    pieces = reader.get(cid)
    assert next(pieces) == data[:CHUNK]
    with pytest.raises(BlobMissing) as caught:
        next(pieces)
    assert caught.value.values == {"cid": lost}
    assert read(reader, cid, 2 * CHUNK) == data[2 * CHUNK :]


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_disk_that_rots_below_the_node_is_found(node: Kubo, number: int) -> None:
    """Kubo does not hash what it reads; who asks it does, by RPC and by gateway."""
    data = hashlib.shake_128(b"rot %d" % number).digest(3 * CHUNK + 17)
    blocks: list[bytes] = []
    builder = CidBuilder(lambda _, block: blocks.append(bytes(block)))
    builder.write(data)
    builder.finish()
    cid = node.store.put([data]).cid
    rotten = blocks[number]
    (file,) = (each for each in node.block_files() if each.read_bytes() == rotten)
    file.chmod(0o600)
    file.write_bytes(rotten[:9] + bytes([rotten[9] ^ 1]) + rotten[10:])
    for store in (node.store, node.reader):
        pieces = store.get(cid)
        assert b"".join(next(pieces) for _ in range(number)) == data[: number * CHUNK]
        with pytest.raises(Corrupted) as caught:
            next(pieces)
        assert caught.value.values["name"] == cid


def test_a_copy_is_proved_from_outside(node: Kubo, tmp_path: Path) -> None:
    """As who asked a service for replicas may do, without a word of the service."""
    cid = node.store.put([DATA]).cid
    at = ["--home", str(tmp_path), "--store", node.gateway, "store"]

    def verify(cid: Cid) -> Result:
        return CliRunner().invoke(app, [*at, "verify", "--cid", cid, "--json"])

    assert json.loads(verify(cid).stdout)["whole"] == [cid]
    assert isinstance(verify(ABSENT).exception, StoreDamaged)


def test_a_node_that_stops_in_the_middle_and_comes_back(tmp_path: Path) -> None:
    """The same reads go on, by gateway and by RPC, once it stands at the same place again."""
    with swarm(tmp_path, 1) as (node,):
        data = hashlib.shake_128(b"long").digest(24 * CHUNK)
        cid = node.store.put([data]).cid
        reads = [node.reader.get(cid), node.store.get(cid)]
        got = [next(pieces) for pieces in reads]
        before = node.gateway, node.rpc
        node.kill()
        node.up()  # what the sockets hold still comes; then the line is cut
        assert (node.gateway, node.rpc) == before
        for first, pieces in zip(got, reads, strict=True):
            assert first + b"".join(pieces) == data


def test_a_node_that_stays_away_is_unreachable(tmp_path: Path) -> None:
    with swarm(tmp_path, 1) as (node,):
        cid = node.store.put([hashlib.shake_128(b"long").digest(24 * CHUNK)]).cid
        pieces = GatewayStore(node.gateway, timeout_s=1).get(cid)
        next(pieces)
        node.kill()
        with pytest.raises(StoreUnreachable):
            list(pieces)
