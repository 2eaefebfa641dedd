"""Publishing without who the patient is, the receipt of it, and what is for treatment only."""

from __future__ import annotations

import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from benchmarks import heads
from medibloc_py.errors import (
    DeidentificationReceiptInvalid,
    DeidentificationRefused,
    InvalidValue,
    QuoteInvalid,
    TreatmentOnly,
)
from medibloc_py.flows import contribute as contributing
from medibloc_py.flows import grant as granting
from medibloc_py.flows import kept, listing
from medibloc_py.flows.deid_receipts import META, SAID_CLEAN, require_receipt
from medibloc_py.flows.deidentified import Original, pseudonym_key, salt_of, source_of
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.held import held_record, held_records, id_of
from medibloc_py.flows.opened import OpenedRecord, open_held
from medibloc_py.flows.publish import StudyToPublish, publishing_sources
from medibloc_py.imaging.verify import compare
from medibloc_py.model import (
    KIND_DICOM_STUDY,
    KIND_TREATMENT_STUDY,
    RecordId,
    Role,
    SignedContribution,
)
from tests.flow.dying import PUBLISH
from tests.flow.house import CT, MR, House, require_whole
from tests.flow.sealed import sealed_with
from tests.flow.world import PURPOSE, World

NAME, ID, OTHER_ID = "Doe^Synthetica^Q", "HOSP-4711-0815", "ACC-99871234"
UID = "1.2.826.0.1.3680043.2.1143.99.4711.1"


def told(path: Path, **values: str) -> bytes:
    """A file that says who its patient is, at the top and within sequences."""
    dataset = pydicom.dcmread(CT)
    dataset.PatientName, dataset.PatientID = NAME, ID
    dataset.AccessionNumber, dataset.StudyInstanceUID = OTHER_ID, UID
    item = pydicom.Dataset()
    item.PatientID, item.IssuerOfPatientID = ID, "a hospital of the town"
    dataset.OtherPatientIDsSequence = [item]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path.read_bytes()


def published(world: World, path: Path, patient: str = "alice", **how: object) -> RecordId:
    study = StudyToPublish(path, world.address(patient), "", **how)  # type: ignore[arg-type]
    (held,) = world["hospital"].publish([study]).records
    record = id_of(held)
    return world[patient].import_record(world["hospital"].hand_over(record), "record file")


def opened_by(world: World, name: str, record: RecordId) -> OpenedRecord:
    return open_held(world.exchange, world.me(name), held_record(world.me(name), record))


def patient_in(data: bytes) -> str:
    return str(pydicom.dcmread(BytesIO(data)).PatientID)


@pytest.fixture
def to_treat(world: World) -> RecordId:
    return published(world, CT, treatment=True)


# What is published.


def test_nothing_of_who_the_patient_is_reaches_a_record(world: World, tmp_path: Path) -> None:
    (tmp_path / "Doe Synthetica").mkdir()
    originals = [
        told(tmp_path / "Doe Synthetica" / f"{number}", SOPInstanceUID=f"{UID}.{number}")
        for number in range(2)
    ]
    opened = opened_by(world, "alice", published(world, tmp_path / "Doe Synthetica"))
    assert opened.kind == KIND_DICOM_STUDY
    assert [file.name for file in opened.manifest.files] == ["0001.dcm", "0002.dcm"]
    sealed = [opened.read(index) for index in range(2)]
    for original, data in zip(originals, sealed, strict=True):
        verdict = compare(original, data)
        assert verdict.searched > 20
        assert (verdict.left, verdict.changed) == ([], "")
        manifest = repr(opened.manifest).encode()
        for value in (NAME, ID, OTHER_ID, UID, "Doe", "Synthetica", str(tmp_path)):
            assert value.encode() not in data + manifest
            assert value.lower().encode() not in data.lower()
    studies = {pydicom.dcmread(BytesIO(data)).StudyInstanceUID for data in sealed}
    assert len(studies) == 1
    assert opened.manifest.files[0].meta[SAID_CLEAN] == 0
    assert opened.manifest.files[0].meta["modality"] == "CT"


