from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medibloc_py.storage import KuboStore, LocalStore, Store, again
from tests.fakes.memory_store import MemoryStore
from tests.fakes.recorded_kubo import RecordedKubo, serve
from tests.unit.storage.blobs import StoreUnderTest


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the tries of a read; how many there are stays as it is."""
    monkeypatch.setattr(again, "PAUSES_S", (0.01, 0.01, 0.01))


@pytest.fixture(scope="session")
def _daemon() -> Iterator[RecordedKubo]:
    with serve() as kubo:
        yield kubo


@pytest.fixture
def kubo(_daemon: RecordedKubo) -> RecordedKubo:
    _daemon.requests.clear()
    _daemon.uploads.clear()
    _daemon.blocks.clear()
    _daemon.pins.clear()
    _daemon.faults.clear()
    return _daemon


@pytest.fixture(params=["local", "memory", "kubo"])
def under_test(
    request: pytest.FixtureRequest, tmp_path: Path, kubo: RecordedKubo
) -> StoreUnderTest:
    if request.param == "kubo":
        return StoreUnderTest(KuboStore(kubo.url, timeout_s=5), kubo.collect_garbage)
    store = LocalStore(tmp_path / "store") if request.param == "local" else MemoryStore()
    return StoreUnderTest(store, lambda: None)


@pytest.fixture
def store(under_test: StoreUnderTest) -> Store:
    return under_test.store
