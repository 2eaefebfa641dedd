"""One frame of a study of many, granted and bought: the pixels are right and little is fetched."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from medibloc_py import imaging
from medibloc_py.flows.held import id_of
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from tests.flow.cli.conftest import Medibloc
from tests.flow.world import PURPOSE, World

FRAMES, SIDE = 24, 512
LEAF = 1 << 20


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two files; the first has 24 frames of 512 KiB."""
    folder = tmp_path_factory.mktemp("study")
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    dataset.Rows = dataset.Columns = SIDE
    dataset.NumberOfFrames = FRAMES
    dataset.PixelData = np.random.default_rng(4).bytes(2 * SIDE * SIDE * FRAMES)
    dataset.save_as(folder / "1")
    (folder / "2").write_bytes(sample("MR_small.dcm").read_bytes())
    return folder


def published(world: World, study: Path) -> RecordId:
    hospital, alice = world["hospital"], world["alice"]
    (held,) = hospital.publish([StudyToPublish(study, alice.me.address)]).records
    alice.import_record(hospital.hand_over(id_of(held)), "record file")
    return id_of(held)


def assert_is_a_frame(done: Any, study: Path, name: str, number: int) -> None:
    every = imaging.arrays((study / name).read_bytes(), name)
    array = np.load(done["path"], allow_pickle=False)
    assert np.array_equal(array, every[number] if every.ndim > 2 else every)
    assert (done["shape"], done["dtype"]) == (list(array.shape), str(array.dtype))


def test_a_frame_of_a_granted_record(world: World, medibloc: Medibloc, study: Path) -> None:
    record = published(world, study)
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(1))
    frame = ("access", "frame", "0x" + record.hex(), "--as", "clinic")

    done = medibloc(*frame, "--frame", "13", "--out", "a.npy", "--json").json
    assert_is_a_frame(done, study, "1", 13)
    assert (done["file"], done["frame"]) == ("0001.dcm", 13)
    assert Path("a.npy").stat().st_mode & 0o777 == 0o600
    # The list of files at the end, the header, and the frame.
    assert done["fetched"]["leaves"] <= 4
    assert done["fetched"]["size_bytes"] <= 4 * LEAF < done["record_bytes"] / 3
    done = medibloc(*frame, "--file", "0002.dcm", "--out", "folder/b.npy", "--json").json
    assert_is_a_frame(done, study, "2", 0)
    assert "512 x 512 of int16. Fetched" in medibloc(*frame, "--out", "c.npy").out

    for refused, error in [
        (("--frame", "24", "--out", "d.npy"), "InvalidValue"),
        (("--file", "0003.dcm", "--out", "d.npy"), "InvalidValue"),
        (("--out", "a.npy"), "FileExists"),
    ]:
        assert medibloc(*frame, *refused, "--json", code=3).json["error"] == error
    assert not Path("d.npy").exists()

    world["alice"].revoke_grant(record, world.address("clinic"))
    assert medibloc(*frame, "--out", "d.npy", "--json", code=4).json["error"] == "GrantNotFound"


def test_frames_from_python_take_two_leaves_each(world: World, study: Path) -> None:
    record = published(world, study)
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(1))
    opened = world["clinic"].open_granted(record)
    every = imaging.arrays(io.BytesIO((study / "1").read_bytes()), "1")
    opened.read_frame("0001.dcm", 0)
    for number in (20, 5, 11):
        before = opened.fetched.leaves
        assert np.array_equal(opened.read_frame("0001.dcm", number), every[number])
        assert opened.fetched.leaves - before <= 2


def test_a_frame_of_a_bought_record(world: World, medibloc: Medibloc) -> None:
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    order_id = world["researcher"].purchase(checked).order_id
    frame = ("dataset", "frame", "0x" + order_id.hex(), "--as", "researcher")
    assert medibloc(*frame, "--out", "a.npy", "--json", code=4).json["error"] == "OrderNotSettled"
    world["hospital"].settle(order_id)

    pixels = {}
    for name in ("alice", "bob"):
        record = "0x" + world.records[name].hex()
        done = medibloc(*frame, "--record", record, "--out", f"{name}.npy", "--json").json
        assert done["record"] == record
        pixels[name] = np.load(f"{name}.npy")
    assert np.array_equal(pixels["alice"], imaging.arrays(sample("CT_small.dcm").open("rb"), ""))
    assert np.array_equal(pixels["bob"], imaging.arrays(sample("MR_small.dcm").open("rb"), ""))
    medibloc(*frame, "--out", "first.npy")
    assert np.array_equal(np.load("first.npy"), pixels["alice"])
    other = medibloc(*frame, "--record", "0x" + "00" * 32, "--out", "x.npy", "--json", code=3).json
    assert (other["error"], other["values"]["name"]) == ("InvalidValue", "record")
