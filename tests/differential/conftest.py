"""One Anvil with the contracts, the harness, and the cases of this run."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator

import pytest

from medibloc_py.chain import LocalNode
from tests.differential.bench import Bench
from tests.flow.services.house import House, build

# In the environment, so that workers draw from the one that is printed.
SEED = os.environ.setdefault("DIFFERENTIAL_SEED", str(secrets.randbits(32)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"DIFFERENTIAL_SEED={SEED}")


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Other cases for every test, the same for the same seed."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with LocalNode.start(block_time_s=None) as node:
        yield build(node.network, node.accounts)


@pytest.fixture(scope="session")
def bench(house: House) -> Bench:
    return Bench(house)
