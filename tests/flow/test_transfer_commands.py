"""`medibloc exchange` as people type it; killed at any step, the same command again."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from medibloc_py.chain.courier import Courier
from medibloc_py.cli import receiving, saving, sending
from medibloc_py.cli.output import Output
from medibloc_py.flows import transfer, transfer_send
from medibloc_py.flows.held import id_of
from medibloc_py.flows.parties import Identity
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.flows.transfer import kept_transfers
from medibloc_py.flows.transfer_paper import write_paper
from medibloc_py.storage import files
from tests.flow.command import Done
from tests.flow.dying import Step, after, at_call, before
from tests.flow.house import CT, MR, House

SEND: dict[str, Step] = {
    "registration sent": (Courier, "hand_over", after),
    "record handed over": (sending, "_hand_over", after),
    "about to sign": (transfer_send, "sign_word", before),
    "kept": (transfer_send, "keep_paper", after),
    "told": (Output, "result", after),
}
RECEIVE: dict[str, Step] = {
    "second file in its place": (files.Part, "become", at_call(2, after)),
    "about to sign": (transfer, "sign_word", before),
    "kept": (Identity, "keep", after),
    "about to write": (receiving, "save", before),
    "told": (Output, "result", after),
    "before the folder is cleared": (saving._Receipt, "close", before),
}
FROM = ("--as", "hospital", "--to", "clinic")
RECEIVED = ("exchange", "receive", "t.json", "--as", "clinic", "--out", "study", "--json")


@pytest.fixture
def study(house: House) -> str:
    """Two files of Alice in a folder, to be sent with her identity."""
    (house.here / "alice").mkdir()
    shutil.copy(CT, house.here / "alice" / "ct.dcm")
    shutil.copy(MR, house.here / "alice" / "mr.dcm")
    return "alice=alice"


def sent(house: House, study: str, *more: str) -> dict[str, Any]:
    """Sent, imported by the patient, and granted."""
    argv = ("exchange", "send", study, *FROM, "--treatment", "--paper", "t.json", "--json", *more)
    told = house.run(*argv).json
    house.run("record", "import", told["record_file"], "--as", "alice")
    house.run("access", "grant", told["transfer"]["record"], "--as", "alice", "--to", "clinic")
    return dict(told)


def refused(done: Done) -> str:
    return str(done.json["error"])


def test_a_study_goes_from_folder_to_folder(house: House, study: str) -> None:
    told = sent(house, study)
    assert told["missing"] == ["receiver", "patient"]
    shown = house.run("exchange", "show", "t.json").out
    assert "identity    kept, sealed" in shown
    assert shown.count("not yet") == 2
    unfinished = house.run("exchange", "check", "t.json", "--json", code=4)
    assert refused(unfinished) == "TransferUnfinished"

    nowhere = house.run("exchange", "receive", "t.json", "--as", "clinic", "--json", code=3)
    assert refused(nowhere) == "InvalidValue"
    assert house.run(*RECEIVED).json["stored"]
    assert (house.here / "study" / "0001.dcm").read_bytes() == CT.read_bytes()
    assert (house.here / "study" / "0002.dcm").read_bytes() == MR.read_bytes()
    house.run("exchange", "sign", "t.json", "--as", "alice", "--paper", "receipt.json")
    for name, role in {"hospital": "sender", "clinic": "receiver", "alice": "patient"}.items():
        house.run("exchange", "keep", "receipt.json", "--as", name)
        (kept,) = house.run("exchange", "list", "--as", name, "--json").json
        assert (kept["id"], kept["missing"], kept["role"]) == (told["id"], [], role)
    assert "nobody" in house.run("exchange", "list", "--as", "alice").out

    checked = house.run("exchange", "check", "receipt.json", "--online", "--json").json
    assert checked["holds"]
    assert len(checked["found"]) == 6
    assert "Signed by all three" in house.run("exchange", "check", "receipt.json").out

    body = json.loads((house.here / "receipt.json").read_text())
    body["transfer"]["digest"] = "0x" + "00" * 32
    (house.here / "forged.json").write_text(json.dumps(body))
    forged = house.run("exchange", "check", "forged.json", "--json", code=4)
    assert refused(forged) == "TransferInvalid"


def test_papers_signed_apart_become_one(house: House, study: str) -> None:
    told = sent(house, study)
    house.run("exchange", "sign", "t.json", "--as", "alice", "--paper", "signed.json")
    house.run(*RECEIVED)
    keep = ("exchange", "keep", "t.json", "signed.json", "--as", "hospital", "--paper", "both.json")
    assert [each["missing"] for each in house.run(*keep, "--json").json] == [["patient"], []]
    assert house.run("exchange", "check", "both.json", "--json").json["id"] == told["id"]


def test_the_same_command_writes_the_same_paper(house: House) -> None:
    record = "0x" + house.world.records["alice"].hex()
    send = ("exchange", "send", record, *FROM, "--json")
    first = house.run(*send).json
    written = (house.here / first["file"]).read_bytes()
    assert house.run(*send).json == first
    assert (house.here / first["file"]).read_bytes() == written
    assert house.run(*send, "--again").json["id"] != first["id"]
    (house.here / "other.json").write_text("{}")
    taken = house.run(*send, "--paper", "other.json", code=3)
    assert refused(taken) == "FileExists"
    for wrong in (("--treatment",), ("--option", "retain-uids")):
        assert refused(house.run(*send, *wrong, code=3)) == "InvalidValue"
    named = ("exchange", "send", "alice=ct.dcm", *FROM, "--treatment", "--for", "HMB", "--json")
    assert refused(house.run(*named, code=3)) == "InvalidValue"
    assert refused(house.run(*send[:3], "--as", "hospital", "--to", "alice", "--json", code=4)) == (
        "TransferRefused"
    )
    spoken_for = house.run(*send, "--signed-by", "bob", code=4)
    assert refused(spoken_for) == "MandateMissing"
    nobodys = house.run("exchange", "sign", first["file"], "--as", "bob", "--json", code=4)
    assert refused(nobodys) == "NotInTransfer"


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", SEND)
def test_a_sending_that_died_goes_on(house: House, study: str, step: str) -> None:
    held, batches = house.held(), house.batches()
    send = ("exchange", "send", study, *FROM, "--treatment", "--paper", "t.json", "--json")
    house.kill(SEND[step], *send)
    told = house.run(*send).json
    (record,) = house.held() - held
    assert told["transfer"]["record"] == "0x" + record.hex()
    assert house.batches() == batches + 1
    assert len(kept_transfers(house.world.me("hospital"))) == 1
    assert house.parts() == []
    handed = (house.here / told["record_file"]).read_bytes()
    assert house.world["alice"].import_record(handed, "handed") == record


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", RECEIVE)
def test_a_receiving_that_died_goes_on(house: House, study: str, step: str) -> None:
    world, clinic = house.world, house.world.address("clinic")
    source = StudyToPublish(house.here / "alice", world.address("alice"), treatment=True)
    record = id_of(world["hospital"].publish([source]).records[0])
    world["alice"].import_record(world["hospital"].hand_over(record), "handed")
    world["alice"].grant(record, clinic, "TREATMENT", world.in_days(7))
    sent = world["hospital"].send_record(record, clinic)
    (house.here / "t.json").write_bytes(write_paper(sent))

    house.kill(RECEIVE[step], *RECEIVED)
    told = house.run(*RECEIVED).json
    assert told["missing"] == ["patient"]
    assert sorted(path.name for path in (house.here / "study").iterdir()) == [
        "0001.dcm",
        "0002.dcm",
    ]
    assert (house.here / "study" / "0001.dcm").read_bytes() == CT.read_bytes()
    (kept,) = kept_transfers(world.me("clinic"))
    assert write_paper(kept) == (house.here / "t.json").read_bytes()
    assert house.parts() == []
