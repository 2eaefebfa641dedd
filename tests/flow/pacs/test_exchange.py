"""From hospital A's PACS to hospital B's PACS: two real Orthancs, and the patient between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from medibloc_py.flows.gateway.book import BookedPatient, Patients
from medibloc_py.flows.gateway.service import Places, run_gateway
from medibloc_py.flows.gateway.worker import Rules
from medibloc_py.flows.held import held_records
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from medibloc_py.pacs.intake import read_address
from medibloc_py.pacs.listener import DicomPlace
from tests.flow.house import House
from tests.flow.instances import NAME, instance
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.pacs.programs import free_port
from tests.flow.world import World

SYNTAXES = ("CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm")
"""Not compressed, and compressed in three ways."""


@pytest.fixture(scope="module")
def hospitals(make_orthanc: Callable[..., Orthanc]) -> tuple[Orthanc, Orthanc]:
    return make_orthanc("HOSPITALA"), make_orthanc("HOSPITALB")


@pytest.fixture
def a(hospitals: tuple[Orthanc, Orthanc]) -> Orthanc:
    hospitals[0].clear()
    return hospitals[0]


@pytest.fixture
def b(hospitals: tuple[Orthanc, Orthanc]) -> Orthanc:
    hospitals[1].clear()
    return hospitals[1]


def study_of_all_syntaxes() -> list[bytes]:
    """One study whose instances are of several transfer syntaxes."""
    files = [instance(7, 1)]
    for number, name in enumerate(SYNTAXES, 2):
        dataset = pydicom.dcmread(sample(name))
        template = pydicom.dcmread(BytesIO(files[0]))
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID"):
            setattr(dataset, keyword, template[keyword].value)
        dataset.SeriesInstanceUID = f"{template.StudyInstanceUID}.{number}"
        dataset.SOPInstanceUID = f"{template.StudyInstanceUID}.{number}.1"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = BytesIO()
        dataset.save_as(buffer)
        files.append(buffer.getvalue())
    return files


@contextmanager
def gateway(world: World, folder: Path, *, treatment: bool) -> Iterator[int]:
    """Hospital A's gateway; gives the port of its DICOM listener."""
    port, stop, failed = free_port(), threading.Event(), []
    places = Places(DicomPlace(read_address(f"127.0.0.1:{port}")))
    listening = threading.Event()

    def note(what: str, **_: Any) -> None:
        if what == "listening":
            listening.set()

    def run() -> None:
        try:
            rules = Rules(0.2, treatment, (), False)
            exchange = world.exchange
            run_gateway(folder, world.me("hospital"), lambda: exchange, rules, places, note, stop)
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert listening.wait(20), failed
        yield port
    finally:
        stop.set()
        thread.join(30)
    assert failed == []


def from_pacs(world: World, a: Orthanc, folder: Path, *, treatment: bool) -> RecordId:
    """What A's PACS sends its gateway becomes a record of Alice."""
    hospital = world.me("hospital")
    Patients(hospital).add(BookedPatient("", "PID-1", world.address("alice")))
    before, batches = set(held_records(hospital)), world.exchange.records.batches
    count = len(batches())
    with gateway(world, folder, treatment=treatment) as port:
        a.register("MEDIBLOC", port)
        a.send("MEDIBLOC", *a.studies().values())
        end = time.monotonic() + 60
        while len(batches()) == count:
            assert time.monotonic() < end, "the gateway publishes nothing"
            time.sleep(0.1)
    (record,) = set(held_records(hospital)) - before
    return record


def files_of(orthanc: Orthanc) -> dict[str, pydicom.Dataset]:
    return {
        uid: pydicom.dcmread(BytesIO(orthanc.file(own))) for uid, own in orthanc.instances().items()
    }


def plain(dataset: pydicom.Dataset) -> dict[Any, Any]:
    """Without lengths of groups and padding, which an Orthanc leaves out when it sends."""
    return {
        element.tag: element
        for element in dataset
        if element.tag.element != 0 and element.tag != 0xFFFCFFFC
    }


@pytest.mark.fault("store killed")
def test_a_study_goes_from_pacs_to_pacs(
    house: House, a: Orthanc, b: Orthanc, tmp_path: Path
) -> None:
    """By C-STORE from A's PACS, with identity, for treatment, and by C-STORE into B's."""
    world = house.world
    a.upload(*study_of_all_syntaxes())
    record = from_pacs(world, a, tmp_path / "gateway", treatment=True)
    world["alice"].import_record(world["hospital"].hand_over(record), "handed")
    told = house.run(
        *("exchange", "send", record.hex(), "--as", "hospital", "--to", "clinic"),
        *("--paper", "t.json", "--json"),
    ).json
    house.run("access", "grant", record.hex(), "--as", "alice", "--to", "clinic")

    target = f"dicom://HOSPITALB@127.0.0.1:{b.dicom_port}"
    receive = ("exchange", "receive", "t.json", "--as", "clinic", "--to", target, "--json")
    b.kill()
    assert house.run(*receive, code=5).json["error"] == "PeerUnreachable"
    assert house.run("exchange", "list", "--as", "clinic", "--json").json == []
    b.start()
    assert house.run(*receive).json["missing"] == ["patient"]
    sent, arrived = files_of(a), files_of(b)
    assert len(sent) == 1 + len(SYNTAXES)
    assert sent.keys() == arrived.keys()
    for uid, original in sent.items():
        assert arrived[uid].PixelData == original.PixelData
        assert plain(arrived[uid]) == plain(original)
        assert arrived[uid].file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert arrived[uid].PatientName == NAME

    house.run("exchange", "sign", "t.json", "--as", "alice")
    checked = house.run("exchange", "check", "t.json", "--online", "--json").json
    assert (checked["id"], checked["transfer"]["files"]) == (told["id"], len(sent))
    # Once signed for, it is not stored again.
    b.clear()
    house.run(*receive)
    assert b.instances() == {}


def test_a_research_transfer_goes_without_identity(
    house: House, a: Orthanc, b: Orthanc, tmp_path: Path
) -> None:
    """By STOW-RS into B's PACS, under the purpose that the patient granted."""
    world = house.world
    a.upload(instance(8, 1), instance(8, 2))
    record = from_pacs(world, a, tmp_path / "gateway", treatment=False)
    world["alice"].import_record(world["hospital"].hand_over(record), "handed")
    send = ("exchange", "send", record.hex(), "--as", "hospital", "--to", "clinic", "--for", "HMB")
    house.run(*send, "--paper", "t.json")
    grant = ("access", "grant", record.hex(), "--as", "alice", "--to", "clinic", "--for", "HMB")
    house.run(*grant)
    house.run("exchange", "receive", "t.json", "--as", "clinic", "--to", b.web_url)
    sent, arrived = files_of(a), files_of(b)
    assert sorted(each.PixelData for each in sent.values()) == sorted(
        each.PixelData for each in arrived.values()
    )
    assert not sent.keys() & arrived.keys()
    originals = [a.file(own) for own in a.instances().values()]
    for own in b.instances().values():
        stored = b.file(own)
        for identity in (NAME.encode(), b"PID-1", *(uid.encode() for uid in sent)):
            assert any(identity in original for original in originals)
            assert identity not in stored
    assert {each.PatientIdentityRemoved for each in arrived.values()} == {"YES"}
