"""Real DICOM for trying things out: files that ship with pydicom, nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from medibloc_py.errors import StudyUnreadable


def sample(name: str) -> Path:
    """Finds a file or folder among pydicom's bundled test files.

    Args:
        name: relative to pydicom's `test_files`, such as `CT_small.dcm`.

    Raises:
        StudyUnreadable: this pydicom does not bundle it.
    """
    import pydicom

    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    if not path.exists():
        raise StudyUnreadable(path=path, reason="this pydicom does not bundle it")
    return path
