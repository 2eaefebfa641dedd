from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flow.replicas.swarm import Kubo, swarm


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Kubo]]:
    """Four nodes of one private swarm: the hospital's own, and three that keep replicas."""
    with swarm(tmp_path_factory.mktemp("swarm"), 4) as nodes:
        yield nodes
