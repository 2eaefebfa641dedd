from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode
from tests.flow.world import World, build


@pytest.fixture(scope="session")
def node() -> Iterator[LocalNode]:
    """One Anvil for all; it mines for transactions only, so its clock stands still between."""
    with LocalNode.start(block_time_s=None) as node:
        yield node


@pytest.fixture(scope="session")
def _stage(node: LocalNode, tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(node, tmp_path_factory.mktemp("stage") / "home")


@pytest.fixture
def world(_stage: World, tmp_path: Path) -> Iterator[World]:
    """The stage as it was built, whatever other tests did to it."""
    snapshot = _stage.chain.snapshot()
    yield _stage.moved_to(tmp_path / "home")
    _stage.chain.revert(snapshot)
