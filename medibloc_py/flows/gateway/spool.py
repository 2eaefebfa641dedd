"""The spool: instances as they came, sealed, until they are published and cleared.

    <folder>/spool.sqlite            numbers, states, times (`database`)
    <folder>/instances/<random>      one sealed instance each

An instance is *taken* when its file and then its row are on the disk; only then is its
sender told. A file without a row was never acknowledged, and is swept. What is done with
studies from there on is in `stages`.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import InstanceConflicts, InstanceUnusable, StoreFailed, StudyNotSpooled
from medibloc_py.flows import papers
from medibloc_py.flows.gateway.blanks import Blanks
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.rows import Place, State, Whose
from medibloc_py.imaging.instance import Instance, read_instance
from medibloc_py.storage.files import make_folder, on_disk

MOST_INSTANCES: Final = 20_000
"""Of a study's part, which becomes one record; what comes beyond becomes a further part."""
RESERVE_BYTES: Final = 256 << 20
"""Room on the disk that is left to the database and to everything else."""
_ORPHAN_S: Final = 3_600
_UNREADABLE: Final = "\ufffd"
"""Stands for bytes that are no character."""
_FILE: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Spooled:
    """An instance that waits in the spool.

    Attributes:
        name: its number, for errors.
        digest: keyed, of its content.
        open: opens its plaintext.
    """

    name: str
    size_bytes: int
    digest: bytes
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Taken:
    """An instance that is on the disk.

    Attributes:
        again: it was before.
    """

    study: int
    again: bool


