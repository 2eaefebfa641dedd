"""Records under new keys: what readers keep, what they get, and what nobody can tell."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.chain import Network
from medibloc_py.client import Client
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    InvalidValue,
    NotAccredited,
    NotIssuer,
    RecordNotHeld,
    RecordReplaced,
)
from medibloc_py.flows.drafts import Drafts
from medibloc_py.flows.held import held_record, held_records, id_of, keep_record, successor_of
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId, Role
from medibloc_py.storage import files
from medibloc_py.storage.files import Part
from tests.flow.command import run
from tests.flow.dying import Call, Step, after, before, die, kill_at
from tests.flow.house import House
from tests.flow.world import PASSWORD, PATIENTS, World


def content(world: World, name: str) -> bytes:
    return world.released(PATIENTS[name])


def blobs(world: World) -> set[str]:
    return {file.stem for file in world.store.iterdir()}


def test_a_new_key_seals_the_same_bytes(world: World) -> None:
    alice, hospital = world["alice"], world["hospital"]
    old = world.records["alice"]
    held = held_record(hospital.me, old)
    (new,) = hospital.rotate([old]).records
    for field in ("salt", "r", "cid", "key_commitment", "root"):
        assert getattr(new, field) != getattr(held, field), field
    for field in ("patient", "issuer", "kind", "label", "size_bytes"):
        assert getattr(new, field) == getattr(held, field), field
    assert held_record(hospital.me, id_of(new)) == new
    opened = open_held(world.exchange, hospital.me, new)
    assert opened.read(0) == content(world, "alice")
    origin = open_held(world.exchange, hospital.me, held)
    assert opened.manifest.files == origin.manifest.files
    record = alice.import_record(hospital.hand_over(id_of(new)), "record file")
    assert record == id_of(new)
    assert hospital.exchange.records.batch(new.issuer, new.root).count == 1


def test_old_readers_keep_the_old_and_new_ones_get_the_new(world: World) -> None:
    alice, hospital, clinic = world["alice"], world["hospital"], world["clinic"]
    old = world.records["alice"]
    alice.grant(old, clinic.me.address, "TREATMENT", world.in_days(7))
    (held,) = hospital.rotate([old]).records
    new = alice.import_record(hospital.hand_over(id_of(held)), "record file")
    with pytest.raises(RecordReplaced):
        alice.grant(old, world.address("researcher"), "TREATMENT", world.in_days(7))
    with pytest.raises(RecordReplaced):
        world.contribute("alice")
    alice.grant(new, world.address("researcher"), "TREATMENT", world.in_days(7))
    assert clinic.open_granted(old).read(0) == content(world, "alice")
    assert world["researcher"].open_granted(new).read(0) == content(world, "alice")


def test_several_are_registered_with_one_transaction(world: World) -> None:
    hospital = world["hospital"]
    batches = len(world.exchange.records.batches(hospital.me.address))
    done = hospital.rotate([world.records["bob"], world.records["alice"]])
    assert [each.patient for each in done.records] == [world.address("bob"), world.address("alice")]
    assert len(world.exchange.records.batches(hospital.me.address)) == batches + 1
    assert world.exchange.records.batch(hospital.me.address, done.root).count == 2
    for record, name in zip(done.records, ("bob", "alice"), strict=True):
        assert open_held(world.exchange, hospital.me, record).read(0) == content(world, name)


def test_only_the_record_file_tells_what_it_replaces(world: World) -> None:
    alice, hospital = world["alice"], world["hospital"]
    old = world.records["alice"]
    (held,) = hospital.rotate([old]).records
    new = alice.import_record(hospital.hand_over(id_of(held)), "record file")
    (newer,) = hospital.rotate([new]).records
    for owner in (hospital.me, alice.me):
        assert held_record(owner, new).replaces == old
    assert successor_of(hospital.me, old) == id_of(newer)
    assert successor_of(hospital.me, new) == id_of(newer)
    assert successor_of(alice.me, old) == new
    assert successor_of(alice.me, new) is None
    hospital.shred(id_of(newer))
    assert successor_of(hospital.me, old) == new
    network = world.exchange.network
    for number in range(int(network.rpc.ask("eth_blockNumber"), 16) + 1):
        block = network.rpc.ask("eth_getBlockByNumber", hex(number), True)
        seen = "".join(tx["input"] for tx in block["transactions"])
        assert not (old.hex() in seen and new.hex() in seen)
    assert world.exchange.records.batch(held.issuer, held.root).superseded_by is None


def test_no_issuer_replaces_the_record_of_another(world: World) -> None:
    """A record file says what it likes; what it says of another's record counts for nothing."""
    alice, clinic = world["alice"], world["clinic"]
    old = world.records["alice"]
    world.accredit("clinic", Role.ISSUER, world.in_days(365))
    study = StudyToPublish(sample("MR_small.dcm"), alice.me.address)
    (held,) = clinic.publish([study]).records
    keep_record(clinic.me, replace(held, replaces=old))
    new = alice.import_record(clinic.hand_over(id_of(held)), "record file")
    assert held_record(alice.me, new).replaces == old
    assert successor_of(alice.me, old) is None
    alice.grant(old, world.address("researcher"), "TREATMENT", world.in_days(7))


