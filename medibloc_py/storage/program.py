"""Kubo itself, found on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from medibloc_py.errors import ToolMissing
from medibloc_py.errors.plain import plain

LEAST_VERSION: Final = (0, 43)
_ANSWER_S: Final = 60.0
_TAIL_CHARS: Final = 600
_REMEDY: Final = (
    "Install Kubo 0.43 or newer (`make kubo` in the checkout builds it), "
    "or set MEDIBLOC_IPFS to the program."
)


def find_kubo() -> Path:
    """Finds Kubo: `MEDIBLOC_IPFS`, the checkout's own, PATH.

    Raises:
        ToolMissing: it is in none of these places, or too old.
    """
    own = Path(__file__).parents[2] / ".cache" / "kubo" / "ipfs"
    named = os.environ.get("MEDIBLOC_IPFS")
    found = named or (str(own) if os.access(own, os.X_OK) else shutil.which("ipfs"))
    if found is None:
        raise ToolMissing(tool="ipfs", reason="it is not on PATH", remedy=_REMEDY)
    try:
        done = subprocess.run(
            [found, "version", "--number"], capture_output=True, check=True, timeout=_ANSWER_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(tool="ipfs", reason=f"{found} does not run", remedy=_REMEDY) from error
    said = done.stdout.decode(errors="replace").strip()
    version = re.match(r"(\d{1,9})\.(\d{1,9})(?!\d)", said, re.ASCII)
    if not version or (int(version[1]), int(version[2])) < LEAST_VERSION:
        reason = f"{found} is version {plain(said) or 'unknown'}"
        raise ToolMissing(tool="ipfs", reason=reason, remedy=_REMEDY)
    return Path(found)


def environ_of(repo: Path) -> dict[str, str]:
    """Environment of a private node: without a swarm key it does not start, and it tells nobody."""
    return os.environ | {
        "IPFS_PATH": str(repo),
        "LIBP2P_FORCE_PNET": "1",
        "IPFS_TELEMETRY": "off",
        "DO_NOT_TRACK": "1",
    }


def last_words(said: bytes) -> str:
    """Why Kubo gave up: from its last "Error:" on, else the end of what it said."""
    text = said.decode(errors="replace")
    _, told, why = text.rpartition("\nError: ")
    end = why[:_TAIL_CHARS] if told else text[-_TAIL_CHARS:]
    return plain(" / ".join(filter(None, map(str.strip, end.splitlines()))), None).rstrip(".")
