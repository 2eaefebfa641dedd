"""A study's way in: without identity, sealed, stored, registered. The same again goes on.

What becomes of the files stands in `flows.deidentified`, what a run that died left in
`flows.drafts`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from medibloc_py.chain import Offer
from medibloc_py.crypto.documents import RecordFile, require_label
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import InvalidValue, NotAccredited, RootAlreadyRegistered
from medibloc_py.flows.deidentified import Original, asked_options, source_of
from medibloc_py.flows.drafts import Draft, Drafts, publication_name
from medibloc_py.flows.held import held_record, id_of, keep_record
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.sealing import Sealing, unsaid_in
from medibloc_py.flows.sources import Source
from medibloc_py.imaging.study import find_study
from medibloc_py.model import Address, Receipt, Role, Root


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
    _require_ready(exchange, issuer, studies)
    sources = [_read(issuer, each) for each in studies]
    with publishing_sources(exchange, issuer, sources, progress) as done:
        yield done


def foresee(
    exchange: Exchange, issuer: Identity, studies: Sequence[StudyToPublish]
) -> Offer | None:
    """Tells what publishing studies would cost; nothing is read of them, sealed, stored or kept.

    The ids of records are drawn when they are sealed, and the root with them: another root
    of as many records stands in for it, which takes the same gas to a few units.

    Returns:
        The registration; None where an earlier run registered these very studies.

    Raises:
        InvalidValue, StudyEmpty, StudyUnreadable, NotAccredited, WorkUnderway,
            TransactionPending: as `publishing`.
        ContractRefusal, InsufficientFunds: it would not be registered.
    """
    _require_ready(exchange, issuer, studies)
    for each in studies:
        asked_options(each.options, each.treatment)
        find_study(each.path)
    named = [_named(each) for each in studies]
    return foresee_sources(
        exchange, issuer, named, lambda: [_read(issuer, each) for each in studies]
    )


def foresee_sources(
    exchange: Exchange,
    issuer: Identity,
    named: Sequence[tuple[Address, str]],
    read: Callable[[], Sequence[Source]],
) -> Offer | None:
    """Tells what publishing sources would cost, as `foresee` does.

    Args:
        exchange: the deployment.
        issuer: who is accredited.
        named: patient and name of each source.
        read: gives the sources; asked only if an earlier run left something of them.
    """
    drafts = Drafts(issuer, publication_name(exchange, issuer, named))
    with drafts.sole():
        found = drafts.read()
        if found and drafts.registered(exchange, found) and not _is_other(found, read()):
            return None
    records, stand_in = exchange.records, Root(secrets.token_bytes(32))
    return records.offer(issuer.address, records.register.call(stand_in, len(named)))


def _require_ready(exchange: Exchange, issuer: Identity, studies: Sequence[StudyToPublish]) -> None:
    if not studies:
        raise InvalidValue(name="studies", given="empty", allowed="at least one study")
    for study in studies:  # a record file that does not read back would lose its key
        require_label(study.label)
    require_accredited(exchange, issuer)


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
        changed = _changed(found, sources)
        stands = drafts.registered(exchange, found)
        if stands and _is_other(found, sources):
            # That run was through, or what it published was something else.
            drafts.forget()
            found, stands = {}, False
        if stands:
            records = tuple(held_record(issuer, id_of(found[n].file)) for n in sorted(found))
            pairs = zip(sources, records, strict=True)
            burned_in = tuple(name for pair in pairs for name in unsaid_in(exchange, issuer, *pair))
            yield Publication(records[0].root, records, None, len(records), burned_in=burned_in)
        else:
            work = Sealing(exchange, issuer, drafts, progress)
            sealed = work.seal_all(sources, found)
            tree = MerkleTree([id_of(record) for record in sealed])
            records = tuple(
                replace(record, root=tree.root, proof=tree.proof(id_of(record)))
                for record in sealed
            )
            for record in records:
                keep_record(issuer, record)
            receipt = _register(exchange, issuer, drafts, tree.root, len(records))
            lost = tuple(work.lost)
            yield Publication(
                tree.root, records, receipt, work.resumed, changed, lost, work.burned_in
            )
        drafts.forget(len(sources))


def _changed(found: Mapping[int, Draft], sources: Sequence[Source]) -> tuple[str, ...]:
    """Names of the sources that were others when an earlier run sealed them."""
    return tuple(
        each.name
        for place, each in enumerate(sources)
        if place in found and found[place].edition != each.edition
    )


def _is_other(found: Mapping[int, Draft], sources: Sequence[Source]) -> bool:
    """Whether what an earlier run was at is something else than these sources."""
    return len(found) < len(sources) or bool(_changed(found, sources))


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


def _named(study: StudyToPublish) -> tuple[Address, str]:
    """What a publication is known again by: whose a study is, and where it comes from."""
    return study.patient, str(study.path.absolute())


def _read(issuer: Identity, study: StudyToPublish) -> Source:
    files = find_study(study.path)
    known = "".join(
        f"{each.path.relative_to(study.path)}\0{each.size_bytes}\0{each.changed_ns}\0"
        for each in files
    )
    return source_of(
        issuer,
        name=_named(study)[1],
        patient=study.patient,
        label=study.label,
        originals=[Original(str(each.path), each.size_bytes, each.open) for each in files],
        edition=sha256(os.fsencode(known)).digest(),
        treatment=study.treatment,
        options=study.options,
    )
