"""What the chain says of a finished receipt: whoever holds it and can reach a node may ask.

The signatures are checked without a chain (`flows.transfer_paper`). Here what they speak of is
held against what is registered, granted and accredited, as it was when they were given.
"""

from __future__ import annotations

from collections.abc import Iterator

from medibloc_py.errors import DocumentInvalid, TransferInvalid
from medibloc_py.flows.parties import Exchange
from medibloc_py.flows.transfer_paper import KIND, TransferPaper
from medibloc_py.flows.transfer_words import RECEIVER, Transfer, Word
from medibloc_py.model import Role, Scope


def check_on_chain(exchange: Exchange, paper: TransferPaper, path: object) -> tuple[str, ...]:
    """Holds a receipt against the chain.

    Args:
        exchange: the deployment it speaks of.
        paper: from `read_receipt`: its signatures hold.
        path: named in errors.

    Returns:
        What was found to be so, one sentence each.

    Raises:
        DocumentInvalid: it is of another deployment.
        TransferInvalid: the chain says otherwise.
    """
    transfer = paper.transfer
    if (transfer.chain_id, transfer.contract) != (exchange.chain_id, exchange.records.address):
        raise DocumentInvalid(path=path, kind=KIND, reason="it is of another deployment")
    found = []
    for check, fault, said in _findings(exchange, paper):
        if fault is not None:
            raise TransferInvalid(path=path, check=check, reason=fault)
        found.append(said)
    return tuple(found)


def _findings(exchange: Exchange, paper: TransferPaper) -> Iterator[tuple[str, str | None, str]]:
    """What is checked, what is wrong with it if anything, and what to say if nothing is."""
    transfer = paper.transfer
    received = paper.word(RECEIVER)
    assert received is not None  # a finished receipt
    said = "The sender was the first to register the record's batch, before it was sent."
    yield "registration", _registration(exchange, transfer), said
    said = "The sender was accredited as an issuer when it sent the record."
    yield "accreditation", _accreditation(exchange, transfer), said
    said = "The patient's grant stood when the receiver opened the record, for this purpose."
    yield "grant", _grant(exchange, transfer, received), said
    for word in paper.words:
        said = f"The {word.role}'s time is that of block {word.block:,}."
        yield "times", _time(exchange, word), said
    if transfer.speaker != transfer.patient:
        said = "Who signed for the patient had its mandate to grant."
        yield "mandate", _mandate(exchange, transfer), said


def _registration(exchange: Exchange, transfer: Transfer) -> str | None:
    root = transfer.root
    batch = exchange.records.batch(transfer.sender, root)
    if batch.registered_at == 0:
        return "the sender never registered the record's batch"
    if batch.registered_at > transfer.sent_at:
        return "the sender registered the record's batch after it was sent"
    # The same root under another name is a copy: whoever sees a root can register it, too.
    first = exchange.records.batches(root=root)[0]
    return None if first.issuer == transfer.sender else f"{first.issuer} registered the batch first"


def _accreditation(exchange: Exchange, transfer: Transfer) -> str | None:
    standing = exchange.accounts.accreditation(transfer.sender, Role.ISSUER)
    return None if standing.until >= transfer.sent_at else "the sender was no accredited issuer"


def _grant(exchange: Exchange, transfer: Transfer, received: Word) -> str | None:
    """The newest grant before the receiver's word, if it had not ended by then."""
    record, reader = transfer.record, transfer.receiver
    grants = exchange.access.grants(record=record, grantee=reader, patient=transfer.patient)
    before = [grant for grant in grants if grant.block <= received.block]
    if not before:
        return "the patient had granted the receiver nothing"
    grant = before[-1]
    if grant.purpose != transfer.purpose:
        return "the patient's grant was for another purpose"
    if grant.expires_at < received.at:
        return "the patient's grant had expired"
    for ended, block in exchange.access.revocations(record=record, grantee=reader):
        if ended.epoch == grant.epoch and block < received.block:
            return "the patient had revoked the grant"
    return None


def _time(exchange: Exchange, word: Word) -> str | None:
    block = exchange.network.rpc.find_block(word.block)
    if block is None:
        return f"the {word.role}'s block is not there yet"
    return None if block.timestamp == word.at else f"the {word.role}'s block has another time"


def _mandate(exchange: Exchange, transfer: Transfer) -> str | None:
    mandate = exchange.consent.mandate_of(transfer.patient, transfer.speaker)
    if Scope.GRANT not in mandate.ever_scope:
        return "the patient never let this delegate grant"
    # One that was dismissed since has no end left to compare with.
    over = 0 < mandate.until < transfer.sent_at
    return "the delegate's mandate was over" if over else None
