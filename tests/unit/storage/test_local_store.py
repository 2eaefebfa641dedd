"""The local store on a disk that fails, lies, and is shared."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dag_cbor import decode
from multiformats import CID

from medibloc_py.errors import BlobMissing, Corrupted, StoreFailed
from medibloc_py.model import Cid, StoredBlob
from medibloc_py.storage import LocalStore, cid_bytes
from medibloc_py.storage.unixfs import read_uvarint
from tests.unit.storage.blobs import CHUNK, cid_of, some_bytes

DATA = some_bytes(2 * CHUNK + 5)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def car(folder: Path, cid: Cid) -> Path:
    return folder / "blobs" / f"{cid}.car"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# The file.


def test_put_writes_one_car_whose_root_is_the_blob(store: LocalStore, folder: Path) -> None:
    blob = store.put([DATA])
    assert files(folder) == [car(folder, blob.cid)]
    content = car(folder, blob.cid).read_bytes()
    length, at = read_uvarint(content, 0)
    assert decode(content[at : at + length]) == {
        "roots": [CID.decode(cid_bytes(blob.cid))],
        "version": 1,
    }
    at += length
    sections = []
    while at < len(content):
        length, at = read_uvarint(content, at)
        cid, block = content[at : at + 36], content[at + 36 : at + length]
        assert CID.decode(cid).hashfun.digest(block) == CID.decode(cid).digest
        sections.append((cid, block))
        at += length
    assert b"".join(block for cid, block in sections if cid[1] == 0x55) == DATA
    assert sections[-1][0] == cid_bytes(blob.cid)


def test_put_keeps_others_out(store: LocalStore, folder: Path) -> None:
    blob = store.put([DATA])
    assert car(folder, blob.cid).stat().st_mode & 0o777 == 0o600
    assert (folder / "blobs").stat().st_mode & 0o077 == 0


def test_another_store_on_the_same_folder_reads_it(store: LocalStore, folder: Path) -> None:
    blob = store.put([DATA])
    assert b"".join(LocalStore(folder).get(blob.cid)) == DATA


def test_looking_into_a_folder_that_is_not_there_makes_none(
    store: LocalStore, folder: Path
) -> None:
    assert not store.has(cid_of(b""))
    store.unpin(cid_of(b""))
    with pytest.raises(BlobMissing):
        store.size(cid_of(b""))
    assert not folder.exists()


# A disk that lies.


def tampered(folder: Path, blob: StoredBlob, content: bytes) -> None:
    car(folder, blob.cid).write_bytes(content)


@pytest.mark.parametrize("at", [0, 1, 20, 58, 59, 62, 100, CHUNK, 2 * CHUNK, -1, -60, -100])
def test_get_reverts_when_a_byte_of_the_file_is_changed(
    store: LocalStore, folder: Path, at: int
) -> None:
    blob = store.put([DATA])
    content = bytearray(car(folder, blob.cid).read_bytes())
    content[at] ^= 0xFF
    tampered(folder, blob, bytes(content))
    with pytest.raises(Corrupted) as caught:
        list(store.get(blob.cid))
    assert caught.value.values["name"] == blob.cid


@pytest.mark.parametrize("kept", [0, 1, 58, 59, 60, 100, CHUNK, CHUNK + 98, 2 * CHUNK + 300])
def test_get_reverts_when_the_file_is_cut(store: LocalStore, folder: Path, kept: int) -> None:
    blob = store.put([DATA])
    tampered(folder, blob, car(folder, blob.cid).read_bytes()[:kept])
    with pytest.raises(Corrupted):
        list(store.get(blob.cid))
    with pytest.raises(Corrupted):
        store.size(blob.cid)


@pytest.mark.parametrize("tail", [b"\0", b"\xff" * 20, b"\x25" + bytes(10)])
def test_get_reverts_when_the_file_has_a_tail(store: LocalStore, folder: Path, tail: bytes) -> None:
    blob = store.put([DATA])
    tampered(folder, blob, car(folder, blob.cid).read_bytes() + tail)
    with pytest.raises(Corrupted):
        list(store.get(blob.cid))


def test_get_reverts_when_files_are_swapped(store: LocalStore, folder: Path) -> None:
    one, other = store.put([DATA]), store.put([b"other"])
    swap = car(folder, one.cid).read_bytes()
    tampered(folder, one, car(folder, other.cid).read_bytes())
    tampered(folder, other, swap)
    for blob in (one, other):
        with pytest.raises(Corrupted):
            list(store.get(blob.cid))


def test_get_reverts_when_the_file_is_only_renamed_inside(store: LocalStore, folder: Path) -> None:
    """The header names the blob, the sections are another's."""
    one, other = store.put([DATA]), store.put([b"other"])
    header = car(folder, one.cid).read_bytes()[:59]
    tampered(folder, one, header + car(folder, other.cid).read_bytes()[59:])
    with pytest.raises(Corrupted):
        list(store.get(one.cid))


