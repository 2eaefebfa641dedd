"""A hospital without a chain, and where its gateway keeps what comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py.chain import Signer
from medibloc_py.flows.keyring import ephemeral
from medibloc_py.flows.parties import Identity


@pytest.fixture
def hospital(tmp_path: Path) -> Identity:
    return ephemeral(tmp_path / "home", Signer.generate())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "gateway"
