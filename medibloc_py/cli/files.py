"""Writing what was opened: a new folder, whole files only, readable by its owner only."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medibloc_py.errors import FileExists
from medibloc_py.storage.files import make_folder, write_atomic

if TYPE_CHECKING:
    from medibloc_py.flows.grant import OpenedRecord


def save_files(opened: OpenedRecord, folder: Path, progress: Any) -> list[dict[str, Any]]:
    """Writes an opened record's files, byte for byte as published.

    Raises:
        FileExists: the folder holds a file of the same name; nothing was written.
    """
    files = opened.manifest.files
    make_folder(folder)
    for file in files:
        if (folder / file.name).exists():
            raise FileExists(path=folder / file.name)
    saved = []
    for index, file in enumerate(files):
        data = opened.read(index)
        saved.append(_save(folder / file.name, data))
        progress("open", index + 1, len(files))
    return saved


def save_arrays(opened: OpenedRecord, folder: Path, progress: Any) -> list[dict[str, Any]]:
    """Writes an opened record's pixel arrays in NumPy's format."""
    import numpy as np

    saved = []
    for name, array in opened.arrays(progress).items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        saved.append(_save((folder / name).with_suffix(".npy"), buffer.getvalue()))
    return saved


def _save(path: Path, data: bytes) -> dict[str, Any]:
    make_folder(path.parent)
    write_atomic(path, data)
    return {
        "path": str(path),
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
