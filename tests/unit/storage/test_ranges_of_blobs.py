"""Reading here and there: what a range costs, and that what is kept is never believed too long."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.errors import BlobMissing, Corrupted, InvalidValue
from medibloc_py.model import Cid
from medibloc_py.storage import KuboStore, LocalStore
from medibloc_py.storage.cid import cid_bytes, cid_text
from medibloc_py.storage.leaves import LeafReader
from medibloc_py.storage.recent import Recent
from medibloc_py.storage.unixfs import decode_node
from tests.fakes.memory_store import MemoryStore
from tests.fakes.recorded_kubo import RecordedKubo
from tests.unit.storage.blobs import CHUNK, some_bytes

DATA = some_bytes(5 * CHUNK + 77)


class Counting(MemoryStore):
    """A store that notes every range it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int | None]] = []

    def get(self, cid: Cid, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.asked.append((offset, length))
        return super().get(cid, offset, length)


@pytest.fixture
def counting() -> Counting:
    return Counting()


def reader_of(store: MemoryStore, data: bytes = DATA) -> LeafReader:
    return LeafReader(store, store.put([data]).cid, len(data))


def read(reader: LeafReader, offset: int, length: int) -> bytes:
    return b"".join(reader.read(offset, length))


# By leaves.


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DATA)), st.integers(0, 4 * CHUNK)), max_size=8))
def test_any_ranges_in_any_order_are_those_of_the_blob(places: list[tuple[int, int]]) -> None:
    reader = reader_of(MemoryStore())
    for offset, wanted in places:
        length = min(wanted, len(DATA) - offset)
        assert read(reader, offset, length) == DATA[offset : offset + length]


