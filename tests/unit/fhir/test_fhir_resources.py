"""Resources are valid R4, say the same each time, and refer to nothing that is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py import fhir
from medibloc_py.fhir import audit
from medibloc_py.fhir.uses import definitions
from medibloc_py.fhir.values import dicom_date, dicom_time, instant, is_uid
from tests.unit.fhir.validator import errors_in
from tests.vectors import fhir_broken, make_fhir
from tests.vectors.make_fhir import ALICE, PLACE

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
INSTANT = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)
WORLDS = sorted(make_fhir.WORLDS)


def bundle(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(make_fhir.written(name))
    return found


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Every element at every depth, with its name."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)


@pytest.mark.parametrize("name", WORLDS)
def test_vectors_are_what_is_written(name: str) -> None:
    path = make_fhir.FOLDER / f"{name}.json"
    assert path.read_text(encoding="utf-8") == make_fhir.written(name)


def test_vectors_are_valid() -> None:
    good = [*map(bundle, WORLDS), *definitions()]
    assert errors_in(good) == [[]] * len(good)


def test_what_is_broken_is_found_out() -> None:
    """The check must be able to fail; HL7's validator has to find the most of these, too."""
    breaks = [*fhir_broken.BY_ALL, *fhir_broken.BY_US]
    found = errors_in([each.broken() for each in breaks])
    assert [each.name for each, told in zip(breaks, found, strict=True) if not told] == []


@pytest.mark.parametrize("name", WORLDS)
def test_references_lead_to_a_resource_of_the_bundle(name: str) -> None:
    found = bundle(name)
    known = {each["fullUrl"]: each["resource"]["resourceType"] for each in found["entry"]}
    assert len(known) == len(found["entry"])
    for entry in found["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
    referring = [each for key, each in parts(found) if key in ("reference", "subject", "patient")]
    urns = [each for each in referring if isinstance(each, str)]
    assert urns
    assert set(urns) <= known.keys()


@pytest.mark.parametrize("name", WORLDS)
def test_lines_refer_by_type_and_id(name: str) -> None:
    found = [json.loads(line) for line in fhir.ndjson(make_fhir.WORLDS[name]())]
    known = {f"{each['resourceType']}/{each['id']}" for each in found}
    urns = {each for key, each in parts(found) if key == "reference" and isinstance(each, str)}
    assert urns
    assert urns <= known


@pytest.mark.parametrize("name", WORLDS)
def test_ids_and_times_have_their_form_and_nothing_is_empty(name: str) -> None:
    for key, value in parts(bundle(name)):
        assert value not in ("", [], {}, None), key
        if key == "id":
            assert ID.fullmatch(value)
        if key in ("recorded", "timestamp", "when", "dateTime", "end"):
            assert INSTANT.fullmatch(value), (key, value)


def test_a_bundle_in_pieces_is_one_document() -> None:
    resources = make_fhir.treatment()
    pieces = list(fhir.collection(PLACE, resources, make_fhir.NOW))
    assert len(pieces) == 2 + len(resources)
    assert json.loads("".join(fhir.collection(PLACE, [], 0)))["type"] == "collection"


def test_every_event_that_is_known_is_told() -> None:
    assert {each.name for each in make_fhir.EVENTS} == audit.KNOWN


def test_an_emergency_is_told_as_one() -> None:
    told = {each["entity"][1]["detail"][0]["valueString"]: each for each in make_fhir.history()
            if each["resourceType"] == "AuditEvent"}  # fmt: skip
    broken = told["GlassBroken"]
    assert broken["subtype"][0]["code"] == "110127"
    assert broken["purposeOfEvent"][0]["coding"][0]["code"] == "BTG"
    assert [each["requestor"] for each in broken["agent"]] == [True, False]
    assert told["CustodianNamed"]["agent"][0]["requestor"]


# Who the patient is.


def test_a_name_has_its_groups_and_a_number_its_giver() -> None:
    found = fhir.patient(PLACE, ALICE, fhir.Person(make_fhir.NAMED, real=True))
    assert [each["text"] for each in found["name"]] == [
        "Tarou Yamada",
        "太郎 山田",
        "たろう やまだ",
    ]
    assert [each["extension"][0]["valueCode"] for each in found["name"][1:]] == ["IDE", "SYL"]
    assert found["identifier"][1]["assigner"] == {"display": "City Hospital"}
    assert (found["birthDate"], found["gender"]) == ("1970-01-03", "male")
    assert "meta" not in found


@pytest.mark.parametrize("person", [None, fhir.Person(make_fhir.NAMED, real=False)])
def test_without_identity_nothing_of_the_patient_is_told(person: fhir.Person | None) -> None:
    found = fhir.patient(PLACE, ALICE, person)
    assert found["meta"]["security"][0]["code"] == "PSEUDED"
    assert not {"name", "birthDate", "gender"} & found.keys()
    assert "Yamada" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    ("sex", "gender"),
    [("M", "male"), ("F", "female"), ("O", "other"), ("U", "unknown"), ("", None)],
)
def test_sexes_are_genders(sex: str, gender: str | None) -> None:
    found = fhir.patient(PLACE, ALICE, fhir.Person({"PatientSex": sex}, real=True))
    assert found.get("gender") == gender


