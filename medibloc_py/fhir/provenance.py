"""Provenance: who sealed and registered a record, and who took the identity out of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from medibloc_py.fhir.values import (
    BASE,
    CODES,
    Place,
    Resource,
    coding,
    concept,
    instant,
    record_reference,
    reference,
    resource,
)
from medibloc_py.model import Address, Batch, RecordId

ROOT: Final = f"{BASE}/sid/root"
DIGEST: Final = f"{BASE}/sid/digest"
_PARTICIPANT: Final = f"{CODES}/provenance-participant-type"
_VERIFICATION: Final = coding(
    "urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.5", "Verification Signature"
)


def registered(
    place: Place, record: RecordId, batch: Batch, studies: Sequence[Resource]
) -> Resource:
    """That an issuer sealed a record and registered it, by the root in which it stands.

    No digest of the content: a record's id is a salted one, and the chain holds no other.
    """
    return resource(
        "Provenance",
        place.id_of("registered", "0x" + record.hex(), batch.issuer, "0x" + batch.root.hex()),
        [
            f"{batch.issuer} sealed record 0x{record.hex()} and registered it with "
            f"{batch.count} in all, {instant(batch.registered_at)}."
        ],
        {
            "target": [reference(each) for each in studies] or [record_reference(record)],
            "recorded": instant(batch.registered_at),
            "policy": [place.account(place.contracts["Records"])],
            "activity": concept(coding(f"{CODES}/v3-DataOperation", "CREATE", "create")),
            "agent": [_agent(place, "assembler", "Assembler", batch.issuer)],
            "entity": [
                {"role": "source", "what": record_reference(record)},
                {
                    "role": "quotation",
                    "what": {
                        "identifier": {"system": ROOT, "value": "0x" + batch.root.hex()},
                        "display": "root of the batch, on chain",
                    },
                },
            ],
        },
    )


def deidentified(
    place: Place,
    record: RecordId,
    studies: Sequence[Resource],
    *,
    issuer: Address,
    at: int,
    profile: str,
    tool: str,
    digest: bytes,
    receipt: bytes,
) -> Resource:
    """That an issuer took the identity out of a record's files, as its signed receipt says.

    Args:
        place: the deployment.
        record: the record.
        studies: its studies that are in the bundle.
        issuer: who says so.
        at: when, unix seconds.
        profile: the profile and options, in words.
        tool: what did it, with its version.
        digest: keccak256 of what the receipt says, which its signature stands over.
        receipt: the paper, with the signature in it, for `medibloc imaging check-receipt`.
    """
    return resource(
        "Provenance",
        place.id_of("deidentified", "0x" + record.hex(), "0x" + digest.hex()),
        [f"{issuer} de-identified the files of record 0x{record.hex()}: {profile}, by {tool}."],
        {
            "target": [reference(each) for each in studies] or [record_reference(record)],
            "occurredDateTime": instant(at),
            "recorded": instant(at),
            "activity": concept(coding(f"{CODES}/v3-ActCode", "DEID", "deidentify"), text=profile),
            "agent": [
                _agent(place, "performer", "Performer", issuer),
                {
                    "type": concept(coding(_PARTICIPANT, "assembler", "Assembler")),
                    "who": {"type": "Device", "display": tool},
                },
            ],
            "entity": [
                {
                    "role": "derivation",
                    "what": {
                        "identifier": {"system": DIGEST, "value": "0x" + digest.hex()},
                        "display": "the signed receipt",
                    },
                }
            ],
            "signature": [
                {
                    "type": [_VERIFICATION],
                    "when": instant(at),
                    "who": place.who(issuer),
                    "sigFormat": "application/json",
                    "data": base64.b64encode(receipt).decode(),
                }
            ],
        },
    )


def _agent(place: Place, code: str, display: str, who: Address) -> Resource:
    return {"type": concept(coding(_PARTICIPANT, code, display)), "who": place.who(who)}