def test_a_patient_has_one_pseudonym_at_a_hospital_and_another_elsewhere(
    world: World, tmp_path: Path
) -> None:
    told(tmp_path / "1")
    told(tmp_path / "2", StudyInstanceUID=f"{UID}.2")
    one, two = (
        opened_by(world, "alice", published(world, tmp_path / name)).read(0) for name in "12"
    )
    assert patient_in(one) == patient_in(two) != ID
    world.accredit("clinic", Role.ISSUER, world.in_days(1))
    study = StudyToPublish(tmp_path / "1", world.address("alice"))
    (elsewhere,) = world["clinic"].publish([study]).records
    there = open_held(world.exchange, world.me("clinic"), elsewhere).read(0)
    assert patient_in(there) not in (patient_in(one), ID)


def test_a_head_is_published_without_its_face(world: World, tmp_path: Path) -> None:
    head = heads.scan("MR", mm=4.06, slice_mm=5.6)
    (tmp_path / "head").mkdir()
    for number, data in enumerate(head.files):
        (tmp_path / "head" / f"{number:03}").write_bytes(data)
    record = published(world, tmp_path / "head", options=("clean-recognizable-visual-features",))
    opened = opened_by(world, "alice", record)
    for index in range(len(head.files)):
        pixels = pydicom.dcmread(BytesIO(opened.read(index))).pixel_array
        assert (pixels[head.face[index]] == pixels.min()).all()
    assert opened.deidentification is not None
    assert opened.deidentification.options == ("clean-recognizable-visual-features",)


def test_for_treatment_it_is_published_bit_for_bit(world: World, to_treat: RecordId) -> None:
    world["alice"].grant(to_treat, world.address("clinic"), "TREATMENT", world.in_days(1))
    opened = world["clinic"].open_granted(to_treat)
    assert opened.kind == KIND_TREATMENT_STUDY
    assert opened.read(0) == CT.read_bytes()
    assert opened.deidentification is None
    assert opened.manifest.files[0].meta["modality"] == "CT"


def test_a_file_that_is_refused_stops_all_before_anything_is_stored(
    world: World, tmp_path: Path
) -> None:
    told(tmp_path / "burned", BurnedInAnnotation="YES")
    stored, held = list(world.store.iterdir()), held_records(world.me("hospital"))
    studies = [StudyToPublish(path, world.address("alice")) for path in (CT, tmp_path / "burned")]
    with pytest.raises(DeidentificationRefused) as caught:
        world["hospital"].publish(studies)
    assert caught.value.values["name"] == str(tmp_path / "burned")
    assert (list(world.store.iterdir()), held_records(world.me("hospital"))) == (stored, held)
    assert waiting_drafts(world.me("hospital")) == []


