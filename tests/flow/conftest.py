from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode
from tests.fakes.recorded_kubo import RecordedKubo, serve
from tests.flow.house import CT, MR, House
from tests.flow.world import PASSWORD, World, build

LONGEST = ("test_readme.py", "test_walk_on_clients.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process waits for them at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


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


@pytest.fixture
def house(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    shutil.copy(CT, here / "ct.dcm")
    shutil.copy(MR, here / "mr.dcm")
    return House(world, here, str(world.home / "store"))


@pytest.fixture
def idle_miner(world: World) -> Iterator[Callable[[], object]]:
    """A chain that mines when it is told to."""
    rpc = world.exchange.network.rpc
    rpc.ask("evm_setAutomine", False)
    yield lambda: rpc.ask("evm_mine")
    rpc.ask("anvil_dropAllTransactions")
    rpc.ask("evm_setAutomine", True)


@pytest.fixture
def kubo() -> Iterator[RecordedKubo]:
    with serve() as kubo:
        yield kubo
