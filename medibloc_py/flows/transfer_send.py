"""The sender's side of a transfer: what goes out, to whom, for what, signed and kept."""

from __future__ import annotations

import secrets

from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import NotIssuer, TransferRefused
from medibloc_py.flows.held import blind_of, held_record, require_current, require_purpose
from medibloc_py.flows.opened import open_held
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity, Progress, silent
from medibloc_py.flows.transfer import keep_paper, kept_transfers, require_speaker
from medibloc_py.flows.transfer_digest import digest_of_record
from medibloc_py.flows.transfer_paper import TransferPaper
from medibloc_py.flows.transfer_words import SENDER, Transfer, sign_word
from medibloc_py.model import Address, RecordId
from medibloc_py.purpose import TREATMENT


def send_record(
    exchange: Exchange,
    sender: Identity,
    record: RecordId,
    receiver: Address,
    *,
    purpose: int = TREATMENT,
    speaker: Address | None = None,
    again: bool = False,
    progress: Progress = silent,
) -> TransferPaper:
    """Prepares and signs the paper of a record for another hospital.

    The record is read once, for its digest. The patient's grant may come before or after.
    What was sent before to this receiver for this purpose gives the paper that was made then.

    Args:
        exchange: the deployment.
        sender: who registered the record and holds its file.
        record: the record.
        receiver: the other hospital.
        purpose: request word of the grant it goes under.
        speaker: a delegate who will sign for the patient; else the patient itself.
        again: make another paper even so.
        progress: told of the files read.

    Raises:
        RecordNotHeld: the sender does not hold the record's file.
        NotIssuer: another registered it.
        RecordReplaced: it was sealed anew.
        TreatmentOnly: it keeps identity, and the purpose is another than treatment.
        TransferRefused: the grant that stands is for another purpose, or the parties are
            not three.
        MandateMissing: the delegate may not grant for the patient.
        RecordUnknown: it is not registered.
        BlobMissing, Corrupted, WrongKey, DeidentificationReceiptInvalid: it does not open.
    """
    held = held_record(sender, record)
    speaker = speaker or held.patient
    _require_sendable(exchange, sender, record, held, receiver, purpose, speaker)
    wanted = (sender.address, receiver, purpose, speaker)
    for paper in () if again else reversed(kept_transfers(sender, record)):
        sent = paper.transfer
        if (sent.sender, sent.receiver, sent.purpose, sent.speaker) == wanted:
            return paper
    opened = open_held(exchange, sender, held)
    digest = digest_of_record(opened, held.salt, progress)
    newest = exchange.network.rpc.block("latest")
    transfer = Transfer(
        chain_id=exchange.chain_id,
        contract=exchange.records.address,
        sender=sender.address,
        receiver=receiver,
        patient=held.patient,
        speaker=speaker,
        record=record,
        root=held.root,
        kind=held.kind,
        purpose=purpose,
        digest=digest,
        files=len(opened.manifest.files),
        sent_at=newest.timestamp,
        nonce=Bytes32(secrets.token_bytes(32)),
    )
    word = sign_word(sender.signer, transfer, SENDER, newest.timestamp, newest.number)
    paper = TransferPaper(transfer, tuple(map(Bytes32, held.proof)), (word,))
    keep_paper(sender, paper)
    return paper


def _require_sendable(
    exchange: Exchange,
    sender: Identity,
    record: RecordId,
    held: RecordFile,
    receiver: Address,
    purpose: int,
    speaker: Address,
) -> None:
    """Finds what would be refused on the way, before the record is read."""
    if held.issuer != sender.address:
        raise NotIssuer(account=sender.address, record=record, issuer=held.issuer)
    require_purpose(record, held.kind, purpose)
    require_current(sender, record)
    standing = exchange.access.grant_of(record, receiver)
    stands = standing.purpose != 0 and standing.expires_at >= exchange.network.now()
    faults = (
        (receiver == sender.address, "the receiver is the sender"),
        (receiver in (held.patient, speaker), "the receiver is, or speaks for, the patient"),
        (sender.address in (held.patient, speaker), "the sender is, or speaks for, the patient"),
        (stands and standing.purpose != purpose, "the patient's grant is for another purpose"),
    )
    for broken, reason in faults:
        if broken:
            raise TransferRefused(record=record, receiver=receiver, reason=reason)
    require_speaker(exchange, held.patient, speaker)
    exchange.records.open(held.issuer, held.patient, blind_of(held), held.proof)
