"""Killed at any step of publishing, and the same command again.

It must end as if it had never been killed: on chain once, and in the store exactly the
blobs that a record file or a grant names.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from medibloc_py.errors import (
    StudyUnreadable,
    TransactionPending,
    WorkUnderway,
)
from medibloc_py.flows import drafts as drafting
from medibloc_py.flows.deploy import deploy
from medibloc_py.flows.drafts import (
    Drafts,
    drop_drafts,
    forget_draft_of,
    publication_name,
    waiting_drafts,
)
from medibloc_py.flows.held import held_records, id_of
from medibloc_py.flows.parties import Exchange
from tests.flow.dying import PUBLISH, after, at_call
from tests.flow.house import CT, MR, House, require_whole

# Publishing.


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", PUBLISH)
def test_two_studies_are_published_once_wherever_it_was_killed(house: House, step: str) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *command)
    told = house.run(*command).json
    require_whole(house, before, ["alice", "bob"])
    assert len(told["records"]) == 2
    for patient, content, each in zip(("alice", "bob"), (CT, MR), told["records"], strict=True):
        record = house.world[patient].import_record(Path(each["file"]).read_bytes(), each["file"])
        assert "0x" + record.hex() == each["record"]
        assert house.content(patient, record) == house.world.released(content)
    assert len(list((house.here / "handed").iterdir())) == 2


@pytest.mark.fault("client killed")
@pytest.mark.parametrize(
    "step", ["half a blob", "half a draft", "first blob announced", "registration sent", "told"]
)
def test_one_study_is_published_once_wherever_it_was_killed(house: House, step: str) -> None:
    command = ("record", "publish", "alice=ct.dcm", "--as", "hospital", "--json")
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *command)
    told = house.run(*command).json
    require_whole(house, before, ["alice"])
    sent_before = step in ("registration sent", "told")
    assert (told["receipt"] is None, told["resumed"]) == (sent_before, int(sent_before))


@pytest.mark.fault("client killed", faults=8)
def test_killed_again_and_again_it_still_ends(house: House) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    before = house.held(), house.batches()
    for step in (
        "first blob announced", "half a blob", "first draft done", "first draft done",
        "first record file kept", "registration sent", "first file handed over", "told",
    ):  # fmt: skip
        house.kill(PUBLISH[step], *command)
    assert house.run(*command).json["resumed"] == 2
    require_whole(house, before, ["alice", "bob"])


@pytest.mark.fault("client killed")
def test_once_told_a_publication_is_over_and_the_same_again_is_another(house: House) -> None:
    """Its results are out, and forgetting its drafts had begun."""
    from medibloc_py.flows.parties import Identity

    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    house.kill((Identity, "forget", at_call(1, after)), *command)
    assert len(waiting_drafts(house.world.me("hospital"))) == 1
    batches = house.batches()
    told = house.run(*command).json
    assert (told["resumed"], told["receipt"] is None) == (0, False)
    assert house.batches() == batches + 1
    assert house.blobs() == house.named()
    assert waiting_drafts(house.world.me("hospital")) == []


@pytest.mark.fault("client killed")
def test_what_was_sealed_is_not_sealed_again(house: House) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    house.kill(PUBLISH["second draft done"], *command)
    sealed = [draft.file.cid for draft in waiting_drafts(house.world.me("hospital"))]
    told = house.run(*command[:-1])
    assert "2 sealed by an earlier run." in told.out
    assert {file.cid for file in held_records(house.world.me("hospital")).values()} >= set(sealed)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", ["first draft done", "first record file kept"])
def test_a_study_that_changed_since_is_sealed_again(house: House, step: str) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *command)
    (old, *_) = waiting_drafts(house.world.me("hospital"))
    shutil.copy(MR, house.here / "ct.dcm")
    told = house.run(*command[:-1]).out
    assert f"{house.here / 'ct.dcm'} changed since an earlier run sealed it" in told
    require_whole(house, before, ["alice", "bob"])
    assert old.file.cid not in house.blobs()
    assert id_of(old.file) not in house.held()


def test_a_study_that_changed_after_it_was_registered_is_another(house: House) -> None:
    command = house.publish("alice=ct.dcm")
    held, batches = house.held(), house.batches()
    house.kill(PUBLISH["registration sent"], *command)
    (first,) = house.held() - held
    shutil.copy(MR, house.here / "ct.dcm")
    assert house.run(*command).json["changed"] == [str(house.here / "ct.dcm")]
    assert len(house.held() - held) == 2
    assert first in house.held()
    assert house.batches() == batches + 2
    assert house.blobs() == house.named()


@pytest.mark.fault("client killed")
def test_a_blob_that_the_store_lost_is_sealed_again(house: House) -> None:
    command = house.publish("alice=ct.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["first draft done"], *command)
    (draft,) = waiting_drafts(house.world.me("hospital"))
    (house.world.store / f"{draft.file.cid}.car").unlink()
    told = house.run(*command).json
    assert (told["resumed"], told["lost"]) == (0, [str(house.here / "ct.dcm")])
    require_whole(house, before, ["alice"])


def test_a_stopped_publication_says_that_it_can_go_on(house: House) -> None:
    shutil.copy(CT, house.here / "gone.dcm")
    command = house.publish("alice=ct.dcm", "bob=gone.dcm", "--treatment")
    before = house.held(), house.batches()
    real = Drafts.write

    def then_gone(drafts: Drafts, place: int, draft: drafting.Draft) -> None:
        real(drafts, place, draft)
        (house.here / "gone.dcm").unlink(missing_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drafts, "write", then_gone)
        stopped = house.run(*command[:-1], code=StudyUnreadable.exit_code)
    assert "Sealed and not published: 1. The same command goes on from there" in stopped.err
    shutil.copy(CT, house.here / "gone.dcm")
    assert house.run(*command).json["resumed"] == 1
    require_whole(house, before, ["alice", "bob"])


# A registration that nobody has mined.


@pytest.mark.fault("client killed")
def test_a_registration_on_its_way_is_waited_for_and_not_sent_again(
    house: House, idle_miner: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = house.publish("alice=ct.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["registration sent"], *command)
    network, hospital = house.world.exchange.network, house.world.address("hospital")
    assert network.unmined(hospital) == 1
    monkeypatch.setattr(drafting, "_PAUSE_S", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(drafting, "_MOST_WAIT_S", 0.05)
        told = house.run(*command, code=TransactionPending.exit_code).json
        assert told["error"] == "TransactionPending"
        assert network.unmined(hospital) == 1
        told = house.run("record", "drafts", "--drop", "--as", "hospital", "--json", code=5).json
        assert told["error"] == "TransactionPending"
    miner = threading.Timer(0.3, idle_miner)
    miner.start()
    assert house.run(*command).json["receipt"] is None
    miner.join()
    assert network.unmined(hospital) == 0
    require_whole(house, before, ["alice"])


@pytest.mark.fault("client killed")
def test_a_registration_that_the_node_forgot_is_sent(
    house: House, idle_miner: Callable[[], object]
) -> None:
    command = house.publish("alice=ct.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["registration sent"], *command)
    rpc = house.world.exchange.network.rpc
    rpc.ask("anvil_dropAllTransactions")
    rpc.ask("evm_setAutomine", True)
    assert house.run(*command).json["receipt"] is not None
    require_whole(house, before, ["alice"])


@pytest.mark.fault("client killed")
def test_a_registration_that_the_node_does_not_tell_of_is_not_sent_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for the batch it says no, once; without the journal too, the contract knows better."""
    command = house.publish("alice=ct.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["registration sent"], *command)
    for file in house.world.home.glob("journal.sqlite*"):
        file.unlink()
    real, calls = drafting._stands, []

    def late(*given: object) -> bool:
        calls.append(given)
        return len(calls) > 1 and real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(drafting, "_stands", late)
    assert house.run(*command).json["receipt"] is None
    assert len(calls) == 2
    require_whole(house, before, ["alice"])


@pytest.mark.parametrize(("step", "sends"), [("first draft done", True), ("registered", False)])
def test_a_dry_run_knows_what_a_run_that_died_left(house: House, step: str, sends: bool) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *command)
    left = waiting_drafts(house.world.me("hospital"))
    told = house.run("--dry-run", *command).json
    assert told.get("meaning") == ("Records.register" if sends else None)
    assert waiting_drafts(house.world.me("hospital")) == left
    assert (house.run(*command).json["receipt"] is not None) == sends
    require_whole(house, before, ["alice", "bob"])


