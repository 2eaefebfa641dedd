"""Studies as the spool's database has them, and the sealed facts beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from medibloc_py.errors import StudyNotSpooled
from medibloc_py.flows.gateway.database import Database
from medibloc_py.model import RecordId

_SELECT: Final = (
    "SELECT number, part, state, waits, alone, error, began_at, changed_at, instances,"
    " size_bytes, batch, record FROM study "
)
_IN_STATES: Final = "WHERE state IN (SELECT value FROM json_each(?)) ORDER BY number"


class State(StrEnum):
    """Where a study stands; each follows the one before, but for `REFUSED`."""

    RECEIVING = "receiving"
    GROUPED = "grouped"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    CLEARED = "cleared"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Study:
    """A study in the spool, or a further part of one: what becomes one record.

    Attributes:
        number: its name here, which says nothing of the patient.
        part: 1, or more for instances that came when earlier ones were on their way.
        waits: `patient` or `consent` if it waits for that.
        alone: it stopped a batch, and is published by itself.
        error: why it was refused.
        began_at, changed_at: when its first and its latest instance came; unix seconds.
        size_bytes: of its instances, as they came.
        record: what it became.
    """

    number: int
    part: int
    state: State
    waits: str
    alone: bool
    error: str
    began_at: int
    changed_at: int
    instances: int
    size_bytes: int
    batch: int | None
    record: RecordId | None


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose study it is, as its sender says. Never in a log."""

    study: str
    patient_issuer: str
    patient_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance stands in its study."""

    series: str
    number: str
    sop_instance: str


def list_studies(database: Database, *states: State) -> list[Study]:
    """The studies in these states, or all, in the order they began; no key is needed.

    Raises:
        StoreFailed: the database cannot be read.
    """
    rows = database.read(_SELECT + _IN_STATES, json.dumps(states or list(State)))
    return [_study(row) for row in rows]


def studies_of(database: Database, batch: int) -> list[Study]:
    """The studies of a batch, in the order they began; raises as `list_studies`."""
    return [
        _study(row) for row in database.read(_SELECT + "WHERE batch = ? ORDER BY number", batch)
    ]


def find_study(database: Database, number: int) -> Study:
    """One study.

    Raises:
        StudyNotSpooled: there is none of that number.
    """
    for row in database.read(_SELECT + "WHERE number = ?", number):
        return _study(row)
    raise StudyNotSpooled(number=number, act="found", reason="no study has this number")


def _study(row: Sequence[Any]) -> Study:
    number, part, state, waits, alone, error, began_at, changed_at, instances, size_bytes = row[:10]
    batch, record = row[10:]
    return Study(
        number, part, State(state), waits, bool(alone), error, began_at, changed_at,
        instances, size_bytes, batch, None if record is None else RecordId(record),
    )  # fmt: skip
