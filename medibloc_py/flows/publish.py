"""A study's way in: read, seal, store, register. And the record file's way to its patient."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from medibloc_py import imaging
from medibloc_py.crypto import envelope, hpke, ids, keys
from medibloc_py.crypto.documents import MOST_LABEL, RecordFile
from medibloc_py.crypto.merkle import MerkleTree, root_of
from medibloc_py.errors import (
    DocumentInvalid,
    HandOverRefused,
    InvalidValue,
    MediBlocError,
    NotAccredited,
    RecordMismatch,
    RecordNotHeld,
)
from medibloc_py.flows import papers
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.model import (
    KIND_DICOM_STUDY,
    Address,
    Blind,
    Cid,
    KeyCommitment,
    Receipt,
    RecordId,
    Role,
    Root,
    Scope,
)
from medibloc_py.storage import cid_bytes

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class StudyToPublish:
    """A DICOM file or folder and the patient it is of.

    Attributes:
        label: a private note that only holders of the record file see.
    """

    path: Path
    patient: Address
    label: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What one registration published; `records` are in the order they were given."""

    root: Root
    records: tuple[RecordFile, ...]
    receipt: Receipt


def publish(
    exchange: Exchange,
    issuer: Identity,
    studies: Sequence[StudyToPublish],
    progress: Progress = silent,
) -> Publication:
    """Seals and stores studies and registers all of them with one transaction.

    Plaintext is streamed from the source to the cipher and never written elsewhere. The
    record files are in the issuer's vault before the transaction is sent, so a crash
    after it loses no key.

    Raises:
        InvalidValue: there is no study, or a label is too long.
        NotDicom, StudyEmpty, StudyUnreadable: a study cannot be read; nothing is registered.
        NotAccredited: the sender is not an accredited issuer; found before anything is stored.
    """
    if not studies:
        raise InvalidValue(name="studies", given="empty", allowed="at least one study")
    for study in studies:  # a record file that does not read back would lose its key
        if len(study.label) > MOST_LABEL or not study.label.isprintable():
            raise InvalidValue(
                name="label",
                given=f"{len(study.label)} characters",
                allowed=f"at most {MOST_LABEL} that can be printed",
            )
    standing = exchange.accounts.accreditation(issuer.address, Role.ISSUER)
    if standing.until < exchange.network.now():
        raise NotAccredited(account=issuer.address, role=Role.ISSUER.value, until=standing.until)
    opened = [(study, imaging.read_study(study.path)) for study in studies]
    sealed: list[RecordFile] = []
    try:
        for number, (study, source) in enumerate(opened):
            place = (number, len(opened))
            sealed.append(_seal(exchange, issuer, study, source, progress, place))
    except BaseException:
        for record in sealed:  # nobody will ever hold their keys
            with suppress(MediBlocError):
                exchange.store.unpin(record.cid)
        raise
    tree = MerkleTree([id_of(record) for record in sealed])
    records = tuple(
        replace(record, root=tree.root, proof=tree.proof(id_of(record))) for record in sealed
    )
    for record in records:
        keep_record(issuer, record)
    receipt = exchange.records.register(issuer.signer, tree.root, len(records))
    return Publication(tree.root, records, receipt)


def _seal(
    exchange: Exchange,
    issuer: Identity,
    study: StudyToPublish,
    source: imaging.Study,
    progress: Progress,
    place: tuple[int, int],
) -> RecordFile:
    salt = secrets.token_bytes(_SALT_BYTES)
    seed = secrets.token_bytes(_SALT_BYTES)
    scalar = keys.record_scalar(issuer.keys.root_secret, seed)
    content_key = keys.cek(keys.record_point(scalar), salt)
    files = [envelope.SourceFile(f.name, f.size_bytes, f.open, f.meta) for f in source.files]
    total = sum(file.size_bytes for file in files)
    step = f"seal study {place[0] + 1} of {place[1]}"
    blob = exchange.store.put(
        _counted(envelope.seal_record(files, content_key, salt), step, total, progress)
    )
    return RecordFile(
        salt=salt,
        cid=blob.cid,
        size_bytes=blob.size_bytes,
        kind=KIND_DICOM_STUDY,
        patient=study.patient,
        issuer=issuer.address,
        key_commitment=keys.key_commitment(keys.commitment_point(scalar), salt),
        root=Root(bytes(32)),
        proof=(),
        label=study.label,
        r=seed,
    )


def _counted(
    buffers: Iterator[bytes], step: str, total: int, progress: Progress
) -> Iterator[bytes]:
    done = 0
    for buffer in buffers:
        yield buffer
        done += len(buffer)
        progress(step, min(done, total), total)
    progress(step, total, total)


def id_of(record: RecordFile) -> RecordId:
    """The id of the record that a record file opens."""
    return record_id_of(record.patient, record.salt, record.cid, record.key_commitment, record.kind)


def scalar_of(owner: Identity, record: RecordFile) -> int:
    """A held record's secret scalar x."""
    return record.scalar(owner.keys.root_secret)


def blind_of(record: RecordFile) -> Blind:
    """The blind that opens a record on chain, from its record file."""
    return ids.blind(
        record.salt, ids.content_digest(cid_bytes(record.cid)), record.key_commitment, record.kind
    )


