"""The other way: a FHIR Consent as terms, or a reason why it cannot be.

What is read may be anyone's. It is taken only if the terms permit no more than it does, and
what is not understood is refused, never passed over: an element that is left out of account
could be the one that denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from medibloc_py import purpose
from medibloc_py.fhir import uses
from medibloc_py.fhir.consent import DATA_USE_TERM, OPT_OUT, SCOPE
from medibloc_py.fhir.provisions import provisions
from medibloc_py.fhir.values import RECORD
from medibloc_py.model import GENERAL, RecordId

Refusal = Callable[[str], Exception]
"""Makes the error out of a reason, in our words."""

# What these say changes nothing about what is permitted.
_ASIDE: Final = {
    "resourceType", "id", "text", "language", "identifier", "category", "patient", "dateTime",
    "performer", "organization", "sourceAttachment", "sourceReference", "policy", "extension",
}  # fmt: skip
_READ: Final = {"status", "scope", "policyRule", "provision", "verification", "meta"}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_ANCESTRY: Final = "POARCH"
_PERMISSIONS: Final = {"HRESCH": purpose.HMB, "DSRCH": purpose.DS, _ANCESTRY: purpose.POA}
_WESTMOST_S: Final = 43_200
"""How long after UTC the last zone begins a day; an end counts from its first second on."""


@dataclass(frozen=True, slots=True)
class AgreedUse:
    """What a Consent permits, as the chain can hold it.

    Attributes:
        terms: terms word.
        record: for which record; `GENERAL` for all.
        since: from which second on, unix; None if it does not say.
        until: up to which second, unix; None if it does not say.
    """

    terms: int
    record: RecordId
    since: int | None
    until: int | None


def read_consent(found: object, refuse: Refusal) -> AgreedUse:
    """Reads a FHIR R4 Consent into terms that permit no more than it does.

    One of our own is taken if its provisions are exactly those of its terms. Any other is
    taken if it permits healthcare research (HRESCH), disease specific (DSRCH) or ancestry
    research (POARCH), with or without treatment (TREAT), perhaps denies POARCH, and says no more.

    Args:
        found: the resource, as JSON has it.
        refuse: makes the error out of a reason.
    """
    if not isinstance(found, dict) or found.get("resourceType") != "Consent":
        raise refuse("it is no Consent: of a Bundle, take the one Consent that is meant")
    consent = _object(found, "it", _ASIDE | _READ, refuse)
    if consent.get("status") != "active":
        raise refuse("its status is not active")
    if _codes(consent.get("scope"), refuse) != {(SCOPE, "research")}:
        raise refuse("its scope is not research")
    _require_base(consent, refuse)
    root = _object(
        consent.get("provision"), "its provision", {"period", "data", "type", "purpose",
                                                    "provision", "id"}, refuse,
    )  # fmt: skip
    since, until = _period(root.get("period"), refuse)
    return AgreedUse(_terms(consent, root, refuse), _record(root, refuse), since, until)


def _require_base(consent: dict[str, Any], refuse: Refusal) -> None:
    """The rest must be denied, the words verified, and nobody's labels in the way."""
    rule = consent.get("policyRule")
    if rule is not None and _codes(rule, refuse) != {(OPT_OUT["system"], OPT_OUT["code"])}:
        raise refuse("its base rule is not opt-out")
    for each in _list(consent.get("verification"), refuse):
        told = _object(each, "a verification", None, refuse)
        if told.get("verified") is not True:
            raise refuse("it is not verified")
    meta = _object(consent.get("meta", {}), "its meta", None, refuse)
    if meta.keys() - {"versionId", "lastUpdated", "source", "profile", "tag"}:
        raise refuse("its meta has security labels")


def _terms(consent: dict[str, Any], root: dict[str, Any], refuse: Refusal) -> int:
    codes = [
        _code(_object(each, "an extension", None, refuse).get("valueCoding"), refuse)
        for each in _list(consent.get("extension"), refuse)
        if isinstance(each, dict) and each.get("url") == DATA_USE_TERM
    ]
    if not codes:
        return _plain_terms(root, refuse)
    try:
        terms = uses.word_of(codes)
    except KeyError:
        raise refuse("it has a data use term that is not known") from None
    if not purpose.valid_terms(terms):
        raise refuse("its data use terms have not exactly one permission")
    if "type" in root or "purpose" in root or root.get("provision") != provisions(terms):
        raise refuse("its provisions are others than its data use terms say")
    return terms


