"""A record goes back into a real PACS, and comes out of it again, equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from medibloc_py import pacs
from medibloc_py.errors import InstanceUnusable, PeerUnreachable, RestoreIncomplete
from medibloc_py.flows.held import id_of
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.flows.restore import Fate, restore
from medibloc_py.imaging.instance import read_instance
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from medibloc_py.pacs import web
from tests.flow.house import House
from tests.flow.instances import instance
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.pacs.programs import free_port
from tests.flow.world import World

TRAILING_PADDING = 0xFFFCFFFC
UNUSUAL = {
    "SC_rgb_jpeg.dcm": "it is cut off",
    "rtdose_rle.dcm": "it has no Patient ID, without which Orthanc keeps nothing",
    "rtdose_rle_1frame.dcm": "the same",
    "MR_truncated.dcm": "it is cut off",
    "rtplan_truncated.dcm": "it is cut off",
}
"""What Orthanc does not keep, whoever sends it, and why."""

WITHOUT_STUDY = "JPEGLSNearLossless_08.dcm"
"""The one file in JPEG-LS near-lossless that Orthanc would keep, were it of a study."""
UIDS = "1.2.826.0.1.3680043.8.498.77"
SYNTAXES = 12
"""Transfer syntaxes that pydicom's own files have."""


# Of UIDs and the like that pydicom's own files have.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Of each SOP class in each transfer syntax, the smallest file that pydicom bundles."""
    found: dict[str, bytes] = {}
    kinds: set[tuple[str, str]] = set()
    for path in sorted(sample("").rglob("*.dcm"), key=lambda path: path.stat().st_size):
        file = path.read_bytes()
        try:
            instance = read_instance(file)
        except InstanceUnusable:
            continue
        kind = instance.sop_class, instance.transfer_syntax
        if path.name not in UNUSUAL and kind not in kinds:
            kinds.add(kind)
            uid = instance.sop_instance
            other = f"{uid[:-3]}1{len(kinds):02}"  # some of these files share a UID
            found[path.name] = file.replace(uid.encode(), other.encode())
    found[WITHOUT_STUDY] = with_study(sample(WITHOUT_STUDY))
    syntaxes = {read_instance(file).transfer_syntax for file in found.values()}
    assert len(syntaxes) == SYNTAXES
    return found


def with_study(path: Path) -> bytes:
    """A file whose data set says of no study that it is of."""
    data_set = dcmread(path)
    data_set.PatientID = "PID-1"
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = f"{UIDS}.1", f"{UIDS}.1.1"
    data_set.SOPInstanceUID = f"{UIDS}.1.1.1"
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    file = BytesIO()
    data_set.save_as(file)
    return file.getvalue()


def publish(world: World, folder: Path, files: dict[str, bytes]) -> RecordId:
    """A record of alice, as it came, that the clinic was granted for treatment."""
    folder.mkdir()
    for name, file in files.items():
        (folder / name).write_bytes(file)
    study = StudyToPublish(folder, world.address("alice"), treatment=True)
    (held,) = world["hospital"].publish([study]).records
    record = id_of(held)
    world["alice"].import_record(world["hospital"].hand_over(record), "record file")
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    return record


def dicom(orthanc: Orthanc) -> pacs.Peer:
    return pacs.read_peer(f"dicom://{orthanc.aet}@127.0.0.1:{orthanc.dicom_port}")


def dicomweb(orthanc: Orthanc) -> pacs.Peer:
    return pacs.read_peer(orthanc.web_url)


def facts(data_set: Dataset) -> dict[int, Any]:
    """Every value at every depth, without what dcmtk leaves out and the VR that it corrects."""
    return {
        int(element.tag): [facts(item) for item in element] if element.VR == "SQ" else element.value
        for element in data_set
        if element.tag.element != 0 and element.tag != TRAILING_PADDING
    }


def require_equal(sent: bytes, kept: bytes) -> None:
    """The pixels bit for bit, and every attribute."""
    before, after = dcmread(BytesIO(sent)), dcmread(BytesIO(kept))
    assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
    assert before.get("PixelData") == after.get("PixelData")
    assert facts(before) == facts(after)


def uid_of(file: bytes) -> str:
    return read_instance(file).sop_instance


@pytest.mark.parametrize("peer_of", [dicom, dicomweb])
def test_a_record_in_all_transfer_syntaxes_comes_back_equal(
    world: World,
    orthanc: Orthanc,
    files: dict[str, bytes],
    tmp_path: Path,
    peer_of: Callable[[Orthanc], pacs.Peer],
) -> None:
    record = publish(world, tmp_path / "study", files)
    done = world["clinic"].restore(record, peer_of(orthanc))
    done.require_complete()
    assert [file.fate for file in done.files] == [Fate.STORED] * len(files)
    assert done.sent_bytes == sum(map(len, files.values()))
    kept = orthanc.instances()
    for sent in files.values():
        require_equal(sent, orthanc.file(kept.pop(uid_of(sent))))
    assert kept == {}


