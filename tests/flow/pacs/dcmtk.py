"""The programs of dcmtk, as others use them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.flow.pacs.programs import find_program


def echoscu(aet: str, port: int) -> subprocess.CompletedProcess[str]:
    """Ask a peer on loopback whether it is there (C-ECHO)."""
    return _run("echoscu", "-aec", aet, "127.0.0.1", str(port))


def storescu(aet: str, port: int, *files: Path, options: tuple[str, ...] = ()) -> None:
    """Send files to a peer on loopback by C-STORE, each in its own transfer syntax.

    `-R` proposes what the files need and nothing else.
    """
    done = _run(
        "storescu", "-R", "-aet", "DCMTK", "-aec", aet, *options, "127.0.0.1", str(port),
        *map(str, files),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_program(program), *words], capture_output=True, text=True, timeout=120
    )
