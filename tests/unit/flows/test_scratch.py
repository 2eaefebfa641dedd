"""The scratch file: what it keeps, and what of it a disk ever sees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medibloc_py.errors import Corrupted, StoreFailed
from medibloc_py.flows.scratch import Scratch

SIZES = [0, 1, 16_375, 16_376, 1 << 18, (1 << 20) + 5]


def test_contents_come_back_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    contents = [os.urandom(size) for size in SIZES]
    with Scratch(tmp_path / "new") as scratch:
        openers = [scratch.keep(content) for content in contents]
        for _ in range(2):
            for opener, content in reversed(list(zip(openers, contents, strict=True))):
                with opener() as file:
                    assert file.read() == content


def test_it_has_no_name_and_holds_no_plaintext(tmp_path: Path) -> None:
    marker = b"PatientName Doe^Jane"
    with Scratch(tmp_path) as scratch:
        opener = scratch.keep(marker * 1000)
        assert list(tmp_path.iterdir()) == []
        (descriptor,) = (
            int(fd)
            for fd in os.listdir("/proc/self/fd")
            if str(tmp_path) in os.path.realpath(f"/proc/self/fd/{fd}")
        )
        sealed = os.pread(descriptor, 1 << 20, 0)
        assert len(sealed) > len(marker) * 1000
        assert marker not in sealed
        assert opener().read() == marker * 1000
    assert not os.path.exists(f"/proc/self/fd/{descriptor}") or str(tmp_path) not in (
        os.path.realpath(f"/proc/self/fd/{descriptor}")
    )


def test_a_content_that_was_changed_on_the_disk_does_not_open(tmp_path: Path) -> None:
    with Scratch(tmp_path) as scratch:
        opener = scratch.keep(b"x" * 100)
        descriptor = scratch._descriptor()
        byte = os.pread(descriptor, 1, 100)
        os.pwrite(descriptor, bytes([byte[0] ^ 1]), 100)
        with pytest.raises(Corrupted, match="scratch file"):
            opener().read()
        os.ftruncate(descriptor, 50)
        with pytest.raises(Corrupted, match="scratch file"):
            opener().read()


def test_nothing_is_made_where_nothing_is_kept(tmp_path: Path) -> None:
    with Scratch(tmp_path / "never"):
        pass
    assert not (tmp_path / "never").exists()


def test_a_disk_that_fails_is_told_by_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with Scratch(tmp_path / "file" / "below") as scratch, pytest.raises(StoreFailed):
        scratch.keep(b"x")
