"""Back into a hospital's PACS: an opened record goes there as the bytes that were published."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from medibloc_py import pacs
from medibloc_py.errors import InstanceUnusable, RestoreIncomplete, StudyMissing
from medibloc_py.flows.access import open_granted
from medibloc_py.flows.held import held_record, holds_record
from medibloc_py.flows.opened import OpenedRecord, open_held
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.imaging.instance import read_instance
from medibloc_py.model import RecordId

_DIRECTORY: Final = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR, which lists the files of a medium and is no instance (PS3.3, F.3)."""
_MOST_NAMED: Final = 20


class Fate(StrEnum):
    """What became of a file of a record."""

    STORED = "stored"
    """The PACS says that it has it."""
    PRESENT = "present"
    """The PACS said before that it has an instance of this UID; it was not sent."""
    REFUSED = "refused"
    """The PACS did not take it, or it is nothing that could be sent."""
    LEFT_OUT = "left out"
    """It lists the other files, and is no instance."""


@dataclass(frozen=True, slots=True)
class RestoredFile:
    """A file of a record, and what became of it.

    Attributes:
        name: in the record.
        sop_instance: empty where it is no instance.
        status: what the PACS said, as in `pacs.Sent`.
        reason: why it was refused, or what the PACS remarked.
    """

    name: str
    sop_instance: str
    fate: Fate
    status: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a record's files, in their order.

    Attributes:
        url: of the PACS.
        sent_bytes: of the files that were stored.
    """

    record: RecordId
    url: str
    files: tuple[RestoredFile, ...]
    sent_bytes: int

    def count(self, fate: Fate) -> int:
        """How many files ended so."""
        return sum(file.fate is fate for file in self.files)

    def require_complete(self) -> None:
        """Raises `RestoreIncomplete` unless the PACS says that it has every instance."""
        refused = [file.name for file in self.files if file.fate is Fate.REFUSED]
        if refused:
            more = f" and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
            names = ", ".join(refused[:_MOST_NAMED]) + more
            raise RestoreIncomplete(
                total=len(self.files), count=len(refused), url=self.url, names=names
            )


def open_readable(exchange: Exchange, reader: Identity, record: RecordId) -> OpenedRecord:
    """Opens a record that an account holds, or else was granted.

    Raises:
        MediBlocError: as `open_held` if it holds the record's file, else as `open_granted`.
    """
    if holds_record(reader, record):
        return open_held(exchange, reader, held_record(reader, record))
    return open_granted(exchange, reader, record)


def restore(
    opened: OpenedRecord,
    peer: pacs.Peer,
    *,
    skip_present: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Sends every instance of a record to a PACS: by C-STORE, or by STOW-RS.

    The data sets go as they were published, in their transfer syntax, one file in memory at a
    time. Nothing is written to a disk. To send one twice does no harm, so whoever was stopped
    begins again; with `skip_present` only what the PACS lacks is sent.

    Args:
        opened: the record.
        peer: the PACS.
        skip_present: whether what the PACS says it has of these studies is left alone. It goes
            by UIDs: the PACS is believed that these instances are the same.
        progress: told of `prepare` and `restore`, by files.

    Raises:
        MediBlocError: of the PACS, as `pacs.send`; of the record, as reading it raises. What the
            PACS said it stored stays there.
    """
    ready, fates = _prepared(opened, progress)
    if skip_present:
        there = _present(peer, ready.values())
        for name, file in list(ready.items()):
            if file.sop_instance in there:
                fates[name] = RestoredFile(name, file.sop_instance, Fate.PRESENT)
                del ready[name]
    sizes = {name: file.size_bytes for name, file in ready.items()}
    for sent in pacs.send(peer, list(ready.values())):
        fate = Fate(sent.outcome.value)
        fates[sent.name] = RestoredFile(
            sent.name, sent.sop_instance, fate, sent.status, sent.reason
        )
        progress("restore", len(fates), len(opened.manifest.files))
    files = tuple(fates[entry.name] for entry in opened.manifest.files)
    sent_bytes = sum(sizes[file.name] for file in files if file.fate is Fate.STORED)
    return Restored(opened.record, peer.url, files, sent_bytes)


def _present(peer: pacs.Peer, files: Iterable[pacs.Outgoing]) -> set[str]:
    """What a PACS says it has of the studies of these files."""
    present: set[str] = set()
    for study in {file.study for file in files}:
        with suppress(StudyMissing):
            present |= pacs.instances_of(peer, study)
    return present


def _prepared(
    opened: OpenedRecord, progress: Progress
) -> tuple[dict[str, pacs.Outgoing], dict[str, RestoredFile]]:
    """The instances of a record by their file's name; and what became of the other files."""
    ready: dict[str, pacs.Outgoing] = {}
    fates: dict[str, RestoredFile] = {}
    seen: set[str] = set()

    def end(name: str, fate: Fate, reason: str, sop_instance: str = "") -> None:
        fates[name] = RestoredFile(name, sop_instance, fate, reason=reason)

    files = opened.manifest.files
    for index, entry in enumerate(files):
        progress("prepare", index, len(files))
        if entry.meta.get("sop_class") == _DIRECTORY:
            end(entry.name, Fate.LEFT_OUT, "it lists files, and is no instance")
            continue
        try:
            file = _outgoing(opened, index)
        except InstanceUnusable as error:
            end(entry.name, Fate.REFUSED, str(error.values["reason"]))
            continue
        if file.sop_instance in seen:  # a PACS keeps one of them, and does not always say so
            reason = "another file of the record has its SOP Instance UID"
            end(entry.name, Fate.REFUSED, reason, file.sop_instance)
            continue
        seen.add(file.sop_instance)
        ready[entry.name] = file
    progress("prepare", len(files), len(files))
    return ready, fates


def _outgoing(opened: OpenedRecord, index: int) -> pacs.Outgoing:
    """One file of a record, of which only the header is read now."""
    entry = opened.manifest.files[index]
    instance = read_instance(opened.open_file(index))
    return pacs.Outgoing(
        name=entry.name,
        sop_class=instance.sop_class,
        sop_instance=instance.sop_instance,
        study=instance.study,
        series=instance.series,
        transfer_syntax=instance.transfer_syntax,
        body=instance.body,
        size_bytes=entry.size_bytes,
        read=partial(opened.read, index),
    )