@pytest.mark.parametrize(
    "offset", [0, 1, CHUNK - 1, CHUNK // 2, CHUNK, 4 * CHUNK + CHUNK // 2 + 77]
)
def test_half_a_leaf_costs_at_most_two_leaves(counting: Counting, offset: int) -> None:
    reader = reader_of(counting)
    assert read(reader, offset, CHUNK // 2) == DATA[offset : offset + CHUNK // 2]
    assert len(counting.asked) == 1
    assert reader.leaves <= 2
    assert reader.leaves == -(-reader.fetched_bytes // CHUNK)


def test_neighbours_of_what_was_read_cost_nothing(counting: Counting) -> None:
    reader = reader_of(counting)
    read(reader, CHUNK - 1, 2)
    counting.asked.clear()
    for offset, length in [(0, 10), (CHUNK, CHUNK), (5, 2 * CHUNK - 5), (7, 0)]:
        assert read(reader, offset, length) == DATA[offset : offset + length]
    assert counting.asked == []
    assert (reader.leaves, reader.fetched_bytes) == (2, 2 * CHUNK)


def test_a_step_forward_costs_one_leaf(counting: Counting) -> None:
    reader = reader_of(counting)
    read(reader, CHUNK - 1, 2)
    read(reader, 2 * CHUNK - 1, 2)
    assert counting.asked == [(0, 2 * CHUNK), (2 * CHUNK, CHUNK)]


def test_a_long_range_is_one_stream_and_is_not_kept(counting: Counting) -> None:
    reader = reader_of(counting)
    pieces = list(reader.read(10, 4 * CHUNK))
    assert b"".join(pieces) == DATA[10 : 4 * CHUNK + 10]
    assert max(map(len, pieces)) <= CHUNK
    assert counting.asked == [(10, 4 * CHUNK)]
    assert (reader.leaves, reader.fetched_bytes) == (5, 4 * CHUNK)
    read(reader, 10, 1)
    assert len(counting.asked) == 2


def test_the_last_leaf_is_as_short_as_it_is(counting: Counting) -> None:
    reader = reader_of(counting)
    assert read(reader, len(DATA) - 8, 8) == DATA[-8:]
    assert (reader.leaves, reader.fetched_bytes) == (1, 77)


def test_a_range_outside_of_the_blob_is_the_stores_to_refuse(counting: Counting) -> None:
    reader = reader_of(counting)
    with pytest.raises(InvalidValue):
        read(reader, len(DATA) - 1, 2)
    claimed = LeafReader(counting, counting.put([b"abc"]).cid, 4)
    with pytest.raises(InvalidValue):
        read(claimed, 0, 4)


def test_what_could_not_be_fetched_is_fetched_at_the_next_try(counting: Counting) -> None:
    reader = reader_of(counting)
    (cid,) = counting.blobs
    held = counting.blobs.pop(cid)
    with pytest.raises(BlobMissing):
        read(reader, 0, 1)
    counting.blobs[cid] = held
    assert read(reader, 0, 1) == DATA[:1]


def test_threads_share_a_reader() -> None:
    reader = reader_of(MemoryStore())
    start, failed = Barrier(4), []

    def look(seed: int) -> None:
        draw = random.Random(seed)
        start.wait()
        for _ in range(200):
            offset = draw.randrange(len(DATA) - 100)
            if read(reader, offset, 100) != DATA[offset : offset + 100]:
                failed.append(offset)

    threads = [Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


# What stores keep.


def test_recent_keeps_the_values_used_last() -> None:
    recent: Recent[str, str] = Recent(2)
    made: list[str] = []

    def get(key: str) -> None:
        assert recent.get(key, lambda: made.append(key) or key.upper()) == key.upper()

    for key in "abacab":
        get(key)
    assert made == ["a", "b", "c", "b"]


def test_recent_keeps_nothing_of_a_failure() -> None:
    recent: Recent[str, int] = Recent(2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 1) == 1


def test_kubo_is_asked_for_inner_blocks_once(kubo: RecordedKubo) -> None:
    store = KuboStore(kubo.url, timeout_s=5)
    blob = store.put([DATA])
    leaves = {cid_text(link.cid) for link in decode_node(kubo.blocks[blob.cid])}
    for leaf, needed in [(0, {blob.cid}), (1, set()), (4, set())]:
        kubo.requests.clear()
        assert (
            b"".join(store.get(blob.cid, leaf * CHUNK + 5, 100)) == DATA[leaf * CHUNK + 5 :][:100]
        )
        asked = {request.split("arg=")[1].split("&")[0] for request in kubo.requests}
        assert len(asked & leaves) == 1
        assert asked - leaves == needed


def test_what_is_kept_of_a_tree_does_not_stand_for_what_is_gone(kubo: RecordedKubo) -> None:
    store = KuboStore(kubo.url, timeout_s=5)
    blob = store.put([DATA])
    list(store.get(blob.cid, 0, 10))
    del kubo.blocks[blob.cid]
    with pytest.raises(BlobMissing):
        store.size(blob.cid)
    with pytest.raises(BlobMissing):
        list(store.get(blob.cid))


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def car_of(tmp_path: Path, cid: Cid) -> Path:
    return tmp_path / "store" / "blobs" / f"{cid}.car"


def test_a_file_is_walked_through_once(
    local: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = local.put([DATA]).cid
    list(local.get(cid, 0, 1))
    reads: list[int] = []
    pread = os.pread

    def watched(descriptor: int, length: int, offset: int) -> bytes:
        reads.append(length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", watched)
    assert b"".join(local.get(cid, CHUNK - 1, 2)) == DATA[CHUNK - 1 : CHUNK + 1]
    assert reads == [CHUNK, CHUNK]


def test_a_file_that_changed_is_walked_through_again(local: LocalStore, tmp_path: Path) -> None:
    cid = local.put([DATA]).cid
    list(local.get(cid, 0, 1))
    car = car_of(tmp_path, cid)
    content = car.read_bytes()
    car.write_bytes(content[:-1])
    with pytest.raises(Corrupted):
        list(local.get(cid, 0, 1))
    car.unlink()
    with pytest.raises(BlobMissing):
        list(local.get(cid, 0, 1))
    local.put([DATA])
    assert b"".join(local.get(cid, 0, 1)) == DATA[:1]


def test_a_damaged_leaf_is_found_though_its_place_is_known(
    local: LocalStore, tmp_path: Path
) -> None:
    cid = local.put([DATA]).cid
    list(local.get(cid, 0, 1))
    with car_of(tmp_path, cid).open("r+b") as file:
        file.seek(2 * CHUNK)
        file.write(b"damage")
    with pytest.raises(Corrupted):
        list(local.get(cid, CHUNK + CHUNK // 2, CHUNK))


def test_a_damaged_root_is_found_by_size_and_by_reading_to_the_end(
    local: LocalStore, tmp_path: Path
) -> None:
    cid = local.put([DATA]).cid
    list(local.get(cid, 0, 1))
    assert cid_bytes(cid)[1] != 0x55
    with car_of(tmp_path, cid).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(Corrupted):
        local.size(cid)
    with pytest.raises(Corrupted):
        list(local.get(cid))
