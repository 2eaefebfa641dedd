"""Patient: an account and a pseudonym, or who the patient is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from medibloc_py.fhir.values import (
    BASE,
    CODES,
    URI,
    Place,
    Resource,
    coding,
    concept,
    dicom_date,
    filled,
    resource,
)
from medibloc_py.model import Address

PSEUDONYM: Final = f"{BASE}/sid/release-pseudonym"
PSEUDONYMIZED: Final = coding(f"{CODES}/v3-ObservationValue", "PSEUDED", "pseudonymized")
_SEXES: Final = {"M": "male", "F": "female", "O": "other"}
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Person:
    """What an opened record says of its patient, by DICOM keyword.

    Attributes:
        attributes: PatientName, PatientID, IssuerOfPatientID, PatientBirthDate, PatientSex; of
            a record without identity only the PatientID, which is a pseudonym.
        real: whether it is who the patient is.
    """

    attributes: Mapping[str, str]
    real: bool


def patient(place: Place, account: Address, person: Person | None = None) -> Resource:
    """The patient of an account.

    Args:
        place: the deployment.
        account: the patient's account.
        person: what a record that was opened says; None if none was.
    """
    identifiers: list[Resource] = [{"system": URI, "value": place.account(account)}]
    told = person.attributes if person else {}
    if number := told.get("PatientID", ""):
        identifiers.append(
            _number(number, told.get("IssuerOfPatientID", ""))
            if person and person.real
            else {"use": "secondary", "system": PSEUDONYM, "value": number}
        )
    real = person is not None and person.real
    names = _names(told.get("PatientName", "")) if real else []
    said = names[0]["text"] if names else f"Patient {account}, by pseudonym"
    return resource(
        "Patient",
        place.id_of("patient", account),
        [said],
        {
            "meta": {} if real else {"security": [PSEUDONYMIZED]},
            "identifier": identifiers,
            "name": names,
            "gender": _gender(told.get("PatientSex", "")) if real else "",
            "birthDate": dicom_date(told.get("PatientBirthDate", "")) if real else "",
        },
    )


def _number(value: str, issuer: str) -> Resource:
    """A hospital's number; DICOM names who gave it by a text, which is no system."""
    kind = concept(coding(f"{CODES}/v2-0203", "MR", "Medical record number"))
    found: Resource = {"use": "usual", "type": kind, "value": value}
    return {**found, "assigner": {"display": issuer}} if issuer else found


def _gender(sex: str) -> str:
    return _SEXES.get(sex, "unknown") if sex else ""


def _names(text: str) -> list[Resource]:
    """A person name (VR PN, PS3.5 6.2.1): up to three groups, family^given^middle^prefix^suffix."""
    found = []
    for use, group in zip(("ABC", "IDE", "SYL"), text.split("="), strict=False):
        parts = [_SPACES.sub(" ", part).strip() for part in group.split("^")]
        family, given, middle, prefix, suffix = (parts + [""] * 5)[:5]
        shown = " ".join(part for part in (prefix, given, middle, family, suffix) if part)
        if not shown:
            continue
        name = {
            "extension": [_representation(use)] if use != "ABC" else [],
            "text": shown,
            "family": family,
            "given": [part for part in (given, middle) if part],
            "prefix": [prefix] if prefix else [],
            "suffix": [suffix] if suffix else [],
        }
        found.append(filled(name))
    return found


def _representation(use: str) -> Resource:
    url = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
    return {"url": url, "valueCode": use}