def record_id_of(
    patient: Address, salt: bytes, cid: Cid, key_commitment: bytes, kind: int
) -> RecordId:
    """The record id that these parts open."""
    digest = ids.content_digest(cid_bytes(cid))
    blind = ids.blind(salt, digest, KeyCommitment(key_commitment), kind)
    return ids.record_id(patient, blind)


def keep_record(owner: Identity, record: RecordFile) -> RecordId:
    """Puts a record file into its owner's vault; returns the record's id."""
    record_id = id_of(record)
    owner.keep(_vault_name(record_id), record.encode())
    return record_id


def held_record(owner: Identity, record: RecordId) -> RecordFile:
    """The record file of a record the identity holds.

    Raises:
        RecordNotHeld: it holds none of that id.
        RecordMismatch: what was kept under the id is of another record.
    """
    name = _vault_name(record)
    if not owner.vault.has(name):
        raise RecordNotHeld(record=record, path="the vault of " + owner.address)
    held = RecordFile.decode(owner.recall(name))
    if id_of(held) != record:  # who may write to the vault may put any document there
        raise RecordMismatch(record=record, reason="another record was kept under its name")
    return held


def held_records(owner: Identity) -> dict[RecordId, RecordFile]:
    """All record files the identity holds, by id."""
    held = (RecordFile.decode(owner.recall(name)) for name in owner.kept("record-"))
    return {id_of(record): record for record in held}


def _vault_name(record: RecordId) -> str:
    return f"record-{record.hex()}"


def hand_over(
    exchange: Exchange,
    holder: Identity,
    record: RecordId,
    to: Address | None = None,
    fingerprint: bytes | None = None,
) -> bytes:
    """Seals a held record's file to its patient, or to a delegate of the patient.

    Args:
        exchange: the deployment.
        holder: who holds the record file.
        record: the record.
        to: the patient if not given; else a delegate for `Scope.GRANT`.
        fingerprint: of the key that it must be sealed to, if known.

    Returns:
        A `record-file` paper; only the addressee's key opens it.

    Raises:
        RecordNotHeld: the identity does not hold the record.
        HandOverRefused: a delegate would get it from neither issuer nor patient.
        MandateMissing: the addressee may not grant for the patient.
        KeyUnpublished: the addressee has published no key yet.
        KeyMismatched: its key has another fingerprint.
    """
    held = held_record(holder, record)
    to = to or held.patient
    if to != held.patient:
        if holder.address not in (held.issuer, held.patient):
            raise HandOverRefused(holder=holder.address, record=record, to=to)
        exchange.consent.require_mandate(held.patient, to, Scope.GRANT, 0)
    key = exchange.published_key(to, fingerprint)
    body = replace(held, x=scalar_of(holder, held), r=None, label="")
    info = hpke.record_file_info(exchange.chain_id, exchange.records.address, record, to)
    return papers.write(
        "record-file",
        papers.Sealed(
            chain_id=exchange.chain_id,
            contract=exchange.records.address,
            subject=papers.Bytes32(record),
            sender=holder.address,
            addressee=to,
            sealed=hpke.wrap(body.encode(), key.bundle, info),
        ),
    )


def take_over(exchange: Exchange, owner: Identity, data: bytes, path: object) -> RecordFile:
    """Opens a handed-over record file, proves it against the chain and keeps it.

    Raises:
        DocumentInvalid: not a record file of this deployment.
        WrongKey: it was sealed to somebody else.
        RecordMismatch: its parts do not open the record it names.
        MandateMissing: it is another's record, and the owner may not grant for its patient.
        RecordUnknown: its issuer never registered it.
        IssuerNotAccredited: the issuer is not accredited.
    """
    paper = papers.read("record-file", papers.Sealed, data, path)
    if (paper.chain_id, paper.contract) != (exchange.chain_id, exchange.records.address):
        raise DocumentInvalid(path=path, kind="record-file", reason="it is of another deployment")
    record = RecordId(paper.subject)
    info = hpke.record_file_info(exchange.chain_id, exchange.records.address, record, owner.address)
    held = RecordFile.decode(hpke.unwrap(paper.sealed, owner.keys, info, "record file"))
    prove_record(exchange, held, record)
    if held.patient != owner.address:
        exchange.consent.require_mandate(held.patient, owner.address, Scope.GRANT, 0)
    keep_record(owner, held)
    return held


def prove_record(exchange: Exchange, held: RecordFile, record: RecordId) -> None:
    """Proves that a record file is the very one its issuer registered for its patient.

    Raises:
        RecordMismatch: key, content or patient do not open the record.
        RecordUnknown: the record stands in no root of its issuer.
        IssuerNotAccredited: the issuer is not accredited.
    """
    if held.x is None:
        raise RecordMismatch(record=record, reason="it does not hold the record's key")
    if keys.key_commitment(keys.commitment_point(held.x), held.salt) != held.key_commitment:
        raise RecordMismatch(record=record, reason="its key does not open its key commitment")
    try:
        opened = id_of(held)
    except InvalidValue as error:
        raise RecordMismatch(record=record, reason=error.message.rstrip(".")) from None
    if opened != record:
        raise RecordMismatch(record=record, reason="its parts open another record")
    if root_of(record, held.proof) != held.root:
        raise RecordMismatch(record=record, reason="its proof leads to another root")
    exchange.records.open(held.issuer, held.patient, blind_of(held), held.proof)
    exchange.require_issuer(held.issuer)
