"""AuditEvent: who may read what, as the chain tells, and who read it, as a reader signed.

That a reader opened a record no chain tells: of an event, an AuditEvent says that the way was
opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from medibloc_py import purpose
from medibloc_py.fhir import uses
from medibloc_py.fhir.values import (
    CODES,
    DCM,
    Place,
    Resource,
    coding,
    concept,
    instant,
    record_reference,
    reference,
    resource,
)
from medibloc_py.model import GENERAL, ZERO_ADDRESS, Address, Event, RecordId

_LIFECYCLE: Final = f"{CODES}/iso-21089-lifecycle"
_DISCLOSE: Final = coding(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")
_ORIGINATE: Final = coding(_LIFECYCLE, "originate", "Originate/Retain Record Lifecycle Event")
_ACCESS: Final = coding(_LIFECYCLE, "access", "Access/View Record Lifecycle Event")
_VERIFY: Final = coding(_LIFECYCLE, "verify", "Verify Record Lifecycle Event")
_ALERT: Final = coding(DCM, "110113", "Security Alert")
_RIGHTS: Final = coding(DCM, "110137", "User Security Attributes Changed")
_OVERRIDE: Final = coding(DCM, "110127", "Emergency Override Started")
_PARTICIPATION: Final = f"{CODES}/v3-ParticipationType"
_AUTHOR: Final = concept(coding(_PARTICIPATION, "AUT", "author (originator)"))
_RECIPIENT: Final = concept(coding(_PARTICIPATION, "IRCP", "information recipient"))
_CUSTODIAN: Final = concept(coding(_PARTICIPATION, "CST", "custodian"))
_WITNESS: Final = concept(coding(_PARTICIPATION, "WIT", "witness"))
_DELEGATEE: Final = concept(coding(f"{CODES}/v3-RoleCode", "DELEGATEE", "delegatee"))
_ENTITY: Final = f"{CODES}/audit-entity-type"
_ROLE: Final = f"{CODES}/object-role"
_OF_SEVERAL: Final = {"Registered": "a batch of records", "Settled": "a dataset"}
Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one event of the contracts is told.

    Attributes:
        contract: whose event it is.
        type: what happened, in FHIR's words.
        subtype: more of it, if these words have it.
        action: C, R, U, D or E: created, read, updated, deleted, executed.
        actor: name of the argument that tells who did it.
        others: arguments that tell who else took part, and as what.
        says: the same for people.
    """

    contract: str
    type: Resource
    subtype: Resource | None
    action: str
    actor: str
    others: Mapping[str, Resource]
    says: Callable[[Args], str]


def _terms(args: Args) -> str:
    return purpose.render(args["terms"], purpose.TERM_NAMES)


def _purpose(args: Args) -> str:
    return purpose.render(args["purpose"], purpose.REQUEST_NAMES)


_KINDS: Final[dict[str, _Kind]] = {
    "Registered": _Kind(
        "Records", _ORIGINATE, None, "C", "issuer", {},
        lambda a: f"A batch of {a['count']} records was registered under one root.",
    ),
    "ConsentSet": _Kind(
        "Consents", _ALERT, _RIGHTS, "U", "by", {},
        lambda a: f"A consent was set: {_terms(a)} until {instant(a['expiresAt'])}.",
    ),
    "ConsentRevoked": _Kind(
        "Consents", _ALERT, _RIGHTS, "D", "by", {}, lambda _: "A consent was taken back.",
    ),
    "ConsentLifted": _Kind(
        "Consents", _ALERT, _RIGHTS, "D", "by", {},
        lambda _: "A record's own consent ended: the general one counts again.",
    ),
    "DelegateSet": _Kind(
        "Consents", _ALERT, _RIGHTS, "U", "patient", {"delegate": _DELEGATEE},
        lambda a: "A delegate may act for the patient." if a["scope"] else
        "A delegate may no longer act for the patient.",
    ),
    "CustodianNamed": _Kind(
        "Grants", _ALERT, _RIGHTS, "U", "patient", {"custodian": _CUSTODIAN},
        lambda a: "Nobody keeps the keys for emergencies." if a["custodian"] == ZERO_ADDRESS else
        "A custodian keeps the keys for emergencies.",
    ),
    "Granted": _Kind(
        "Grants", _DISCLOSE, None, "C", "by", {"grantee": _RECIPIENT},
        lambda a: f"Access was granted for {_purpose(a)} until {instant(a['expiresAt'])}.",
    ),
    "GrantRevoked": _Kind(
        "Grants", _ALERT, _RIGHTS, "D", "by", {"grantee": _RECIPIENT},
        lambda _: "Access was revoked.",
    ),
    "GlassBroken": _Kind(
        "Grants", _ALERT, _OVERRIDE, "E", "clinician", {"custodian": _CUSTODIAN},
        lambda a: f"A clinician broke the glass, until {instant(a['expiresAt'])}.",
    ),
    "GlassDelivered": _Kind(
        "Grants", _DISCLOSE, _OVERRIDE, "E", "custodian", {"clinician": _RECIPIENT},
        lambda _: "The custodian gave the clinician the key in an emergency.",
    ),
    "GlassReviewed": _Kind(
        "Grants", _VERIFY, None, "E", "reviewer", {"clinician": _WITNESS},
        lambda a: "An emergency access was judged: "
        + ("justified." if a["justified"] else "not justified."),
    ),
    "Settled": _Kind(
        "Market", _DISCLOSE, None, "E", "steward", {"buyer": _RECIPIENT},
        lambda a: f"A dataset was sold for {_purpose(a)}: its buyer can open the records.",
    ),
}  # fmt: skip
KNOWN: Final = frozenset(_KINDS)
"""Names of the events that can be told."""


