"""Terms of a consent as codes, and as the purposes of use that other systems know.

Bit i of a terms word is `DUO_00000ii` (`purpose`). What a term is called, what it means and
which purposes of use it permits or denies is not written here but in `definitions/`: a
CodeSystem of DUO's terms, one of those beside it, and a ConceptMap from terms to purposes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from medibloc_py import purpose
from medibloc_py.fhir.values import BASE, CODES, Resource, coding, concept

DUO: Final = "http://purl.obolibrary.org/obo/duo.owl"
DATA_USE: Final = f"{BASE}/CodeSystem/data-use"
PURPOSES: Final = f"{CODES}/v3-ActReason"
BREAK_THE_GLASS: Final = "BTG"
_LAST_OF_DUO: Final = purpose.NCU
_PROMISES: Final = {
    purpose.NONCOMMERCIAL: purpose.NCU,
    purpose.NONPROFIT: purpose.NPU,
    purpose.GENETIC: purpose.GSO,
    purpose.HAS_IRB: purpose.IRB,
    purpose.HAS_PUB: purpose.PUB,
    purpose.HAS_COL: purpose.COL,
    purpose.HAS_RTN: purpose.RTN,
    purpose.HAS_MOR: purpose.MOR,
    purpose.HAS_RS: purpose.RS,
}
_SAME: Final = (purpose.TYPES & purpose.TERMS) | purpose.PLACES | purpose.NRI | purpose.ALLOWANCES
METHODS: Final = coding(DATA_USE, "MDS", "methods development")


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a terms word.

    Attributes:
        bit: its bit, as a word.
        coding: its code and name.
        purposes: codes of v3-ActReason that say the same, or less.
    """

    bit: int
    coding: Resource
    purposes: tuple[Resource, ...]


def definitions() -> list[Resource]:
    """Our own words as FHIR's conformance resources, for whoever validates what we write."""
    folder = files("medibloc_py.fhir") / "definitions"
    found = sorted((each for each in folder.iterdir()), key=lambda each: each.name)
    return [json.loads(each.read_text("utf-8")) for each in found if each.name.endswith(".json")]


@cache
def terms() -> dict[int, Term]:
    """All terms that a consent can hold, by bit, in the order of their bits."""
    known = {each["url"]: each for each in definitions()}
    targets = _targets(known[f"{BASE}/ConceptMap/duo-purpose"])
    found = {}
    for name, bit in sorted(purpose.TERM_NAMES.items(), key=lambda item: item[1]):
        system, code = _place(name, bit)
        display = _concepts(known[system])[code]["display"]
        found[bit] = Term(bit, coding(system, code, display), targets.get(code, ()))
    return found


def codings(word: int) -> list[Resource]:
    """The terms of a word as codings."""
    return [term.coding for bit, term in terms().items() if word & bit]


def word_of(found: list[tuple[str, str]]) -> int:
    """The terms word of these codes.

    Args:
        found: system and code of each.

    Raises:
        KeyError: one is no term.
    """
    bits = {(each.coding["system"], each.coding["code"]): bit for bit, each in terms().items()}
    word = 0
    for each in found:
        word |= bits[each]
    return word


def requested(word: int) -> list[Resource]:
    """What a request is for, as purposes of use; each with DUO's own term, if it has one.

    What a request says of who asks (`HAS_IRB` and the like) is no purpose, and not here.
    """
    if word & purpose.TREATMENT:
        return [concept(coding(PURPOSES, "TREAT", "treatment"))]
    found = [
        concept(*terms()[bit].purposes[:1], terms()[bit].coding)
        for bit in terms()
        if word & bit & purpose.TYPES
    ]
    if word & purpose.MDS:
        found.append(
            concept(
                coding(PURPOSES, "HRESCH", "healthcare research"),
                METHODS,
            )
        )
    return found


def promised(word: int) -> int:
    """The terms under which a request is granted: what it is for, and what it says it keeps to.

    Whoever grants a request that says it is not commercial grants no commercial use; and the
    study of ancestry only to one that says so, because some terms prohibit that alone.
    """
    kept = sum(term for bit, term in _PROMISES.items() if word & bit)
    if not word & purpose.POA:
        kept |= purpose.NPOA
    methods_alone = word & purpose.MDS and not word & (purpose.GRU | purpose.HMB)
    return word & _SAME | kept | (purpose.HMB if methods_alone else 0)


def emergency() -> list[Resource]:
    """The purpose of an emergency access."""
    return [concept(coding(PURPOSES, BREAK_THE_GLASS, "break the glass"))]


def _place(name: str, bit: int) -> tuple[str, str]:
    if bit <= _LAST_OF_DUO:
        return DUO, f"DUO_{bit.bit_length() - 1:07d}"
    return DATA_USE, name


def _concepts(system: Resource) -> dict[str, Any]:
    return {each["code"]: each for each in system["concept"]}


def _targets(concept_map: Resource) -> dict[str, tuple[Resource, ...]]:
    return {
        element["code"]: tuple(
            coding(group["target"], target["code"], target["display"])
            for target in element["target"]
        )
        for group in concept_map["group"]
        for element in group["element"]
    }
