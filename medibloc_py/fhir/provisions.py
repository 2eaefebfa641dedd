"""Provisions: what a terms word permits and denies, for systems that know no DUO.

One provision permits the purposes of use of the terms; provisions in it deny what the terms
restrict. Where no purpose of use says it, the denial holds *unless* a condition is met, in a
modifier extension: who does not know the extension must not act on the provision, and who
overlooks it denies too much.
"""

from __future__ import annotations

from typing import Final

from medibloc_py import purpose
from medibloc_py.fhir import uses
from medibloc_py.fhir.values import BASE, Resource, coding, concept, filled

UNLESS: Final = f"{BASE}/StructureDefinition/unless"
_NO_ANCESTRY: Final = purpose.HMB | purpose.NPOA


def provisions(terms: int) -> list[Resource]:
    """What a terms word permits, and in it what it denies.

    The same word gives the same provisions: `reading` tells by it whether a Consent says more
    than its terms.

    Args:
        terms: terms word.
    """
    permitted = [
        target
        for bit, term in uses.terms().items()
        if terms & bit & (purpose.PERMISSIONS | purpose.CC)
        for target in term.purposes
    ]
    unique = {each["code"]: each for each in permitted}
    denied = [
        *_denied_purposes(terms),
        *({"type": "deny", "action": [concept(each)]} for each in _denied_actions(terms)),
        *(
            _unless(term.coding)
            for bit, term in uses.terms().items()
            if terms & bit & (purpose.RESTRICTIONS & ~purpose.NPOA | purpose.DS)
        ),
    ]
    return [filled({"type": "permit", "purpose": list(unique.values()), "provision": denied})]


def granted(request: int) -> Resource:
    """What a grant permits: no more than the request that was granted says of itself.

    Args:
        request: request word.
    """
    if request & purpose.TREATMENT:
        return {"type": "permit", "purpose": [coding(uses.PURPOSES, "TREAT", "treatment")]}
    (rule,) = provisions(uses.promised(request))
    if request & purpose.MDS and not request & (purpose.GRU | purpose.HMB):
        rule.setdefault("provision", []).append(_unless(uses.METHODS))
    return rule if "purpose" in rule else {"type": "deny"}


def _unless(condition: Resource) -> Resource:
    return {"type": "deny", "modifierExtension": [{"url": UNLESS, "valueCoding": condition}]}


def _denied_purposes(terms: int) -> list[Resource]:
    if not terms & _NO_ANCESTRY:
        return []
    return [{"type": "deny", "purpose": list(uses.terms()[purpose.NPOA].purposes)}]


def _denied_actions(terms: int) -> list[Resource]:
    """What no permission brings along: commercial use and AI have to be allowed by name."""
    return [
        term.coding
        for bit, term in uses.terms().items()
        if bit & purpose.ALLOWANCES and not terms & bit
    ]
