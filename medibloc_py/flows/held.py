"""Record files: what an owner holds of a record, by the record's id, in the own vault."""

from __future__ import annotations

from medibloc_py.crypto import ids
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import RecordMismatch, RecordNotHeld, RecordReplaced, TreatmentOnly
from medibloc_py.flows.parties import Identity
from medibloc_py.model import KIND_DICOM_STUDY, Address, Blind, Cid, KeyCommitment, RecordId
from medibloc_py.purpose import TREATMENT
from medibloc_py.storage import cid_bytes

NO_TREATMENT = 0
"""In the place of a purpose, for a sale: no request word that a sale can have is treatment."""


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
    if record.replaces is not None and _replaces(owner, record_id, record.replaces):
        owner.keep(_successor_name(record.replaces), record_id)
    return record_id


def forget_record(owner: Identity, record: RecordId) -> None:
    """Removes a record file from its owner's vault, and with it the owner's way to the key."""
    owner.forget(_vault_name(record))
    owner.forget(_successor_name(record))


def holds_record(owner: Identity, record: RecordId) -> bool:
    """Whether the identity holds a record's file."""
    return owner.vault.has(_vault_name(record))


def held_record(owner: Identity, record: RecordId) -> RecordFile:
    """The record file of a record the identity holds.

    Raises:
        RecordNotHeld: it holds none of that id.
        RecordMismatch: what was kept under the id is of another record.
    """
    if not holds_record(owner, record):
        raise RecordNotHeld(record=record, path="the vault of " + owner.address)
    held = RecordFile.decode(owner.recall(_vault_name(record)))
    if id_of(held) != record:  # who may write to the vault may put any document there
        raise RecordMismatch(record=record, reason="another record was kept under its name")
    return held


def successor_of(owner: Identity, record: RecordId) -> RecordId | None:
    """The record that took this one's place, if the owner holds it; of several rotations the last.

    It is the word of the issuer, who alone can replace its own records: no chain tells that
    two records are one study.
    """
    newest, seen = record, {record}
    while owner.vault.has(name := _successor_name(newest)):
        following = RecordId(owner.recall(name))
        if following in seen or not _replaces(owner, following, newest):
            break
        seen.add(following)
        newest = following
    return newest if newest != record else None


def _replaces(owner: Identity, newer: RecordId, older: RecordId) -> bool:
    if not holds_record(owner, newer) or not holds_record(owner, older):
        return False
    new, old = held_record(owner, newer), held_record(owner, older)
    return (new.issuer, new.patient, new.replaces) == (old.issuer, old.patient, older)


def require_current(owner: Identity, record: RecordId) -> None:
    """Raises `RecordReplaced` if the owner holds the record that took this one's place."""
    if newer := successor_of(owner, record):
        raise RecordReplaced(record=record, newer=newer)


def require_purpose(record: RecordId, kind: int, purpose: int) -> None:
    """Raises `TreatmentOnly` for a record that may say who the patient is, unless for care.

    Args:
        record: the record.
        kind: its kind. One that is not known here may hold anything.
        purpose: what it is to be used for, as a request word; `NO_TREATMENT` for a sale.
    """
    if kind != KIND_DICOM_STUDY and purpose != TREATMENT:
        raise TreatmentOnly(record=record)


def held_records(owner: Identity) -> dict[RecordId, RecordFile]:
    """All record files the identity holds, by id."""
    held = (RecordFile.decode(owner.recall(name)) for name in owner.kept("record-"))
    return {id_of(record): record for record in held}


def _vault_name(record: RecordId) -> str:
    return f"record-{record.hex()}"


def _successor_name(record: RecordId) -> str:
    return f"replaced-{record.hex()}"