def test_get_reverts_when_the_file_is_full_of_tiny_blocks(store: LocalStore, folder: Path) -> None:
    """An index of them all would fill the memory."""
    blob = store.put([DATA])
    tiny = b"".join(b"\x25" + number.to_bytes(37, "big") for number in range(1000))
    tampered(folder, blob, car(folder, blob.cid).read_bytes() + tiny)
    with pytest.raises(Corrupted, match="more blocks"):
        list(store.get(blob.cid))


def test_put_heals_a_damaged_file(store: LocalStore, folder: Path) -> None:
    blob = store.put([DATA])
    tampered(folder, blob, b"damaged")
    assert store.put([DATA]) == blob
    assert b"".join(store.get(blob.cid)) == DATA


def test_a_range_is_read_though_blocks_beyond_it_are_damaged(
    store: LocalStore, folder: Path
) -> None:
    blob = store.put([DATA])
    content = bytearray(car(folder, blob.cid).read_bytes())
    content[CHUNK + CHUNK // 2] ^= 1
    tampered(folder, blob, bytes(content))
    assert b"".join(store.get(blob.cid, 0, CHUNK)) == DATA[:CHUNK]
    with pytest.raises(Corrupted):
        list(store.get(blob.cid, CHUNK, 1))


def test_unpin_while_reading_does_not_cut_the_reader_off(store: LocalStore) -> None:
    blob = store.put([DATA])
    pieces = store.get(blob.cid)
    first = next(pieces)
    store.unpin(blob.cid)
    assert first + b"".join(pieces) == DATA


def test_get_reverts_when_the_file_may_not_be_read(store: LocalStore, folder: Path) -> None:
    blob = store.put([DATA])
    car(folder, blob.cid).unlink()
    car(folder, blob.cid).symlink_to(car(folder, blob.cid))  # a loop: not even root reads it
    with pytest.raises(StoreFailed):
        list(store.get(blob.cid))


# A disk that fails, and a process that dies.


def out_of_space(_descriptor: int, _data: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["write", "pwrite", "fsync", "replace"])
def test_put_reverts_and_leaves_nothing_when_the_disk_is_full(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, lambda *_: out_of_space(0, b""))
        with pytest.raises(StoreFailed, match="No space left on device"):
            store.put([DATA])
    assert files(folder) == []
    assert not store.has(cid_of(DATA))
    assert store.has(store.put([DATA]).cid)


def test_put_reverts_and_leaves_nothing_when_a_file_may_not_grow(
    store: LocalStore, folder: Path
) -> None:
    """No mock: the kernel itself ends the write half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK + CHUNK // 2, before[1]))
    try:
        with pytest.raises(StoreFailed):
            store.put([DATA])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(folder) == []


def test_put_that_fails_leaves_the_copy_that_was_there(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = store.put([DATA])
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", out_of_space)
        with pytest.raises(StoreFailed):
            store.put([DATA])
    assert b"".join(store.get(blob.cid)) == DATA


def test_put_reverts_when_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailed):
        LocalStore(tmp_path / "file" / "store").put([DATA])


def test_put_forces_file_and_folder_to_the_disk_before_it_returns(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        steps.append("sync " + os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def watched_replace(source: str, target: str) -> None:
        steps.append("rename")
        replace(source, target)

    store.put([b"makes the folders"])
    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    store.put([DATA])
    assert steps[0].startswith(f"sync {folder / 'incoming'}/")
    assert steps[1:] == ["rename", f"sync {folder / 'blobs'}"]


KILLED = """
import sys, time
from pathlib import Path
from medibloc_py.storage import LocalStore
def source():
    yield bytes(3 << 20)
    print("half", flush=True)
    time.sleep(60)
LocalStore(Path(sys.argv[1])).put(source())
"""


def test_a_killed_put_leaves_no_blob_and_its_remains_are_swept(
    store: LocalStore, folder: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        (part,) = files(folder)
        os.utime(part, (0, 0))
        store.put([b"a live writer's part is left alone"])
        assert part.exists()
        process.send_signal(signal.SIGKILL)
    assert not store.has(cid_of(bytes(3 << 20)))
    store.put([b"and a dead one's is swept"])
    assert not part.exists()


def test_a_young_part_is_not_swept(store: LocalStore, folder: Path) -> None:
    store.put([DATA])
    part = folder / "incoming" / ".part-young"
    part.write_bytes(b"")
    store.put([DATA])
    assert part.exists()
    os.utime(part, (time.time() - 3600,) * 2)
    store.put([DATA])
    assert not part.exists()


# Constant memory.

MEASURED = """
import resource, sys
from pathlib import Path
from medibloc_py.storage import LocalStore
def source():
    piece = bytes((1 << 20) + 1000)
    for _ in range(256):
        yield piece
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
store = LocalStore(Path(sys.argv[1]))
small = store.put([bytes(5 << 20)])
for piece in store.get(small.cid):
    pass
before = peak()
blob = store.put(source())
for piece in store.get(blob.cid):
    pass
print(peak() - before)
"""


def test_put_and_get_need_constant_memory(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(folder)], check=True, capture_output=True
    )
    assert int(done.stdout) < 8 * CHUNK
