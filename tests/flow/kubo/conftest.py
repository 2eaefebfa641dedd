"""Private Kubo nodes of our own making, real daemons on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medibloc_py.errors import ToolMissing
from medibloc_py.storage import KuboNode
from medibloc_py.storage.program import find_kubo


@pytest.fixture(scope="session")
def kubo() -> Path:
    """The program; `make kubo-flow` builds it first, and then demands it."""
    try:
        return find_kubo()
    except ToolMissing as error:
        if os.environ.get("MEDIBLOC_DEMAND_KUBO"):
            raise
        pytest.skip(f"no Kubo here, run `make kubo`: {error.message}")


@pytest.fixture(scope="session")
def make_node(kubo: Path) -> Iterator[Callable[[Path], KuboNode]]:
    """Makes nodes, and stops each at the end."""
    nodes: list[KuboNode] = []

    def make(folder: Path) -> KuboNode:
        nodes.append(KuboNode(folder, kubo))
        return nodes[-1]

    yield make
    for node in nodes:
        node.down()


@pytest.fixture(scope="session")
def node(
    make_node: Callable[[Path], KuboNode], tmp_path_factory: pytest.TempPathFactory
) -> KuboNode:
    """One running node, for tests that need no more of it."""
    node = make_node(tmp_path_factory.mktemp("node") / "kubo")
    node.up()
    return node
