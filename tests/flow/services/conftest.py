from __future__ import annotations

from collections.abc import Iterator

import pytest

from medibloc_py.chain import LocalNode
from tests.flow.services.house import House, build


@pytest.fixture(scope="session")
def _house(node: LocalNode) -> House:
    return build(node.network, node.accounts)


@pytest.fixture
def house(_house: House) -> Iterator[House]:
    """The house as it was built, whatever other tests did to it."""
    snapshot = _house.chain.snapshot()
    yield _house
    _house.chain.revert(snapshot)
