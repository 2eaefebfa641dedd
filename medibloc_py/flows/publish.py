"""A study's way in: without identity, sealed, stored, registered. The same again goes on.

What becomes of the files stands in `flows.deidentified`, what a run that died left in
`flows.drafts`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from medibloc_py import imaging
from medibloc_py.crypto import envelope, keys
from medibloc_py.crypto.documents import RecordFile, require_label
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import BlobMissing, InvalidValue, NotAccredited, RootAlreadyRegistered
from medibloc_py.flows.deid_receipts import SAID_CLEAN
from medibloc_py.flows.deidentified import Original, source_of
from medibloc_py.flows.drafts import Draft, Drafts, new_draft, publication_name
from medibloc_py.flows.held import held_record, id_of, keep_record
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.scratch import Scratch
from medibloc_py.flows.sources import Content, Source
from medibloc_py.model import Address, Receipt, Role, Root, StoredBlob

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class StudyToPublish:
    """A DICOM file or folder and the patient it is of.

    Attributes:
        label: a private note that only holders of the record file see.
        treatment: publish it as it came, with identity, for treatment only.
        options: of the confidentiality profile, by the standard's names; see
            `imaging.deidentify.Option`.
    """

    path: Path
    patient: Address
    label: str = ""
    treatment: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """What one registration published; `records` are in the order they were given.

    Attributes:
        receipt: None where the chain had the batch already: an earlier run of the same
            publication sent it and did not live to hear of it.
        resumed: how many studies an earlier run had sealed.
        changed: names of the sources that were others when an earlier run sealed them.
        lost: names of those that an earlier run had sealed, into this store or another, and
            that this store does not have.
        burned_in: files published without identity of which nobody says that their pixels
            show nobody: they may carry burned-in text, or a face.
    """

    root: Root
    records: tuple[RecordFile, ...]
    receipt: Receipt | None
    resumed: int = 0
    changed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    burned_in: tuple[str, ...] = ()


def publish(
    exchange: Exchange,
    issuer: Identity,
    studies: Sequence[StudyToPublish],
    progress: Progress = silent,
) -> Publication:
    """Seals and stores studies and registers all of them with one transaction.

    Arguments and errors are those of `publishing`.
    """
    with publishing(exchange, issuer, studies, progress) as done:
        return done


@contextmanager
def publishing(
    exchange: Exchange,
    issuer: Identity,
    studies: Sequence[StudyToPublish],
    progress: Progress = silent,
) -> Iterator[Publication]:
    """Publishes studies; what is done inside, such as handing them over, is part of it.

    Every file loses who the patient is, unless it is for treatment only, and all of them
    pass the check before anything is stored. No plaintext is written to a disk. Keys are in
    the issuer's vault before the store keeps a blob, record files before the transaction is
    sent. Whatever ends it early, the same publication again (the same patients and paths, in
    the same order) goes on from there, with no blob sealed twice and nothing sent twice; see
    `flows.drafts` for one that is given up.

    Raises:
        InvalidValue: there is no study, a label is too long, or options do not go together.
        DeidentificationRefused, IdentityLeft, StructureChanged: who the patient is cannot be
            removed from a file; nothing is stored.
        NotDicom, StudyEmpty, StudyUnreadable: a study cannot be read; nothing is registered.
        NotAccredited: the sender is not an accredited issuer; found before anything is stored.
        WorkUnderway: another process publishes the same.
        TransactionPending: not mined in time, now or by the run that died.
    """
    if not studies:
        raise InvalidValue(name="studies", given="empty", allowed="at least one study")
    for study in studies:  # a record file that does not read back would lose its key
        require_label(study.label)
    require_accredited(exchange, issuer)
    sources = [_read(issuer, each) for each in studies]
    with publishing_sources(exchange, issuer, sources, progress) as done:
        yield done


def require_accredited(exchange: Exchange, issuer: Identity) -> None:
    """Raises `NotAccredited` unless the identity may register records now."""
    standing = exchange.accounts.accreditation(issuer.address, Role.ISSUER)
    if standing.until < exchange.network.now():
        raise NotAccredited(account=issuer.address, role=Role.ISSUER.value, until=standing.until)


@contextmanager
def publishing_sources(
    exchange: Exchange, issuer: Identity, sources: Sequence[Source], progress: Progress = silent
) -> Iterator[Publication]:
    """Publishes what comes from anywhere, as `publishing` does; the issuer is accredited.

    Raises:
        MediBlocError: as `publishing`.
    """
    name = publication_name(exchange, issuer, [(each.patient, each.name) for each in sources])
    drafts = Drafts(issuer, name)
    with drafts.sole():
        found = drafts.read()
        changed = tuple(
            each.name
            for place, each in enumerate(sources)
            if place in found and found[place].edition != each.edition
        )
        stands = drafts.registered(exchange, found)
        if stands and (changed or len(found) < len(sources)):
            # That run was through, or what it published was something else.
            drafts.forget()
            found, stands = {}, False
        if stands:
            records = tuple(held_record(issuer, id_of(found[n].file)) for n in sorted(found))
            burned_in = _burned_in(exchange, issuer, sources, records)
            yield Publication(records[0].root, records, None, len(records), burned_in=burned_in)
        else:
            work = _Work(exchange, issuer, drafts, progress)
            sealed = work.seal_all(sources, found)
            tree = MerkleTree([id_of(record) for record in sealed])
            records = tuple(
                replace(record, root=tree.root, proof=tree.proof(id_of(record)))
                for record in sealed
            )
            for record in records:
                keep_record(issuer, record)
            receipt = _register(exchange, issuer, drafts, tree.root, len(records))
            burned_in = _burned_in(exchange, issuer, sources, records)
            lost = tuple(work.lost)
            yield Publication(tree.root, records, receipt, work.resumed, changed, lost, burned_in)
        drafts.forget()


def _register(
    exchange: Exchange, issuer: Identity, drafts: Drafts, root: Root, count: int
) -> Receipt | None:
    try:
        return exchange.records.register(issuer.signer, root, count)
    except RootAlreadyRegistered:
        # Nobody else knows this root: an earlier run sent it, and the node did not tell.
        if not drafts.registered(exchange, drafts.read()):
            raise
        return None


def _read(issuer: Identity, study: StudyToPublish) -> Source:
    files = imaging.read_study(study.path).files
    known = "".join(
        f"{each.path.relative_to(study.path)}\0{each.size_bytes}\0{each.changed_ns}\0"
        for each in files
    )
    return source_of(
        issuer,
        name=str(study.path.absolute()),
        patient=study.patient,
        label=study.label,
        originals=[Original(str(each.path), each.size_bytes, each.open) for each in files],
        edition=sha256(os.fsencode(known)).digest(),
        treatment=study.treatment,
        options=study.options,
    )


def _burned_in(
    exchange: Exchange,
    issuer: Identity,
    sources: Sequence[Source],
    records: Sequence[RecordFile],
) -> tuple[str, ...]:
    """The files of which nobody says that their pixels show nobody, as the records tell."""
    found = []
    for source, record in zip(sources, records, strict=True):
        with suppress(BlobMissing):  # a store that lost it since: the record file tells
            entries = open_held(exchange, issuer, record).manifest.files
            found += [
                name
                for name, entry in zip(source.files, entries, strict=True)
                if entry.meta.get(SAID_CLEAN) == 0
            ]
    return tuple(found)


class _Work:
    """The sealing of one publication's studies, each with a draft."""

    def __init__(
        self, exchange: Exchange, issuer: Identity, drafts: Drafts, progress: Progress
    ) -> None:
        self.resumed = 0
        self.lost: list[str] = []
        self._exchange = exchange
        self._issuer = issuer
        self._drafts = drafts
        self._progress = progress

    def seal_all(self, sources: Sequence[Source], found: dict[int, Draft]) -> list[RecordFile]:
        """The record files of all sources; what an earlier run sealed is taken from it.

        All contents are made before anything is stored: one that is refused stops it all.
        """
        kept = self._kept(sources, found)
        with Scratch(self._issuer.vault.path("scratch").parent) as scratch:
            made = {
                place: self._make(source, scratch, f"{place + 1} of {len(sources)}")
                for place, source in enumerate(sources)
                if place not in kept
            }
            for place, draft in found.items():
                if place not in kept:
                    self._drafts.let_go(self._exchange.store, place, draft)
            return [
                kept.get(place) or self._seal(place, source, made[place], len(sources))
                for place, source in enumerate(sources)
            ]

    def _kept(self, sources: Sequence[Source], found: dict[int, Draft]) -> dict[int, RecordFile]:
        """The record files of what an earlier run sealed, where all of it is as it was."""
        kept = {}
        for place, draft in found.items():
            source = sources[place]
            if draft.edition != source.edition:
                continue
            if draft.lasts(self._exchange.store):
                size, step = source.size_bytes, f"seal study {place + 1} of {len(sources)}"
                self._progress(f"{step}: kept from an earlier run", size, size)
                kept[place] = replace(draft.file, label=source.label)
                self.resumed += 1
            elif draft.kept:
                self.lost.append(source.name)
        return kept

    def _make(self, source: Source, scratch: Scratch, which: str) -> Content:
        done = 0

        def made(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            self._progress(f"prepare study {which}", done, source.size_bytes)

        return source.make(self._exchange, scratch, made)

    def _seal(self, place: int, source: Source, content: Content, count: int) -> RecordFile:
        salt = secrets.token_bytes(_SALT_BYTES)
        seed = secrets.token_bytes(_SALT_BYTES)
        scalar = keys.record_scalar(self._issuer.keys.root_secret, seed)
        content_key = keys.cek(keys.record_point(scalar), salt)

        def draft_of(blob: StoredBlob) -> Draft:
            record = RecordFile(
                salt=salt,
                cid=blob.cid,
                size_bytes=blob.size_bytes,
                kind=source.kind,
                patient=source.patient,
                issuer=self._issuer.address,
                key_commitment=keys.key_commitment(keys.commitment_point(scalar), salt),
                root=Root(bytes(32)),
                proof=(),
                label=source.label,
                r=seed,
            )
            return new_draft(self._exchange, source.name, source.edition, record)

        buffers = envelope.seal_record(content.files, content_key, salt, source.kind, content.meta)
        step, size = f"seal study {place + 1} of {count}", sum(f.size_bytes for f in content.files)
        blob = self._exchange.store.put(
            _counted(buffers, step, size, self._progress),
            announce=lambda blob: self._drafts.write(place, draft_of(blob)),
        )
        draft = replace(draft_of(blob), kept=True)
        self._drafts.write(place, draft)
        return draft.file


def _counted(
    buffers: Iterator[memoryview], step: str, total: int, progress: Progress
) -> Iterator[memoryview]:
    done = 0
    for buffer in buffers:
        yield buffer
        done += len(buffer)
        progress(step, min(done, total), total)
    progress(step, total, total)
