"""Records real runs for people who would rather look than read: `make recordings`.

    python tools/site/record.py [NAME]...

Each command runs in a terminal of its own, on a chain, with people and files that are made for
it, and what it prints becomes a picture in `docs/recordings`. Nothing in it is of this machine.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "recordings"
MOST_BYTES = 60_000
"""Of a picture."""


class Recording(NamedTuple):
    """A run to be recorded.

    Attributes:
        command: as a reader would type it.
        columns: width of the terminal.
    """

    command: str
    columns: int = 100


RECORDINGS = {
    "help": Recording("medibloc --help", 80),
    "demo": Recording("medibloc demo", 106),
    "doctor": Recording("medibloc doctor", 130),
    "search": Recording(
        "medibloc dataset search catalogue --modality CT --for HMB+NONCOMMERCIAL+HAS_IRB", 120
    ),
    "audit": Recording("medibloc audit patient alice", 130),
    "deidentify": Recording(
        "medibloc imaging deidentify original released --option clean-pixel-data", 90
    ),
}
PICTURES = ("before-and-after.jpg", "slice.png")
"""Besides: a contact sheet of what `deidentify` released, and the notebook's slice."""

_SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; white-space: pre }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""A terminal without rich's own font, which readers would have to fetch from a stranger."""
_CLIP = re.compile(r' clip-path="url\([^)]*\)"')


def run(command: str, columns: int, folder: Path, environ: dict[str, str]) -> str:
    """What a command prints on a terminal; progress, which passes, is left out.

    Raises:
        RuntimeError: it failed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    words = [sys.executable, "-m", "medibloc_py", *shlex.split(command)[1:]]
    with tempfile.TemporaryFile() as aside:
        process = subprocess.Popen(
            words, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=aside
        )
        os.close(theirs)
        printed = b"".join(_pieces(ours))
        os.close(ours)
        if process.wait():
            aside.seek(0)
            raise RuntimeError(f"{command}: {printed.decode()}{aside.read().decode()}")
    return printed.decode().replace("\r\n", "\n")


def _pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that nobody writes any more
            return
        if not piece:
            return
        yield piece


def picture(name: str, recording: Recording, printed: str) -> str:
    """A run as a picture of its terminal."""
    console = Console(
        record=True, width=recording.columns, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", highlight=False, emoji=False,
    )  # fmt: skip
    console.print(Text.assemble(("$ ", "dim"), (recording.command, "bold")))
    for line in printed.rstrip().splitlines():
        shown = Text.from_ansi(line)
        shown.rstrip()
        console.print(shown)
    svg = console.export_svg(title="", code_format=_SVG, unique_id=name)
    return _CLIP.sub("", svg).replace("&#160;", "\u00a0")


def require_ours(name: str, text: str, folder: Path) -> None:
    """Raises if a picture tells of the machine that it was made on, or is too large."""
    for place in (folder, ROOT, Path.home(), Path(sys.prefix)):
        if str(place) in text:
            raise RuntimeError(f"{name} names {place}")
    if len(text.encode()) > MOST_BYTES:
        raise RuntimeError(f"{name} has {len(text.encode()):,} bytes, of {MOST_BYTES:,}")


def main(names: list[str]) -> None:
    """Records the runs named, or all, and the pictures besides."""
    sys.path.insert(0, str(ROOT))
    from stage import compare, slice_of, stage

    OUT.mkdir(exist_ok=True)
    wanted = names or [*RECORDINGS, *PICTURES]
    with stage() as at:
        for name in (each for each in RECORDINGS if each in wanted):
            recording = RECORDINGS[name]
            printed = run(recording.command, recording.columns, at.folder, at.environ)
            svg = picture(name, recording, printed)
            require_ours(name, svg, at.folder)
            (OUT / f"{name}.svg").write_text(svg, encoding="utf-8")
        sheet, drawn = (OUT / name for name in PICTURES)
        if sheet.name in wanted:
            compare(at, sheet)
        if drawn.name in wanted:
            slice_of(at, ROOT / "docs" / "notebooks" / "research.ipynb", drawn)


if __name__ == "__main__":
    main(sys.argv[1:])
