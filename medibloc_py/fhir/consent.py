"""Consent: a patient's consent on chain, a bar, or a grant, as other systems read it.

The base rule is opt-out: what no provision permits is denied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from medibloc_py import purpose
from medibloc_py.fhir import uses
from medibloc_py.fhir.provisions import granted, provisions
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
IDENTIFIER: Final = f"{BASE}/sid/consent"
OPT_OUT: Final = coding(f"{CODES}/v3-ActCode", "OPTOUT")
SCOPE: Final = f"{CODES}/consentscope"
CATEGORY: Final = f"{CODES}/consentcategorycodes"
_RECIPIENT: Final = coding(f"{CODES}/v3-ParticipationType", "IRCP", "information recipient")
_DISCLOSURE: Final = coding(f"{CODES}/v3-ActCode", "IDSCL", "information disclosure")


@dataclass(frozen=True, slots=True)
class Validity:
    """When a consent was given, by whom, and whether it stands.

    Attributes:
        since: when it was given, unix seconds.
        by: who said so: the patient, or a delegate.
        now: the chain's clock.
        ended: when it was taken back or replaced; None if it was not.
    """

    since: int
    by: Address
    now: int
    ended: int | None = None

    def until(self, expires_at: int) -> int:
        """The last second it holds or held."""
        return expires_at if self.ended is None else min(expires_at, self.ended)

    def stands(self, expires_at: int) -> bool:
        """Tells whether it was neither taken back nor replaced, nor has ended."""
        return self.ended is None and expires_at >= self.now


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
    ends = instant(validity.until(held.expires_at))
    active = validity.stands(held.expires_at)
    names = purpose.render(held.terms, purpose.TERM_NAMES)
    return resource(
        "Consent",
        _name(place, held),
        [
            f"Consent {names} for {_subject(held.record)}, "
            f"{'until' if active else 'ended'} {ends}.",
            "; ".join(each["display"] for each in uses.codings(held.terms)) + ".",
        ],
        {
            "extension": [
                {"url": DATA_USE_TERM, "valueCoding": each} for each in uses.codings(held.terms)
            ],
            **_head(place, patient, held, validity, active),
            "provision": filled(
                {
                    "period": {"start": instant(validity.since), "end": ends},
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
    ended = "" if validity.ended is None else instant(validity.ended)
    return resource(
        "Consent",
        _name(place, held),
        [
            f"Nothing {'was' if ended else 'is'} permitted for {_subject(held.record)}"
            f"{', up to ' + ended if ended else ''}."
        ],
        {
            **_head(place, patient, held, validity, not ended),
            "provision": {
                "period": filled({"start": instant(validity.since), "end": ended}),
                "data": _held_data(held, studies),
                "provision": [{"type": "deny", "data": _held_data(held, studies)}],
            },
        },
    )


def grant_consent(
    place: Place,
    patient: Resource,
    grant: GrantEvent,
    validity: Validity,
    studies: Sequence[Resource] = (),
    *,
    permitted: bool = True,
) -> Resource:
    """A grant: one reader may have one record, for a purpose, until a time.

    Args:
        place: the deployment.
        patient: the resource of the patient.
        grant: as its event told it.
        validity: since when, by whom.
        studies: the record's studies, if they are in the bundle.
        permitted: whether the patient's consent permits it now; one for treatment needs none.
    """
    words = purpose.render(grant.purpose, purpose.REQUEST_NAMES)
    active = permitted and validity.stands(grant.expires_at)
    since, ends = instant(validity.since), instant(validity.until(grant.expires_at))
    told = f"record 0x{grant.record.hex()} for {words} until {ends}"
    rule = {
        **granted(grant.purpose),
        "actor": [{"role": concept(_RECIPIENT), "reference": place.who(grant.grantee)}],
        "data": _record_data(grant.record, studies),
    }
    return resource(
        "Consent",
        place.id_of("grant", "0x" + grant.record.hex(), grant.grantee, grant.epoch),
        [
            f"{grant.grantee} may read {told}."
            if active
            else f"{grant.grantee} was granted {told}: that does not stand."
        ],
        {
            "identifier": [
                _identifier(place, "Grants", grant.record, grant.grantee, str(grant.epoch))
            ],
            "status": _status(active),
            "scope": concept(coding(SCOPE, "patient-privacy", "Privacy Consent")),
            "category": [concept(_DISCLOSURE)],
            "patient": reference(patient),
            "dateTime": since,
            "performer": [_performer(place, patient, grant.patient, validity.by)],
            "policy": [{"uri": place.account(place.contracts["Grants"])}],
            "policyRule": concept(OPT_OUT),
            "provision": {"period": {"start": since, "end": ends}, "provision": [rule]},
        },
    )


def _head(
    place: Place, patient: Resource, held: Consent, validity: Validity, active: bool
) -> Resource:
    return {
        "identifier": [
            _identifier(place, "Consents", held.record, held.patient, str(held.version))
        ],
        "status": _status(active),
        "scope": concept(coding(SCOPE, "research", "Research")),
        "category": [concept(coding(CATEGORY, "research", "Research Information Access"))],
        "patient": reference(patient),
        "dateTime": instant(validity.since),
        "performer": [_performer(place, patient, held.patient, validity.by)],
        "policy": [{"uri": place.account(place.contracts["Consents"])}],
        "policyRule": concept(OPT_OUT),
    }


def _status(active: bool) -> str:
    return "active" if active else "inactive"


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
