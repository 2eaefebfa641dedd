"""A record opened for export: whose it is, what may be told of it, and what its files say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from medibloc_py import fhir, purpose
from medibloc_py.crypto.merkle import root_of
from medibloc_py.fhir import Person
from medibloc_py.flows.access import (
    OpenedRecord,
    find_access,
    open_granted,
    open_held,
    open_object,
)
from medibloc_py.flows.held import held_record, holds_record
from medibloc_py.flows.parties import Exchange, Identity, Progress
from medibloc_py.imaging.attributes import read_attributes
from medibloc_py.model import (
    KIND_DICOM_STUDY,
    KIND_TREATMENT_STUDY,
    Address,
    RecordId,
    Root,
)

_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_TECHNICAL: Final = (*_UIDS, "Modality", "SeriesNumber", "InstanceNumber")
_TOLD: Final = (
    "StudyDate", "StudyTime", "SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC",
    "StudyDescription", "SeriesDescription", "AccessionNumber", "BodyPartExamined",
)  # fmt: skip
_REMOVED: Final = "PatientIdentityRemoved"
OF_FILE: Final = (*_TECHNICAL, *_TOLD, _REMOVED)
"""What is read of each file, by DICOM keyword."""
OF_PATIENT: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
)  # fmt: skip
"""What is read of the patient."""


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """A record that was opened, and what its export rests on.

    Attributes:
        real: whether who the patient is may stand in the export.
        reader: whose grant opened it; None where the account holds its record file.
    """

    record: OpenedRecord
    patient: Address
    issuer: Address
    root: Root
    kind: int
    real: bool
    reader: Address | None


def open_study(exchange: Exchange, reader: Identity, record: RecordId) -> OpenedStudy:
    """Opens a record by the account's record file, or else by its grant.

    Raises:
        MediBlocError: as `flows.access.open_granted`.
    """
    if holds_record(reader, record):
        file = held_record(reader, record)
        opened = open_held(exchange, reader, file)
        real = file.kind == KIND_TREATMENT_STUDY
        return OpenedStudy(opened, file.patient, file.issuer, file.root, file.kind, real, None)
    opened = open_granted(exchange, reader, record)
    body = open_object(exchange, reader, record)
    standing = find_access(exchange, reader.address, record)
    cares = standing.purpose == purpose.TREATMENT
    return OpenedStudy(
        opened,
        body.patient,
        body.issuer,
        root_of(record, body.proof),
        body.kind,
        cares and body.kind == KIND_TREATMENT_STUDY,
        reader.address,
    )


@dataclass(slots=True)
class StudyRead:
    """What the files of a record tell."""

    person: Person | None = None
    instances: fhir.Instances = field(default_factory=fhir.Instances)


def read_files(opened: OpenedStudy, step: str, progress: Progress) -> StudyRead:
    """Reads the headers of a record's files, no pixels."""
    read = StudyRead()
    files = opened.record.manifest.files
    for index, file in enumerate(files):
        with opened.record.open_file(index) as source:
            told = read_attributes(source, (*OF_FILE, *OF_PATIENT))
        read.instances.add(file.name, _shown(told, opened))
        read.person = read.person or _person(told, opened)
        progress(step, index + 1, len(files))
    return read


def _shown(told: Mapping[str, str], opened: OpenedStudy) -> dict[str, str]:
    """What may be told of a file: dates and texts only where they are its reader's to know."""
    clean = opened.kind == KIND_DICOM_STUDY and told.get(_REMOVED) == "YES"
    keywords = (*_TECHNICAL, *_TOLD) if opened.real or clean else _TECHNICAL
    return {keyword: told[keyword] for keyword in keywords if keyword in told}


def _person(told: Mapping[str, str], opened: OpenedStudy) -> Person | None:
    if opened.real and told:
        return Person({each: told[each] for each in OF_PATIENT if each in told}, real=True)
    if opened.kind == KIND_DICOM_STUDY and told.get(_REMOVED) == "YES" and "PatientID" in told:
        return Person({"PatientID": told["PatientID"]}, real=False)
    return None
