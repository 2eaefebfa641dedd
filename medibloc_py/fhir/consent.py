"""Consent: what a patient's consent on chain permits, as provisions that other systems read.

The base rule is opt-out: what no provision permits is denied. One provision permits the
purposes of use of the terms; provisions in it deny what the terms restrict. Where no purpose
of use says it, the denial holds *unless* a condition is met, in a modifier extension: who does
not know the extension must not act on the provision, and who overlooks it denies too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from medibloc_py import purpose
from medibloc_py.fhir import uses
from medibloc_py.fhir.values import (
    BASE,
    CODES,
    Place,
    Resource,
    coding,
    concept,
    filled,
    instant,
    record_identifier,
    record_reference,
    reference,
    resource,
)
from medibloc_py.model import GENERAL, Address, Consent, GrantEvent, RecordId

DATA_USE_TERM: Final = f"{BASE}/StructureDefinition/data-use"
UNLESS: Final = f"{BASE}/StructureDefinition/unless"
IDENTIFIER: Final = f"{BASE}/sid/consent"
OPT_OUT: Final = coding(f"{CODES}/v3-ActCode", "OPTOUT")
SCOPE: Final = f"{CODES}/consentscope"
CATEGORY: Final = f"{CODES}/consentcategorycodes"
_RECIPIENT: Final = coding(f"{CODES}/v3-ParticipationType", "IRCP", "information recipient")
_DISCLOSURE: Final = coding(f"{CODES}/v3-ActCode", "IDSCL", "information disclosure")
_NO_ANCESTRY: Final = purpose.HMB | purpose.NPOA


@dataclass(frozen=True, slots=True)
class Validity:
    """When a consent was given, by whom, and whether it stands.

    Attributes:
        since: when it was given, unix seconds.
        by: who said so: the patient, or a delegate.
        now: the chain's clock.
    """

    since: int
    by: Address
    now: int


def duo_consent(
    place: Place,
    patient: Resource,
    held: Consent,
    validity: Validity,
    studies: Sequence[Resource] = (),
    excepted: Sequence[RecordId] = (),
) -> Resource:
    """A patient's consent for research and other use, in DUO terms.

    Args:
        place: the deployment.
        patient: the resource of the patient.
        held: the consent as the chain has it; with terms.
        validity: since when, by whom.
        studies: of a record's own consent, the studies it is for, if they are in the bundle.
        excepted: of the general consent, the records that have a consent or bar of their own.
    """
    rules = provisions(held.terms)
    if excepted:
        rules[0].setdefault("provision", []).append(
            {"type": "deny", "data": [_data(record_reference(each)) for each in excepted]}
        )
    ends = held.expires_at
    active = ends >= validity.now
    names = purpose.render(held.terms, purpose.TERM_NAMES)
    return resource(
        "Consent",
        _name(place, held),
        [
            f"Consent {names} for {_subject(held.record)}, "
            f"{'until' if active else 'ended'} {instant(ends)}.",
            "; ".join(each["display"] for each in uses.codings(held.terms)) + ".",
        ],
        {
            "extension": [
                {"url": DATA_USE_TERM, "valueCoding": each} for each in uses.codings(held.terms)
            ],
            **_head(place, patient, held, validity, "active" if active else "inactive"),
            "provision": filled(
                {
                    "period": {"start": instant(validity.since), "end": instant(ends)},
                    "data": _held_data(held, studies),
                    "provision": rules,
                }
            ),
        },
    )


def barred_consent(
    place: Place,
    patient: Resource,
    held: Consent,
    validity: Validity,
    studies: Sequence[Resource] = (),
) -> Resource:
    """A bar: for this record nothing is permitted, whatever the general consent says."""
    return resource(
        "Consent",
        _name(place, held),
        [f"Nothing is permitted for {_subject(held.record)}."],
        {
            **_head(place, patient, held, validity, "active"),
            "provision": {
                "period": {"start": instant(validity.since)},
                "data": _held_data(held, studies),
                "provision": [{"type": "deny", "data": _held_data(held, studies)}],
            },
        },
    )


def grant_consent(
    place: Place,
    patient: Resource,
    grant: GrantEvent,
    since: int,
    stands: bool,
    studies: Sequence[Resource] = (),
) -> Resource:
    """A grant: one reader may have one record, for a purpose, until a time.

    Args:
        place: the deployment.
        patient: the resource of the patient.
        grant: as its event told it.
        since: when it was given, unix seconds.
        stands: whether it was neither revoked, nor replaced, nor has ended.
        studies: the record's studies, if they are in the bundle.
    """
    words = purpose.render(grant.purpose, purpose.REQUEST_NAMES)
    until = instant(grant.expires_at)
    reader = place.who(grant.grantee)
    rule = {
        **_granted(grant.purpose),
        "actor": [{"role": concept(_RECIPIENT), "reference": reader}],
        "data": _record_data(grant.record, studies),
    }
    return resource(
        "Consent",
        place.id_of("grant", "0x" + grant.record.hex(), grant.grantee, grant.epoch),
        [f"{grant.grantee} may read record 0x{grant.record.hex()} for {words} until {until}."],
        {
            "identifier": [
                _identifier(place, "Grants", grant.record, grant.grantee, str(grant.epoch))
            ],
            "status": "active" if stands else "inactive",
            "scope": concept(coding(SCOPE, "patient-privacy", "Privacy Consent")),
            "category": [concept(_DISCLOSURE)],
            "patient": reference(patient),
            "dateTime": instant(since),
            "performer": [_performer(place, patient, grant.patient, grant.by)],
            "policy": [{"uri": place.account(place.contracts["Grants"])}],
            "policyRule": concept(OPT_OUT),
            "provision": {
                "period": {"start": instant(since), "end": until},
                "provision": [rule],
            },
        },
    )


def _granted(request: int) -> Resource:
    """What a grant permits: no more than the request that was granted says of itself."""
    if request & purpose.TREATMENT:
        return {"type": "permit", "purpose": [coding(uses.PURPOSES, "TREAT", "treatment")]}
    (rule,) = provisions(uses.promised(request))
    if request & purpose.MDS and not request & (purpose.GRU | purpose.HMB):
        rule.setdefault("provision", []).append(_unless(uses.METHODS))
    return rule if "purpose" in rule else {"type": "deny"}


def provisions(terms: int) -> list[Resource]:
    """What a terms word permits, and in it what it denies.

    The same word gives the same provisions: `reading` tells by it whether a Consent says more
    than its terms.
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


