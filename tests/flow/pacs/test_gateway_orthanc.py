"""A gateway between a real Orthanc, a real chain and a real store; each dies in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Thread

import pydicom
import pytest

from medibloc_py import pacs
from medibloc_py.flows.access import open_held
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.held import held_records
from medibloc_py.imaging.instance import read_instance
from medibloc_py.imaging.samples import sample
from tests.flow.command import Done, run
from tests.flow.instances import NAME, instance
from tests.flow.pacs.dcmtk import echoscu, storescu
from tests.flow.pacs.gateway import AET, Gateway
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.world import PASSWORD, World

STUDIES, EACH = 8, 25
SYNTAXES = (
    "MR_small.dcm",  # explicit, little endian
    "SC_rgb_small_odd_big_endian.dcm",
    "rtplan.dcm",  # implicit
    "SC_rgb_rle.dcm",
    "SC_rgb_small_odd_jpeg.dcm",  # JPEG baseline
    "image_dfl.dcm",  # deflated
    "SC_rgb_jpeg_gdcm.dcm",  # JPEG lossless
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_gdcm_KY.dcm",  # JPEG 2000
    "JPEG-lossy.dcm",  # JPEG extended
    "JPEGLSNearLossless_08.dcm",
)
"""One file in each transfer syntax that pydicom's own files have."""


@pytest.fixture
def gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    gateway = Gateway(world)
    for patient, patient_id in (("alice", "PID-1"), ("bob", "PID-2")):
        done = gateway.run("patients", "add", "--id", patient_id, "--to", patient)
        assert done.code == 0, done
    yield gateway.start()
    gateway.kill()


def outgoing(paths: list[Path]) -> list[pacs.Outgoing]:
    found = [(path, read_instance(path.read_bytes())) for path in paths]
    return [
        pacs.Outgoing(
            path.name, each.sop_class, each.sop_instance, each.study, each.series,
            each.transfer_syntax, each.body, path.stat().st_size, path.read_bytes,
        )
        for path, each in found
    ]  # fmt: skip


def without_padding(file: bytes) -> pydicom.Dataset:
    dataset = pydicom.dcmread(BytesIO(file))
    dataset.pop("DataSetTrailingPadding", None)
    return dataset


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
    assert gateway.left() == []
    assert waiting_drafts(gateway.world.me("hospital")) == []
    registered = gateway.world.exchange.records.batches()
    assert sum(batch.count for batch in registered) == 2 + len(gateway.records())
    told = "\n".join(map(str, gateway.events))
    assert not any(word in told for word in (NAME, "PID-1", "PID-2", "1.2.826"))


@pytest.mark.fault("store killed", faults=3)
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
    # The gateway dies while it pulls.
    dicom = f"dicom://{orthanc.aet}@127.0.0.1:{orthanc.dicom_port}"
    pulled: list[Done] = []
    pull = ("pull", "--from", dicom, "--modality", "MR", "--json")
    pulling = Thread(target=lambda: pulled.append(gateway.run(*pull)))
    pulling.start()
    gateway.wait(lambda: gateway.taken() >= 20)
    gateway.kill()
    pulling.join()
    assert pulled[0].json["error"] in ("PeerRefused", "PullIncomplete"), pulled
    assert pulled[0].code in (4, 5)
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


def test_studies_come_by_each_way_and_the_same_again_changes_nothing(
    gateway: Gateway, orthanc: Orthanc
) -> None:
    files = [instance(20 + study, number) for study in range(4) for number in range(4)]
    orthanc.upload(*files)
    orthanc.register(AET, gateway.port)
    dicom, web = f"dicom://{orthanc.aet}@127.0.0.1:{orthanc.dicom_port}", orthanc.web_url
    for peer in (dicom, web):
        found = run(*["gateway", "find", "--from", peer, "--id", "PID-1", "--json"])
        assert {each["study"] for each in found.json} == set(orthanc.studies())
    first, second, third, fourth = sorted(orthanc.studies())
    pulled_first = [{"study": first, "taken": 4, "failed": 0}]
    pulled = gateway.run("pull", "--from", dicom, "--study", first, "--json")
    assert pulled.json == pulled_first
    pulled = gateway.run("pull", "--from", web, "--study", second, "--json")
    assert pulled.json == [{"study": second, "taken": 4, "failed": 0}]
    assert gateway.taken() == 8
    again = gateway.run("pull", "--from", dicom, "--study", first, "--json")
    assert again.json == pulled_first
    orthanc.stow(gateway.web_url, orthanc.studies()[fourth])
    assert gateway.taken() == 12
    found = gateway.run("pull", "--from", web, "--study", second, "--study", third, "--json")
    assert [(each["taken"], each["failed"]) for each in found.json] == [(4, 0)] * 2
    require_published_once(gateway, files)


def test_what_others_send_comes_in_byte_for_byte(gateway: Gateway, tmp_path: Path) -> None:
    """By C-STORE and STOW-RS, in many transfer syntaxes; one is refused, the others are not."""
    gateway.stop()
    gateway.with_options("--treatment", "--quiet", "4").start()
    originals = []
    for number, name in enumerate(SYNTAXES):
        dataset = pydicom.dcmread(sample(name))
        dataset.PatientID, dataset.IssuerOfPatientID = "PID-1", ""
        dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.30"
        dataset.SeriesInstanceUID = f"{dataset.StudyInstanceUID}.1"
        dataset.SOPInstanceUID = f"{dataset.StudyInstanceUID}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = tmp_path / name
        dataset.save_as(path, enforce_file_format=True)
        originals.append(path)
    assert echoscu(AET, gateway.port).returncode == 0
    plain, dicom, web = originals[:3], originals[3:7], originals[7:]
    storescu(AET, gateway.port, *plain)
    storescu(AET, gateway.port, plain[0])
    changed = tmp_path / "changed.dcm"
    dataset = pydicom.dcmread(plain[0])
    dataset.PatientName = "Another"
    dataset.save_as(changed)
    for peer, paths in (
        (f"dicom://{AET}@127.0.0.1:{gateway.port}", dicom),
        (gateway.web_url, web),
    ):
        *stored, last = pacs.send(pacs.read_peer(peer), outgoing([*paths, changed]))
        assert [each.reason for each in stored if each.status] == []
        assert {each.outcome for each in stored} == {pacs.Outcome.STORED}
        assert (last.outcome, last.status) == (pacs.Outcome.REFUSED, 0x0111)
    gateway.wait(lambda: gateway.status().studies["cleared"] == 1)
    gateway.stop()
    (record,) = gateway.records()
    exchange, me = gateway.world.exchange, gateway.world.me("hospital")
    opened = open_held(exchange, me, held_records(me)[record])
    found = {
        read_instance(data).sop_instance: data
        for data in (opened.read(place) for place in range(len(opened.manifest.files)))
    }
    assert len(found) == len(opened.manifest.files) == len(originals)
    for path in originals:
        before = path.read_bytes()
        after = found[read_instance(before).sop_instance]
        if path in plain:  # dcmtk leaves out what pads a data set at its end
            assert without_padding(after) == without_padding(before)
        else:
            assert after[read_instance(after).body :] == before[read_instance(before).body :]