@given(st.text(max_size=64))
def test_any_name_gives_a_name_or_none(text: str) -> None:
    found = fhir.patient(PLACE, ALICE, fhir.Person({"PatientName": text}, real=True))
    for name in found.get("name", []):
        assert name["text"].strip()
        assert all(value for value in name.values())


# Studies.


def test_what_is_no_instance_is_left_out() -> None:
    found = make_fhir.instances()
    found.add("DICOMDIR", {"SOPClassUID": "1.2.840.10008.1.3.10"})
    found.add("bad.dcm", make_fhir.STUDY | {"SeriesInstanceUID": "1.02", "SOPInstanceUID": "1.2"})
    found.add("empty", {})
    assert found.left_out == ["DICOMDIR", "bad.dcm", "empty"]
    patient = fhir.patient(PLACE, ALICE)
    (study,) = fhir.imaging_studies(PLACE, patient, make_fhir.RECORD, found, real=False)
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (2, 4)
    assert [each["code"] for each in study["modality"]] == ["CT", "SR"]
    assert "A-17" not in json.dumps(study)


def test_an_instance_twice_is_one() -> None:
    found = make_fhir.instances()
    told = make_fhir.STUDY | {
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.1.1",
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1.1.1",
    }
    found.add("again.dcm", told)
    patient = fhir.patient(PLACE, ALICE)
    (study,) = fhir.imaging_studies(PLACE, patient, make_fhir.RECORD, found, real=True)
    assert study["numberOfInstances"] == 4


def test_a_record_of_two_studies_gives_two() -> None:
    found = make_fhir.instances()
    uids = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), "2.25.7")
    found.add("other.dcm", make_fhir.STUDY | uids | {"Modality": "no modality"})
    patient = fhir.patient(PLACE, ALICE)
    studies = fhir.imaging_studies(PLACE, patient, make_fhir.RECORD, found, real=True)
    assert len({each["id"] for each in studies}) == 2
    assert studies[1]["modality"][0]["code"] == "OT"


# Values.


@pytest.mark.parametrize(
    ("day", "time", "zone", "told"),
    [
        ("20250314", "092653.5", "+0900", "2025-03-14T09:26:53.5+09:00"),
        ("20250314", "092653", "-0500", "2025-03-14T09:26:53-05:00"),
        ("20250314", "092653", "", "2025-03-14"),
        ("20250314", "0926", "+0900", "2025-03-14"),
        ("20250314", "092653", "+1430", "2025-03-14"),
        ("20250230", "092653", "+0900", ""),
        ("2025.03.14", "", "", ""),
        ("", "092653", "+0900", ""),
    ],
)
def test_times_of_dicom_need_a_zone(day: str, time: str, zone: str, told: str) -> None:
    assert dicom_time(day, time, zone) == told


@given(st.text(max_size=12))
def test_any_date_is_one_or_nothing(text: str) -> None:
    assert re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", dicom_date(text), re.ASCII)


@given(st.integers(0, 2**40 - 1))
def test_any_time_of_the_chain_is_an_instant(unix_s: int) -> None:
    assert INSTANT.fullmatch(instant(unix_s))


@pytest.mark.parametrize(
    ("text", "legal"),
    [("1.2.840", True), ("2.25." + "9" * 59, True), ("2.25." + "9" * 60, False), ("1.02", False),
     ("3.1", False), ("1", False), ("", False), ("1.2\n", False)],
)  # fmt: skip
def test_uids_are_those_of_the_standard(text: str, legal: bool) -> None:
    assert is_uid(text) is legal