def test_by_dicomweb_it_goes_and_comes_byte_for_byte(
    world: World, orthanc: Orthanc, files: dict[str, bytes], tmp_path: Path
) -> None:
    record = publish(world, tmp_path / "study", files)
    peer = dicomweb(orthanc)
    assert isinstance(peer, pacs.WebPeer)
    world["alice"].restore(record, peer)  # who holds it needs no grant
    studies = {read_instance(file).study for file in files.values()}
    came = {uid_of(file): file for study in studies for file in web.retrieve_study(peer, study)}
    assert came.keys() == {uid_of(file) for file in files.values()}
    for sent in files.values():
        kept = came[uid_of(sent)]
        assert kept[read_instance(kept).body :] == sent[read_instance(sent).body :]


@pytest.mark.parametrize("peer_of", [dicom, dicomweb])
def test_what_a_pacs_has_is_left_out_if_asked(
    world: World, orthanc: Orthanc, tmp_path: Path, peer_of: Callable[[Orthanc], pacs.Peer]
) -> None:
    names = ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm")
    study = {name: sample(name).read_bytes() for name in names}
    record, peer = publish(world, tmp_path / "study", study), peer_of(orthanc)
    orthanc.upload(study["MR_small.dcm"])
    done = world["clinic"].restore(record, peer, skip_present=True)
    assert sorted(file.fate for file in done.files) == [Fate.PRESENT, Fate.STORED, Fate.STORED]
    assert len(orthanc.instances()) == len(names)
    again = world["clinic"].restore(record, peer, skip_present=True)
    assert again.count(Fate.PRESENT) == len(names)
    assert again.sent_bytes == 0


@pytest.mark.fault("store killed")
def test_a_pacs_that_dies_in_the_middle_gets_the_rest_when_it_is_back(
    world: World, orthanc: Orthanc, tmp_path: Path
) -> None:
    files = {f"{number}.dcm": instance(40, number) for number in range(12)}
    record, peer = publish(world, tmp_path / "study", files), dicom(orthanc)
    opened = world["clinic"].open_readable(record)

    def die(step: str, done: int, _total: int) -> None:
        if (step, done) == ("restore", 5):
            orthanc.kill()

    with pytest.raises(PeerUnreachable):
        restore(opened, peer, progress=die)
    orthanc.start()
    before = orthanc.instances()
    assert len(before) == 5
    done = restore(opened, peer, skip_present=True)
    assert (done.count(Fate.PRESENT), done.count(Fate.STORED)) == (5, 7)
    kept = orthanc.instances()
    assert before.items() <= kept.items()
    for sent in files.values():
        require_equal(sent, orthanc.file(kept.pop(uid_of(sent))))
    assert kept == {}


@pytest.mark.parametrize("peer_of", [dicom, dicomweb])
def test_what_cannot_go_is_named_and_stops_nothing(
    world: World, orthanc: Orthanc, tmp_path: Path, peer_of: Callable[[Orthanc], pacs.Peer]
) -> None:
    names = (
        "CT_small.dcm",
        "MR_truncated.dcm",
        "ExplVR_LitEndNoMeta.dcm",
        "DICOMDIR",
        "JPEG2000.dcm",
    )
    study = {name: sample(name).read_bytes() for name in names if name != "DICOMDIR"}
    study["DICOMDIR"] = sample("dicomdirtests/DICOMDIR").read_bytes()
    study["TWIN.dcm"] = study["CT_small.dcm"]
    record = publish(world, tmp_path / "study", study)
    order = sorted(study)
    done = world["clinic"].restore(record, peer_of(orthanc))
    fates = {order[index]: file.fate for index, file in enumerate(done.files)}
    assert fates == {
        "CT_small.dcm": Fate.STORED,
        "DICOMDIR": Fate.LEFT_OUT,
        "JPEG2000.dcm": Fate.STORED,
        "MR_truncated.dcm": Fate.REFUSED,
        "TWIN.dcm": Fate.REFUSED,
        "ExplVR_LitEndNoMeta.dcm": Fate.REFUSED,
    }
    assert len(orthanc.instances()) == 2
    with pytest.raises(RestoreIncomplete) as caught:
        done.require_complete()
    assert caught.value.values["count"] == 3


def test_a_pacs_that_is_not_there_is_told_and_nothing_of_the_record_is_lost(
    world: World, orthanc: Orthanc
) -> None:
    record = world.records["alice"]
    with pytest.raises(PeerUnreachable):
        world["alice"].restore(record, pacs.read_peer(f"dicom://X@127.0.0.1:{free_port()}"))
    assert world["alice"].restore(record, dicom(orthanc)).count(Fate.STORED) == 1


def test_the_command_line_restores_and_tells(house: House, orthanc: Orthanc) -> None:
    record = "0x" + house.world.records["bob"].hex()
    peer = f"dicom://{orthanc.aet}@127.0.0.1:{orthanc.dicom_port}"
    words = ("record", "restore", record, "--as", "bob", "--json", "--to")
    done = house.run(*words, peer).json
    assert [file["fate"] for file in done["files"]] == ["stored"]
    headers = house.here / "headers.txt"
    headers.write_text("Authorization: Bearer 0123456789\n")
    web_words = (*words, orthanc.web_url, "--skip-present", "--headers", headers)
    assert house.run(*web_words, code=6).json["error"] == "TokenExposed"
    headers.chmod(0o600)
    assert house.run(*web_words).json["files"][0]["fate"] == "present"
    assert house.run(*words, "gopher://x", code=3).json["error"] == "InvalidValue"
