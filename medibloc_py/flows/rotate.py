"""A record under a new key: opened by its issuer, sealed anew, registered beside the old one.

The old record stays as it is, for those who were granted it, until somebody shreds it. The
new one has another salt, secret, CID and id, and nothing on chain or in the store tells that
the two are one study: only the new record file says what it replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from medibloc_py.chain import Offer
from medibloc_py.crypto import ids
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.envelope import SourceFile
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import InvalidValue, NotIssuer, RecordReplaced
from medibloc_py.flows.drafts import Drafts, publication_name, waiting_drafts
from medibloc_py.flows.held import held_record, id_of, keep_record, successor_of
from medibloc_py.flows.opened import OpenedRecord, open_held
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.publish import (
    Publication,
    foresee_sources,
    publishing_sources,
    require_accredited,
)
from medibloc_py.flows.scratch import Scratch, plain_file
from medibloc_py.flows.sources import Content, Made, Source
from medibloc_py.model import KIND_DICOM_STUDY, KIND_TREATMENT_STUDY, RecordId
from medibloc_py.storage import cid_bytes


@contextmanager
def rotating(
    exchange: Exchange,
    issuer: Identity,
    records: Sequence[RecordId],
    progress: Progress = silent,
) -> Iterator[Publication]:
    """Seals held records anew and registers all of them with one transaction.

    What is done inside, such as handing the new files over, is part of it. Plaintext goes
    from one cipher to the other and never to a disk. Ended early, the same records again
    go on from there, as a publication does (`flows.publish.publishing_sources`).

    Args:
        exchange: the deployment.
        issuer: who registered the records and holds their files.
        records: which, each once; the new ones come in this order.
        progress: told of the bytes sealed.

    What was registered so, and taken back by the chain since, is registered again as it is.

    Raises:
        InvalidValue: no record, one twice, or one of another kind.
        RecordNotHeld: the issuer lacks a record's file.
        NotIssuer: another registered it, and only that one can do so again.
        RecordReplaced: it was rotated before.
        NotAccredited: the issuer is not accredited any more.
        BlobMissing, Corrupted, WrongKey: the old blob does not open; nothing is registered.
        MediBlocError: as `publishing_sources`.
    """
    held = _rotatable(exchange, issuer, records)
    if newer := _gone_on_with(exchange, issuer, held):
        named = [(file.patient, _named(file)) for file in held]
        drafts, root = Drafts(issuer, publication_name(exchange, issuer, named)), newer[0].root
        with drafts.sole():
            undone = _is_undone(exchange, newer)
            receipt = exchange.records.register(issuer.signer, root, len(newer)) if undone else None
            yield Publication(root, newer, receipt, len(newer))
            drafts.forget(len(newer))
        return
    _require_newest(issuer, records)
    sources = [_source(open_held(exchange, issuer, file), file) for file in held]
    with publishing_sources(exchange, issuer, sources, progress) as done:
        renewed = tuple(
            replace(new, replaces=old) for new, old in zip(done.records, records, strict=True)
        )
        for new in renewed:
            keep_record(issuer, new)
        yield replace(done, records=renewed)


def foresee(exchange: Exchange, issuer: Identity, records: Sequence[RecordId]) -> Offer | None:
    """Tells what rotating records would cost; nothing is sealed, stored or kept.

    The ids of the new ones are drawn when they are sealed: another root of as many stands in.

    Returns:
        The registration; None where an earlier run of the same registered them.

    Raises:
        MediBlocError: as `rotating`.
        ContractRefusal, InsufficientFunds: it would not be registered.
    """
    held = _rotatable(exchange, issuer, records)
    if newer := _gone_on_with(exchange, issuer, held):
        if not _is_undone(exchange, newer):
            return None
        register = exchange.records.register.call(newer[0].root, len(newer))
        return exchange.records.offer(issuer.address, register)
    _require_newest(issuer, records)
    sources = [_source(open_held(exchange, issuer, file), file) for file in held]
    named = [(each.patient, each.name) for each in sources]
    return foresee_sources(exchange, issuer, named, lambda: sources)


def rotate(
    exchange: Exchange,
    issuer: Identity,
    records: Sequence[RecordId],
    progress: Progress = silent,
) -> Publication:
    """Seals held records anew; arguments and errors are those of `rotating`."""
    with rotating(exchange, issuer, records, progress) as done:
        return done


def _rotatable(
    exchange: Exchange, issuer: Identity, records: Sequence[RecordId]
) -> list[RecordFile]:
    """The files of records that the issuer may rotate, unless they were."""
    if not records or len(set(records)) != len(records):
        raise InvalidValue(
            name="records", given=f"{len(records)} of them", allowed="one or more, each once"
        )
    held = [held_record(issuer, record) for record in records]
    for file in held:
        if file.issuer != issuer.address:
            raise NotIssuer(account=issuer.address, record=id_of(file), issuer=file.issuer)
        if file.kind not in (KIND_DICOM_STUDY, KIND_TREATMENT_STUDY):
            raise InvalidValue(name="the kind of record", given=file.kind, allowed="a study")
    require_accredited(exchange, issuer)
    return held


def _gone_on_with(
    exchange: Exchange, issuer: Identity, held: Sequence[RecordFile]
) -> tuple[RecordFile, ...]:
    """What these very records were rotated into, if that is told again, or registered again.

    It is where a run of this command was killed when it had forgotten drafts, and where the
    chain took the registration back. Else empty: what goes on from drafts, too.
    """
    old = [id_of(file) for file in held]
    found = [successor_of(issuer, record) for record in old]
    newer = tuple(held_record(issuer, record) for record in found if record is not None)
    if [file.replaces for file in newer] != old or _waiting(issuer).issuperset(found):
        return ()
    root = newer[0].root
    if MerkleTree([id_of(file) for file in newer]).root != root:
        return ()
    if not _is_undone(exchange, newer):
        return newer if exchange.network.run.sent(root) else ()
    # In another deployment, where the old ones do not stand either, nothing was undone.
    return () if any(_is_undone(exchange, [file]) for file in held) else newer


def _is_undone(exchange: Exchange, files: Sequence[RecordFile]) -> bool:
    """Whether the batch of records does not stand on the chain."""
    return not exchange.records.batch(files[0].issuer, files[0].root).registered_at


def _require_newest(issuer: Identity, records: Sequence[RecordId]) -> None:
    """Raises `RecordReplaced` for one that was rotated, unless that very run is gone on with."""
    waiting = _waiting(issuer)
    for record in records:
        newer = successor_of(issuer, record)
        if newer is not None and newer not in waiting:
            raise RecordReplaced(record=record, newer=newer)


def _waiting(issuer: Identity) -> set[RecordId]:
    """What is sealed and not told to be registered."""
    return {id_of(draft.file) for draft in waiting_drafts(issuer)}


def _source(opened: OpenedRecord, file: RecordFile) -> Source:
    entries = opened.manifest.files

    def make(_exchange: Exchange, _scratch: Scratch, _made: Made) -> Content:
        """The same files and facts: the receipt of what was done to them stays true."""
        files = tuple(
            SourceFile(entry.name, entry.size_bytes, _opener(opened, index), entry.meta)
            for index, entry in enumerate(entries)
        )
        return Content(files, opened.manifest.meta)

    return Source(
        name=_named(file),
        patient=file.patient,
        label=file.label,
        kind=file.kind,
        edition=ids.content_digest(cid_bytes(file.cid)),
        size_bytes=sum(entry.size_bytes for entry in entries),
        files=tuple(entry.name for entry in entries),
        make=make,
    )


def _named(file: RecordFile) -> str:
    return f"record 0x{id_of(file).hex()}"


def _opener(opened: OpenedRecord, index: int) -> Callable[[], BinaryIO]:
    return lambda: plain_file(opened.stream(index))
