"""How a gateway stands, told to people and monitors without its key: by its lock and its spool."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medibloc_py.errors import MediBlocError
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.rows import State
from medibloc_py.flows.gateway.stages import LAST_ERROR, Stages, noted
from medibloc_py.storage.locks import is_held
from medibloc_py.storage.process import Process, this_process

_LOCK: Final = "running"
_RUN: Final = "run"
"""The note of who runs, and where it listens."""
_WAITS: Final = ("patient", "consent")


@dataclass(frozen=True, slots=True)
class Run:
    """A gateway at work.

    Attributes:
        pid: number of its process.
        since: unix seconds.
        listening: addresses, by what is spoken there.
    """

    pid: int
    since: int
    listening: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """How a gateway stands.

    Attributes:
        runs: whether one is at work, in whatever process.
        run: what it said when it began; None if none runs, or in a container apart from ours.
        studies: how many are in each state.
        waiting: how many wait for a patient, and for a consent.
        instances, size_bytes: of what is on the disk.
        oldest_at: when the first of the studies began that are not published; 0 if none.
        error_at, error: what stopped the work most recently; 0 and nothing if all went well.
    """

    runs: bool
    run: Run | None
    studies: Mapping[str, int]
    waiting: Mapping[str, int]
    instances: int
    size_bytes: int
    oldest_at: int
    error_at: int
    error: str

    @property
    def well(self) -> bool:
        """Whether it runs, and nothing is in its way."""
        return self.runs and not self.error


def lock_of(folder: Path) -> Path:
    """The file that a gateway holds while it works, in the folder of its spool."""
    return folder / _LOCK


@contextmanager
def telling(stages: Stages, listening: Mapping[str, str]) -> Iterator[None]:
    """Says who runs, and where it listens, to whoever asks meanwhile.

    Should the disk not take it, the gateway runs all the same, and so tells its senders.
    """
    me = this_process()
    said = {"pid": me.pid, "born": me.born, "listening": dict(listening)}
    with suppress(MediBlocError):
        stages.note(_RUN, json.dumps(said))
    try:
        yield
    finally:
        with suppress(MediBlocError):
            stages.note(_RUN, "")


def status_of(database: Database) -> Status:
    """How the gateway of a spool stands; no key is needed.

    Raises:
        StoreFailed: the database or the lock cannot be read.
    """
    runs = is_held(lock_of(database.path.parent))
    error_at, error = noted(database, LAST_ERROR)
    ((instances, size_bytes),) = database.read(
        "SELECT count(*), ifnull(sum(size_bytes), 0) FROM instance WHERE file IS NOT NULL"
    )
    return Status(
        runs,
        _run(database) if runs else None,
        _counts(database, "SELECT state, count(*) FROM study GROUP BY state", State),
        _counts(database, "SELECT waits, count(*) FROM study GROUP BY waits", _WAITS),
        instances,
        size_bytes,
        _oldest(database),
        error_at,
        error,
    )


def _run(database: Database) -> Run | None:
    """What the run said of itself; nothing if that was another, which died."""
    since, text = noted(database, _RUN)
    if not text:
        return None
    said = json.loads(text)
    alive = Process(said["pid"], said["born"]).lives()
    return Run(said["pid"], since, said["listening"]) if alive else None


def _counts(database: Database, statement: str, values: Iterable[str]) -> dict[str, int]:
    found = dict(database.read(statement))
    return {str(each): found.get(each, 0) for each in values}


def _oldest(database: Database) -> int:
    ((oldest,),) = database.read(
        "SELECT ifnull(min(began_at), 0) FROM study"
        " WHERE state IN (SELECT value FROM json_each(?))",
        json.dumps([State.RECEIVING, State.GROUPED, State.PUBLISHING, State.REFUSED]),
    )
    return int(oldest)
