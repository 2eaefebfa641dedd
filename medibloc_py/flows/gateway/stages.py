"""How studies go on in the spool: quiet, planned, published, cleared; or refused, and dropped.

Each step is one transaction, and each can be done again after a crash.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import StudyNotSpooled
from medibloc_py.flows import papers
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.rows import State, Study, list_studies, studies_of
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.model import Address, RecordId, Root

LAST_ERROR: Final = "last error"
"""The note of what stopped the gateway's work most recently."""
RETRY: Final = "retry"
"""The note that somebody wants it tried again, now."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided for a batch before anything was sealed; the same after a crash.

    Attributes:
        patients: the accounts, in the order of the batch's studies.
        treatment: identity is kept.
        options: of de-identification, by the standard's names.
    """

    patients: tuple[Address, ...]
    treatment: bool
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Studies that one transaction registers.

    Attributes:
        root: once they are published.
    """

    number: int
    plan: Plan
    studies: tuple[Study, ...]
    root: Root | None


class Stages:
    """Moves the studies of a spool on."""

    def __init__(self, spool: Spool, cipher: AtRestCipher) -> None:
        self.spool = spool
        self._cipher = cipher
        self._database = spool.database

    def group(self, quiet_s: float) -> list[Study]:
        """Ends studies that have been quiet for so long; gives all that are to be published."""
        now = int(time.time())
        with self._database.writing() as write:
            # A clock that was set back must not keep a study waiting.
            write("UPDATE study SET changed_at = ? WHERE changed_at > ?", now, now)
            write(
                "UPDATE study SET state = ? WHERE state = ? AND changed_at <= ?",
                State.GROUPED, State.RECEIVING, now - quiet_s,
            )  # fmt: skip
        return list_studies(self._database, State.GROUPED)

    def wait(self, number: int, waits: str) -> None:
        """Notes what a study waits for; nothing if it is empty."""
        with self._database.writing() as write:
            write("UPDATE study SET waits = ? WHERE number = ?", waits, number)

    def plan(self, studies: Sequence[Study], plan: Plan) -> Batch | None:
        """Makes a batch of studies that are grouped; from then on they take no instance.

        Returns:
            None if one of them got another instance meanwhile; nothing was changed then.
        """
        sealed = self._cipher.seal(papers.write("plan", plan), "plan")
        with self._database.writing() as write:
            if any(_moved_on(write, each) for each in studies):
                return None
            ((number,),) = write("INSERT INTO batch (plan) VALUES (?) RETURNING number", sealed)
            for each in studies:
                write(
                    "UPDATE study SET state = ?, waits = '', batch = ? WHERE number = ?",
                    State.PUBLISHING, number, each.number,
                )  # fmt: skip
        return self._batch(number, sealed, None)

    def batches(self) -> list[Batch]:
        """The batches that are planned or published and not cleared, oldest first.

        Raises:
            Corrupted: a plan was changed.
        """
        rows = self._database.read(
            "SELECT number, plan, root FROM batch WHERE cleared = 0 ORDER BY number"
        )
        return [self._batch(*row) for row in rows]

    def _batch(self, number: int, sealed: bytes, root: bytes | None) -> Batch:
        plan = papers.read("plan", Plan, self._cipher.open(sealed, "plan"), "the spool")
        studies = tuple(studies_of(self._database, number))
        return Batch(number, plan, studies, None if root is None else Root(root))

    def published(self, batch: Batch, root: Root, records: Sequence[RecordId]) -> None:
        """Notes that a batch stands on chain; the records are in the order of its studies."""
        with self._database.writing() as write:
            write("UPDATE batch SET root = ? WHERE number = ?", root, batch.number)
            for each, record in zip(batch.studies, records, strict=True):
                write(
                    "UPDATE study SET state = ?, record = ? WHERE number = ?",
                    State.PUBLISHED, record, each.number,
                )  # fmt: skip

    def records_of(self, batch: Batch) -> list[RecordId]:
        """The records that a published batch became, in the order of its studies."""
        studies = studies_of(self._database, batch.number)
        return [each.record for each in studies if each.record is not None]

    def clear(self, batch: Batch) -> None:
        """Removes the instances of a published batch from the disk."""
        for each in batch.studies:
            self.spool.remove_files(each.number)
        with self._database.writing() as write:
            for each in batch.studies:
                _forget_files(write, each.number)
                write("UPDATE study SET state = ? WHERE number = ?", State.CLEARED, each.number)
            write("UPDATE batch SET cleared = 1 WHERE number = ?", batch.number)

    def dissolve(self, batch: Batch, *, alone: bool) -> None:
        """Gives a batch up that was never registered; its studies are planned again.

        Args:
            batch: it has no root.
            alone: each in a batch of its own.
        """
        with self._database.writing() as write:
            write(
                "UPDATE study SET state = ?, alone = max(alone, ?), batch = NULL WHERE batch = ?",
                State.GROUPED, alone, batch.number,
            )  # fmt: skip
            write("DELETE FROM batch WHERE number = ?", batch.number)

    def refuse(self, number: int, reason: str) -> None:
        """Sets a study aside that cannot be published as it is."""
        with self._database.writing() as write:
            write(
                "UPDATE study SET state = ?, error = ? WHERE number = ? AND state = ?",
                State.REFUSED, reason, number, State.GROUPED,
            )  # fmt: skip

    def note(self, name: str, text: str) -> None:
        """Notes something under a name, with the time."""
        with self._database.writing() as write:
            _note(write, name, text)

    def noted(self, name: str) -> tuple[int, str]:
        """When something was noted, and what; 0 and nothing if it never was."""
        return noted(self._database, name)


# By hand; no key is needed.


def retry(database: Database, number: int | None = None) -> list[int]:
    """Takes refused studies up again, one or all, and ends any pause; gives their numbers.

    Raises:
        StudyNotSpooled: that one was not refused.
    """
    with database.writing() as write:
        rows = write("SELECT number FROM study WHERE state = ?", State.REFUSED)
        numbers = [each for (each,) in rows if number in (None, each)]
        if number is not None and not numbers:
            raise StudyNotSpooled(number=number, act="tried again", reason="it was not refused")
        for each in numbers:
            write("UPDATE study SET state = ?, error = '' WHERE number = ?", State.GROUPED, each)
        _note(write, RETRY, "")
    return numbers


def drop(database: Database, number: int) -> None:
    """Removes a study that was not published, and what is known of its instances.

    Their files have no row from then on, and are swept.

    Raises:
        StudyNotSpooled: it is published, on its way, or not there.
    """
    with database.writing() as write:
        rows = write("SELECT state FROM study WHERE number = ?", number)
        if not rows or rows[0][0] not in (State.RECEIVING, State.GROUPED, State.REFUSED):
            reason = f"it is {rows[0][0] if rows else 'not there'}"
            raise StudyNotSpooled(number=number, act="dropped", reason=reason)
        write("DELETE FROM instance WHERE study = ?", number)
        write("DELETE FROM study WHERE number = ?", number)


def _note(write: Any, name: str, text: str) -> None:
    write("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", name, int(time.time()), text)


def noted(database: Database, name: str) -> tuple[int, str]:
    """As `Stages.noted`; no key is needed.

    Raises:
        StoreFailed: the database cannot be read.
    """
    for at, text in database.read("SELECT at, text FROM note WHERE name = ?", name):
        return at, text
    return 0, ""


def _moved_on(write: Any, study: Study) -> bool:
    """Whether a study is another than it was read as."""
    (found,) = write("SELECT state, instances FROM study WHERE number = ?", study.number) or [()]
    return tuple(found) != (State.GROUPED, study.instances)


def _forget_files(write: Any, study: int) -> None:
    write("UPDATE instance SET file = NULL, place = NULL WHERE study = ?", study)
