"""FHIR R4 (4.0.1) out of plain values: resources as JSON objects, nothing else.

Pure functions: no chain, no store, no DICOM, no foreign library. What a resource says, and
why so, stands in docs/fhir.md; own words are defined in `definitions/`, themselves FHIR.
"""

from medibloc_py.fhir.audit import audit_event, opening_event
from medibloc_py.fhir.bundle import collection, ndjson
from medibloc_py.fhir.consent import Validity, barred_consent, duo_consent, grant_consent
from medibloc_py.fhir.patient import Person, patient
from medibloc_py.fhir.provenance import deidentified, registered
from medibloc_py.fhir.reading import AgreedUse, read_consent
from medibloc_py.fhir.study import Instances, imaging_studies
from medibloc_py.fhir.values import Place, Resource

__all__ = [
    "AgreedUse",
    "Instances",
    "Person",
    "Place",
    "Resource",
    "Validity",
    "audit_event",
    "barred_consent",
    "collection",
    "deidentified",
    "duo_consent",
    "grant_consent",
    "imaging_studies",
    "ndjson",
    "opening_event",
    "patient",
    "read_consent",
    "registered",
]
