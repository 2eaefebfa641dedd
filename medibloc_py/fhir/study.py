"""ImagingStudy: the series and instances of an opened record, under the UIDs they have there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from medibloc_py.fhir.patient import PSEUDONYMIZED
from medibloc_py.fhir.values import (
    DCM,
    URI,
    Place,
    Resource,
    coding,
    dicom_time,
    filled,
    is_uid,
    oid,
    record_identifier,
    reference,
    resource,
)
from medibloc_py.model import RecordId

DICOM_UID: Final = "urn:dicom:uid"
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_MODALITY: Final = re.compile(r"[A-Z][A-Z0-9]{1,15}")


@dataclass(slots=True)
class _Series:
    facts: Mapping[str, str]
    instances: dict[str, Resource] = field(default_factory=dict)


@dataclass(slots=True)
class _Study:
    facts: Mapping[str, str]
    series: dict[str, _Series] = field(default_factory=dict)


@dataclass(slots=True)
class Instances:
    """Instances as they are read, kept as small as they will be written.

    Attributes:
        left_out: names of files that are no instance: without UIDs by PS3.5, or without a class.
    """

    left_out: list[str] = field(default_factory=list)
    _studies: dict[str, _Study] = field(default_factory=dict)

    def add(self, name: str, told: Mapping[str, str]) -> None:
        """Takes one file.

        Args:
            name: the file's, for `left_out`.
            told: its attributes by DICOM keyword.
        """
        keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
        uids = [told.get(keyword, "") for keyword in keywords]
        if not all(is_uid(uid) for uid in uids):
            self.left_out.append(name)
            return
        study_uid, series_uid, uid, sop_class = uids
        study = self._studies.setdefault(study_uid, _Study(told))
        series = study.series.setdefault(series_uid, _Series(told))
        instance: Resource = {"uid": uid, "sopClass": coding(URI, oid(sop_class))}
        if (number := _number(told.get("InstanceNumber", ""))) is not None:
            instance["number"] = number
        series.instances.setdefault(uid, instance)

    def studies(self) -> list[tuple[str, Mapping[str, str], list[Resource]]]:
        """Each study's UID, the attributes of its first file, and its series as FHIR has them."""
        return [
            (uid, study.facts, [_series(each, of) for each, of in study.series.items()])
            for uid, study in self._studies.items()
        ]


def imaging_studies(
    place: Place, patient: Resource, record: RecordId, instances: Instances, *, real: bool
) -> list[Resource]:
    """The studies of a record: one, unless its files are of several.

    Nothing tells where the sealed record lies: a CID is for who has a grant, and a Bundle is
    for whoever gets it.

    Args:
        place: the deployment.
        patient: the resource of the patient.
        record: the record's id.
        instances: all that was read.
        real: whether the record keeps who the patient is.
    """
    return [
        _study(place, patient, record, uid, facts, series, real)
        for uid, facts, series in instances.studies()
    ]


def _study(
    place: Place,
    patient: Resource,
    record: RecordId,
    uid: str,
    facts: Mapping[str, str],
    series: list[Resource],
    real: bool,
) -> Resource:
    modalities = {each["modality"]["code"]: each["modality"] for each in series}
    count = sum(each["numberOfInstances"] for each in series)
    started = _started(facts, "Study")
    accession = facts.get("AccessionNumber", "") if real else ""
    return resource(
        "ImagingStudy",
        place.id_of("study", "0x" + record.hex(), uid),
        [
            f"{', '.join(modalities)} study of {len(series)} series and {count} instances, "
            f"in record 0x{record.hex()}."
        ],
        {
            "meta": {} if real else {"security": [PSEUDONYMIZED]},
            "identifier": [
                {"system": DICOM_UID, "value": oid(uid)},
                record_identifier(record),
                *([_accession(accession)] if accession else []),
            ],
            "status": "available",
            "modality": list(modalities.values()),
            "subject": reference(patient),
            "started": started,
            "numberOfSeries": len(series),
            "numberOfInstances": count,
            "description": facts.get("StudyDescription", ""),
            "series": series,
        },
    )


def _series(uid: str, series: _Series) -> Resource:
    told = series.facts
    part = told.get("BodyPartExamined", "")
    return filled(
        {
            "uid": uid,
            "number": _number(told.get("SeriesNumber", "")),
            "modality": _modality(told.get("Modality", "")),
            "description": told.get("SeriesDescription", ""),
            "numberOfInstances": len(series.instances),
            "bodySite": {"display": part} if part else {},
            "started": _started(told, "Series"),
            "instance": list(series.instances.values()),
        }
    )


def _started(told: Mapping[str, str], of: str) -> str:
    offset = told.get("TimezoneOffsetFromUTC", "")
    return dicom_time(told.get(f"{of}Date", ""), told.get(f"{of}Time", ""), offset)


def _modality(told: str) -> Resource:
    # OT is DICOM's own word for a modality that is none of those it names.
    return coding(DCM, told if _MODALITY.fullmatch(told) else "OT")


def _accession(number: str) -> Resource:
    kind = {"coding": [coding("http://terminology.hl7.org/CodeSystem/v2-0203", "ACSN")]}
    return {"type": kind, "value": number}


def _number(told: str) -> int | None:
    return int(told) if _NUMBER.fullmatch(told) else None
