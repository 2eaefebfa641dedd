"""FHIR that no validator may let through: each is a good Bundle with one thing wrong."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tests.vectors import make_fhir

Bundle = dict[str, Any]
ABSENT: Final = object()
_CODES: Final = "http://terminology.hl7.org/CodeSystem"
_EXTENSION: Final = {"url": "https://medibloc.org/fhir/StructureDefinition/data-use"}
_DIV: Final = '<div xmlns="http://www.w3.org/1999/xhtml">'
_NOBODY: Final = "urn:uuid:00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Break:
    """One thing to break.

    Attributes:
        path: where, from the first resource of a kind on; lists by place.
        value: what to put there; `ABSENT` takes away what is there.
        world: the vector it is done to.
    """

    path: str
    value: Any
    world: str = "treatment"

    @property
    def name(self) -> str:
        """What is broken, and how, short enough for the name of a file."""
        how = "absent" if self.value is ABSENT else json.dumps(self.value, default=str)
        return f"{self.path} {how}"[:100].replace("/", "_")

    def broken(self) -> Bundle:
        """The vector with this thing wrong."""
        bundle: Bundle = json.loads(_written(self.world))
        kind, *steps, last = self.path.split(".")
        target: Any = bundle if kind == "Bundle" else _first(bundle, kind)
        for step in steps:
            target = target[int(step) if step.isdigit() else step]
        at = int(last) if last.isdigit() else last
        if self.value is ABSENT:
            del target[at]
        elif isinstance(target, list) and at == len(target):
            target.append(copy.deepcopy(self.value))
        else:
            target[at] = copy.deepcopy(self.value)
        return bundle


@cache
def _written(world: str) -> str:
    return make_fhir.written(world)


def _first(bundle: Bundle, kind: str) -> dict[str, Any]:
    """The first resource of a kind; of several names, the first that has all after the first."""
    found: dict[str, Any] = next(
        entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == kind.partition("+")[0]
        and kind.partition("+")[2] in ("", *entry["resource"])
    )
    return found


_RULE: Final = "Consent.provision.provision.0"
_SIGNED: Final = "Provenance+signature.signature.0"

BY_ALL: Final = [
    # Types, and how many.
    Break("Patient.name", "x"),
    Break("Patient.name.0", "x"),
    Break("Patient.name.0.family", ["x"]),
    Break("Patient.name.0.given", "x"),
    Break("Patient.identifier.0.value", 5),
    Break("Patient.active", "true"),
    Break("Patient.telecom", []),
    Break("Patient.maritalStatus", {}),
    Break("Patient.maritalStatus", None),
    Break("Patient.name.0.text", ""),
    Break("Patient.resourceType", "Pacient"),
    Break("Patient.resourceType", ABSENT),
    Break("Patient.meta", {"security": "PSEUDED"}),
    Break("ImagingStudy.cid", "bafkreigh2akiscaildc"),
    Break("ImagingStudy.series.0.modalities", []),
    Break("ImagingStudy.series.0.number", -1),
    Break("ImagingStudy.series.0.number", 1.5),
    Break("ImagingStudy.series.0.number", "1"),
    Break("ImagingStudy.series.0.modality", {"coding": [{"code": "CT"}]}),
    Break("Consent.provision", [{}], "history"),
    Break("AuditEvent.agent.0.requestor", "yes"),
    # What must be there.
    Break("ImagingStudy.series.0.uid", ABSENT),
    Break("ImagingStudy.series.0.instance.0.sopClass", ABSENT),
    Break("Patient.name.1.extension.0.url", ABSENT),
    Break("Consent.scope", ABSENT),
    Break("Consent.category", ABSENT, "history"),
    Break(f"{_RULE}.data.0.meaning", ABSENT),
    Break(f"{_RULE}.actor.0.role", ABSENT),
    Break("AuditEvent.source", ABSENT, "history"),
    Break("AuditEvent.source.observer", ABSENT, "history"),
    Break("AuditEvent.agent.0.requestor", ABSENT),
    Break("AuditEvent.entity.1.detail.0.valueString", ABSENT, "history"),
    Break("Provenance.target", ABSENT),
    Break("Provenance.target", []),
    Break("Provenance.agent", ABSENT),
    Break(f"{_SIGNED}.who", ABSENT, "research"),
    Break(f"{_SIGNED}.type", ABSENT, "research"),
    Break("Bundle.type", ABSENT),
    # One of a choice.
    Break("Patient.deceased", True),
    Break("Patient.name.1.extension.0.valueString", "x"),
    Break("AuditEvent.entity.1.detail.0.valueBase64Binary", "eHg=", "history"),
    Break("Provenance+signature.occurredPeriod", {"start": "2020-01-01"}, "research"),
    # Codes that are required.
    Break("Patient.gender", "M"),
    Break("Patient.identifier.0.use", "common"),
    Break("Patient.text.status", "made"),
    Break("ImagingStudy.status", "online"),
    Break("Consent.status", "activ"),
    Break(f"{_RULE}.type", "allow"),
    Break("AuditEvent.action", "X"),
    Break("AuditEvent.outcome", "1"),
    Break("Provenance.entity.0.role", "origin"),
    Break("Bundle.type", "bag"),
    # Formats.
    Break("Bundle.timestamp", "now"),
    Break("Patient.id", "under_score"),
    Break("Patient.id", "a" * 65),
    Break("Patient.birthDate", "1970-13-03"),
    Break("Patient.birthDate", "1970-02-30"),
    Break("Patient.birthDate", "03/01/1970"),
    Break("Patient.birthDate", "1970-01-03T00:00:00Z"),
    Break("Patient.text.div", "<div>x</div>"),
    Break("Patient.text.div", f"{_DIV}<script>x</script></div>"),
    Break("Patient.text.div", f"{_DIV}<p>x</div>"),
    Break("ImagingStudy.started", "2025-03-14T09:26"),
    Break("ImagingStudy.started", "2025-03-14T09:26:53"),
    Break("ImagingStudy.series.0.uid", "1_2"),
    Break("ImagingStudy.identifier.0.system", "no uri"),
    Break("Consent.dateTime", "2025-10-09T08:53:20"),
    Break("Consent.policy.0.uri", "a b", "history"),
    Break("Consent.provision.period.start", "yesterday", "history"),
    Break("AuditEvent.recorded", "2025-10-09"),
    Break("Provenance.recorded", "2025-10-09T08:53:20"),
    # References.
    Break("ImagingStudy.subject.type", "Observation"),
    Break("ImagingStudy.subject.reference", "no reference"),
    # Rules.
    Break("Consent.provision.period.end", "2020-01-01", "history"),
    Break("AuditEvent.entity.0", {"name": "x", "query": "eHg="}, "history"),
    Break("Patient.contact", [{"gender": "male"}]),
    Break("Patient.name.1.extension.0.extension", [{"url": "x", "valueString": "y"}]),
    Break("Bundle.total", 3),
    Break("Bundle.entry.0.request", {"method": "PUT", "url": "x"}),
    # Our own extensions.
    Break("Consent.extension", [{"url": "https://medibloc.org/fhir/other", "valueCode": "x"}]),
    Break("Consent.extension.0", {**_EXTENSION, "valueString": "DUO_0000042"}, "history"),
    Break("Consent.extension.0.valueCoding.code", "DUO_9999999", "history"),
    Break("Patient.extension", [{**_EXTENSION, "valueCoding": {"code": "x"}}], "history"),
]
"""What R4's definitions and ours forbid, and any validator that has them must find."""

BY_US: Final = [
    Break("ImagingStudy.subject.reference", _NOBODY),
    Break("Bundle.entry.0.fullUrl", _NOBODY),
    Break("Consent.extension.0.valueCoding.display", "no restriction", "history"),
    Break(f"{_SIGNED}.data", "***", "research"),
]
"""What R4 lets pass, or leaves to a server of codes, and must not be all the same."""

BY_HL7: Final = [
    Break("Consent.scope.coding.0", {"system": f"{_CODES}/consentscope", "code": "reserch"}),
    Break(f"{_SIGNED}.sigFormat", "nonsense ~ ", "research"),
]
"""What only HL7's validator finds: codes of large systems."""
