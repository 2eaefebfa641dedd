"""A quick validator with R4's own definitions, as npm `fhir` ships them.

Elements and how many of them, types and their formats, one of a choice, required codes, what a
reference may lead to; our own extensions and codes; and of R4's rules those that can be said in a
line. All rules, which are in FHIRPath, are for HL7's validator (`make fhir-check`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from medibloc_py.fhir.uses import definitions
from tests.unit.fhir.formats import is_of

PROFILES: Final = Path(__file__).parents[3] / "tools" / "node_modules" / "fhir" / "profiles"
_REFERENCE: Final = re.compile(
    r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}|urn:(uuid|oid):\S+|https?://\S+|#\S*"
)
_BUNDLE_PARTS: Final = {
    "total": {"searchset", "history"},
    "search": {"searchset"},
    "request": {"batch", "transaction", "history"},
    "response": {"batch-response", "transaction-response", "history"},
}
"""bdl-1 to bdl-4: what stands only in Bundles of some types."""
_RULES: Final[dict[str, Callable[[dict[str, Any]], bool]]] = {
    "Extension": lambda of: any(key.startswith("value") for key in of) != ("extension" in of),
    "Period": lambda of: not {"start", "end"} <= of.keys() or of["start"] <= of["end"],
    "Narrative": lambda of: ElementTree.fromstring(of["div"]) is not None,
    "Consent": lambda of: "policy" in of or "policyRule" in of,
    "Patient.contact": lambda of: bool(of.keys() & {"name", "telecom", "address", "organization"}),
    "AuditEvent.entity": lambda of: not {"name", "query"} <= of.keys(),
}
"""ext-1, per-1, txt-1 (in part), ppc-1, pat-1, sev-1."""


@cache
def _profiles(name: str) -> Any:
    return json.loads((PROFILES / f"{name}.json").read_text("utf-8"))


@cache
def _own() -> dict[str, Any]:
    return {each["url"]: each for each in definitions()}


def errors_in(documents: Sequence[Any]) -> list[list[str]]:
    """What is wrong with each document."""
    return [list(_Document(each).errors()) for each in documents]


class _Document:
    """One resource, and what its references may lead to."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        entries = whole.get("entry", []) if isinstance(whole, dict) else []
        self._known = {
            each["fullUrl"]: each["resource"].get("resourceType")
            for each in entries
            if isinstance(each, dict) and "fullUrl" in each and isinstance(each["resource"], dict)
        }

    def errors(self) -> Iterator[str]:
        yield from self._resource(self._whole, "it")
        if self._whole.get("resourceType") == "Bundle":
            yield from self._bundle(self._whole)

    def _bundle(self, bundle: dict[str, Any]) -> Iterator[str]:
        entries = [each for each in bundle.get("entry", []) if isinstance(each, dict)]
        for url, count in Counter(each.get("fullUrl") for each in entries).items():
            if count > 1:
                yield f"bdl-7: {url} stands twice"
        for each in entries:
            if each.get("fullUrl") != f"urn:uuid:{each.get('resource', {}).get('id')}":
                yield f"{each.get('fullUrl')} is not the id of its resource"
        for part in (bundle, *entries):
            for key, types in _BUNDLE_PARTS.items():
                if key in part and bundle.get("type") not in types:
                    yield f"bdl: {key} in a Bundle of another type"

    def _resource(self, value: Any, place: str) -> Iterator[str]:
        kind = value.get("resourceType") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in _profiles("types"):
            yield f"{place}: it is no resource"
            return
        body = {key: each for key, each in value.items() if key != "resourceType"}
        yield from self._elements(body, _profiles("types")[kind]["_properties"], kind, place)

    def _elements(self, value: Any, properties: list[Any], path: str, place: str) -> Iterator[str]:
        if not isinstance(value, dict) or not value:
            yield f"{place}: it is no object, or an empty one"
            return
        known = {each["_name"]: each for each in properties}
        for key in value.keys() - known.keys():
            yield f"{place}.{key}: it is not known"
        given = Counter(known[key].get("_choice", key) for key in value.keys() & known.keys())
        for name, count in given.items():
            if count > 1:
                yield f"{place}.{name}: it has {count} of a choice"
        for each in properties:
            if each.get("_required") and each.get("_choice", each["_name"]) not in given:
                yield f"{place}.{each['_name']}: it is missing"
        for key in value.keys() & known.keys():
            yield from self._element(value[key], known[key], f"{path}.{key}", f"{place}.{key}")
        yield from self._rule(path, value, place)

    def _element(
        self, value: Any, definition: dict[str, Any], path: str, place: str
    ) -> Iterator[str]:
        if bool(definition["_multiple"]) != isinstance(value, list) or value == []:
            yield f"{place}: it is one for many, many for one, or an empty list"
            return
        for each in value if isinstance(value, list) else [value]:
            yield from self._one(each, definition, path, place)

    def _one(self, value: Any, definition: dict[str, Any], path: str, place: str) -> Iterator[str]:
        types, kind = _profiles("types"), definition["_type"]
        if path.endswith(".id") and types[path.partition(".")[0]]["_kind"] != "resource":
            kind = "string"  # the id of an element, which these definitions take for a resource's
        if kind.startswith("#"):  # the element is defined where another is
            path = kind[1:]
            yield from self._elements(value, _at(path), path, place)
        elif definition.get("_properties"):
            yield from self._elements(value, definition["_properties"], path, place)
        elif kind == "Resource":
            yield from self._resource(value, place)
        elif types[kind]["_kind"] == "primitive-type":
            if not is_of(kind, value):
                yield f"{place}: {value!r} is no {kind}"
        else:
            yield from self._elements(value, types[kind]["_properties"], kind, place)
        if definition.get("_valueSet"):
            yield from _codes(value, definition, place)
        if isinstance(value, dict):
            yield from self._meant(kind, value, definition, path, place)

    def _meant(
        self, kind: str, value: dict[str, Any], definition: dict[str, Any], path: str, place: str
    ) -> Iterator[str]:
        if kind == "Reference":
            yield from self._reference(value, definition, place)
        elif kind == "Coding":
            yield from _own_code(value, place)
        elif kind == "Extension":
            yield from _own_extension(value, path.rpartition(".")[0], place)

    def _reference(
        self, value: dict[str, Any], definition: dict[str, Any], place: str
    ) -> Iterator[str]:
        to, kind = value.get("reference"), value.get("type")
        if isinstance(to, str):
            if not _REFERENCE.fullmatch(to):
                yield f"{place}: {to!r} is no reference"
            if to.startswith("urn:uuid:"):
                if to not in self._known:
                    yield f"{place}: {to} is not in the Bundle"
                elif kind not in (None, self._known[to]):
                    yield f"{place}: {to} is no {kind}"
                kind = self._known.get(to)
        may_be = {each.rpartition("/")[2] for each in definition.get("_targetProfiles") or ()}
        if kind is not None and may_be and not may_be & {kind, "Resource"}:
            yield f"{place}: it may not refer to a {kind}"

    def _rule(self, path: str, value: dict[str, Any], place: str) -> Iterator[str]:
        try:
            holds = path not in _RULES or _RULES[path](value)
        except (ElementTree.ParseError, KeyError, TypeError):
            holds = False
        if not holds:
            yield f"{place}: a rule of {path} does not hold"


