from __future__ import annotations

from collections.abc import Iterator

import pytest

from medibloc_py.chain import Network, Signer
from tests.fakes.hostile_node import HostileNode, serve


@pytest.fixture
def node() -> Iterator[HostileNode]:
    with serve() as node:
        yield node


@pytest.fixture
def network(node: HostileNode) -> Network:
    return Network.connect(node.url, timeout_s=1.0, receipt_timeout_s=0.2)


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.from_key((1).to_bytes(32, "big"))
