"""A FHIR Consent from elsewhere, as a consent that the chain can hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from medibloc_py.errors import DocumentInvalid
from medibloc_py.fhir import read_consent
from medibloc_py.model import GENERAL, RecordId
from medibloc_py.nesting import require_shallow_json

KIND = "FHIR Consent"
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ImportedUse:
    """What is to be set on chain.

    Attributes:
        terms: terms word.
        record: for which record; `GENERAL` for all.
        until: last second, unix.
    """

    terms: int
    record: RecordId
    until: int


def read_agreed_use(
    data: bytes, path: object, now: int, limit: int | None, record: bytes | None
) -> ImportedUse:
    """Reads a FHIR R4 Consent, and refuses one that terms cannot say.

    Args:
        data: the Consent in JSON.
        path: named in errors.
        now: the chain's clock, unix seconds.
        limit: end it by then, if it does not end before.
        record: set it for this record alone; a Consent for another is refused.

    Raises:
        DocumentInvalid: it is no Consent, has not begun, has no end, or says what terms cannot.
    """

    def refuse(reason: str) -> DocumentInvalid:
        return DocumentInvalid(path=path, kind=KIND, reason=reason)

    use = read_consent(_json(data, refuse), refuse)
    if use.since is not None and use.since > now:
        raise refuse("it has not begun")
    ends = [each for each in (use.until, limit) if each is not None]
    if not ends:
        raise refuse("it has no end, and none was given")
    if min(ends) < now:
        raise refuse("it has ended")
    if record is not None and use.record not in (GENERAL, record):
        raise refuse("it is for another record")
    wanted = use.record if record is None else RecordId(record)
    return ImportedUse(use.terms, wanted, min(ends))


def _json(data: bytes, refuse: Any) -> object:
    if len(data) > MOST_BYTES:
        raise refuse("it is too large")
    try:
        require_shallow_json(data)
        return json.loads(data, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        raise refuse("it is no JSON, or has a field twice") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands in it twice")
    return found