class Spool:
    """One account's spool. Many threads and processes may add to it; one works it off."""

    def __init__(
        self, folder: Path, cipher: AtRestCipher, *, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Opens the spool in a folder, and makes it if there is none.

        Raises:
            StoreFailed: the disk does not take it.
            DocumentInvalid: it is of another version.
        """
        self.database = Database(folder / "spool.sqlite")
        self._instances = folder / "instances"
        self._cipher = cipher
        self._reserve_bytes = reserve_bytes
        make_folder(self._instances)
        self._blanks = Blanks(self._instances)
        self.name = self._named()

    def _named(self) -> str:
        """What tells this spool from one that was here before: drawn once, 16 hex digits."""
        with self.database.writing() as write:
            write("INSERT OR IGNORE INTO note VALUES ('name', 0, ?)", secrets.token_hex(8))
            ((name,),) = write("SELECT text FROM note WHERE name = 'name'")
        return str(name)

    def close(self) -> None:
        """Closes the database, and removes what was made for instances that did not come."""
        self._blanks.close()
        self.database.close()

    # In.

    def take(self, file: bytes, instance: Instance | None = None) -> Taken:
        """Takes an instance; when this returns, no crash can take it away.

        Args:
            file: the instance as a file of PS3.10.
            instance: what it is, if it was read before.

        Raises:
            InstanceUnusable: it cannot be filed.
            InstanceConflicts: other bytes were taken under its UID.
            StoreFailed: the disk is full or does not take it; what it has is untouched.
        """
        instance = instance or read_instance(file)
        _require_readable(instance)
        tag = self._cipher.tag(instance.sop_instance)
        digest = self._cipher.digest(
            instance.transfer_syntax.encode() + b"\0", memoryview(file)[instance.body :]
        )
        if (known := self._known(self.database.read, tag, digest)) is not None:
            return known
        name = self._write(file)
        # Whatever fails from here on: a file without a row is swept, and a row that the disk
        # has, though it said otherwise, never lacks its file.
        return self._enter(instance, tag, digest, name, len(file))

    def _write(self, file: bytes) -> str:
        self._require_room(len(file))
        name = self._blanks.take()
        self._blanks.fill(name, self._cipher.pieces(file, name))
        return name

    def _require_room(self, size_bytes: int) -> None:
        with on_disk(self._instances):
            disk = os.statvfs(self._instances)
        if disk.f_bavail * disk.f_frsize < self._reserve_bytes + size_bytes:
            reason = f"fewer than {self._reserve_bytes} bytes would be left free"
            raise StoreFailed(url=self._instances, reason=reason)

    def _enter(
        self, instance: Instance, tag: bytes, digest: bytes, name: str, size_bytes: int
    ) -> Taken:
        place = Place(instance.series, str(instance.number), instance.sop_instance)
        sealed = self._cipher.seal(papers.write("place", place), f"place/{name}")
        with self.database.writing() as write:
            if (known := self._known(write, tag, digest)) is not None:
                self._path(name).unlink(missing_ok=True)  # another thread had it, too
                return known
            if not self._path(name).is_file():  # a clock that jumped makes it look old
                raise StoreFailed(url=self._path(name), reason="it was swept before it had a row")
            study = self._study_for(write, instance)
            write(
                "INSERT INTO instance (tag, digest, study, size_bytes, file, place)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                tag, digest, study, size_bytes, name, sealed,
            )  # fmt: skip
            write(
                "UPDATE study SET state = ?, changed_at = ?, instances = instances + 1,"
                " size_bytes = size_bytes + ? WHERE number = ?",
                State.RECEIVING, _now(), size_bytes, study,
            )  # fmt: skip
        return Taken(study, again=False)

    def _known(self, read: Any, tag: bytes, digest: bytes) -> Taken | None:
        for before, study in read("SELECT digest, study FROM instance WHERE tag = ?", tag):
            if before != digest:
                raise InstanceConflicts(study=study)
            return Taken(study, again=True)
        return None

    def _study_for(self, write: Any, instance: Instance) -> int:
        """The number of the study that still takes instances, or of a new part of it."""
        whose = Whose(instance.study, instance.patient_issuer, instance.patient_id)
        tag = self._cipher.tag(whose.study, whose.patient_issuer, whose.patient_id)
        rows = write("SELECT number, state, instances FROM study WHERE tag = ?", tag)
        for number, state, instances in rows:
            if state in (State.RECEIVING, State.GROUPED) and instances < MOST_INSTANCES:
                return int(number)
        sealed = self._cipher.seal(papers.write("whose", whose), "whose")
        ((number,),) = write(
            "INSERT INTO study (tag, whose, part, state, began_at, changed_at)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
            tag, sealed, len(rows) + 1, State.RECEIVING, _now(), _now(),
        )  # fmt: skip
        return int(number)

    # What is there.

    def whose(self, number: int) -> Whose:
        """Whose study it is.

        Raises:
            StudyNotSpooled: there is none of that number.
            Corrupted: what was kept of it was changed.
        """
        for (sealed,) in self.database.read("SELECT whose FROM study WHERE number = ?", number):
            return papers.read("whose", Whose, self._cipher.open(sealed, "whose"), "the spool")
        raise StudyNotSpooled(number=number, act="found", reason="no study has this number")

    def instances(self, number: int) -> list[Spooled]:
        """The instances of a study that wait, by series, number and UID.

        Raises:
            Corrupted: what was kept of one was changed.
        """
        rows = self.database.read(
            "SELECT number, size_bytes, digest, file, place FROM instance"
            " WHERE study = ? AND file IS NOT NULL",
            number,
        )
        return [
            Spooled(
                f"instance {each}",
                size_bytes,
                digest,
                partial(self._cipher.open_file, self._path(file), size_bytes, file),
            )
            for each, size_bytes, digest, file, _ in sorted(rows, key=self._order)
        ]

    def _order(self, row: Sequence[Any]) -> tuple[str, int, str]:
        file, sealed = row[3], row[4]
        opened = self._cipher.open(sealed, f"place/{file}")
        place = papers.read("place", Place, opened, "the spool")
        return place.series, int(place.number), place.sop_instance

    # Out.

    def remove_files(self, number: int) -> None:
        """Removes what the disk has of a study's instances; their rows stay.

        Raises:
            StoreFailed: the disk does not take it.
        """
        rows = self.database.read(
            "SELECT file FROM instance WHERE study = ? AND file IS NOT NULL", number
        )
        with on_disk(self._instances):
            for (file,) in rows:
                self._path(file).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what takers that died left: files without a row, whole or not.

        Raises:
            StoreFailed: the folder cannot be read.
        """
        with on_disk(self._instances), os.scandir(self._instances) as entries:
            old = [
                entry.name
                for entry in entries
                if _FILE.fullmatch(entry.name) and entry.stat().st_mtime < _now() - _ORPHAN_S
            ]
        for name in set(old) - self._blanks.waiting():
            with self.database.writing() as write:  # no row comes between looking and removing
                if not write("SELECT 1 FROM instance WHERE file = ?", name):
                    self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._instances / name


def _require_readable(instance: Instance) -> None:
    """Raises `InstanceUnusable` where many ids would be read as one, and one patient as another."""
    for keyword, text in (
        ("PatientID", instance.patient_id),
        ("IssuerOfPatientID", instance.patient_issuer),
    ):
        if _UNREADABLE in text:
            reason = f"its {keyword} is not in the character set that it names"
            raise InstanceUnusable(reason=reason)


def _now() -> int:
    return int(time.time())