def _at(path: str) -> list[Any]:
    """The elements of an element, such as those of Consent.provision."""
    kind, *names = path.split(".")
    properties: list[Any] = _profiles("types")[kind]["_properties"]
    for name in names:
        (found,) = [each for each in properties if each["_name"] == name]
        properties = found["_properties"]
    return properties


@cache
def _value_set(url: str) -> dict[str, set[str]]:
    """Codes by system, as far as R4 ships them."""
    systems = _profiles("valuesets").get(url, {}).get("systems", [])
    return {each["uri"]: {code["code"] for code in each["codes"]} for each in systems}


def _codes(value: Any, definition: dict[str, Any], place: str) -> Iterator[str]:
    """Holds a code to its value set, if R4 ships its codes.

    If others may be used besides, none of the same system may.
    """
    known = _value_set(definition["_valueSet"].partition("|")[0])
    if not known:
        return
    if not isinstance(value, dict):
        if definition["_valueSetStrength"] == "required" and value not in set().union(
            *known.values()
        ):
            yield f"{place}: {value!r} is not in {definition['_valueSet']}"
        return
    codings = value.get("coding", []) if definition["_type"] == "CodeableConcept" else [value]
    found = [each for each in codings if each.get("code") in known.get(each.get("system"), ())]
    bad = [each for each in codings if each.get("system") in known and each not in found]
    if bad or (definition["_valueSetStrength"] == "required" and not found):
        yield f"{place}: {value!r} is not in {definition['_valueSet']}"


def _own_code(value: dict[str, Any], place: str) -> Iterator[str]:
    system = _own().get(str(value.get("system")))
    if system is None:
        return
    known = {each["code"]: each["display"] for each in system["concept"]}
    if known.get(value.get("code", "")) != value.get("display", known.get(value.get("code", ""))):
        yield f"{place}: {value!r} has another name"
    if value.get("code") not in known:
        yield f"{place}: {value!r} is not in its system"


def _own_extension(value: dict[str, Any], path: str, place: str) -> Iterator[str]:
    """Holds an extension to our definition of it: where it stands, and what it says."""
    url = str(value.get("url"))
    if url.startswith("http://hl7.org/fhir/"):
        return
    definition = _own().get(url)
    if definition is None:
        yield f"{place}: {url} is not defined"
        return
    if path not in {each["expression"] for each in definition["context"]}:
        yield f"{place}: {url} may not stand in {path}"
    (said,) = [
        each for each in definition["differential"]["element"] if each["id"].endswith("value[x]")
    ]
    types = {f"value{each['code'][0].upper()}{each['code'][1:]}" for each in said["type"]}
    if not value.keys() & types:
        yield f"{place}: {url} says something else than {types}"