def _plain_terms(root: dict[str, Any], refuse: Refusal) -> int:
    if "type" in root or "purpose" in root:
        rule = {key: root[key] for key in root if key not in ("period", "data", "id")}
    else:
        rules = _list(root.get("provision"), refuse)
        if len(rules) != 1:
            raise refuse("it has not exactly one provision that permits")
        rule = _object(rules[0], "a provision", {"type", "purpose", "provision", "id"}, refuse)
    if rule.get("type") != "permit":
        raise refuse("its provision does not permit")
    permitted = {_purpose(each, refuse) for each in _list(rule.get("purpose"), refuse)}
    denied = {
        _purpose(each, refuse)
        for nested in _list(rule.get("provision"), refuse)
        for each in _denied(nested, refuse)
    }
    research = permitted - {"TREAT"}
    if len(research) != 1 or not research <= _PERMISSIONS.keys():
        raise refuse("it permits other purposes than one of HRESCH, DSRCH, POARCH, and TREAT")
    if denied - {_ANCESTRY} or denied & permitted:
        raise refuse("it denies purposes that no term can deny")
    return _PERMISSIONS[research.pop()] | (purpose.CC if "TREAT" in permitted else 0)


def _denied(found: object, refuse: Refusal) -> list[Any]:
    """The purposes that a nested provision denies; without any, it would deny everything."""
    rule = _object(found, "a nested provision", {"type", "purpose", "id"}, refuse)
    purposes = _list(rule.get("purpose"), refuse)
    if rule.get("type") != "deny" or not purposes:
        raise refuse("a nested provision is no denial of purposes")
    return purposes


def _purpose(found: object, refuse: Refusal) -> str:
    system, code = _code(found, refuse)
    if system != uses.PURPOSES:
        raise refuse("a purpose is not of v3-ActReason")
    return code


def _record(root: dict[str, Any], refuse: Refusal) -> RecordId:
    data = _list(root.get("data"), refuse)
    records = set()
    for each in data:
        told = _object(each, "its data", {"meaning", "reference", "id"}, refuse)
        what = _object(told.get("reference"), "its data", None, refuse)
        named = _object(what.get("identifier"), "its data", None, refuse)
        value = named.get("value")
        known = told.get("meaning") == "instance" and named.get("system") == RECORD
        if not (known and isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{64}", value)):
            raise refuse("its data is no record of this exchange")
        records.add(RecordId(bytes.fromhex(value[2:])))
    if len(records) > 1:
        raise refuse("it is for several records")
    return records.pop() if records else GENERAL


def _period(found: object, refuse: Refusal) -> tuple[int | None, int | None]:
    if found is None:
        return None, None
    period = _object(found, "its period", {"start", "end", "id"}, refuse)
    return (
        _second(period.get("start"), _WESTMOST_S, refuse),
        _second(period.get("end"), 0, refuse),
    )


def _second(found: object, later_s: int, refuse: Refusal) -> int | None:
    """Unix seconds of a dateTime; a day without a zone is as short as it is anywhere."""
    if found is None:
        return None
    try:
        if isinstance(found, str) and _DATE_TIME.fullmatch(found):
            return int(datetime.fromisoformat(found).timestamp())
        if isinstance(found, str) and _DATE.fullmatch(found):
            return int(datetime.fromisoformat(found).replace(tzinfo=UTC).timestamp()) + later_s
    except ValueError:
        pass
    raise refuse("its period is not in days or in seconds with a zone")


def _codes(found: object, refuse: Refusal) -> set[tuple[str, str]]:
    concept = _object(found, "a concept", {"coding", "text", "id"}, refuse)
    return {_code(each, refuse) for each in _list(concept.get("coding"), refuse)}


def _code(found: object, refuse: Refusal) -> tuple[str, str]:
    told = _object(found, "a code", {"system", "code", "display", "version", "userSelected", "id"},
                   refuse)  # fmt: skip
    system, code = told.get("system"), told.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        raise refuse("a code has no system")
    return system, code


def _object(
    found: object, what: str, known: Collection[str] | None, refuse: Refusal
) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise refuse(f"{what} is missing or no object")
    if "modifierExtension" in found or "implicitRules" in found:
        raise refuse(f"{what} has a modifier that is not known")
    if known is not None and found.keys() - known:
        raise refuse(f"{what} has elements that no term can say")
    return found


def _list(found: object, refuse: Refusal) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list):
        raise refuse("one of its lists is none")
    return found