def test_a_label_of_hers_stays_with_the_patient(world: World) -> None:
    """The hospital's private note does not travel, and the new file still reads back."""
    hospital = world["hospital"]
    (held,) = hospital.rotate([world.records["alice"]]).records
    assert held.label == "study of alice"
    assert RecordFile.decode(held.encode()) == held


def test_a_record_is_rotated_once(world: World) -> None:
    hospital, old = world["hospital"], world.records["alice"]
    (new,) = hospital.rotate([old]).records
    with pytest.raises(RecordReplaced):
        hospital.rotate([world.records["bob"], old])
    assert len(hospital.rotate([id_of(new)]).records) == 1


@pytest.mark.parametrize("given", [[], ["alice", "alice"]])
def test_rotate_takes_each_record_once(world: World, given: list[str]) -> None:
    with pytest.raises(InvalidValue):
        world["hospital"].rotate([world.records[name] for name in given])


def test_only_the_issuer_rotates(world: World) -> None:
    old = world.records["alice"]
    with pytest.raises(NotIssuer):
        world["alice"].rotate([old])
    with pytest.raises(RecordNotHeld):
        world["rival"].rotate([old])
    with pytest.raises(RecordNotHeld):
        world["hospital"].rotate([RecordId(bytes(32))])
    world.accredit("hospital", Role.ISSUER, 0)
    kept = blobs(world)
    with pytest.raises(NotAccredited):
        world["hospital"].rotate([old])
    assert blobs(world) == kept