def test_options_change_what_is_kept_and_stand_in_the_receipt(world: World) -> None:
    options = ("retain-uids", "retain-patient-characteristics")
    opened = opened_by(world, "alice", published(world, CT, options=options))
    assert opened.deidentification is not None
    assert opened.deidentification.options == tuple(sorted(options))
    before, after = pydicom.dcmread(CT), pydicom.dcmread(BytesIO(opened.read(0)))
    assert after.StudyInstanceUID == before.StudyInstanceUID
    assert after.PatientSex == before.PatientSex


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"options": ("no-such",)}, InvalidValue),
        ({"treatment": True, "options": ("retain-uids",)}, InvalidValue),
        ({"options": ("retain-longitudinal-full-dates",
                      "retain-longitudinal-modified-dates")}, InvalidValue),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(
    world: World, how: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        published(world, CT, **how)


def test_files_from_elsewhere_are_published_the_same_way(world: World) -> None:
    """As a gateway gives them: sealed in its spool, and read once from the start."""

    class Once(BytesIO):
        def seekable(self) -> bool:
            return False

    data, hospital = CT.read_bytes(), world["hospital"]
    originals = [Original("waiting 1", len(data), lambda: Once(data))]
    common = {"patient": world.address("alice"), "label": "", "originals": originals}
    sources = [
        source_of(hospital.me, name=f"s{kept}", edition=bytes(32), treatment=kept, **common)  # type: ignore[arg-type]
        for kept in (False, True)
    ]
    with publishing_sources(world.exchange, hospital.me, sources) as done:
        research, treatment = (
            open_held(world.exchange, hospital.me, record) for record in done.records
        )
    assert research.read(0) == world.released(CT)
    assert treatment.read(0) == data
    assert done.burned_in == ("waiting 1",)
    with pytest.raises(InvalidValue):
        source_of(hospital.me, name="s", edition=bytes(32), **common | {"originals": []})  # type: ignore[arg-type]


def test_a_rotated_record_keeps_its_kind_and_its_receipt(world: World, to_treat: RecordId) -> None:
    old = opened_by(world, "alice", world.records["alice"])
    renewed = world["hospital"].rotate([world.records["alice"], to_treat]).records
    research, treatment = (open_held(world.exchange, world.me("hospital"), r) for r in renewed)
    assert research.receipt == old.receipt
    assert research.deidentification is not None
    assert (research.kind, treatment.kind) == (KIND_DICOM_STUDY, KIND_TREATMENT_STUDY)
    assert treatment.read(0) == CT.read_bytes()


# Killed, and the same again.


@pytest.mark.parametrize("step", ["before the first blob", "first draft done", "registration sent"])
def test_pseudonyms_are_the_same_wherever_it_was_killed(house: House, step: str) -> None:
    told(house.here / "1.dcm")
    told(house.here / "2.dcm", StudyInstanceUID=f"{UID}.2")
    command = house.publish("alice=1.dcm", "alice=2.dcm")
    before = house.held(), house.batches()
    house.kill(PUBLISH[step], *command)
    done = house.run(*command).json
    require_whole(house, before, ["alice", "alice"])
    ids = [RecordId(bytes.fromhex(each["record"][2:])) for each in done["records"]]
    names = {patient_in(opened_by(house.world, "hospital", each).read(0)) for each in ids}
    assert len(names) == 1
    assert {Path(each).name for each in done["burned_in"]} == {"1.dcm", "2.dcm"}


def test_another_option_or_treatment_seals_again(house: House) -> None:
    command = house.publish("alice=ct.dcm", "bob=mr.dcm")
    house.kill(PUBLISH["first draft done"], *command)
    told_of = house.run(*command, "--option", "retain-uids").json
    assert [Path(each).name for each in told_of["changed"]] == ["ct.dcm"]
    house.kill(PUBLISH["first draft done"], *command)
    told_of = house.run(*command, "--treatment").json
    assert [Path(each).name for each in told_of["changed"]] == ["ct.dcm"]
    assert {each["kind"] for each in told_of["records"]} == {KIND_TREATMENT_STUDY}
    assert waiting_drafts(house.world.me("hospital")) == []


# The receipt.


def test_the_receipt_of_a_record_is_its_issuers_and_of_its_files(world: World) -> None:
    opened = opened_by(world, "alice", world.records["alice"])
    done = require_receipt(opened.deidentification, opened.digests(), opened.record)
    assert done.issuer == world.address("hospital")
    assert (done.files, done.not_said_clean, done.options) == (1, 1, ())
    assert done.standard.startswith("DICOM PS3.15 20")
    assert 0 <= world.exchange.network.now() - done.at < 10_000
    assert opened.receipt is not None
    assert world.address("alice").encode() not in opened.receipt


def test_a_receipt_of_another_issuer_or_record_is_an_error(world: World) -> None:
    honest = opened_by(world, "alice", world.records["alice"])
    assert honest.receipt is not None
    stolen: dict[str, str | int] = {META: honest.receipt.decode()}
    world.accredit("clinic", Role.ISSUER, world.in_days(1))
    record = sealed_with(world, "clinic", stolen, honest.read(0))
    with pytest.raises(DeidentificationReceiptInvalid, match="registered the record"):
        opened_by(world, "clinic", record).read(0)

    record = sealed_with(world, "hospital", stolen, CT.read_bytes())
    opened = opened_by(world, "hospital", record)
    with pytest.raises(DeidentificationReceiptInvalid, match="other files"):
        require_receipt(opened.deidentification, opened.digests(), record)

    changed = {META: honest.receipt.decode().replace('"not_said_clean": 1', '"not_said_clean": 0')}
    record = sealed_with(world, "hospital", dict(changed), honest.read(0))
    with pytest.raises(DeidentificationReceiptInvalid, match="did not sign"):
        opened_by(world, "hospital", record).manifest.files  # noqa: B018


def test_the_issuer_can_show_an_auditor_which_the_originals_were(house: House) -> None:
    world, record = house.world, house.world.records["alice"].hex()
    receipt = ("record", "receipt", record, "--as", "hospital", "--out", "receipt.json")
    shown = house.run(*receipt, "--originals-salt", "--json").json
    check = ("imaging", "check-receipt", "receipt.json", "--salt", shown["originals_salt"])
    assert "It was made of ct.dcm." in house.run(*check, "--originals", "ct.dcm").out
    refused = house.run(*check, "--originals", "mr.dcm", "--json", code=7).json
    assert refused["error"] == "DeidentificationReceiptInvalid"
    house.run(*check, code=3)
    other = opened_by(world, "hospital", world.records["bob"])
    assert salt_of(world.me("hospital"), other).hex() != shown["originals_salt"][2:]
    again = ("record", "receipt", record, "--as", "alice", "--originals-salt", "--json")
    assert house.run(*again, code=4).json["error"] == "NotIssuer"


def test_who_opens_a_record_is_told_of_its_receipt(house: House) -> None:
    world, record = house.world, house.world.records["alice"]
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(1))
    house.run("access", "receipt", record.hex(), "--as", "clinic", "--out", "receipt.json")
    opened = house.run("access", "open", record.hex(), "--as", "clinic", "--out", "opened")
    assert "the signed receipt is of these files" in opened.out
    assert "may carry a name or a face" in opened.out
    check = ("imaging", "check-receipt", "receipt.json", "--files", "opened")
    assert house.run(*check, "--json").json["holds"] is True
    with (house.here / "opened" / "0001.dcm").open("ab") as file:
        file.write(b"\0")
    assert house.run(*check, "--json", code=7).json["error"] == "DeidentificationReceiptInvalid"

    without = sealed_with(world, "hospital", {}, CT.read_bytes())
    world["alice"].import_record(world["hospital"].hand_over(without), "file")
    world["alice"].grant(without, world.address("clinic"), "TREATMENT", world.in_days(1))
    opened = house.run("access", "open", without.hex(), "--as", "clinic", "--out", "bare")
    assert "No receipt says that its identity was removed" in opened.out
    missing = ("access", "receipt", without.hex(), "--as", "clinic", "--json")
    assert house.run(*missing, code=7).json["error"] == "DeidentificationReceiptInvalid"


