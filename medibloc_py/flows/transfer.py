"""A study from one hospital to another: sent, received and countersigned, over store and chain.

The sealed record does not move: the receiver opens it under the patient's grant. What moves is
the paper (`flows.transfer_paper`) that says what it is, and that grows into the receipt.
Every step keeps its paper in the vault before it is told, so the same step again gives the
same paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from medibloc_py.crypto.merkle import root_of
from medibloc_py.errors import (
    ContentDiffers,
    DocumentInvalid,
    GrantNotFound,
    NotInTransfer,
    TransferInvalid,
)
from medibloc_py.flows.access import find_access, open_by, open_object
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.transfer_digest import digest_of_record
from medibloc_py.flows.transfer_paper import (
    KIND,
    TransferPaper,
    joined,
    read_paper,
    write_paper,
)
from medibloc_py.flows.transfer_words import (
    PATIENT,
    RECEIVER,
    SAYS,
    Transfer,
    sign_word,
    signer_of,
    transfer_id,
)
from medibloc_py.model import Address, RecordId, Scope

PREFIX: Final = "transfer-"
"""What the names of kept papers begin with."""
Deliver = Callable[[OpenedRecord], None]
"""Stores all files of an opened record and returns only when they are there."""


def receive_record(
    exchange: Exchange,
    receiver: Identity,
    data: bytes,
    path: object,
    deliver: Deliver,
    progress: Progress = silent,
) -> TransferPaper:
    """Opens what was sent, compares it with the paper, has it stored, and signs.

    Nothing is stored before the digest is equal, and nothing is signed before all is stored.
    What was signed before is not stored again.

    Args:
        exchange: the deployment.
        receiver: the hospital that it was sent to.
        data: the paper.
        path: named in errors.
        deliver: stores the files; called once at most.
        progress: told of the files read.

    Returns:
        The paper with the receiver's word.

    Raises:
        DocumentInvalid, TransferInvalid: the paper does not hold, or the grant is another.
        NotInTransfer: it was sent to somebody else.
        GrantNotFound: no grant of the patient stands.
        MandateMissing: who is to sign for the patient may not.
        RecordUnknown, RecordMismatch, IssuerNotAccredited: the record is not the sender's.
        BlobMissing, Corrupted, WrongKey: it does not open.
        ContentDiffers: it holds something else than the sender signed.
        DeidentificationReceiptInvalid: its receipt is of other files, or not the sender's.
        MediBlocError: what `deliver` raises.
    """
    paper = _ours(exchange, receiver, data, path, RECEIVER)
    if paper.word(RECEIVER):
        keep_paper(receiver, paper)
        return paper
    transfer = paper.transfer
    require_speaker(exchange, transfer.patient, transfer.speaker)
    opened, salt = _open_sent(exchange, receiver, transfer, path)
    files = len(opened.manifest.files)
    if files != transfer.files:
        reason = f"it holds {files} files, not {transfer.files}"
    elif digest_of_record(opened, salt, progress) != transfer.digest:
        reason = "its files have another digest"
    else:
        deliver(opened)
        return _say(exchange, receiver, paper, RECEIVER)
    raise ContentDiffers(record=transfer.record, sender=transfer.sender, reason=reason)


def countersign(exchange: Exchange, speaker: Identity, data: bytes, path: object) -> TransferPaper:
    """Adds the patient's word to a paper, by the patient or the delegate that it names.

    Raises:
        DocumentInvalid, TransferInvalid: the paper does not hold.
        NotInTransfer: another signs for the patient.
        GrantNotFound: the patient never granted the receiver this record for this purpose.
        MandateMissing: the delegate may not grant for the patient.
    """
    paper = _ours(exchange, speaker, data, path, PATIENT)
    if paper.word(PATIENT):
        keep_paper(speaker, paper)
        return paper
    transfer = paper.transfer
    require_speaker(exchange, transfer.patient, transfer.speaker)
    record, receiver = transfer.record, transfer.receiver
    grants = exchange.access.grants(record=record, grantee=receiver, patient=transfer.patient)
    if not any(grant.purpose == transfer.purpose for grant in grants):
        raise GrantNotFound(record=record, grantee=receiver)
    return _say(exchange, speaker, paper, PATIENT)


def keep_transfer(party: Identity, data: bytes, path: object) -> TransferPaper:
    """Keeps a paper beside what the account has of the same transfer, with the words of both.

    Raises:
        DocumentInvalid, TransferInvalid: the paper does not hold.
        NotInTransfer: the account has no part in it.
    """
    paper = read_paper(data, path)
    if not roles_of(paper.transfer, party.address):
        raise NotInTransfer(account=party.address, role="party", path=path)
    paper = _with_kept(party, paper, path)
    keep_paper(party, paper)
    return paper


def roles_of(transfer: Transfer, account: Address) -> tuple[str, ...]:
    """What an account is in a transfer; a patient is its patient whoever speaks for it."""
    roles = [role for role in SAYS if account == signer_of(transfer, role)]
    if account == transfer.patient and PATIENT not in roles:
        roles.append(PATIENT)
    return tuple(roles)


def kept_transfers(party: Identity, record: RecordId | None = None) -> list[TransferPaper]:
    """The papers that an account keeps, or those of a record, the oldest first."""
    prefix = PREFIX if record is None else _prefix_of(record)
    papers = [read_paper(party.recall(name), name) for name in party.kept(prefix)]
    return sorted(papers, key=lambda paper: (paper.transfer.sent_at, paper.transfer.nonce))


def require_speaker(exchange: Exchange, patient: Address, speaker: Address) -> None:
    """Raises `MandateMissing` if another speaks for a patient than it lets grant."""
    if speaker != patient:
        exchange.consent.require_mandate(patient, speaker, Scope.GRANT, 0)


def keep_paper(party: Identity, paper: TransferPaper) -> None:
    """Keeps a paper in the account's vault, in place of what it had of the same transfer."""
    party.keep(_name(paper.transfer), write_paper(paper))


