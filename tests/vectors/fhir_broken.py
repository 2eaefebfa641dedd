"""FHIR that no validator may let through: each is a good Bundle with one thing wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Bundle = dict[str, Any]


def first(bundle: Bundle, kind: str) -> dict[str, Any]:
    """The first resource of a kind."""
    found: dict[str, Any] = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind
    )
    return found


def _status(bundle: Bundle) -> None:
    first(bundle, "Consent")["status"] = "activ"


def _no_scope(bundle: Bundle) -> None:
    del first(bundle, "Consent")["scope"]


def _rule(bundle: Bundle) -> None:
    first(bundle, "Consent")["provision"]["provision"][0]["type"] = "allow"


def _gender(bundle: Bundle) -> None:
    first(bundle, "Patient")["gender"] = "M"


def _unknown_element(bundle: Bundle) -> None:
    first(bundle, "ImagingStudy")["cid"] = "bafkreigh2akiscaildc"


def _no_uid(bundle: Bundle) -> None:
    del first(bundle, "ImagingStudy")["series"][0]["uid"]


def _availability(bundle: Bundle) -> None:
    first(bundle, "ImagingStudy")["status"] = "online"


def _no_requestor(bundle: Bundle) -> None:
    del first(bundle, "AuditEvent")["agent"][0]["requestor"]


def _outcome(bundle: Bundle) -> None:
    first(bundle, "AuditEvent")["outcome"] = "1"


def _action(bundle: Bundle) -> None:
    first(bundle, "AuditEvent")["action"] = "X"


def _no_agent(bundle: Bundle) -> None:
    del first(bundle, "Provenance")["agent"]


def _entity(bundle: Bundle) -> None:
    first(bundle, "Provenance")["entity"][0]["role"] = "origin"


def _no_time(bundle: Bundle) -> None:
    first(bundle, "AuditEvent")["recorded"] = "2025-10-09"


def _no_zone(bundle: Bundle) -> None:
    first(bundle, "Consent")["dateTime"] = "2025-10-09T08:53:20"


def _name(bundle: Bundle) -> None:
    first(bundle, "Patient")["id"] = "under_score"


def _no_policy(bundle: Bundle) -> None:
    consent = first(bundle, "Consent")
    del consent["policy"], consent["policyRule"]


def _extension(bundle: Bundle) -> None:
    extension = {"url": "https://medibloc.org/fhir/StructureDefinition/not-known"}
    first(bundle, "Consent")["extension"] = [{**extension, "valueString": "x"}]


def _sample_code(bundle: Bundle) -> None:
    first(bundle, "Consent")["scope"]["coding"][0]["code"] = "reserch"


CODES_AND_SHAPES: list[Callable[[Bundle], None]] = [
    _status, _no_scope, _gender, _unknown_element, _no_uid, _availability, _no_requestor,
    _action, _no_agent, _entity,
]  # fmt: skip
"""What any validator with R4's definitions sees: cardinality, required codes, elements."""
FORMATS_AND_RULES: list[Callable[[Bundle], None]] = [
    _rule, _outcome, _no_time, _no_zone, _name, _no_policy, _extension, _sample_code,
]  # fmt: skip
"""What takes the definitions' rules, formats and extensions besides."""


def broken(bundle: Bundle, breaking: Callable[[Bundle], None]) -> Bundle:
    """A copy with one thing wrong."""
    found = copy.deepcopy(bundle)
    breaking(found)
    return found