def _head(
    place: Place, patient: Resource, held: Consent, validity: Validity, status: str
) -> Resource:
    return {
        "identifier": [
            _identifier(place, "Consents", held.record, held.patient, str(held.version))
        ],
        "status": status,
        "scope": concept(coding(SCOPE, "research", "Research")),
        "category": [concept(coding(CATEGORY, "research", "Research Information Access"))],
        "patient": reference(patient),
        "dateTime": instant(validity.since),
        "performer": [_performer(place, patient, held.patient, validity.by)],
        "policy": [{"uri": place.account(place.contracts["Consents"])}],
        "policyRule": concept(OPT_OUT),
    }


def _performer(place: Place, patient: Resource, address: Address, by: Address) -> Resource:
    return reference(patient) if by == address else place.who(by, "delegate of the patient")


def _identifier(
    place: Place, contract: str, record: RecordId, account: Address, number: str
) -> Resource:
    where = place.account(place.contracts[contract]).removeprefix("did:pkh:")
    return {"system": IDENTIFIER, "value": f"{where}/{account}/0x{record.hex()}/{number}"}


def _name(place: Place, held: Consent) -> str:
    return place.id_of("consent", held.patient, "0x" + held.record.hex(), held.version)


def _subject(record: RecordId) -> str:
    return "all records" if record == GENERAL else f"record 0x{record.hex()}"


def _held_data(held: Consent, studies: Sequence[Resource]) -> list[Resource]:
    return [] if held.record == GENERAL else _record_data(held.record, studies)


def _record_data(record: RecordId, studies: Sequence[Resource]) -> list[Resource]:
    if not studies:
        return [_data(record_reference(record))]
    known = {"identifier": record_identifier(record)}
    return [_data({**reference(each), **known}) for each in studies]


def _data(what: Resource) -> Resource:
    return {"meaning": "instance", "reference": what}
