"""A record file's way from hand to hand: sealed to its next holder, and proved on arrival."""

from __future__ import annotations

from dataclasses import replace

from medibloc_py.crypto import hpke, keys
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.crypto.merkle import root_of
from medibloc_py.errors import DocumentInvalid, HandOverRefused, InvalidValue, RecordMismatch
from medibloc_py.flows import papers
from medibloc_py.flows.held import blind_of, held_record, id_of, keep_record, scalar_of
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import Address, RecordId, Scope


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