def audit_event(
    place: Place,
    event: Event,
    recorded: int,
    patient: Resource | None,
    account: Address,
    studies: Mapping[RecordId, Sequence[Resource]],
) -> Resource:
    """One event of the contracts.

    A batch is of several patients: its registration is told for each record apart.

    Args:
        place: the deployment.
        event: as the chain told it; one of `KNOWN`.
        recorded: the time of its block, unix seconds.
        patient: the resource of the patient it is about; None for a sale, which is of many.
        account: the patient's account; anything for a sale.
        studies: the studies that are in the bundle, by record.
    """
    kind = _KINDS[event.name]
    said = kind.says(event.args)
    of_batch = [f"0x{each.hex()}" for each in studies] if event.name == "Registered" else []
    return resource(
        "AuditEvent",
        place.id_of("event", event.transaction, event.log_index, *of_batch),
        [f"{instant(recorded)}: {said}"],
        {
            "type": kind.type,
            "subtype": [kind.subtype] if kind.subtype else [],
            "action": kind.action,
            "recorded": instant(recorded),
            "outcome": "0",  # what a contract refuses leaves no event
            "outcomeDesc": said,
            "purposeOfEvent": _purposes(event),
            "agent": _agents(place, kind, event.args, patient, account),
            "source": {
                "observer": place.contract(kind.contract),
                "type": [coding(f"{CODES}/security-source-type", "5", "Database Server")],
            },
            "entity": [*_subject(patient), *_records(event, studies)],
        },
    )


def opening_event(
    place: Place,
    patient: Resource,
    record: RecordId,
    studies: Sequence[Resource],
    *,
    reader: Address,
    request: int,
    at: int,
) -> Resource:
    """That a reader opened a record, as it signed itself.

    Args:
        place: the deployment.
        patient: the resource of the patient.
        record: the record.
        studies: its studies that are in the bundle.
        reader: who opened it, and says so.
        request: request word of the right to.
        at: when, unix seconds.
    """
    words = purpose.render(request, purpose.REQUEST_NAMES)
    said = f"A reader opened the record for {words}, and signed so."
    detail = {"type": "purpose", "valueString": words}
    return resource(
        "AuditEvent",
        place.id_of("opening", f"0x{record.hex()}", reader, at),
        [f"{instant(at)}: {said}"],
        {
            "type": _ACCESS,
            "action": "R",
            "recorded": instant(at),
            "outcome": "0",
            "outcomeDesc": said,
            "purposeOfEvent": uses.requested(request),
            "agent": [{"type": _RECIPIENT, "who": place.who(reader), "requestor": True}],
            "source": {"observer": place.who(reader)},
            "entity": [
                *_subject(patient),
                *(_object(what, [detail]) for what in _of_record(record, {record: studies})),
            ],
        },
    )


def _purposes(event: Event) -> list[Resource]:
    if event.name.startswith("Glass"):
        return uses.emergency()
    return uses.requested(event.args.get("purpose", 0))


def _agents(
    place: Place, kind: _Kind, args: Args, patient: Resource | None, account: Address
) -> list[Resource]:
    def agent(address: Address, role: Resource, requestor: bool) -> Resource:
        who = reference(patient) if patient and address == account else place.who(address)
        return {"type": role, "who": who, "requestor": requestor}

    others = {name: role for name, role in kind.others.items() if args[name] != ZERO_ADDRESS}
    return [
        agent(args[kind.actor], _AUTHOR, True),
        *(agent(args[name], role, False) for name, role in others.items()),
    ]


def _subject(patient: Resource | None) -> list[Resource]:
    if patient is None:
        return []
    kind, role = coding(_ENTITY, "1", "Person"), coding(_ROLE, "1", "Patient")
    return [{"what": reference(patient), "type": kind, "role": role}]


def _records(event: Event, studies: Mapping[RecordId, Sequence[Resource]]) -> list[Resource]:
    """What it was about, with where on the chain anyone can look it up."""
    if event.name in _OF_SEVERAL:
        of_all = [what for record in studies for what in _of_record(record, studies)]
        whats = of_all or [{"name": _OF_SEVERAL[event.name]}]
    else:
        whats = _of_patient(event, studies)
    return [_object(what, _details(event)) for what in whats]


def _object(what: Resource, details: list[Resource]) -> Resource:
    kind, role = coding(_ENTITY, "2", "System Object"), coding(_ROLE, "4", "Domain Resource")
    return {**what, "type": kind, "role": role, "detail": details}


def _of_patient(event: Event, studies: Mapping[RecordId, Sequence[Resource]]) -> list[Resource]:
    record = RecordId(event.args.get("recordId") or event.args.get("record") or GENERAL)
    if record == GENERAL:
        return [{"name": "all records of the patient"}]
    return _of_record(record, studies)


def _of_record(record: RecordId, studies: Mapping[RecordId, Sequence[Resource]]) -> list[Resource]:
    known = [{"what": reference(each)} for each in studies.get(record, ())]
    return known or [{"what": record_reference(record)}]


def _details(event: Event) -> list[Resource]:
    told = {"event": event.name, "transaction": event.transaction, "block": str(event.block)}
    args = event.args
    if "purpose" in args:
        told["purpose"] = _purpose(args)
    if "terms" in args:
        told["terms"] = _terms(args)
    for name in (
        "form",
        "reason",
        "finding",
        "root",
        "listing",
        "orderId",
    ):  # hashes: they tell nothing
        if name in args:
            told[name] = "0x" + args[name].hex()
    return [{"type": name, "valueString": value} for name, value in told.items()]
