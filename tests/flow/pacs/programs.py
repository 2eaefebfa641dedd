"""Where Orthanc and dcmtk are, and ports for them."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3] / ".cache" / "pacs"
"""Where `make pacs` puts them."""


def find_program(name: str) -> Path:
    """A program of the checkout, or of PATH; skips the test if it is nowhere."""
    found = shutil.which(name, path=f"{CHECKOUT / 'bin'}:{os.environ['PATH']}")
    if found is None:
        _missing(name)
    return Path(found)


def find_plugin() -> Path:
    """The folder that has Orthanc's DICOMweb plugin, and no other."""
    folder = CHECKOUT / "plugins"
    if not folder.is_dir():
        _missing("Orthanc's DICOMweb plugin")
    return folder


def _missing(name: str) -> None:
    said = f"no {name} here, run `make pacs`"
    if os.environ.get("MEDIBLOC_DEMAND_PACS"):
        pytest.fail(said)
    pytest.skip(said)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
