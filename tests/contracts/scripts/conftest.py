"""A workshop for scripts, and the library's own view of the node they work on."""

from __future__ import annotations

from pathlib import Path

import pytest
from brownie import web3

from medibloc_py.chain import Network
from support.workshop import Workshop, open_workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path)


@pytest.fixture
def node() -> Network:
    return Network.connect(web3.provider.endpoint_uri)
