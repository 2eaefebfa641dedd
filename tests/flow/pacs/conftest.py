"""A hospital's systems of our own making, real ones, on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.flow.pacs.orthanc import Orthanc


@pytest.fixture(scope="module")
def make_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Orthanc]]:
    """Makes and starts Orthancs, by AE title and settings; each ends with the module."""
    made: list[Orthanc] = []

    def make(aet: str = "ORTHANC", **settings: object) -> Orthanc:
        made.append(Orthanc(tmp_path_factory.mktemp("orthanc"), aet, **settings))
        return made[-1].start()

    yield make
    for orthanc in made:
        orthanc.kill()


@pytest.fixture(scope="module")
def _orthanc(make_orthanc: Callable[..., Orthanc]) -> Orthanc:
    return make_orthanc()


@pytest.fixture
def orthanc(_orthanc: Orthanc) -> Orthanc:
    """One Orthanc for a module, empty for each test."""
    _orthanc.clear()
    return _orthanc
