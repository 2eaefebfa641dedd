"""Places for results, tried before anything is paid for."""

from __future__ import annotations

from pathlib import Path

from medibloc_py.storage.files import make_folder, part_file, sweep


def require_writable(folder: Path) -> None:
    """Makes a folder and sees that files can be made in it, before anything is paid for.

    Raises:
        StoreFailed: they cannot.
    """
    make_folder(folder)
    sweep(folder)
    with part_file(folder):
        pass
