"""The IPFS daemon killed while a command puts or gets, and the same command again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.errors import ToolMissing
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.storage import KuboNode, KuboStore
from medibloc_py.storage.program import find_kubo
from tests.faults.acts import of_order
from tests.flow.command import run
from tests.flow.house import CT, MR, House

Kill = Callable[[], None]
MOMENTS = ("before it has anything", "when it has a part", "when it has all")


class Daemon:
    """A private Kubo that dies, and comes back to its address with what it had."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.node = KuboNode(folder, program)
        self._folder = folder
        self.node.up()
        self.address = self.node.address()

    def kill(self) -> None:
        told = json.loads((self._folder / "node.json").read_bytes())["process"]
        os.kill(told["pid"], signal.SIGKILL)

    def pins(self) -> set[str]:
        return set(KuboStore(self.node.up().rpc).pins())


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    try:
        program = find_kubo()
    except ToolMissing as error:
        if os.environ.get("MEDIBLOC_DEMAND_KUBO"):
            raise
        pytest.skip(f"no Kubo here, run `make kubo`: {error.message}")
    daemon = Daemon(tmp_path_factory.mktemp("daemon") / "kubo", program)
    yield daemon
    daemon.node.down()


@pytest.fixture
def on_kubo(house: House, daemon: Daemon) -> House:
    store = KuboStore(daemon.node.up().rpc)
    for pin in list(store.pins()):
        store.unpin(pin)
    for blob in house.blobs():
        store.put(house.world.exchange.store.get(blob), expected=blob)  # type: ignore[arg-type]
    return House(house.world, house.here, daemon.address)


def dying_put(kill: Kill, moment: str, number: int) -> Callable[..., Any]:
    """Puts as ever, and the n-th time the daemon dies at a moment of it."""
    real, calls = KuboStore.put, []

    def put(store: KuboStore, content: Any, *given: Any, **named: Any) -> Any:
        calls.append(content)
        if len(calls) != number:
            return real(store, content, *given, **named)

        def pieces() -> Iterator[Any]:
            for place, piece in enumerate(content):
                yield piece
                if place == 0 and moment == MOMENTS[1]:
                    kill()

        if moment == MOMENTS[0]:
            kill()
        blob = real(store, pieces(), *given, **named)
        kill()
        return blob

    return put


def done_though(house: House, daemon: Daemon, name: str, act: Any, *argv: str | Path) -> None:
    """Does it while the daemon dies, and again once it is back, unless it needed no more of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KuboStore, name, act)
        told = run(*house.words(*argv, "--json"))
    assert daemon.node.up().rpc == daemon.address
    if told.code:
        assert told.json["error"] == "StoreUnreachable"
        house.run(*argv)


@pytest.mark.fault("store killed", short=0)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [1, 2])
def test_studies_are_published_once_though_the_daemon_dies(
    on_kubo: House, daemon: Daemon, moment: str, number: int
) -> None:
    held, batches, pins = on_kubo.held(), on_kubo.batches(), daemon.pins()
    argv = ("record", "publish", "alice=ct.dcm", "bob=mr.dcm", "--as", "hospital")
    done_though(on_kubo, daemon, "put", dying_put(daemon.kill, moment, number), *argv)
    assert len(on_kubo.held() - held) == 2
    assert on_kubo.batches() == batches + 1
    assert daemon.pins() == on_kubo.named()
    assert len(daemon.pins() - pins) == 2
    assert waiting_drafts(on_kubo.world.me("hospital")) == []


@pytest.mark.fault("store killed", short=1)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_record_is_granted_once_though_the_daemon_dies(
    on_kubo: House, daemon: Daemon, moment: str
) -> None:
    world, record = on_kubo.world, on_kubo.world.records["alice"]
    argv = ("access", "grant", record.hex(), "--as", "alice", "--to", "clinic")
    done_though(on_kubo, daemon, "put", dying_put(daemon.kill, moment, 1), *argv)
    assert len(world.exchange.access.grants(record=record)) == 1
    assert daemon.pins() == on_kubo.named()
    on_kubo.run("access", "open", record.hex(), "--as", "clinic", "--out", "opened")
    assert (on_kubo.here / "opened" / "0001.dcm").read_bytes() == world.released(CT)


def dying_get(kill: Kill, number: int) -> Callable[..., Any]:
    """Gets as ever, and the n-th time the daemon dies after the first piece."""
    real, calls = KuboStore.get, []

    def get(store: KuboStore, *given: Any, **named: Any) -> Iterator[Any]:
        calls.append(given)
        if len(calls) == number:
            kill()
        yield from real(store, *given, **named)

    return get


@pytest.mark.fault("store killed", short=0)
@pytest.mark.parametrize("number", [1, 2])
def test_a_dataset_is_opened_whole_though_the_daemon_dies(
    on_kubo: House, daemon: Daemon, number: int
) -> None:
    world = on_kubo.world
    prepare = of_order("dataset", "open", "ORDER", "--as", "researcher", "--out", "bought")
    argv = prepare(world, on_kubo.here)
    on_kubo.run("dataset", "settle", argv[2], "--as", "hospital")
    done_though(on_kubo, daemon, "get", dying_get(daemon.kill, number), *argv)
    found = sorted(path.read_bytes() for path in on_kubo.here.glob("bought/*/*.dcm"))
    assert found == sorted([world.released(CT), world.released(MR)])