def test_a_buyer_proves_the_receipts_of_what_was_bought(house: House) -> None:
    world = house.world
    listed = world.list_dataset()
    checked = world["researcher"].check_quote(world.quote(listed), "quote", PURPOSE)
    order_id = world["researcher"].purchase(checked).order_id
    world["hospital"].settle(order_id)
    order = order_id.hex()
    told_of = house.run("dataset", "open", order, "--as", "researcher", "--out", "b", "--json").json
    assert [each["deidentification"]["issuer"] for each in told_of] == [
        world.address("hospital")
    ] * 2
    receipt = ("dataset", "receipt", order, "--as", "researcher", "--record")
    shown = house.run(*receipt, world.records["bob"].hex()).out
    assert f"Signed by {world.address('hospital')}, who registered it" in shown
    assert "It is an accredited issuer." in shown
    # What was paid for can be proved for ever, and who proves it is told what became of its issuer.
    world.accredit("hospital", Role.ISSUER, 0)
    later = house.run(*receipt, world.records["bob"].hex(), "--json").json
    assert later["issuer_accredited"] is False
    bob = (world.records["bob"].hex(), "--as", "bob")
    assert "It is no accredited issuer any more." in house.run("record", "receipt", *bob).out


def test_a_reader_is_refused_what_an_issuer_of_yesterday_signed(house: House) -> None:
    world, record = house.world, house.world.records["alice"]
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(1))
    world.accredit("hospital", Role.ISSUER, 0)
    receipt = ("access", "receipt", record.hex(), "--as", "clinic", "--out", "r.json", "--json")
    assert house.run(*receipt, code=4).json["error"] == "IssuerNotAccredited"
    assert not (house.here / "r.json").exists()


