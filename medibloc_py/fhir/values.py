"""FHIR's data types out of ours: times, ids, identifiers, references, codings."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from medibloc_py.model import Address, RecordId

Resource = dict[str, Any]
"""A resource, or a part of one, as JSON holds it."""

BASE: Final = "https://medibloc.org/fhir"
"""What the canonical names of our own words begin with; a name, not a server."""
URI: Final = "urn:ietf:rfc:3986"
"""System of an identifier whose value is a URI by itself."""
RECORD: Final = f"{BASE}/sid/record"
"""System of record ids: 0x and 64 hex digits."""
CODES: Final = "http://terminology.hl7.org/CodeSystem"
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"

_UID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_DATE: Final = re.compile(r"[0-9]{8}")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])(\.[0-9]{1,6})?")
_OFFSET: Final = re.compile(r"([+-])(0[0-9]|1[0-4])([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the facts come from: one deployment on one chain.

    Attributes:
        chain_id: the chain, as EIP-155 numbers them.
        contracts: addresses by name: Records, Consents, Grants, Market.
    """

    chain_id: int
    contracts: Mapping[str, Address]

    def account(self, address: Address) -> str:
        """An account or contract as a decentralized identifier (did:pkh, CAIP-10)."""
        return f"did:pkh:eip155:{self.chain_id}:{address}"

    def who(self, address: Address, display: str = "") -> Resource:
        """A logical reference to an account: whether a person or a house, no chain tells."""
        found: Resource = {"identifier": {"system": URI, "value": self.account(address)}}
        if display:
            found["display"] = display
        return found

    def contract(self, name: str) -> Resource:
        """A logical reference to a contract, which saw and recorded what is told."""
        return {**self.who(self.contracts[name], f"MediBloc {name}"), "type": "Device"}

    def id_of(self, *parts: object) -> str:
        """The id of what these parts name: the same here as in every later export."""
        name = "/".join(str(part) for part in (self.account(self.contracts["Records"]), *parts))
        return str(uuid5(NAMESPACE_URL, name))


def resource(kind: str, name: str, says: Iterable[str], body: Resource) -> Resource:
    """A resource with its id and a text for people; empty elements are left out.

    Args:
        kind: its type.
        name: its id, from `Place.id_of`.
        says: the lines of the text.
        body: its elements.
    """
    lines = "".join(f"<p>{html.escape(line, quote=False)}</p>" for line in says)
    text = {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{lines}</div>',
    }
    return filled({"resourceType": kind, "id": name, "text": text, **body})


def filled(elements: Resource) -> Resource:
    """The elements that say something: FHIR has no empty ones."""
    return {key: value for key, value in elements.items() if value not in (None, "", [], {})}


def reference(found: Resource) -> Resource:
    """A reference to a resource of the same bundle."""
    return {"reference": f"urn:uuid:{found['id']}", "type": found["resourceType"]}


def record_identifier(record: RecordId) -> Resource:
    """A record's id as an identifier."""
    return {"system": RECORD, "value": "0x" + record.hex()}


def record_reference(record: RecordId) -> Resource:
    """A logical reference to a record whose study is not in the bundle."""
    return {"identifier": record_identifier(record), "display": f"record 0x{record.hex()}"}


def coding(system: str, code: str, display: str = "") -> Resource:
    """One code of a system."""
    found = {"system": system, "code": code}
    return {**found, "display": display} if display else found


def concept(*codings: Resource, text: str = "") -> Resource:
    """A concept by codes, all of the same meaning, and perhaps a text."""
    found: Resource = {"coding": list(codings)} if codings else {}
    return {**found, "text": text} if text else found


def instant(unix_s: int) -> str:
    """A time of the chain, unix seconds, in UTC.

    FHIR's years have four digits: an end that lies beyond them is their last second.
    """
    last = 253_402_300_799
    return datetime.fromtimestamp(min(unix_s, last), UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def is_uid(text: str) -> bool:
    """Whether a text is a UID by PS3.5 9.1, which an `id` of FHIR can hold."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def oid(uid: str) -> str:
    """A UID as a URI."""
    return f"urn:oid:{uid}"


def dicom_date(text: str) -> str:
    """A DICOM date (VR DA) as FHIR writes it; empty if it is none."""
    if not _DATE.fullmatch(text):
        return ""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        return ""


def dicom_time(day: str, time: str, offset: str) -> str:
    """DICOM's date, time and offset (DA, TM, TimezoneOffsetFromUTC) as a dateTime.

    FHIR has no time of day without a zone, and one that is guessed is wrong: without an
    offset it is the date alone.
    """
    on, at, zone = dicom_date(day), _TIME.fullmatch(time), _OFFSET.fullmatch(offset)
    if not (on and at and zone):
        return on
    if timedelta(hours=int(zone[2]), minutes=int(zone[3])) > timedelta(hours=14):
        return on
    fraction = at[4] or ""
    return f"{on}T{at[1]}:{at[2]}:{at[3]}{fraction}{zone[1]}{zone[2]}:{zone[3]}"
