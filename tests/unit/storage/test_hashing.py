"""Leaves hashed in threads: the same id, the same order, and no thread left behind."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.storage import CidBuilder, LocalStore, hashing
from medibloc_py.storage.cid import binary_cid
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

CORES = (1, 2, 3, 8)
RAW = 0x55


def leaf_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("leaf")]


@pytest.fixture(autouse=True)
def _no_thread_outlives_a_test() -> Iterator[None]:
    assert not leaf_threads()
    yield
    assert not leaf_threads()


def blocks_of(data: bytes, cores: int, piece: int) -> tuple[str, list[tuple[bytes, bytes]]]:
    blocks: list[tuple[bytes, bytes]] = []
    with CidBuilder(lambda cid, block: blocks.append((cid, bytes(block))), cores) as builder:
        for start in range(0, len(data), piece):
            builder.write(data[start : start + piece])
        return builder.finish().cid, blocks


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 9 * CHUNK, 9 * CHUNK + 12_345])
@pytest.mark.parametrize("piece", [7_001, CHUNK // 4, CHUNK, 3 * CHUNK + 1])
def test_blocks_are_the_same_and_in_the_same_order_on_any_number_of_cores(
    size: int, piece: int
) -> None:
    data = some_bytes(size)
    cid, blocks = blocks_of(data, 1, piece)
    leaves = [data[start : start + CHUNK] for start in range(0, size, CHUNK)] or [b""]
    assert [block for name, block in blocks if name[1] == RAW] == leaves
    for name, block in blocks:
        assert name == binary_cid(name[1], hashlib.sha256(block).digest())
    for cores in CORES[1:]:
        assert blocks_of(data, cores, piece) == (cid, blocks)


def test_order_holds_when_the_first_leaves_take_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    real = hashing.Leaf.digest
    slow = iter([0.05, 0.03, 0.01])

    def digest(leaf: hashing.Leaf) -> bytes:
        time.sleep(next(slow, 0))
        return real(leaf)

    data = some_bytes(12 * CHUNK)
    expected = blocks_of(data, 1, CHUNK)
    monkeypatch.setattr(hashing.Leaf, "digest", digest)
    assert blocks_of(data, 4, CHUNK) == expected


def test_helpers_are_used_and_the_caller_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real, workers = hashing.Leaf.digest, set()

    def digest(leaf: hashing.Leaf) -> bytes:
        workers.add(threading.current_thread() is threading.main_thread())
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.02)
        return real(leaf)

    monkeypatch.setattr(hashing.Leaf, "digest", digest)
    with CidBuilder(cores=2) as builder:
        builder.write(some_bytes(12 * CHUNK))
        builder.finish()
    assert workers == {True, False}


@pytest.mark.parametrize("size", [100, CHUNK])
def test_a_blob_of_one_leaf_starts_no_thread(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise AssertionError

    monkeypatch.setattr(threading.Thread, "start", start)
    with CidBuilder(cores=8) as builder:
        builder.write(bytes(size))
        assert builder.finish().size_bytes == size


def test_what_goes_wrong_in_a_thread_is_raised_to_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def digest(_: hashing.Leaf) -> bytes:
        raise MemoryError("in a thread")

    monkeypatch.setattr(hashing.Leaf, "digest", digest)
    with CidBuilder(cores=2) as builder, pytest.raises(MemoryError, match="in a thread"):
        builder.write(bytes(20 * CHUNK))


def test_what_emit_raises_passes_on_and_ends_the_threads() -> None:
    class FullError(Exception):
        pass

    def emit(_cid: bytes, _block: Any) -> None:
        raise FullError

    with CidBuilder(emit, cores=4) as builder, pytest.raises(FullError):
        builder.write(bytes(20 * CHUNK))
    assert not leaf_threads()


def test_emit_is_called_in_the_caller_s_thread() -> None:
    threads = set()
    with CidBuilder(lambda *_: threads.add(threading.current_thread()), cores=4) as builder:
        builder.write(some_bytes(9 * CHUNK))
        builder.finish()
    assert threads == {threading.main_thread()}


def test_a_builder_that_is_given_up_leaves_no_thread() -> None:
    with CidBuilder(cores=4) as builder:
        builder.write(some_bytes(5 * CHUNK))
        assert leaf_threads()
    assert not leaf_threads()


def test_a_builder_that_is_forgotten_leaves_no_thread() -> None:
    builder = CidBuilder(cores=4)
    builder.write(some_bytes(5 * CHUNK))
    threads = leaf_threads()
    assert threads
    del builder
    gc.collect()
    for thread in threads:
        thread.join(timeout=10)
    assert not leaf_threads()


def test_a_store_whose_source_fails_leaves_no_thread(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [some_bytes(CHUNK)] * 5
        raise InterruptedError

    with pytest.raises(InterruptedError):
        LocalStore(tmp_path).put(pieces())
    assert not leaf_threads()


def test_memory_is_that_of_a_few_leaves() -> None:
    """Pieces are held until hashed; how many leaves wait has a bound."""
    hasher = hashing.LeafHasher(cores=4)
    stop = threading.Event()
    hasher._threads.submit(stop.wait)  # a helper that never comes back to work
    most = 0
    with CidBuilder(cores=4) as builder:
        builder._hasher = hasher
        builder._leaf = builder._start_leaf()
        data = some_bytes(CHUNK)
        for _ in range(60):
            builder.write(data)
            most = max(most, len(hasher._waiting))
        stop.set()
        builder.finish()
    assert 0 < most <= 16


def test_tiny_pieces_are_put_together() -> None:
    leaf = hashing.Leaf(at_once=False, kept=True)
    data = some_bytes(40_000)
    for start in range(0, 20_000, 10):
        leaf.take(memoryview(data)[start : start + 10])
    leaf.take(memoryview(data)[20_000:])
    leaf.take(memoryview(b"end"))
    assert len(leaf._pieces) == 3
    assert leaf.block() == data + b"end"
    assert leaf.digest() == hashlib.sha256(data + b"end").digest()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cannot be pinned here")
def test_cores_are_those_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:1])
    try:
        assert hashing.LeafHasher()._threads is None
        assert cid_of(some_bytes(3 * CHUNK)) == blocks_of(some_bytes(3 * CHUNK), 8, CHUNK)[0]
    finally:
        os.sched_setaffinity(0, before)
