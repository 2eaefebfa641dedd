"""Studies on their way to a record: without who the patient is, unless for treatment only.

Each file is read once, de-identified and looked at by the second program, and what came of
it waits in a sealed scratch file until all files of all studies passed. So one that is
refused stops a publication before anything is stored, and no plaintext touches a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from typing import BinaryIO, Final

from medibloc_py.cores import usable_cores
from medibloc_py.crypto import keys
from medibloc_py.crypto.sealing import SourceFile
from medibloc_py.crypto.workers import crew
from medibloc_py.errors import (
    DeidentificationReceiptInvalid,
    InvalidValue,
    NotIssuer,
    StudyUnreadable,
)
from medibloc_py.flows import deid_receipts
from medibloc_py.flows.deid_receipts import Deidentification, FileDigest
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.scratch import Scratch
from medibloc_py.flows.sources import Content, Made, Source
from medibloc_py.imaging.deidentify import EDITION
from medibloc_py.imaging.deidentify.faces import Faces, find_faces
from medibloc_py.imaging.deidentify.options import Option, chosen
from medibloc_py.imaging.header import Header, read_header
from medibloc_py.imaging.outgoing import Outgoing, outgoing
from medibloc_py.imaging.study import facts_of_study
from medibloc_py.model import KIND_DICOM_STUDY, KIND_TREATMENT_STUDY, Address

_KEY: Final = "pseudonyms"
_FILES_OF_A_WORKER: Final = 100
"""To start a worker takes as long as to do this many."""
_BATCH_BYTES: Final = 64 << 20
_TAG_INFO: Final = b"medibloc/pseudonyms/tag/v1"


@dataclass(frozen=True, slots=True)
class Original:
    """One DICOM file as it came, from a folder or from elsewhere.

    Attributes:
        name: what it is called here; shown in errors, and kept nowhere.
        size_bytes: its length.
        open: opens it as a binary file; closed after it was read.
    """

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]


def source_of(
    issuer: Identity,
    *,
    name: str,
    patient: Address,
    label: str,
    originals: Sequence[Original],
    edition: bytes,
    treatment: bool = False,
    options: Iterable[str] = (),
) -> Source:
    """What becomes the record of a study, for `publish.publishing_sources`.

    Nothing is read yet. When it is published, each file becomes one without identity, and a
    signed receipt of that goes with them; for treatment, files go as they came.

    Args:
        issuer: who publishes; its pseudonyms are the same for all its studies.
        name: where the study comes from; with the patient it tells a later run that it is
            the same.
        patient: whose study it is.
        label: a private note that only holders of the record file see.
        originals: the files, in the order they shall have.
        edition: what the originals are known by; others when their content is another.
        treatment: publish them as they came, for treatment only.
        options: of the confidentiality profile, by the standard's names.

    Raises:
        InvalidValue: no file; an option is unknown, contradicts another, or is given for
            what stays as it came.
        WorkUnderway: another process makes the issuer's first pseudonym key at this moment.
    """
    if not originals:
        raise InvalidValue(name="files", given="none", allowed="at least one")
    asked = asked_options(options, treatment)
    key = b"" if treatment else pseudonym_key(issuer)
    work = _Work(issuer, tuple(originals), asked, key)
    return Source(
        name=name,
        patient=patient,
        label=label,
        kind=KIND_TREATMENT_STUDY if treatment else KIND_DICOM_STUDY,
        edition=_edition(edition, treatment, asked, key),
        size_bytes=sum(each.size_bytes for each in originals),
        files=tuple(each.name for each in originals),
        make=work.as_they_came if treatment else work.without_identity,
    )


def asked_options(options: Iterable[str], treatment: bool) -> tuple[str, ...]:
    """The options of the confidentiality profile that were asked for, each once, sorted.

    Raises:
        InvalidValue: one is unknown, contradicts another, or is given for what stays as it came.
    """
    asked = tuple(sorted(each.value for each in chosen(options)))
    if treatment and asked:
        raise InvalidValue(
            name="options", given=", ".join(asked), allowed="none where identity is kept"
        )
    return asked


def pseudonym_key(issuer: Identity) -> bytes:
    """The key of an issuer's pseudonyms, from its vault; drawn the first time it is asked for.

    Whoever has it can test guesses of who somebody is. Without it, studies published later
    get other pseudonyms than those before.

    Raises:
        WorkUnderway: another process makes it at this moment.
    """
    return issuer.own_secret(_KEY, "make the key of the pseudonyms")


def salt_of(issuer: Identity, opened: OpenedRecord) -> bytes:
    """What hides the originals' digest in a record's receipt, for an auditor of that record.

    Raises:
        DeidentificationReceiptInvalid: the record has no receipt.
        NotIssuer: another account de-identified it.
    """
    done = opened.deidentification
    if done is None:
        raise DeidentificationReceiptInvalid(
            name=f"record 0x{opened.record.hex()}", reason="there is none"
        )
    if done.issuer != issuer.address:
        raise NotIssuer(account=issuer.address, record=opened.record, issuer=done.issuer)
    return deid_receipts.originals_salt(pseudonym_key(issuer), done.after)


def _edition(edition: bytes, treatment: bool, options: tuple[str, ...], key: bytes) -> bytes:
    """What a study is known by once it is decided what is made of it."""
    how = "as it came" if treatment else [*_tool(), options]
    tag = keys.hkdf(key, salt=b"", info=_TAG_INFO).hex() if key else ""
    return sha256(json.dumps([edition.hex(), how, tag]).encode()).digest()


def _tool() -> tuple[str, str]:
    """What removes identities, and the edition of the standard whose tables it has."""
    return f"medibloc-py {version('medibloc-py')}", f"DICOM PS3.15 {EDITION}"


class _Work:
    """The files of one study, and what is made of them."""

    def __init__(
        self,
        issuer: Identity,
        originals: tuple[Original, ...],
        options: tuple[str, ...],
        key: bytes,
    ) -> None:
        self._issuer = issuer
        self._originals = originals
        self._options = options
        self._key = key
        self._digits = max(4, len(str(len(originals))))

    def as_they_came(self, _exchange: Exchange, _scratch: Scratch, made: Made) -> Content:
        """The files themselves; only their headers are read."""
        headers = []
        for each in self._originals:
            headers.append(_header(each))
            made(each.size_bytes)
        return Content(
            tuple(
                SourceFile(self._name(number), each.size_bytes, each.open, meta)
                for number, (each, meta) in enumerate(
                    zip(self._originals, facts_of_study(headers), strict=True), 1
                )
            )
        )

    def without_identity(self, exchange: Exchange, scratch: Scratch, made: Made) -> Content:
        """The files without who the patient is, checked, and the receipt of it."""
        headers, kept, before, after = [], [], [], []
        for number, (each, done) in enumerate(
            zip(self._originals, self._outgoing(), strict=True), 1
        ):
            name = self._name(number)
            before.append(done.original)
            after.append(FileDigest(name, done.sha256))
            headers.append(done.header)
            kept.append((name, len(done.data), scratch.keep(done.data), int(done.said_clean)))
            made(each.size_bytes)
        files = [
            SourceFile(name, size_bytes, opener, meta | {deid_receipts.SAID_CLEAN: said_clean})
            for (name, size_bytes, opener, said_clean), meta in zip(
                kept, facts_of_study(headers), strict=True
            )
        ]
        receipt = self._receipt(exchange, files, before, after)
        return Content(tuple(files), {deid_receipts.META: receipt})

    def _outgoing(self) -> Iterator[Outgoing]:
        """What becomes of each original, in their order; on all cores if they are many."""
        faces = self._faces()
        with crew(None, len(self._originals), _FILES_OF_A_WORKER) as hands:
            for batch in _batches(self._originals):
                calls = [
                    (_bytes_of(each), self._key, self._options, each.name, faces) for each in batch
                ]
                yield from hands.map(outgoing, calls)

    def _faces(self) -> Faces | None:
        """Where the faces of the study are, if they are to be removed; all files are read."""
        if Option.CLEAN_VISUAL_FEATURES.value not in self._options:
            return None
        return find_faces(partial(_open, each) for each in self._originals)

    def _receipt(
        self,
        exchange: Exchange,
        files: Sequence[SourceFile],
        before: Sequence[bytes],
        after: Sequence[FileDigest],
    ) -> str:
        digest = deid_receipts.files_digest(after)
        salt = deid_receipts.originals_salt(self._key, digest)
        tool, standard = _tool()
        done = Deidentification(
            chain_id=exchange.chain_id,
            contract=exchange.records.address,
            issuer=self._issuer.address,
            profile=deid_receipts.PROFILE,
            standard=standard,
            options=self._options,
            tool=tool,
            files=len(files),
            not_said_clean=sum(not each.meta[deid_receipts.SAID_CLEAN] for each in files),
            before=deid_receipts.originals_digest(salt, before),
            after=digest,
            verdict=deid_receipts.VERDICT,
            at=exchange.network.now(),
        )
        signed = deid_receipts.sign_receipt(self._issuer.signer, done)
        return deid_receipts.write_receipt(signed).decode()

    def _name(self, number: int) -> str:
        return f"{number:0{self._digits}}.dcm"


def _batches(originals: Sequence[Original]) -> Iterator[list[Original]]:
    """Originals that are in memory at the same time: a few for each core, and not too large."""
    most, size_bytes = 2 * usable_cores(), 0
    batch: list[Original] = []
    for each in originals:
        if batch and (len(batch) == most or size_bytes + each.size_bytes > _BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(each)
        size_bytes += each.size_bytes
    yield batch


def _bytes_of(original: Original) -> bytes:
    """An original, whole.

    Raises:
        StudyUnreadable: it cannot be read, or is not as long as it was.
    """
    try:
        with original.open() as file:
            data = file.read()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyUnreadable(path=original.name, reason=reason) from error
    if len(data) != original.size_bytes:
        raise StudyUnreadable(path=original.name, reason="its length changed while it was read")
    return data


def _open(original: Original) -> BinaryIO:
    """An original's bytes from the start.

    Raises:
        StudyUnreadable: it cannot be opened.
    """
    try:
        return original.open()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyUnreadable(path=original.name, reason=reason) from error


def _header(original: Original) -> Header:
    """The technical facts of an original.

    Raises:
        NotDicom: it is none.
        StudyUnreadable: it cannot be read.
    """
    try:
        with original.open() as file:
            if file.seekable():
                return read_header(file, original.name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StudyUnreadable(path=original.name, reason=reason) from error
    return read_header(BytesIO(_bytes_of(original)), original.name)
