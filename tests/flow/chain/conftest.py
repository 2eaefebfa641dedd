"""geth and clef, where `make geth` and `make clef` built them."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, target: str) -> str:
    """A program on PATH; `make walk-clients` builds it first, and then demands it."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get(f"MEDIBLOC_DEMAND_{target.upper()}"):
            pytest.fail(f"there is no {name}, and it is demanded")
        pytest.skip(f"no {name} here, run `make {target}`")
    return found


@pytest.fixture(scope="session")
def clef_program() -> str:
    return program("clef", "clef")


@pytest.fixture(scope="session")
def geth_program() -> str:
    return program("geth-dev", "geth")