# For treatment only.


def test_a_treatment_record_is_granted_for_treatment_only(
    world: World, to_treat: RecordId, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = ("HMB+NONCOMMERCIAL", world.in_days(1))
    world["alice"].grant(world.records["alice"], world.address("clinic"), *grant)
    with pytest.raises(TreatmentOnly):
        world["alice"].grant(to_treat, world.address("clinic"), *grant)
    with pytest.raises(TreatmentOnly):
        world["alice"].grant_many([to_treat], world.address("clinic"), *grant)
    with monkeypatch.context() as patch:  # a patient's client that does not mind
        patch.setattr(granting, "require_purpose", lambda *_: None)
        world["alice"].grant(to_treat, world.address("clinic"), *grant)
    with pytest.raises(TreatmentOnly):
        world["clinic"].open_granted(to_treat)


def test_a_treatment_record_is_neither_signed_listed_nor_paid_for(
    world: World, to_treat: RecordId, monkeypatch: pytest.MonkeyPatch
) -> None:
    selling = replace(world, records={**world.records, "alice": to_treat})
    with pytest.raises(TreatmentOnly):
        selling.contribute("alice")
    with monkeypatch.context() as patch:  # clients that do not mind
        patch.setattr(contributing, "require_deidentified", lambda *_: None)
        signed: SignedContribution = selling.contribute("alice")
    with pytest.raises(TreatmentOnly):
        selling.list_dataset(signed)
    with monkeypatch.context() as patch:
        patch.setattr(listing, "require_deidentified", lambda *_: None)
        patch.setattr(kept, "require_purpose", lambda *_: None)
        quote = selling.quote(selling.list_dataset(signed))
    with pytest.raises(QuoteInvalid, match="for treatment only") as caught:
        world["researcher"].check_quote(quote, "quote", PURPOSE)
    assert caught.value.values["check"] == "records"


def test_the_command_line_says_what_is_published(house: House) -> None:
    shutil.copy(MR, house.here / "mr2.dcm")
    publish = ("record", "publish", "alice=ct.dcm", "--as", "hospital")
    out = house.run(*publish).out
    assert "which may show a name or a face: ct.dcm." in out
    assert "medibloc imaging review" in out
    out = house.run(*publish, "--treatment").out
    assert "for treatment only, and never sold" in out.replace("\n", " ")
    assert "imaging review" not in out


def test_the_key_of_the_pseudonyms_is_drawn_once_and_kept_sealed(world: World) -> None:
    me = world.me("hospital")
    key = pseudonym_key(me)
    assert (len(key), pseudonym_key(me)) == (32, key)
    assert key not in me.vault.get("pseudonyms")
    assert pseudonym_key(world.me("clinic")) != key
