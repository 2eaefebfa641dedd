"""Consents out and back: every term, any word; and what is not ours is narrowed or refused."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medibloc_py import fhir, purpose
from medibloc_py.fhir import consent, uses
from medibloc_py.fhir.values import BASE
from medibloc_py.model import GENERAL, GrantEvent, RecordId
from medibloc_py.purpose import CC, DS, HMB, POA, TERM_NAMES
from tests.unit.fhir.validator import errors_in
from tests.vectors import make_fhir
from tests.vectors.make_fhir import ALICE, NOW, PLACE, RECORD

PATIENT = fhir.patient(PLACE, ALICE)
SINCE = fhir.Validity(NOW - 10, ALICE, NOW)
PERMISSIONS = [bit for bit in TERM_NAMES.values() if bit & purpose.PERMISSIONS]
MODIFIERS = [bit for bit in TERM_NAMES.values() if not bit & purpose.PERMISSIONS]
WORDS = st.builds(
    lambda permission, modifiers: permission | sum(modifiers),
    st.sampled_from(PERMISSIONS),
    st.sets(st.sampled_from(MODIFIERS)),
)


class Refused(Exception):
    pass


def written(terms: int, record: RecordId = GENERAL) -> Any:
    held = make_fhir.consent(terms, record)
    return json.loads(json.dumps(fhir.duo_consent(PLACE, PATIENT, held, SINCE)))


def read(found: object) -> fhir.AgreedUse:
    return fhir.read_consent(found, Refused)


def test_every_term_has_a_code_and_a_name() -> None:
    terms = uses.terms()
    assert set(terms) == set(TERM_NAMES.values())
    codes = {name: terms[bit].coding["code"] for name, bit in TERM_NAMES.items()}
    assert codes["GRU"] == "DUO_0000042"
    assert codes["NRES"] == "DUO_0000004"
    assert codes["AI"] == "AI"
    for name, bit in TERM_NAMES.items():
        if terms[bit].coding["system"] == uses.DUO:
            assert int(codes[name].removeprefix("DUO_")) == bit.bit_length() - 1
            (told,) = [
                each["property"][0]["valueString"]
                for system in uses.definitions()
                if system.get("url") == uses.DUO
                for each in system["concept"]
                if each["code"] == codes[name]
            ]
            assert told == name


def value_set(name: str) -> set[tuple[str, str, str]]:
    (found,) = [e for e in uses.definitions() if e["url"] == f"{BASE}/ValueSet/{name}"]
    return {
        (each["system"], code["code"], code["display"])
        for each in found["compose"]["include"]
        for code in each["concept"]
    }


def test_the_extensions_take_the_terms_and_conditions_that_are_written() -> None:
    def told(codings: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
        return {(each["system"], each["code"], each["display"]) for each in codings}

    assert value_set("data-use-terms") == told(uses.codings(purpose.TERMS))
    rules = [*consent.provisions(purpose.TERMS), granted(purpose.MDS)]
    assert value_set("data-use-conditions") == told(
        [
            each["valueCoding"]
            for rule in rules
            for nested in rule["provision"]
            for each in nested.get("modifierExtension", [])
        ]
    )
    bound = {
        each["id"]: each["differential"]["element"][-1]["binding"]["valueSet"]
        for each in uses.definitions()
        if each["resourceType"] == "StructureDefinition"
    }
    assert bound == {
        "data-use": f"{BASE}/ValueSet/data-use-terms",
        "unless": f"{BASE}/ValueSet/data-use-conditions",
    }


def test_the_page_has_the_map_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fhir.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+)` \| (DUO_\d{7}) \| ([^|]*) \|", page, re.MULTILINE)
    told = {code: (name, re.findall(r"`([A-Z]+)`", purposes)) for name, code, purposes in rows}
    names = {bit: name for name, bit in TERM_NAMES.items()}
    assert told == {
        term.coding["code"]: (names[bit], [each["code"] for each in term.purposes])
        for bit, term in uses.terms().items()
        if term.purposes
    }


def test_a_consent_of_each_term_is_valid() -> None:
    words = [*PERMISSIONS, *(purpose.GRU | each for each in MODIFIERS), purpose.TERMS & ~GRU_ALONE]
    held = [replace(make_fhir.consent(word), version=at) for at, word in enumerate(words)]
    consents = [fhir.duo_consent(PLACE, PATIENT, each, SINCE) for each in held]
    bundle = json.loads("".join(fhir.collection(PLACE, [PATIENT, *consents], NOW)))
    assert errors_in([bundle]) == [[]]


GRU_ALONE = purpose.PERMISSIONS & ~purpose.GRU


@given(WORDS)
@settings(max_examples=200)
def test_any_word_goes_out_and_comes_back(terms: int) -> None:
    use = read(written(terms))
    assert (use.terms, use.record) == (terms, GENERAL)
    assert (use.since, use.until) == (NOW - 10, NOW + 365 * make_fhir.DAY)
    assert read(written(terms, RECORD)).record == RECORD


@given(WORDS, st.sampled_from([*PERMISSIONS, *MODIFIERS]))
def test_terms_and_provisions_must_say_the_same(terms: int, changed: int) -> None:
    """A term taken out of or put into the extension alone is found out, or is no other word."""
    found = written(terms)
    other = terms ^ changed
    found["extension"] = [
        {"url": consent.DATA_USE_TERM, "valueCoding": each} for each in uses.codings(other)
    ]
    if consent.provisions(other) == consent.provisions(terms) and purpose.valid_terms(other):
        assert read(found).terms == other
    else:
        with pytest.raises(Refused):
            read(found)


def permits(rule: dict[str, Any], code: str) -> bool:
    """What a plain system makes of a provision: it knows purposes, and no extension.

    v3-ActReason's hierarchy: HRESCH is above DSRCH and POARCH.
    """
    parents = {"DSRCH": "HRESCH", "POARCH": "HRESCH"}

    def covers(nested: dict[str, Any]) -> bool:
        codes = {each["code"] for each in nested.get("purpose", [])}
        return not codes or bool(codes & {code, parents.get(code)})

    if not covers(rule):
        return False
    denials = [each for each in rule.get("provision", []) if not each.keys() & {"action", "data"}]
    return not any(covers(nested) for nested in denials)


@given(WORDS)
def test_a_plain_system_never_reads_more_than_was_permitted(terms: int) -> None:
    """Even one that overlooks modifier extensions, which it must not."""
    (rule,) = consent.provisions(terms)
    attributes = purpose.NONCOMMERCIAL | purpose.NONPROFIT
    for code, request in (("HRESCH", HMB), ("POARCH", POA), ("TREAT", CC)):
        if permits(rule, code):
            assert purpose.matches(terms, request | attributes).answer is purpose.Answer.PERMIT


@pytest.mark.parametrize(
    ("terms", "code", "answer"),
    [
        (HMB, "HRESCH", True), (HMB, "POARCH", False), (HMB, "TREAT", False),
        (HMB | CC, "TREAT", True), (POA, "POARCH", True), (POA, "HRESCH", False),
        (purpose.GRU, "POARCH", True), (purpose.GRU | purpose.NPOA, "POARCH", False),
        (purpose.NRES, "TREAT", True), (HMB | purpose.NCU, "HRESCH", False),
        (DS, "DSRCH", False),  # which disease no purpose says: a condition must be met
    ],
)  # fmt: skip
def test_what_plain_systems_read(terms: int, code: str, answer: bool) -> None:
    (rule,) = consent.provisions(terms)
    assert permits(rule, code) is answer


def test_what_is_not_allowed_by_name_is_denied() -> None:
    def denied(terms: int) -> list[str]:
        (rule,) = consent.provisions(terms)
        nested = rule.get("provision", [])
        return [each["action"][0]["coding"][0]["code"] for each in nested if "action" in each]

    assert denied(purpose.GRU) == ["COMMERCIAL", "AI"]
    assert denied(purpose.GRU | purpose.AI) == ["COMMERCIAL"]
    assert denied(purpose.GRU | purpose.AI | purpose.COMMERCIAL) == []


TYPES = [bit for bit in purpose.REQUEST_NAMES.values() if bit & purpose.TYPES]
NO_PROMISE = purpose.TYPES | purpose.ALLOWANCES | purpose.SENSITIVE | purpose.OTHER
PROMISES = [bit for bit in purpose.REQUEST_NAMES.values() if bit & purpose.REQUEST & ~NO_PROMISE]


def granted(request: int) -> dict[str, Any]:
    told = GrantEvent(RECORD, ALICE, make_fhir.CLINIC, request, NOW + 9, 1, b"", ALICE, 1)
    found = fhir.grant_consent(PLACE, PATIENT, told, SINCE)
    (rule,) = found["provision"]["provision"]
    assert rule["actor"]
    assert rule["data"][0]["reference"]["identifier"]["value"] == "0x" + RECORD.hex()
    return rule


@example(purpose.NRES | purpose.NPOA, {purpose.GRU}, set(PROMISES))
@given(WORDS, st.sets(st.sampled_from(TYPES), min_size=1), st.sets(st.sampled_from(PROMISES)))
@settings(max_examples=300)
def test_a_grant_permits_no_more_than_the_consent_it_rests_on(
    terms: int, types: set[int], left_out: set[int]
) -> None:
    """What a plain system reads of a grant, the consent permits, too, without any promise."""
    request = sum(types) | sum(PROMISES) & ~sum(left_out)
    if purpose.matches(terms, request).answer is not purpose.Answer.PERMIT:
        request = sum(types)
    if purpose.matches(terms, request).answer is not purpose.Answer.PERMIT:
        return
    rule = granted(request)
    for code, kind in (("HRESCH", HMB), ("POARCH", POA), ("TREAT", CC)):
        if rule["type"] == "permit" and permits(rule, code):
            assert purpose.matches(terms, kind).answer is purpose.Answer.PERMIT


@pytest.mark.parametrize(
    ("request_word", "code", "answer"),
    [
        (HMB, "HRESCH", True), (HMB, "POARCH", False), (purpose.GRU, "POARCH", False),
        (POA, "POARCH", True), (purpose.GRU | POA, "POARCH", True),
        (purpose.GRU | POA | purpose.MDS, "POARCH", True),
        (HMB | purpose.NONCOMMERCIAL, "HRESCH", False), (purpose.MDS, "HRESCH", False),
        (HMB | purpose.MDS, "HRESCH", True), (DS | purpose.DISEASE_COVERED, "DSRCH", False),
        (purpose.TREATMENT, "TREAT", True), (purpose.TREATMENT, "HRESCH", False),
    ],
)  # fmt: skip
def test_what_plain_systems_read_of_a_grant(request_word: int, code: str, answer: bool) -> None:
    assert permits(granted(request_word), code) is answer


def test_a_grant_for_nothing_permits_nothing() -> None:
    assert granted(purpose.SENSITIVE)["type"] == "deny"


def test_a_grant_for_methods_is_for_methods_alone() -> None:
    nested = granted(purpose.MDS)["provision"]
    conditions = [e["valueCoding"]["code"] for n in nested for e in n.get("modifierExtension", [])]
    assert conditions == ["MDS"]


def test_a_consent_that_ended_is_inactive() -> None:
    held = make_fhir.consent(HMB)
    last = fhir.Validity(NOW, ALICE, held.expires_at)
    assert fhir.duo_consent(PLACE, PATIENT, held, last)["status"] == "active"
    late = fhir.Validity(NOW, ALICE, held.expires_at + 1)
    found = fhir.duo_consent(PLACE, PATIENT, held, late)
    assert found["status"] == "inactive"
    with pytest.raises(Refused, match="status"):
        read(found)


def test_a_bar_and_a_grant_are_no_terms() -> None:
    bar, grant = make_fhir.history()[2], make_fhir.treatment()[2]
    for found in (bar, grant):
        assert found["resourceType"] == "Consent"
        with pytest.raises(Refused):
            read(found)


# Others' Consents.

V3 = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def plain(*codes: str, **more: Any) -> dict[str, Any]:
    purposes = [{"system": V3, "code": code} for code in codes]
    scope = {"system": consent.SCOPE, "code": "research"}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [scope]},
        "provision": {"type": "permit", "purpose": purposes, **more},
    }


KNOWN_RECORD = {"system": f"{BASE}/sid/record", "value": "0x" + RECORD.hex()}


def denying(*codes: str) -> dict[str, Any]:
    return {"type": "deny", "purpose": [{"system": V3, "code": code} for code in codes]}


@pytest.mark.parametrize(
    ("found", "terms"),
    [
        (plain("HRESCH"), HMB),
        (plain("HRESCH", provision=[denying("POARCH")]), HMB),
        (plain("HRESCH", "TREAT"), HMB | CC),
        (plain("DSRCH"), DS),
        (plain("POARCH"), POA),
    ],
)
def test_others_consents_are_read_as_what_is_no_wider(found: dict[str, Any], terms: int) -> None:
    assert read(found).terms == terms
    nested = copy.deepcopy(found)
    rule = nested.pop("provision")
    nested["provision"] = {"provision": [rule]}
    nested["policyRule"] = {"coding": [consent.OPT_OUT]}
    assert read(nested).terms == terms
    assert read(found).until is None


@pytest.mark.parametrize(
    "found",
    [
        None, [], "Consent", 7, {}, {"resourceType": "Patient"},
        plain(), plain("TREAT"), plain("HMARKT"), plain("CLINTRCH"), plain("HRESCH", "HMARKT"),
        plain("HRESCH", "DSRCH"),
        plain("HRESCH", provision=[denying("CLINTRCH")]),
        plain("POARCH", provision=[denying("POARCH")]),
        plain("HRESCH", provision=[{"type": "deny"}]),
        plain("HRESCH", provision=[{"type": "permit", "purpose": []}]),
        plain("HRESCH", provision=[denying("POARCH") | {"action": []}]),
        plain("HRESCH", actor=[]), plain("HRESCH", securityLabel=[]),
        plain("HRESCH", modifierExtension=[]), plain("HRESCH", code=[]),
        plain("HRESCH", dataPeriod={}), plain("HRESCH", **{"class": []}),
        plain("HRESCH", data=[{"meaning": "instance", "reference": {"reference": "Patient/1"}}]),
        plain("HRESCH", period={"end": "2030"}), plain("HRESCH", period={"end": "2030-02-30"}),
        plain("HRESCH", period={"end": "2030-01-01T00:00:00"}), plain("HRESCH", period=7),
        plain("HRESCH") | {"status": "draft"}, plain("HRESCH") | {"scope": {}},
        plain("HRESCH") | {"modifierExtension": []}, plain("HRESCH") | {"implicitRules": "x"},
        plain("HRESCH") | {"policyRule": {"coding": [consent.OPT_OUT | {"code": "OPTIN"}]}},
        plain("HRESCH") | {"policyRule": {"text": "anything goes"}},
        plain("HRESCH") | {"verification": [{"verified": False}]},
        plain("HRESCH") | {"verification": [{"verified": True, "modifierExtension": []}]},
        plain("HRESCH") | {"provision": {"type": "deny", "provision": [denying("POARCH")]}},
        plain("HRESCH")
        | {"provision": {"type": "deny", "provision": [plain("HRESCH")["provision"]]}},
        plain("HRESCH", data=[{"meaning": "related", "reference": {"identifier": KNOWN_RECORD}}]),
        plain("HRESCH", data=[{"meaning": "instance", "reference": {
            "identifier": KNOWN_RECORD | {"system": "urn:other"}}}]),
        plain("HRESCH") | {"meta": {"security": []}}, plain("HRESCH") | {"contained": []},
        plain("HRESCH") | {"provision": {"type": "deny", "purpose": []}},
        plain("HRESCH") | {"provision": {"provision": [plain("HRESCH")["provision"]] * 2}},
        plain("HRESCH")
        | {"extension": [{"url": consent.DATA_USE_TERM, "valueCoding": {"code": "DUO_0000006"}}]},
        plain("HRESCH")
        | {"extension": [{"url": consent.DATA_USE_TERM,
                          "valueCoding": {"system": uses.DUO, "code": "DUO_0000005"}}]},
    ],
)  # fmt: skip
def test_what_no_term_can_say_is_refused(found: object) -> None:
    with pytest.raises(Refused):
        read(found)


def test_our_own_is_refused_if_anything_was_added_to_its_provisions() -> None:
    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda p: p["provision"][0]["purpose"].append({"system": V3, "code": "TREAT"}),
        lambda p: p["provision"][0]["provision"].pop(),
        lambda p: p["provision"].append({"type": "permit"}),
        lambda p: p.update(type="permit"),
        lambda p: p["provision"][0].update(actor=[]),
    ]
    for change in changes:
        found = written(HMB | purpose.NCU)
        change(found["provision"])
        with pytest.raises(Refused):
            read(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(["status", "scope", "policyRule", "provision", "meta", "extension",
                        "verification"]), JSON)  # fmt: skip
def test_any_garbage_is_refused_or_read(key: str, value: Any) -> None:
    try:
        use = read(plain("HRESCH") | {key: value})
    except Refused:
        return
    assert use.terms == HMB


@given(st.sampled_from(["period", "data", "purpose", "provision", "type", "id"]), JSON)
def test_any_garbage_in_a_provision_is_refused_or_read(key: str, value: Any) -> None:
    try:
        use = read(plain("HRESCH", **{key: value}))
    except Refused:
        return
    assert use.terms == HMB


def test_days_are_as_short_as_they_are_anywhere() -> None:
    use = read(plain("HRESCH", period={"start": "2030-01-01", "end": "2030-01-02"}))
    assert use.since == 1_893_456_000 + 12 * 3600
    assert use.until == 1_893_456_000 + 24 * 3600
    use = read(plain("HRESCH", period={"end": "2030-01-01T09:00:00+09:00"}))
    assert use.until == 1_893_456_000