# Drafts that nobody goes on with.


def drafts_of(house: House, *more: str) -> list[dict[str, object]]:
    told: list[dict[str, object]] = house.run(
        "record", "drafts", *more, "--as", "hospital", "--json"
    ).json
    return told


@pytest.mark.fault("client killed")
@pytest.mark.parametrize(
    ("step", "waiting"),
    [
        ("first blob announced", 1),
        ("first draft done", 1),
        ("second blob kept", 2),
        ("first record file kept", 2),
        ("registration about to be sent", 2),
    ],
)
def test_drafts_are_let_go_of_with_blobs_and_keys(house: House, step: str, waiting: int) -> None:
    before = house.held(), house.batches(), house.blobs()
    house.kill(PUBLISH[step], *house.publish("alice=ct.dcm", "bob=mr.dcm"))
    listed = drafts_of(house)
    assert [Path(str(each["source"])).name for each in listed] == ["ct.dcm", "mr.dcm"][:waiting]
    assert [each["patient"] for each in listed] == [
        house.world.address(name) for name in ("alice", "bob")[:waiting]
    ]
    dry = house.run("--dry-run", "record", "drafts", "--drop", "--as", "hospital", "--json").json
    assert dry == drafts_of(house) == listed
    assert drafts_of(house, "--drop") == listed
    assert drafts_of(house) == []
    assert (house.held(), house.batches(), house.blobs()) == before


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", ["registration sent", "told"])
def test_what_was_registered_is_not_let_go_of(house: House, step: str) -> None:
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *house.publish("alice=ct.dcm", "bob=mr.dcm"))
    assert len(drafts_of(house)) == 2
    assert drafts_of(house, "--drop") == []
    require_whole(house, before, ["alice", "bob"])


