"""A gateway between a real Orthanc, a real chain and a real store; each dies in the middle."""

from __future__ import annotations

import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from medibloc_py.flows.drafts import waiting_drafts
from tests.flow.pacs.dcmtk import echoscu, storescu
from tests.flow.pacs.gateway import AET, Gateway
from tests.flow.pacs.instances import NAME, instance
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.world import PASSWORD, World

STUDIES, EACH = 8, 25


@pytest.fixture
def gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    gateway = Gateway(world)
    for patient, patient_id in (("alice", "PID-1"), ("bob", "PID-2")):
        done = gateway.run("patients", "add", "--id", patient_id, "--to", patient)
        assert done.code == 0, done
    yield gateway.start()
    gateway.kill()


def images(files: list[bytes]) -> Counter[bytes]:
    return Counter(pydicom.dcmread(BytesIO(file)).PixelData for file in files)


def require_published_once(gateway: Gateway, files: list[bytes]) -> None:
    """All of it stands in records, once, and nothing of it is anywhere else."""
    gateway.wait(lambda: gateway.taken() == len(files) and not gateway.status().oldest_at)
    gateway.wait(lambda: gateway.status().studies["published"] == 0)
    gateway.stop()
    assert gateway.pixels() == images(files)
    status = gateway.status()
    assert {state for state, count in status.studies.items() if count} == {"cleared"}
    assert (status.instances, status.error) == (0, "")
    assert list((gateway.folder / "instances").iterdir()) == []
    assert waiting_drafts(gateway.world.me("hospital")) == []
    registered = gateway.world.exchange.records.batches()
    assert sum(batch.count for batch in registered) == 2 + len(gateway.records())
    told = "\n".join(map(str, gateway.events))
    assert not any(word in told for word in (NAME, "PID-1", "PID-2", "1.2.826"))


def test_200_instances_are_published_once_though_each_side_is_killed(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    files = [
        instance(study, number, f"PID-{1 + study % 2}")
        for study in range(STUDIES)
        for number in range(EACH)
    ]
    orthanc.upload(*files)
    orthanc.register(AET, gateway.port)
    send = {"Resources": list(orthanc.studies().values()), "Synchronous": False, "Permissive": True}
    # The gateway dies while instances come.
    orthanc.ask("POST", f"/modalities/{AET}/store", send)
    gateway.wait(lambda: gateway.taken() >= 20)
    gateway.kill()
    gateway.start()
    # Orthanc dies while it sends them again.
    seen = gateway.taken()
    orthanc.ask("POST", f"/modalities/{AET}/store", send)
    gateway.wait(lambda: gateway.taken() >= seen + 20)
    orthanc.kill()
    # The gateway dies while it publishes.
    gateway.wait(lambda: bool(gateway.said("published")))
    gateway.kill()
    gateway.start()
    orthanc.start().register(AET, gateway.port)
    orthanc.send(AET, *orthanc.studies().values())
    require_published_once(gateway, files)
