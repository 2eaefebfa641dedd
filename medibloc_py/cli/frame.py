"""One frame out of an opened record: what `access frame` and `dataset frame` share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.output import Output
from medibloc_py.errors import FileExists
from medibloc_py.storage.files import on_disk, part_file, write_all

if TYPE_CHECKING:
    from medibloc_py.flows.opened import OpenedRecord

FileName = Annotated[
    str | None, typer.Option("--file", help="Name of the file in the record; else the first one.")
]
FrameNumber = Annotated[int, typer.Option("--frame", help="Number of the frame, from 0.")]
FrameOut = Annotated[Path, typer.Option("--out", help="New file for the pixels (.npy).")]


def require_free(out: Path) -> None:
    """Sees that a file can be made, before anything is fetched.

    Raises:
        FileExists: there is one.
        StoreFailed: its folder cannot be used.
    """
    if out.exists():
        raise FileExists(path=out)
    require_writable(out.parent)


def save_frame(
    opened: OpenedRecord, name: str | None, frame: int, out: Path, console: Output
) -> None:
    """Fetches one frame, writes it in NumPy's format and tells what it took."""
    import numpy as np

    with console.progress() as progress:
        progress("fetch", 0, 1)
        pixels = opened.read_frame(name or 0, frame)
        progress("fetch", 1, 1)
    buffer = io.BytesIO()
    np.save(buffer, pixels, allow_pickle=False)
    with part_file(out.parent) as part:
        with on_disk(out):
            write_all(part.descriptor, buffer.getbuffer())
        part.become(out)
    fetched = opened.fetched
    shape = " x ".join(map(str, pixels.shape))
    console.result(
        {
            "record": opened.record,
            "file": name or opened.manifest.files[0].name,
            "frame": frame,
            "path": str(out),
            "shape": pixels.shape,
            "dtype": str(pixels.dtype),
            "record_bytes": opened.size_bytes,
            "fetched": fetched,
        },
        [
            f"{out}: {shape} of {pixels.dtype}. Fetched {fetched.leaves} leaves, "
            f"{fetched.size_bytes:,} of {opened.size_bytes:,} bytes."
        ],
    )
