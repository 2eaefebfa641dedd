"""A record under a new key: opened by its issuer, sealed anew, registered beside the old one.

The old record stays as it is, for those who were granted it, until somebody shreds it. The
new one has another salt, secret, CID and id, and nothing on chain or in the store tells that
the two are one study: only the new record file says what it replaces.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from medibloc_py.crypto import ids, keys
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.envelope import SourceFile
from medibloc_py.errors import BlobMissing, InvalidValue, NotIssuer, RecordReplaced
from medibloc_py.flows.access import OpenedRecord
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.held import held_record, id_of, keep_record, scalar_of, successor_of
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.publish import (
    Publication,
    Source,
    publishing_sources,
    require_accredited,
)
from medibloc_py.model import KIND_DICOM_STUDY, RecordId
from medibloc_py.storage import cid_bytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


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

    Raises:
        InvalidValue: no record, one twice, or one of another kind.
        RecordNotHeld: the issuer lacks a record's file.
        NotIssuer: another registered it, and only that one can do so again.
        RecordReplaced: it was rotated before.
        NotAccredited: the issuer is not accredited any more.
        BlobMissing, Corrupted, WrongKey: the old blob does not open; nothing is registered.
        MediBlocError: as `publishing_sources`.
    """
    if not records or len(set(records)) != len(records):
        raise InvalidValue(
            name="records", given=f"{len(records)} of them", allowed="one or more, each once"
        )
    held = [held_record(issuer, record) for record in records]
    for file in held:
        if file.issuer != issuer.address:
            raise NotIssuer(account=issuer.address, record=id_of(file), issuer=file.issuer)
        if file.kind != KIND_DICOM_STUDY:
            raise InvalidValue(name="the kind of record", given=file.kind, allowed="a study")
    _require_newest(issuer, records)
    require_accredited(exchange, issuer)
    sources = [_source(open_held(exchange, issuer, file), file) for file in held]
    with publishing_sources(exchange, issuer, sources, progress) as done:
        renewed = tuple(
            replace(new, replaces=old) for new, old in zip(done.records, records, strict=True)
        )
        for new in renewed:
            keep_record(issuer, new)
        yield replace(done, records=renewed)


def rotate(
    exchange: Exchange,
    issuer: Identity,
    records: Sequence[RecordId],
    progress: Progress = silent,
) -> Publication:
    """Seals held records anew; arguments and errors are those of `rotating`."""
    with rotating(exchange, issuer, records, progress) as done:
        return done


def open_held(exchange: Exchange, holder: Identity, file: RecordFile) -> OpenedRecord:
    """Opens a record by its file.

    Raises:
        BlobMissing: the store does not have it.
    """
    if not exchange.store.has(file.cid):
        raise BlobMissing(cid=file.cid)
    key = keys.cek(keys.record_point(scalar_of(holder, file)), file.salt)
    return OpenedRecord(exchange.store, id_of(file), file.cid, file.size_bytes, key, file.salt)


def _require_newest(issuer: Identity, records: Sequence[RecordId]) -> None:
    """Raises `RecordReplaced` for one that was rotated, unless that very run is gone on with."""
    waiting = {id_of(draft.file) for draft in waiting_drafts(issuer)}
    for record in records:
        newer = successor_of(issuer, record)
        if newer is not None and newer not in waiting:
            raise RecordReplaced(record=record, newer=newer)


def _source(opened: OpenedRecord, file: RecordFile) -> Source:
    return Source(
        name=f"record 0x{opened.record.hex()}",
        patient=file.patient,
        label=file.label,
        files=tuple(
            SourceFile(entry.name, entry.size_bytes, partial(_plain, opened, index), entry.meta)
            for index, entry in enumerate(opened.manifest.files)
        ),
        edition=ids.content_digest(cid_bytes(file.cid)),
    )


def _plain(opened: OpenedRecord, index: int) -> BinaryIO:
    return cast("BinaryIO", _Plain(opened.stream(index)))


class _Plain(io.RawIOBase):
    """Plaintext as a file; its end is reached only if all of the sealed stream holds."""

    def __init__(self, buffers: Iterator[bytes]) -> None:
        self._buffers = buffers
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills as much of `target` as is at hand; 0 at the end."""
        view = memoryview(target).cast("B")
        while not self._rest:
            buffer = next(self._buffers, None)
            if buffer is None:
                return 0
            self._rest = memoryview(buffer)
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
