"""Writing results: into new places, whole files only, readable by their owner only."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medibloc_py.errors import FileExists
from medibloc_py.storage.files import make_folder, on_disk, part_file, write_all

if TYPE_CHECKING:
    from medibloc_py.flows.access import OpenedRecord


def require_writable(folder: Path) -> None:
    """Makes a folder and sees that files can be made in it, before anything is paid for.

    Raises:
        StoreFailed: they cannot.
    """
    make_folder(folder)
    with part_file(folder):
        pass


def save_opened(
    opened: OpenedRecord, folder: Path, progress: Any, *, arrays: bool
) -> list[dict[str, Any]]:
    """Writes an opened record's files and, if asked for, its pixel arrays beside them."""
    saved = save_files(opened, folder, progress)
    return saved + (save_arrays(opened, folder, progress) if arrays else [])


def save_files(opened: OpenedRecord, folder: Path, progress: Any) -> list[dict[str, Any]]:
    """Writes an opened record's files, byte for byte as published.

    Raises:
        FileExists: the folder holds a file of the same name; nothing was written.
    """
    files = opened.manifest.files
    make_folder(folder)
    for file in files:
        _require_free(folder / file.name)
    saved = []
    for index, file in enumerate(files):
        saved.append(_save(folder / file.name, opened.stream(index)))
        progress("open", index + 1, len(files))
    return saved


def save_arrays(opened: OpenedRecord, folder: Path, progress: Any) -> list[dict[str, Any]]:
    """Writes an opened record's pixel arrays in NumPy's format.

    Raises:
        FileExists: something has an array's name; it was not touched.
        PixelsUnreadable: a file's pixels do not decode.
    """
    import numpy as np

    saved = []
    for name, array in opened.arrays(progress).items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        path = (folder / name).with_suffix(".npy")
        _require_free(path)
        saved.append(_save(path, [buffer.getvalue()]))
    return saved


def _require_free(path: Path) -> None:
    if path.exists():
        raise FileExists(path=path)


def _save(path: Path, buffers: Iterable[bytes]) -> dict[str, Any]:
    """Writes buffers to a new file, which is there only once the last one has come."""
    make_folder(path.parent)
    size, digest = 0, hashlib.sha256()
    with part_file(path.parent) as part:
        for buffer in buffers:
            with on_disk(path):
                write_all(part.descriptor, buffer)
            size += len(buffer)
            digest.update(buffer)
        part.become(path)
    return {"path": str(path), "size_bytes": size, "sha256": digest.hexdigest()}