def test_a_blob_that_does_not_open_is_not_registered_anew(world: World) -> None:
    hospital, car = world["hospital"], world.car_of("alice")
    whole, held = car.read_bytes(), set(held_records(hospital.me))
    batches = world.exchange.records.batches(hospital.me.address)
    car.write_bytes(whole[: len(whole) // 2] + b"?" + whole[len(whole) // 2 + 1 :])
    with pytest.raises(Corrupted):
        hospital.rotate([world.records["alice"]])
    car.unlink()
    with pytest.raises(BlobMissing):
        hospital.rotate([world.records["alice"]])
    assert len(blobs(world)) == 1
    assert set(held_records(hospital.me)) == held
    assert world.exchange.records.batches(hospital.me.address) == batches


# On the command line.


def with_the_blob(real: Call) -> Call:
    """Dies when a blob is in its place."""

    def become(part: Part, path: Path) -> None:
        real(part, path)
        if path.name.endswith(".car"):
            die()

    return become


STEPS: dict[str, Step] = {
    "sealed": (Part, "become", with_the_blob),
    "registered": (Network, "send", after),
    "handing over": (Client, "hand_over", before),
    "a draft half forgotten": (files, "_overwrite", before),
    "drafts forgotten": (Drafts, "forget", after),
}


def test_rotate_hands_the_new_files_over(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    common = ("--home", world.home, "--rpc", world.node.url, "record")
    ids = [world.records[name].hex() for name in PATIENTS]
    rotate = ("rotate", *ids, "--as", "hospital", "--out", tmp_path / "out")
    told = run(*common, *rotate, "--json")
    assert told.code == 0, told
    for name, each in zip(PATIENTS, told.json["records"], strict=True):
        assert each["replaces"] == "0x" + world.records[name].hex()
        taken = run(*common, "import", each["file"], "--as", name, "--json")
        assert taken.json["record"] == each["record"]
        shown = run(*common, "show", each["record"], "--as", name)
        assert f"replaces    {each['replaces']}" in shown.out
    assert run(*common, "rotate", ids[0], "--as", "alice", "--json").json["error"] == "NotIssuer"


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_rotation_goes_on_and_leaves_no_orphan(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    old = world.records["alice"]
    argv = [
        "--home", str(world.home), "--rpc", world.node.url,
        "record", "rotate", old.hex(), "--as", "hospital", "--json",
        "--out", str(world.home / "out"),
    ]  # fmt: skip
    kill_at(STEPS[step], *argv)
    again = run(*argv)
    assert again.code == 0, again
    folder = world["hospital"].me.vault.path("x").parent
    assert not [name for name in os.listdir(folder) if name.startswith((".", "publishing"))]
    new = RecordId(bytes.fromhex(again.json["records"][0]["record"][2:]))
    hospital = world["hospital"].me
    assert held_record(hospital, new).replaces == old
    assert blobs(world) == {held.cid for held in held_records(hospital).values()}
    assert len(world.exchange.records.batches(hospital.address)) == 2
    assert hospital.kept("draft-") == []
    gc.collect()  # it was told, and its process ended
    assert run(*argv).json["error"] == "RecordReplaced"


def test_a_dry_run_seals_nothing_and_tells_what_it_costs(house: House) -> None:
    world = house.world
    records = [world.records[name].hex() for name in PATIENTS]
    command = ("record", "rotate", *records, "--as", "hospital", "--out", "handed", "--json")
    before = house.held(), house.blobs(), house.batches(), world.me("hospital").vault.names()
    told = house.run("--dry-run", *command).json
    after_ = house.held(), house.blobs(), house.batches(), world.me("hospital").vault.names()
    assert after_ == before
    assert list((house.here / "handed").iterdir()) == []
    assert told["meaning"] == "Records.register"
    done = house.run(*command).json
    # A root of other bytes: one with a zero in it is four or twelve gas cheaper.
    assert abs(done["receipt"]["gas_used"] - told["gas"]) < 200


def test_a_dry_run_knows_what_a_rotation_that_died_left(house: House) -> None:
    hospital = house.world.me("hospital")
    argv = ("record", "rotate", house.world.records["alice"].hex(), "--as", "hospital", "--json")
    house.kill(STEPS["registered"], *argv)
    left = hospital.documents(), house.blobs()
    assert house.run("--dry-run", *argv).json == {"registered": 1}
    assert (hospital.documents(), house.blobs()) == left
    assert house.run(*argv).json["receipt"] is None


@pytest.mark.fault("reorganisation")
def test_a_rotation_that_the_chain_took_back_is_registered_again_as_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medibloc_py.chain.courier._LAG_MAX_S", 0.05)
    world, out = house.world, house.here / "handed"
    records = [world.records[name].hex() for name in PATIENTS]
    argv = ("record", "rotate", *records, "--as", "hospital", "--out", "handed", "--json")
    first = house.run(*argv).json
    held, blobs = house.held(), house.blobs()
    one = ("record", "rotate", records[0], "--as", "hospital", "--json")
    world.exchange.network.rpc.ask("anvil_reorg", 1, [])
    gc.collect()  # the process that sent it is gone
    assert house.batches() == 1
    assert house.run(*one, code=4).json["error"] == "RecordReplaced"  # another command
    assert house.run("--dry-run", *argv).json["meaning"] == "Records.register"
    again = house.run(*argv).json
    told = [{**each, "file": ""} for each in again["records"]]
    assert told == [{**each, "file": ""} for each in first["records"]]
    assert (again["root"], again["resumed"]) == (first["root"], 2)
    assert (house.held(), house.blobs(), house.batches()) == (held, blobs, 2)
    for name, each in zip(PATIENTS, again["records"], strict=True):
        world[name].import_record(Path(each["file"]).read_bytes(), "record file")
    assert len(list(out.iterdir())) == 2