def test_drafts_of_another_deployment_are_not_judged_by_this_one(house: House) -> None:
    """Registered there, and unknown here: to forget its key would lose it."""
    held = house.held()
    house.kill(PUBLISH["told"], *house.publish("alice=ct.dcm"))
    world, hospital = house.world, house.world.me("hospital")
    (record,) = house.held() - held
    elsewhere = deploy(world.exchange.network, world.me("governance").signer, salt="elsewhere")
    other = Exchange(world.exchange.network, elsewhere.deployment, world.exchange.store)
    waiting = waiting_drafts(hospital)
    assert drop_drafts(other, hospital) == []
    forget_draft_of(other, hospital, record)
    assert waiting_drafts(hospital) == waiting
    assert record in house.held()
    assert drop_drafts(world.exchange, hospital) == []
    assert waiting_drafts(hospital) == []


def test_publications_side_by_side_leave_each_other_alone(house: House) -> None:
    world, hospital = house.world, house.world.me("hospital")
    first, second = house.publish("alice=ct.dcm"), house.publish("alice=mr.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["first draft done"], *first)
    (draft,) = waiting_drafts(hospital)
    house.run(*second)
    assert waiting_drafts(hospital) == [draft]
    place = [(world.address("alice"), str(house.here / "ct.dcm"))]
    with Drafts(hospital, publication_name(world.exchange, hospital, place)).sole():
        told = house.run(*first, code=WorkUnderway.exit_code).json
        assert told["error"] == "WorkUnderway"
        house.run(*house.publish("bob=ct.dcm"))
        with pytest.raises(WorkUnderway):
            drop_drafts(world.exchange, hospital)
    assert waiting_drafts(hospital) == [draft]
    assert house.run(*first).json["resumed"] == 1
    assert house.batches() == before[1] + 3
    assert house.blobs() == house.named()


def test_one_patient_may_have_the_same_file_twice_in_a_publication(house: House) -> None:
    command = house.publish("alice=ct.dcm", "alice=ct.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH["second blob announced"], *command)
    told = house.run(*command).json
    assert told["resumed"] == 1
    require_whole(house, before, ["alice", "alice"])


def test_a_drafts_name_tells_nothing_and_its_text_is_sealed(house: House) -> None:
    house.kill(PUBLISH["first draft done"], *house.publish("alice=ct.dcm"))
    hospital = house.world.me("hospital")
    (name,) = hospital.kept("draft-")
    place = [(house.world.address("alice"), str(house.here / "ct.dcm"))]
    assert publication_name(house.world.exchange, hospital, place) in name
    assert publication_name(house.world.exchange, house.world.me("rival"), place) not in name
    assert b"ct.dcm" not in hospital.vault.get(name)
