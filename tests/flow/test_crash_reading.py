"""Killed at any step of granting and opening, and the same command again; and in a daemon."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from medibloc_py.cli.saving import WORK_FOLDER
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.given import Given
from medibloc_py.flows.grant import prepare_grants
from medibloc_py.flows.held import held_records, id_of
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.model import Role
from medibloc_py.purpose import TREATMENT
from tests.fakes.recorded_kubo import RecordedKubo
from tests.flow.dying import GRANT, KUBO, OPEN
from tests.flow.house import CT, MR, House
from tests.flow.world import PURPOSE

# Granting.


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", GRANT)
def test_a_grant_leaves_no_object_that_no_grant_names(house: House, step: str) -> None:
    world, record = house.world, house.world.records["alice"]
    command = ("access", "grant", record.hex(), "--as", "alice", "--to", "clinic", "--json")
    house.kill(GRANT[step], *command)
    (made,) = house.run(*command).json["grant_objects"]
    clinic = world.address("clinic")
    on_chain = world.exchange.access.grants(record=record, grantee=clinic)
    objects = Given(world.me("alice"), record, clinic).objects()
    assert objects == [made]
    assert len(on_chain) == 1
    assert house.blobs() == house.named()
    assert world["clinic"].open_granted(record).read(0) == world.released(CT)
    world["alice"].revoke_grant(record, clinic)
    assert not house.blobs() & set(objects)
    assert house.parts() == []


@pytest.mark.fault("client killed", faults=2)
def test_a_signed_grant_leaves_no_object_and_spares_what_was_signed(house: House) -> None:
    world, record = house.world, house.world.records["alice"]
    command = ("access", "grant", record.hex(), "--as", "alice", "--to", "clinic", "--sign")
    house.kill(GRANT["object stored"], *command, "first.json")
    house.run(*command, "second.json")
    given = Given(world.me("alice"), record, world.address("clinic"))
    (signed,) = given.objects()
    assert house.blobs() == house.named()
    house.kill(GRANT["object stored"], *command, "third.json")
    assert len(given.objects()) == 2
    house.run(*command, "fourth.json")
    assert given.objects()[0] == signed
    assert len(given.objects()) == 2
    assert house.blobs() == house.named()
    house.run("relay", "send", "second.json", "--as", "bob")
    assert world["clinic"].open_granted(record).read(0) == world.released(CT)


@pytest.mark.fault("client killed")
def test_an_object_is_not_let_go_of_while_its_grant_may_be_on_its_way(
    house: House, idle_miner: Callable[[], object]
) -> None:
    world, record, clinic = house.world, house.world.records["alice"], house.world.address("clinic")
    house.kill(
        GRANT["grant sent"],
        *("access", "grant", record.hex(), "--as", "alice", "--to", "clinic"),
    )
    by = world["alice"].deciding()
    (ready,) = prepare_grants(by, [record], clinic, TREATMENT, world.in_days(2))
    ready.prepared.after()
    given = Given(world.me("alice"), record, clinic)
    assert len(given.objects()) == 2
    idle_miner()
    assert house.blobs() == house.named()
    assert world["clinic"].open_granted(record).read(0) == world.released(CT)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", ["object stored", "grant sent"])
def test_a_delivery_leaves_no_object_that_no_delivery_names(house: House, step: str) -> None:
    world, record, clinic = house.world, house.world.records["alice"], house.world.address("clinic")
    card, until = world["alice"].card_of(record), world.in_days(30)
    world["alice"].name_custodian(world.address("rival"), until)
    world["alice"].grant(record, world.address("rival"), "TREATMENT", until)
    world.accredit("clinic", Role.CLINICIAN, until)
    world["clinic"].break_glass(card, "card", "It cannot wait.")
    command = ("access", "deliver", record.hex(), "--as", "rival", "--to", "clinic")
    house.kill(GRANT[step], *command)
    house.run(*command)
    assert len(world.exchange.access.deliveries(record, clinic)) == 1
    assert len(Given(world.me("rival"), record, clinic).objects()) == 1
    given = [
        *Given(world.me("rival"), record, clinic).objects(),
        *Given(world.me("alice"), record, world.address("rival")).objects(),
    ]
    records = {file.cid for file in held_records(world.me("hospital")).values()}
    assert house.blobs() == records | set(given)
    assert world["clinic"].open_granted(record).read(0) == world.released(CT)


# Opening.


def read_all(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.fault("client killed", faults=11)
def test_a_record_is_opened_once_wherever_it_was_killed(house: House) -> None:
    world, clinic = house.world, house.world.address("clinic")
    (house.here / "study").mkdir()
    shutil.copy(CT, house.here / "study" / "1")
    shutil.copy(MR, house.here / "study" / "2")
    study = StudyToPublish(house.here / "study", world.address("alice"))
    (held,) = world["hospital"].publish([study]).records
    record = id_of(held)
    world["alice"].import_record(world["hospital"].hand_over(record), "file")
    world["alice"].grant(record, clinic, "TREATMENT", world.in_days(1))
    ct, mr = world.released(CT), world.released(MR)
    for number, step in enumerate(OPEN):
        folder = house.here / f"out-{number}"
        command = ("access", "open", record.hex(), "--as", "clinic", "--out", folder, "--json")
        house.kill(OPEN[step], *command)
        assert set(read_all(folder)) <= {
            "0001.dcm", "0002.dcm", f"{WORK_FOLDER}/receipt", f"{WORK_FOLDER}/lock",
            *(str(part.relative_to(folder)) for part in house.parts()),
        }, step  # fmt: skip
        told = house.run(*command).json
        assert [Path(each["path"]).name for each in told["files"]] == ["0001.dcm", "0002.dcm"], step
        assert read_all(folder) == {"0001.dcm": ct, "0002.dcm": mr}, step
        assert not (folder / WORK_FOLDER).exists(), step
    assert house.run(*command, code=3).json["error"] == "FileExists"


@pytest.mark.fault("client killed", faults=6)
def test_a_dataset_is_opened_once_wherever_it_was_killed(house: House) -> None:
    world = house.world
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    order = world["researcher"].purchase(checked).order_id
    world["hospital"].settle(order)
    ct, mr = world.released(CT), world.released(MR)
    whole: dict[str, bytes] | None = None
    for step, resumed in {
        "half a file": 0, "file noted": 0, "file in its place": 1, "all saved": 1,
        "second file in its place": 2, "before the receipt goes": 2,
    }.items():  # fmt: skip
        folder = house.here / step
        command = ("dataset", "open", order.hex(), "--as", "researcher", "--out", folder)
        house.kill(OPEN[step], *command)
        told = house.run(*command).out
        assert told.startswith("2 records in"), step
        remark = f" {resumed} files were there from an earlier run."
        assert (remark in told) is bool(resumed), step
        whole = whole or read_all(folder)
        assert read_all(folder) == whole, step
        assert sorted(whole.values()) == sorted([ct, mr])


# In an IPFS daemon.


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", list(KUBO)[:3])
def test_in_a_daemon_nothing_is_pinned_that_no_record_file_names(
    house: House, kubo: RecordedKubo, step: str
) -> None:
    house = House(house.world, house.here, kubo.url)
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    held, batches = house.held(), house.batches()
    house.kill(KUBO[step], *command)
    told = house.run(*command).json
    assert told["resumed"] == (step == "kept by kubo")
    assert house.batches() == batches + 1
    files = held_records(house.world.me("hospital"))
    assert kubo.pins == {files[record].cid for record in house.held() - held}
    assert waiting_drafts(house.world.me("hospital")) == []
    kubo.collect_garbage()
    assert all(kubo.complete(pin) for pin in kubo.pins)


@pytest.mark.fault("client killed")
def test_in_a_daemon_no_grant_object_is_pinned_that_no_grant_names(
    house: House, kubo: RecordedKubo
) -> None:
    house = House(house.world, house.here, kubo.url)
    record = house.world.records["alice"]
    command = ("access", "grant", record.hex(), "--as", "alice", "--to", "clinic", "--json")
    house.kill(KUBO["grant object in kubo"], *command)
    assert len(kubo.pins) == 1
    (made,) = house.run(*command).json["grant_objects"]
    assert kubo.pins == {made}
