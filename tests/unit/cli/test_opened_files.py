"""What is opened is written whole, for its owner only, and over nothing."""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.saving import WORK_FOLDER, Saved, saving
from medibloc_py.crypto import envelope
from medibloc_py.errors import Corrupted, FileExists, StoreFailed, WorkUnderway
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Progress, silent
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


def save_files(opened: OpenedRecord, folder: Path, progress: Progress = silent) -> list[Saved]:
    with saving(folder, opened.record) as place:
        return place.files(opened, folder, progress)


def save_arrays(opened: OpenedRecord, folder: Path) -> list[Saved]:
    with saving(folder, opened.record) as place:
        return place.arrays(opened, folder, silent)


def test_files_are_written_as_they_were(store: MemoryStore, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    record = opened(store, **{"0001_dcm": CT, "sub__0002_dcm": b""})
    saved = save_files(record, tmp_path / "out", lambda _, done, total: told.append((done, total)))
    assert (tmp_path / "out" / "0001.dcm").read_bytes() == CT
    assert (tmp_path / "out" / "sub" / "0002.dcm").read_bytes() == b""
    assert [each.size_bytes for each in saved] == [len(CT), 0]
    assert told == [(1, 2), (2, 2)]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*.dcm")}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_nothing_is_written_over(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(FileExists):
        save_files(opened(store, a=b"1", b=b"2"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "mine"


def test_a_damaged_file_is_not_there_at_all(store: MemoryStore, tmp_path: Path) -> None:
    whole = bytes(3_000_000)
    record = opened(store, a=b"1", b=whole)
    (cid,) = store.blobs
    sound = store.blobs[cid]
    damaged = bytearray(sound)
    damaged[2_900_000] ^= 1
    store.blobs[cid] = bytes(damaged)
    with pytest.raises(Corrupted):
        save_files(record, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WORK_FOLDER, "a"]
    assert [path.name for path in (tmp_path / WORK_FOLDER).iterdir()] == ["receipt"]
    store.blobs[cid] = sound
    assert [each.size_bytes for each in save_files(record, tmp_path)] == [1, 3_000_000]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_arrays_stand_beside_their_files(store: MemoryStore, tmp_path: Path) -> None:
    record = opened(store, **{"0001_dcm": CT, "letter_txt": b"no pixels"})
    (saved,) = save_arrays(record, tmp_path)
    assert Path(saved.path) == tmp_path / "0001.npy"
    (array,) = record.arrays().values()
    assert np.array_equal(np.load(tmp_path / "0001.npy", allow_pickle=False), array)
    with pytest.raises(FileExists):
        save_arrays(record, tmp_path)


def test_two_arrays_of_one_name_do_not_become_one(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(FileExists):
        save_arrays(opened(store, a_1=CT, a_2=CT), tmp_path)


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

    monkeypatch.setattr("medibloc_py.cli.saving.write_all", full)
    with pytest.raises(StoreFailed, match="No space left"):
        save_files(opened(store, a=b"1"), tmp_path)
    assert list(tmp_path.iterdir()) == []


# Stopped, and the same again.


def stop_at(number: int) -> Progress:
    def stop(step: str, done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return stop


def begun(store: MemoryStore, folder: Path) -> OpenedRecord:
    """A record of three files, of which two were saved when it was stopped."""
    record = opened(store, a=b"1", b=b"22", c=b"333")
    with pytest.raises(KeyboardInterrupt):
        save_files(record, folder, stop_at(2))
    return record


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_not_written_again(store: MemoryStore, tmp_path: Path) -> None:
    record = begun(store, tmp_path)
    before = {name: (tmp_path / name).stat().st_ino for name in ("a", "b")}
    receipt = tmp_path / WORK_FOLDER / "receipt"
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600
    with saving(tmp_path, record.record) as place:
        saved = place.files(record, tmp_path, silent)
        assert place.remark == " 2 files were there from an earlier run."
    assert [Path(each.path).read_bytes() for each in saved] == [b"1", b"22", b"333"]
    assert [each.sha256 for each in saved] == [
        hashlib.sha256(each).hexdigest() for each in (b"1", b"22", b"333")
    ]
    assert {name: (tmp_path / name).stat().st_ino for name in ("a", "b")} == before
    assert names(tmp_path) == ["a", "b", "c"]
    with pytest.raises(FileExists):
        save_files(record, tmp_path)


@pytest.mark.parametrize("content", [b"2x", b"2", b"222", b""])
def test_a_file_that_was_changed_since_is_not_touched(
    store: MemoryStore, tmp_path: Path, content: bytes
) -> None:
    record = begun(store, tmp_path)
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(FileExists) as caught:
        save_files(record, tmp_path)
    assert caught.value.values == {"path": tmp_path / "b"}
    assert (tmp_path / "b").read_bytes() == content
    (tmp_path / "b").unlink()
    save_files(record, tmp_path)
    assert (tmp_path / "b").read_bytes() == b"22"


def test_a_file_that_no_run_saved_is_not_touched(store: MemoryStore, tmp_path: Path) -> None:
    record = begun(store, tmp_path)
    (tmp_path / "c").write_bytes(b"333")
    with pytest.raises(FileExists):
        save_files(record, tmp_path)
    assert names(tmp_path) == [WORK_FOLDER, "a", "b", "c"]


def test_something_else_is_not_opened_into_the_same_folder(
    store: MemoryStore, tmp_path: Path
) -> None:
    begun(store, tmp_path)
    with pytest.raises(FileExists) as caught, saving(tmp_path, b"another"):
        pytest.fail("it was let in")
    assert caught.value.values == {"path": tmp_path / WORK_FOLDER}


def test_two_do_not_open_into_one_folder_at_once(store: MemoryStore, tmp_path: Path) -> None:
    with saving(tmp_path, b"one"), pytest.raises(WorkUnderway), saving(tmp_path, b"one"):
        pytest.fail("it was let in")
    assert names(tmp_path) == []


def test_half_files_of_a_run_that_died_are_removed(store: MemoryStore, tmp_path: Path) -> None:
    record = begun(store, tmp_path)
    (tmp_path / WORK_FOLDER / ".part-half").write_bytes(b"33")
    save_files(record, tmp_path)
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("cut", [1, 2, 40, 90, 100, 110, 150, 190, 210, 300])
def test_a_receipt_that_was_cut_off_tells_what_it_can(
    store: MemoryStore, tmp_path: Path, cut: int
) -> None:
    record = begun(store, tmp_path)
    receipt = tmp_path / WORK_FOLDER / "receipt"
    receipt.write_bytes(receipt.read_bytes()[:-cut])
    told = receipt.read_bytes().count(b"\n") - 1
    if told < 2:  # of the last file it says nothing any more
        with pytest.raises(FileExists):
            save_files(record, tmp_path)
        for name in ("a", "b")[max(told, 0) :]:
            (tmp_path / name).unlink()
    save_files(record, tmp_path)
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[]", "7", "{}", '{"path": 3, "size_bytes": 1, "sha256": ""}', "[" * 99_999],
)
def test_a_receipt_with_nonsense_in_it_says_nothing(
    store: MemoryStore, tmp_path: Path, line: str
) -> None:
    record = begun(store, tmp_path)
    with (tmp_path / WORK_FOLDER / "receipt").open("a") as receipt:
        receipt.write(line + "\n")
    save_files(record, tmp_path)
    assert names(tmp_path) == ["a", "b", "c"]


def test_arrays_go_on_too(store: MemoryStore, tmp_path: Path) -> None:
    record = opened(store, **{"0001_dcm": CT, "0002_dcm": CT})
    with pytest.raises(KeyError), saving(tmp_path, record.record) as place:  # noqa: PT012
        place.save(record, tmp_path, silent, arrays=True)
        raise KeyError
    (tmp_path / "0002.npy").unlink()
    with saving(tmp_path, record.record) as place:
        saved = place.save(record, tmp_path, silent, arrays=True)
    assert place.resumed == 3
    assert [Path(each.path).name for each in saved] == [
        "0001.dcm", "0002.dcm", "0001.npy", "0002.npy",
    ]  # fmt: skip
    assert names(tmp_path) == ["0001.dcm", "0001.npy", "0002.dcm", "0002.npy"]
