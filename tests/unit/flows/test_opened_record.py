"""An opened record, read here and there: what it gives, and what that takes."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pydicom
import pytest

from medibloc_py import imaging
from medibloc_py.crypto.envelope import SourceFile, seal_record
from medibloc_py.errors import BlobMissing, Corrupted, InvalidValue, PixelsUnreadable, WrongKey
from medibloc_py.flows.opened import Fetched, OpenedRecord
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from medibloc_py.storage import KuboStore, LocalStore, Store
from tests.fakes.memory_store import MemoryStore
from tests.fakes.recorded_kubo import RecordedKubo, serve

CEK, SALT = b"k" * 32, b"s" * 32
LEAF = 1 << 20
FRAMES, SIDE = 40, 512
"""Of the large file: 40 frames of 512 KiB, so 20 leaves."""
NAMES = ("large.dcm", "examples_ybr_color.dcm", "CT_small.dcm", "rtplan.dcm")


def large_file() -> bytes:
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    dataset.Rows = dataset.Columns = SIDE
    dataset.NumberOfFrames = FRAMES
    dataset.PixelData = np.random.default_rng(3).bytes(2 * SIDE * SIDE * FRAMES)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


LARGE = large_file()
FILES = [LARGE, *(sample(name).read_bytes() for name in NAMES[1:])]
EVERY = {name: imaging.arrays(data, name) for name, data in zip(NAMES[:3], FILES, strict=False)}


def sealed(names: Sequence[str] = NAMES) -> bytes:
    sources = [
        SourceFile(name, len(data), partial(io.BytesIO, data))
        for name, data in zip(NAMES, FILES, strict=True)
        if name in names
    ]
    return b"".join(seal_record(sources, CEK, SALT))


RECORD = sealed()


def opened_in(store: Store, data: bytes = RECORD, cek: bytes = CEK) -> OpenedRecord:
    blob = store.put([data])
    return OpenedRecord(store, RecordId(b"i" * 32), blob.cid, blob.size_bytes, cek, SALT)


@pytest.fixture
def opened() -> OpenedRecord:
    return opened_in(MemoryStore())


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_frame_is_that_of_all_pixels(opened: OpenedRecord, name: str) -> None:
    every = EVERY[name]
    if name == "CT_small.dcm":
        every = every[None]
    for number in (len(every) - 1, 0, len(every) // 2):
        frame = opened.read_frame(name, number)
        assert frame.dtype == every.dtype
        assert np.array_equal(frame, every[number])
        assert np.array_equal(opened.read_frame(NAMES.index(name), number), every[number])


def test_a_range_is_that_of_the_file(opened: OpenedRecord) -> None:
    assert b"".join(opened.open_range(0, LEAF, 100)) == LARGE[LEAF : LEAF + 100]
    with pytest.raises(InvalidValue):
        opened.open_range(0, len(LARGE), 1)


@pytest.mark.parametrize("instance", ["0001.dcm", "", 4, -1])
def test_read_frame_reverts_when_there_is_no_such_file(
    opened: OpenedRecord, instance: int | str
) -> None:
    with pytest.raises(InvalidValue, match="file"):
        opened.read_frame(instance, 0)


@pytest.mark.parametrize("number", [-1, FRAMES])
def test_read_frame_reverts_when_there_is_no_such_frame(opened: OpenedRecord, number: int) -> None:
    with pytest.raises(InvalidValue, match="frame"):
        opened.read_frame("large.dcm", number)


def test_read_frame_reverts_when_the_file_has_no_pixels(opened: OpenedRecord) -> None:
    with pytest.raises(PixelsUnreadable, match=r"rtplan\.dcm"):
        opened.read_frame("rtplan.dcm", 0)


def test_read_frame_reverts_when_the_key_is_another() -> None:
    with pytest.raises(WrongKey):
        opened_in(MemoryStore(), cek=secrets.token_bytes(32)).read_frame(0, 0)


# What it takes.


def leaves_of(opened: OpenedRecord, number: int) -> int:
    before = opened.fetched.leaves
    assert np.array_equal(opened.read_frame("large.dcm", number), EVERY["large.dcm"][number])
    return opened.fetched.leaves - before


def test_a_frame_takes_at_most_two_leaves(opened: OpenedRecord) -> None:
    assert opened.fetched == Fetched(0, 0)
    assert opened.size_bytes > 20 * LEAF
    # The list of files, the header of the file and the frame.
    assert leaves_of(opened, FRAMES // 2) <= 1 + 1 + 2
    assert all(leaves_of(opened, number) <= 2 for number in (39, 3, 17, 30, 8, 22))
    assert sum(leaves_of(opened, number) for number in range(FRAMES)) <= FRAMES // 2 + 2
    assert leaves_of(opened, FRAMES - 1) == 0
    assert opened.fetched.size_bytes <= opened.fetched.leaves * LEAF


def test_a_slice_in_a_file_of_its_own_takes_at_most_two_leaves_with_its_header() -> None:
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    dataset.Rows = dataset.Columns = SIDE
    slices = []
    for number in range(9):
        dataset.PixelData = bytes([number]) * (2 * SIDE * SIDE)
        out = io.BytesIO()
        dataset.save_as(out)
        slices.append(out.getvalue())
    sources = [
        SourceFile(f"{number}.dcm", len(data), partial(io.BytesIO, data))
        for number, data in enumerate(slices)
    ]
    opened = opened_in(MemoryStore(), b"".join(seal_record(sources, CEK, SALT)))
    assert len(opened.manifest.files) == len(slices)
    for number in (4, 0, 8, 2, 6):
        before = opened.fetched.leaves
        pixels = opened.read_frame(f"{number}.dcm", 0)
        assert np.all(pixels == number * 257)
        assert opened.fetched.leaves - before <= 2


def test_a_frame_takes_at_most_two_leaves_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what is read of the disk."""
    import os

    opened = opened_in(LocalStore(tmp_path))
    opened.read_frame("large.dcm", 0)
    reads: list[int] = []
    pread = os.pread

    def watched(descriptor: int, length: int, offset: int) -> bytes:
        reads.append(length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", watched)
    for number in (31, 9):
        reads.clear()
        assert np.array_equal(opened.read_frame("large.dcm", number), EVERY["large.dcm"][number])
        assert reads in ([LEAF], [LEAF, LEAF])


@pytest.fixture(scope="module")
def kubo() -> RecordedKubo:
    with serve() as kubo:
        yield kubo


def test_a_frame_takes_at_most_two_requests_of_a_daemon(kubo: RecordedKubo) -> None:
    opened = opened_in(KuboStore(kubo.url, timeout_s=5))
    opened.read_frame("large.dcm", 0)
    for number in (31, 9):
        kubo.requests.clear()
        assert np.array_equal(opened.read_frame("large.dcm", number), EVERY["large.dcm"][number])
        assert 1 <= len(kubo.requests) <= 2
        assert all("block/get" in request for request in kubo.requests)


# A store that lies or fails, and several who read.


def test_damage_is_found_in_the_frame_and_not_looked_for_elsewhere() -> None:
    store = MemoryStore()
    opened = opened_in(store)
    (cid,) = store.blobs
    damaged = bytearray(RECORD)
    place = LARGE.index(EVERY["large.dcm"][20].tobytes())
    damaged[place + place // 1024 + 3000] ^= 1  # tags move it by 16 bytes in 16 KiB
    store.blobs[cid] = bytes(damaged)
    with pytest.raises(Corrupted, match=r"large\.dcm"):
        opened.read_frame("large.dcm", 20)
    for number in (0, 17, 23, 39):
        assert np.array_equal(opened.read_frame("large.dcm", number), EVERY["large.dcm"][number])


def test_a_store_that_forgets_is_named_and_asked_again() -> None:
    store = MemoryStore()
    opened = opened_in(store)
    opened.read_frame("large.dcm", 0)
    (cid,) = store.blobs
    held = store.blobs.pop(cid)
    with pytest.raises(BlobMissing):
        opened.read_frame("large.dcm", 20)
    store.blobs[cid] = held
    assert leaves_of(opened, 20) <= 2


def test_threads_read_frames_of_one_record(opened: OpenedRecord) -> None:
    wrong: list[tuple[str, int]] = []

    def look(seed: int) -> None:
        draw = np.random.default_rng(seed)
        for _ in range(12):
            name = NAMES[draw.integers(2)]
            number = int(draw.integers(len(EVERY[name])))
            if not np.array_equal(opened.read_frame(name, number), EVERY[name][number]):
                wrong.append((name, number))

    threads = [Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
