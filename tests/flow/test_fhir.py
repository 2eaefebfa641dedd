"""What leaves as FHIR: of real records on a real chain, for each of those who may ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest

from medibloc_py.errors import DocumentInvalid, GrantNotFound, InvalidValue
from medibloc_py.fhir import Resource
from medibloc_py.flows.deid_receipts import check_receipt
from medibloc_py.flows.fhir_export import Exported, export_patient, export_records
from medibloc_py.flows.fhir_import import read_agreed_use
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.openings import keep_opening, sign_opening, write_opening
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.flows.transfer import keep_transfer, receive_record
from medibloc_py.flows.transfer_paper import write_paper
from medibloc_py.flows.transfer_send import send_record
from medibloc_py.imaging.attributes import read_attributes
from medibloc_py.imaging.samples import sample
from medibloc_py.model import GENERAL, RecordId, Role, Scope
from medibloc_py.purpose import GRU, HMB, IRB, NCU
from tests.flow.house import House
from tests.flow.world import PURPOSE, World
from tests.unit.fhir.validator import errors_in

CT = sample("CT_small.dcm")
NAME, NUMBER = "CompressedSamples^CT1", "1CT1"


def of_kind(done: Exported, kind: str) -> list[Resource]:
    return [each for each in done.resources if each["resourceType"] == kind]


def only(done: Exported, kind: str) -> Resource:
    (found,) = of_kind(done, kind)
    return found


def text_of(done: Exported) -> str:
    return "".join(done.bundle()) + "".join(done.ndjson())


@pytest.fixture
def treatment(world: World) -> RecordId:
    """A record of alice as it came, for treatment."""
    study = StudyToPublish(CT, world.address("alice"), treatment=True)
    (record,) = world["hospital"].publish([study]).records
    paper = world["hospital"].hand_over(id_of(record))
    return world["alice"].import_record(paper, "record file")


def test_who_reads_for_treatment_exports_who_the_patient_is(
    world: World, treatment: RecordId
) -> None:
    world["alice"].grant(treatment, world.address("clinic"), "TREATMENT", world.in_days(7))
    done = export_records(world.exchange, world.me("clinic"), [treatment])
    patient = only(done, "Patient")
    assert patient["name"][0]["text"] == "CT1 CompressedSamples"
    assert [each.get("value") for each in patient["identifier"]][1] == NUMBER
    assert patient["gender"] == "other"
    study = only(done, "ImagingStudy")
    with CT.open("rb") as file:
        told = read_attributes(file, ["StudyInstanceUID", "SOPInstanceUID"])
    (series,) = study["series"]
    assert study["identifier"][0]["value"] == f"urn:oid:{told['StudyInstanceUID']}"
    assert series["instance"][0]["uid"] == told["SOPInstanceUID"]
    assert study["started"] == "2004-01-19T07:27:30-05:00"
    (grant,) = [each for each in of_kind(done, "Consent") if "extension" not in each]
    rule = grant["provision"]["provision"][0]
    assert rule["purpose"][0]["code"] == "TREAT"
    assert rule["actor"][0]["reference"]["identifier"]["value"].endswith(world.address("clinic"))
    assert [each["entity"][1]["detail"][0]["valueString"] for each in of_kind(done, "AuditEvent")
            ] == ["Registered", "Granted"]  # fmt: skip


def test_who_reads_for_research_exports_a_pseudonym(world: World) -> None:
    record = world.records["alice"]
    purpose = "HMB+NONCOMMERCIAL"
    world["alice"].grant(record, world.address("clinic"), purpose, world.in_days(7))
    done = export_records(world.exchange, world.me("clinic"), [record])
    patient = only(done, "Patient")
    assert "name" not in patient
    assert "birthDate" not in patient
    account, pseudonym = patient["identifier"]
    assert account["value"].endswith(world.address("alice"))
    assert pseudonym["system"].endswith("release-pseudonym")
    registered, removed = of_kind(done, "Provenance")
    assert registered["agent"][0]["who"]["identifier"]["value"].endswith(world.address("hospital"))
    assert removed["activity"]["coding"][0]["code"] == "DEID"
    said = text_of(done)
    assert NAME.partition("^")[0] not in said
    assert NUMBER not in [each["value"] for each in patient["identifier"]]


def test_the_receipt_in_the_provenance_proves_itself(world: World) -> None:
    import base64

    done = export_records(world.exchange, world.me("alice"), [world.records["alice"]])
    removed = of_kind(done, "Provenance")[1]
    paper = base64.b64decode(removed["signature"][0]["data"])
    assert check_receipt(paper, "provenance").issuer == world.address("hospital")


def test_an_export_tells_neither_key_nor_place(world: World, treatment: RecordId) -> None:
    world["alice"].grant(treatment, world.address("clinic"), "TREATMENT", world.in_days(7))
    for name, record in (("alice", world.records["alice"]), ("clinic", treatment)):
        said = text_of(export_records(world.exchange, world.me(name), [record]))
        held = held_record(world.me("alice"), record)
        assert held.cid not in said
        for secret in (held.salt, held.key_commitment, held.cid.encode()):
            assert secret.hex() not in said
    told = world.exchange.access.grants(record=treatment)[0].locator
    assert told.hex() not in said


def test_an_emergency_is_for_treatment(world: World, treatment: RecordId) -> None:
    world["hospital"].publish_key()
    world["alice"].grant(treatment, world.address("hospital"), "TREATMENT", world.in_days(7))
    world["alice"].name_custodian(world.address("hospital"), world.in_days(7))
    world.accredit("clinic", Role.CLINICIAN, world.in_days(7))
    world["clinic"].break_glass(world["alice"].card_of(treatment), "card", "Unconscious.")
    world["hospital"].deliver(treatment, world.address("clinic"))
    done = world["clinic"].export_fhir([treatment])
    assert only(done, "Patient")["name"][0]["family"] == "CompressedSamples"
    assert [each["subtype"][0]["code"] for each in of_kind(done, "AuditEvent")
            if "subtype" in each] == ["110127", "110127"]  # fmt: skip


def test_who_may_not_read_exports_nothing(world: World, treatment: RecordId) -> None:
    with pytest.raises(GrantNotFound):
        export_records(world.exchange, world.me("stranger"), [treatment])


def test_identity_is_not_carried_to_a_record_without(world: World, treatment: RecordId) -> None:
    with pytest.raises(InvalidValue):
        export_records(world.exchange, world.me("alice"), [treatment, world.records["alice"]])
    with pytest.raises(InvalidValue):
        export_records(world.exchange, world.me("alice"), [])


def test_a_patient_of_two_hospitals_is_one_under_both_pseudonyms(world: World) -> None:
    world.accredit("clinic", Role.ISSUER, world.in_days(7))
    (published,) = world["clinic"].publish([StudyToPublish(CT, world.address("alice"))]).records
    paper = world["clinic"].hand_over(id_of(published))
    records = [world.records["alice"], world["alice"].import_record(paper, "record file")]
    done = world["alice"].export_fhir(records)
    assert len(of_kind(done, "ImagingStudy")) == 2
    account, *pseudonyms = only(done, "Patient")["identifier"]
    assert account["value"].endswith(world.address("alice"))
    assert len({each["value"] for each in pseudonyms}) == 2
    assert len({each["id"] for each in done.resources}) == len(done.resources)


def test_a_patient_has_the_names_of_all_records(world: World, tmp_path: Path) -> None:
    """One account, as two hospitals know it: nothing that a record says is dropped."""
    studies = []
    for name, sex in (("Doe^Ann", ""), ("Roe^Ann", "F")):
        dataset = pydicom.dcmread(CT)
        dataset.PatientName, dataset.PatientID, dataset.PatientSex = name, name[:3], sex
        dataset.save_as(tmp_path / name)
        studies.append(StudyToPublish(tmp_path / name, world.address("alice"), treatment=True))
    records = [id_of(each) for each in world["hospital"].publish(studies).records]
    patient = only(export_records(world.exchange, world.me("hospital"), records), "Patient")
    assert {each["text"] for each in patient["name"]} == {"Ann Doe", "Ann Roe"}
    assert {each["value"] for each in patient["identifier"][1:]} == {"Doe", "Roe"}
    assert patient["gender"] == "female"


def test_a_patients_history_is_exported_from_the_chain_alone(world: World) -> None:
    record, alice = world.records["alice"], world["alice"]
    alice.grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    alice.revoke_grant(record, world.address("clinic"))
    alice.name_delegate(world.address("bob"), Scope.CONSENT, world.in_days(7))
    world["hospital"].publish_key()
    alice.grant(record, world.address("hospital"), "TREATMENT", world.in_days(7))
    alice.name_custodian(world.address("hospital"), world.in_days(7))
    world.accredit("clinic", Role.CLINICIAN, world.in_days(7))
    card = alice.card_of(record)
    world["clinic"].break_glass(card, "card", "Unconscious.")
    world["hospital"].deliver(record, world.address("clinic"))
    world.accredit("stranger", Role.REVIEWER, world.in_days(7))
    world["stranger"].review(card, "card", world.address("clinic"), True, "It had to be.")
    alice.revoke_consent(record)
    done = export_patient(world.exchange, world.address("alice"))
    events = [each["entity"][1]["detail"][0]["valueString"] for each in of_kind(done, "AuditEvent")]
    assert events.count("Granted") == 2
    assert set(events) == {
        "ConsentSet", "ConsentRevoked", "DelegateSet", "CustodianNamed", "Granted",
        "GrantRevoked", "GlassBroken", "GlassDelivered", "GlassReviewed",
    }  # fmt: skip
    recorded = [each["recorded"] for each in of_kind(done, "AuditEvent")]
    assert recorded == sorted(recorded)
    general, barred, *grants = of_kind(done, "Consent")
    assert general["provision"]["provision"][0]["provision"][-1]["data"][0]["reference"][
        "identifier"]["value"] == "0x" + record.hex()  # fmt: skip
    assert barred["provision"]["provision"][0]["type"] == "deny"
    assert [each["status"] for each in grants] == ["inactive", "active"]


def test_what_no_longer_holds_is_told_as_ended_under_the_same_id(world: World) -> None:
    """Who keeps an earlier export learns from the next one that a consent was taken back."""
    alice, record = world["alice"], world.records["alice"]
    before = {each["id"]: each for each in of_kind(history(world), "Consent")}
    alice.set_consent("HMB", world.in_days(30), "en: the form")
    alice.revoke_consent()
    alice.revoke_consent(record)
    alice.lift_consent(record)
    after = {each["id"]: each for each in of_kind(history(world), "Consent")}
    assert len(before) == 1
    assert before.keys() < after.keys()
    replacing, first, barred = after.values()
    assert [each["status"] for each in after.values()] == ["inactive"] * 3
    assert first["provision"]["period"]["end"] == replacing["provision"]["period"]["start"]
    for each in (first, replacing):
        period = each["provision"]["period"]
        assert period["start"] <= period["end"] < before[first["id"]]["provision"]["period"]["end"]
    assert barred["provision"]["period"].keys() == {"start", "end"}
    # A holder of the record tells all, and its reader what binds it: the last.
    alice.grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    told = {name: of_kind(export_records(world.exchange, world.me(name), [record]), "Consent")
            for name in ("alice", "clinic")}  # fmt: skip
    assert len([each for each in told["alice"] if "extension" in each]) == 2
    (last,) = [each for each in told["clinic"] if "extension" in each]
    assert last["id"] == replacing["id"]
    assert errors_in([json.loads("".join(history(world).bundle()))]) == [[]]


def history(world: World) -> Exported:
    return export_patient(world.exchange, world.address("alice"))


def test_a_grant_ends_with_what_ended_it(world: World) -> None:
    alice, record, clinic = world["alice"], world.records["alice"], world.address("clinic")
    alice.grant(record, clinic, "HMB+NONCOMMERCIAL", world.in_days(7))
    alice.grant(record, clinic, "TREATMENT", world.in_days(7))
    alice.revoke_grant(record, clinic)
    alice.grant(record, clinic, "TREATMENT", world.in_days(8))
    *ended, stands = [
        each for each in of_kind(history(world), "Consent") if "extension" not in each
    ]
    assert [each["status"] for each in (*ended, stands)] == ["inactive", "inactive", "active"]
    recorded = {each["entity"][1]["detail"][0]["valueString"]: each["recorded"]
                for each in of_kind(history(world), "AuditEvent")}  # fmt: skip
    assert ended[0]["provision"]["period"]["end"] == ended[1]["provision"]["period"]["start"]
    assert ended[1]["provision"]["period"]["end"] == recorded["GrantRevoked"]


def test_a_grant_stands_only_while_the_consent_permits_it(world: World) -> None:
    """What the contract no longer permits, no export shows as permitted."""
    alice, record, clinic = world["alice"], world.records["alice"], world.address("clinic")
    alice.grant(record, clinic, "HMB+NONCOMMERCIAL", world.in_days(7))
    statuses = []
    for terms in ("HMB", "POA", "GRU"):
        alice.set_consent(terms, world.in_days(30), "en: the form")
        grant = of_kind(history(world), "Consent")[-1]
        statuses.append((grant["status"], "does not stand" in grant["text"]["div"]))
    assert statuses == [("active", False), ("inactive", True), ("active", False)]


def test_a_registration_is_told_of_each_record(world: World) -> None:
    """A batch is of several patients: no event says that it is of all records of one."""
    studies = [StudyToPublish(CT, world.address(name)) for name in ("alice", "bob")]
    records = [id_of(each) for each in world["hospital"].publish(studies).records]
    done = export_records(world.exchange, world.me("hospital"), records)
    told = [each for each in of_kind(done, "AuditEvent") if each["action"] == "C"]
    wanted = {each["subject"]["reference"]: f"urn:uuid:{each['id']}"
              for each in of_kind(done, "ImagingStudy")}  # fmt: skip
    assert len(wanted) == 2
    assert wanted == {each["entity"][0]["what"]["reference"]: each["entity"][1]["what"]["reference"]
                      for each in told}  # fmt: skip


def test_what_readers_signed_of_opening_is_told_by_who_was_given_it(world: World) -> None:
    record, alice = world.records["alice"], world.me("alice")
    world["alice"].grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))
    signed = sign_opening(world.exchange, world.me("clinic"), record, 1)
    keep_opening(world.exchange, alice, write_opening(signed), "paper")

    def read(name: str) -> list[Resource]:
        done = export_records(world.exchange, world.me(name), [record])
        return [each for each in of_kind(done, "AuditEvent") if each["action"] == "R"]

    (opened,) = read("alice")
    assert read("hospital") == read("clinic") == []
    assert opened["agent"][0]["who"]["identifier"]["value"].endswith(world.address("clinic"))
    assert opened["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert [each["what"]["type"] for each in opened["entity"]] == ["Patient", "ImagingStudy"]


def test_a_receipt_of_a_transfer_tells_that_its_receiver_opened(
    world: World, treatment: RecordId
) -> None:
    alice, clinic = world.me("alice"), world.me("clinic")
    world["alice"].grant(treatment, clinic.address, "TREATMENT", world.in_days(7))
    paper = send_record(world.exchange, world.me("hospital"), treatment, clinic.address)

    def opened() -> list[Resource]:
        done = export_records(world.exchange, alice, [treatment])
        return [each for each in of_kind(done, "AuditEvent") if each["action"] == "R"]

    keep_transfer(alice, write_paper(paper), "paper")
    assert opened() == []
    received = receive_record(
        world.exchange, clinic, write_paper(paper), "paper", lambda opened: opened.read(0)
    )
    keep_transfer(alice, write_paper(received), "paper")
    (told,) = opened()
    assert told["agent"][0]["who"]["identifier"]["value"].endswith(clinic.address)


def test_a_reader_passes_on_what_it_took_part_in(world: World) -> None:
    record = world.records["alice"]
    for name in ("clinic", "rival"):
        world["alice"].grant(record, world.address(name), "TREATMENT", world.in_days(7))
    said = text_of(export_records(world.exchange, world.me("clinic"), [record]))
    assert world.address("clinic") in said
    assert world.address("rival") not in said
    assert world.address("rival") in text_of(
        export_records(world.exchange, world.me("alice"), [record])
    )


def test_a_buyer_exports_what_it_bought(world: World, house: House) -> None:
    for name in ("alice", "bob"):
        world[name].set_consent("HMB+NCU+IRB", world.in_days(365), "en: the form")
    quote = world.quote(world.list_dataset())
    checked = world["researcher"].check_quote(quote, "quote", PURPOSE)
    bought = world["researcher"].purchase(checked)
    world["hospital"].settle(bought.order_id)
    order = "0x" + bought.order_id.hex()
    house.run("fhir", "export", "--order", order, "--as", "researcher", "--out", "o.json")
    bundle = json.loads(Path("o.json").read_text())
    found = [each["resource"] for each in bundle["entry"]]
    kinds = [each["resourceType"] for each in found]
    assert (kinds.count("Patient"), kinds.count("ImagingStudy")) == (2, 2)
    settled = found[-1]
    assert settled["purposeOfEvent"][0]["coding"][0]["code"] == "HRESCH"
    assert len(settled["entity"]) == 2
    assert [each["requestor"] for each in settled["agent"]] == [True, False]
    assert errors_in([bundle]) == [[]]


# The command, and the way back.


@pytest.fixture
def record(world: World) -> str:
    return "0x" + world.records["alice"].hex()


def test_the_command_writes_a_bundle_or_lines(house: House, record: str) -> None:
    done = house.run("fhir", "export", record, "--as", "alice", "--out", "b.json", "--json")
    bundle = json.loads(Path("b.json").read_text())
    assert Path("b.json").stat().st_mode & 0o777 == 0o600
    assert done.json["resources"]["ImagingStudy"] == 1
    assert sum(done.json["resources"].values()) == len(bundle["entry"])
    assert house.run("fhir", "export", record, "--as", "alice").out == Path("b.json").read_text()
    lines = house.run("fhir", "export", "--patient", "alice", "--ndjson").out.splitlines()
    found = [json.loads(line) for line in lines]
    assert found[1]["patient"]["reference"] == f"Patient/{found[0]['id']}"
    again = house.run("fhir", "export", record, "--as", "alice", "--out", "b.json", code=3)
    assert "b.json" in again.err


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("{record}",),
        ("{record}", "--patient", "alice"),
        ("0x12", "--as", "alice"),
        ("--patient", "alice", "--as", "alice"),
    ],
)
def test_the_command_says_what_is_missing(house: House, record: str, argv: tuple[str, ...]) -> None:
    words = [each.format(record=record) for each in argv]
    told = house.run("fhir", "export", *words, "--json", code=3).json
    assert told["error"] == "InvalidValue"


def test_definitions_are_written(house: House) -> None:
    done = house.run("fhir", "definitions", "ours", "--json").json
    kinds = {json.loads(Path(each).read_text())["resourceType"] for each in done["files"]}
    assert kinds == {"CodeSystem", "ConceptMap", "StructureDefinition", "ValueSet"}


def test_a_consent_goes_out_and_comes_back(house: House, world: World) -> None:
    world["alice"].set_consent("HMB+NCU+IRB", world.in_days(30), "en: the form")
    lines = house.run("fhir", "export", "--patient", "alice", "--ndjson").out.splitlines()
    consent = next(line for line in lines if '"Consent"' in line)
    Path("consent.json").write_text(consent)
    house.run("fhir", "import-consent", "consent.json", "--as", "bob", "--until", "9d")
    held = world.exchange.consent.consent_of(world.address("bob"), GENERAL)
    assert held.terms == HMB | NCU | IRB
    assert held.expires_at <= world.in_days(9)


def test_a_bundle_is_no_consent(house: House, record: str) -> None:
    """What is exported holds Consents: who gives the whole is told to take one."""
    house.run("fhir", "export", record, "--as", "alice", "--out", "b.json")
    told = house.run("fhir", "import-consent", "b.json", "--as", "bob", code=3).err
    assert "take the one Consent that is meant" in told


def test_what_terms_cannot_say_is_not_imported(house: House, world: World) -> None:
    before = world.exchange.consent.consent_of(world.address("bob"))
    assert before.terms == GRU
    Path("consent.json").write_text('{"resourceType": "Consent", "status": "draft"}')
    told = house.run("fhir", "import-consent", "consent.json", "--as", "bob", "--json", code=3).json
    assert told["error"] == "DocumentInvalid"
    assert world.exchange.consent.consent_of(world.address("bob")) == before


PLAIN: dict[str, Any] = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}
        ]
    },
    "provision": {
        "type": "permit",
        "purpose": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}
        ],
    },
}


@pytest.mark.parametrize(
    ("period", "limit", "reason"),
    [
        ({}, None, "it has no end"),
        ({"start": "2030-01-01", "end": "2031-01-01"}, None, "it has not begun"),
        ({"end": "2020-01-01"}, None, "it has ended"),
        ({"end": "2031"}, None, "its period is not"),
    ],
)
def test_a_period_that_does_not_hold_is_refused(
    period: dict[str, str], limit: int | None, reason: str
) -> None:
    consent = PLAIN | {"provision": PLAIN["provision"] | {"period": period}}
    with pytest.raises(DocumentInvalid, match=reason):
        read_agreed_use(json.dumps(consent).encode(), "file", 1_760_000_000, limit, None)


def test_a_limit_ends_what_has_no_end() -> None:
    use = read_agreed_use(json.dumps(PLAIN).encode(), "file", 1_760_000_000, 1_760_000_009, None)
    assert (use.terms, use.record, use.until) == (HMB, GENERAL, 1_760_000_009)


@pytest.mark.parametrize("data", [b"{", b"[" * 100, b'{"a": 1, "a": 2}', b"x" * (1 << 20), b"\xff"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        read_agreed_use(data, "file", 0, None, None)
