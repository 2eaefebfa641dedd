"""What is opened is written whole, for its owner only, and over nothing."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medibloc_py.cli.files import require_writable, save_arrays, save_files
from medibloc_py.crypto import envelope
from medibloc_py.errors import Corrupted, FileExists, StoreFailed
from medibloc_py.flows.access import OpenedRecord
from medibloc_py.flows.parties import silent
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from tests.fakes.memory_store import MemoryStore

CT = sample("CT_small.dcm").read_bytes()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def opened(store: MemoryStore, **files: bytes) -> OpenedRecord:
    """A record of these files, opened by its key."""
    sources = [
        envelope.SourceFile(
            name.replace("__", "/").replace("_", "."),
            len(data),
            lambda data=data: io.BytesIO(data),  # type: ignore[misc]
            {"has_pixels": int(data is CT)},
        )
        for name, data in files.items()
    ]
    blob = store.put(envelope.seal_record(sources, b"k" * 32, b"s" * 32))
    return OpenedRecord(store, RecordId(b"i" * 32), blob.cid, blob.size_bytes, b"k" * 32, b"s" * 32)


def test_files_are_written_as_they_were(store: MemoryStore, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    record = opened(store, **{"0001_dcm": CT, "sub__0002_dcm": b""})
    saved = save_files(record, tmp_path / "out", lambda _, done, total: told.append((done, total)))
    assert (tmp_path / "out" / "0001.dcm").read_bytes() == CT
    assert (tmp_path / "out" / "sub" / "0002.dcm").read_bytes() == b""
    assert [each["size_bytes"] for each in saved] == [len(CT), 0]
    assert told == [(1, 2), (2, 2)]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*.dcm")}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_nothing_is_written_over(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(FileExists):
        save_files(opened(store, a=b"1", b=b"2"), tmp_path, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "mine"


def test_a_damaged_file_is_not_there_at_all(store: MemoryStore, tmp_path: Path) -> None:
    whole = bytes(3_000_000)
    record = opened(store, a=b"1", b=whole)
    (cid,) = store.blobs
    damaged = bytearray(store.blobs[cid])
    damaged[2_900_000] ^= 1
    store.blobs[cid] = bytes(damaged)
    with pytest.raises(Corrupted):
        save_files(record, tmp_path, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_arrays_stand_beside_their_files(store: MemoryStore, tmp_path: Path) -> None:
    record = opened(store, **{"0001_dcm": CT, "letter_txt": b"no pixels"})
    (saved,) = save_arrays(record, tmp_path, silent)
    assert Path(saved["path"]) == tmp_path / "0001.npy"
    (array,) = record.arrays().values()
    assert np.array_equal(np.load(tmp_path / "0001.npy", allow_pickle=False), array)
    with pytest.raises(FileExists):
        save_arrays(record, tmp_path, silent)


def test_two_arrays_of_one_name_do_not_become_one(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(FileExists):
        save_arrays(opened(store, a_1=CT, a_2=CT), tmp_path, silent)


def test_a_place_for_results_is_tried_first(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        require_writable(tmp_path / "file")


def test_a_full_disk_leaves_no_half_file(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Iterator[None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medibloc_py.cli.files.write_all", full)
    with pytest.raises(StoreFailed, match="No space left"):
        save_files(opened(store, a=b"1"), tmp_path, silent)
    assert list(tmp_path.iterdir()) == []