def _ours(
    exchange: Exchange, party: Identity, data: bytes, path: object, role: str
) -> TransferPaper:
    """A paper of this deployment on which the account signs in a role, with all that it keeps."""
    paper = read_paper(data, path)
    transfer = paper.transfer
    if (transfer.chain_id, transfer.contract) != (exchange.chain_id, exchange.records.address):
        raise DocumentInvalid(path=path, kind=KIND, reason="it is of another deployment")
    if signer_of(transfer, role) != party.address:
        raise NotInTransfer(account=party.address, role=role, path=path)
    if transfer.sent_at > exchange.network.now():
        reason = "it is younger than this node's newest block"
        raise TransferInvalid(path=path, check="times", reason=reason)
    return _with_kept(party, paper, path)


def _open_sent(
    exchange: Exchange, receiver: Identity, transfer: Transfer, path: object
) -> tuple[OpenedRecord, bytes]:
    """The record of a transfer, opened under the patient's grant, and its salt."""
    record = transfer.record
    standing = find_access(exchange, receiver.address, record)
    body = open_object(exchange, receiver, record)
    granted = (standing.granter, standing.purpose, body.kind)
    if granted != (transfer.patient, transfer.purpose, transfer.kind):
        reason = "the right to read that stands is not this patient's grant, or for something else"
        raise TransferInvalid(path=path, check="grant", reason=reason)
    if (body.issuer, root_of(record, body.proof)) != (transfer.sender, transfer.root):
        reason = "the record stands in another batch"
        raise TransferInvalid(path=path, check="registration", reason=reason)
    return open_by(exchange, record, body), body.salt


def _say(exchange: Exchange, party: Identity, paper: TransferPaper, role: str) -> TransferPaper:
    """Adds a word and keeps the paper before anybody is told."""
    newest = exchange.network.rpc.block("latest")
    word = sign_word(party.signer, paper.transfer, role, newest.timestamp, newest.number)
    said = joined(paper, replace(paper, words=(word,)), role)
    keep_paper(party, said)
    return said


def _with_kept(party: Identity, paper: TransferPaper, path: object) -> TransferPaper:
    name = _name(paper.transfer)
    if not party.vault.has(name):
        return paper
    return joined(read_paper(party.recall(name), name), paper, path)


def _name(transfer: Transfer) -> str:
    return _prefix_of(transfer.record) + transfer_id(transfer).hex()


def _prefix_of(record: RecordId) -> str:
    return f"{PREFIX}{record.hex()}-"
