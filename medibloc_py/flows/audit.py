"""What happened to a patient, a record, a listing or an account: as the chain and receipts tell.

The chain says who was granted what, for what, until when, and what was paid. Whether a reader
opened a record it cannot say: that is told by receipts that readers signed, as far as the
account that asks keeps any.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from medibloc_py.acts import Act
from medibloc_py.chain import Signer, TypedData, typed_act
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import words
from medibloc_py.flows import papers
from medibloc_py.flows.audit_lines import RECEIPT, Line, line_of, told
from medibloc_py.flows.history import History
from medibloc_py.flows.openings import Opening, kept_openings
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.transfer import kept_transfers
from medibloc_py.flows.transfer_words import RECEIVER, Transfer, Word
from medibloc_py.index import Entry
from medibloc_py.model import Address

KIND: Final = "audit"
PATIENT: Final = "patient"
RECORD: Final = "record"
LISTING: Final = "listing"
ACCOUNT: Final = "account"
LIMITS: Final = (
    "The chain tells who was given access, not who looked: that stands here only where a reader "
    "signed a receipt that this account keeps. Who was given a key outside the exchange stands "
    "nowhere."
)
_GENERAL: Final = "0x" + "00" * 32
_ENDS: Final = {"Granted": "replaced", "GlassBroken": "replaced", "GrantRevoked": "revoked"}
_ACT: Final = Act(
    "MediBloc Audit",
    "Audit(string kind,string subject,address maker,uint256 at,uint256 block,bytes32 contents)",
)


@dataclass(frozen=True, slots=True)
class Access:
    """One permission to read, from when to when.

    Attributes:
        reader: who had it.
        purpose: by name; `TREATMENT` in an emergency.
        emergency: whether it was taken in an emergency.
        since: unix seconds.
        until: last second, as it was given.
        ended_at: when it ended earlier; 0 if it did not.
        state: `stands`, `expired`, `revoked` or `replaced`, at the time of the audit.
    """

    record: str
    reader: str
    purpose: str
    emergency: bool
    since: int
    until: int
    ended_at: int
    state: str


@dataclass(frozen=True, slots=True)
class Audit:
    """An answer.

    Attributes:
        contract: Records, which names the deployment.
        kind: what was asked about: patient, record, listing or account.
        subject: which: an address or an id in hex.
        maker: who asked.
        at: time of the last block that counted; unix seconds.
        block: its number.
        block_hash: 32 bytes.
        accesses: who could read, in the order of time.
        lines: all that happened, in the order of time.
        limits: what it does not say.
    """

    chain_id: int
    contract: Address
    kind: str
    subject: str
    maker: Address
    at: int
    block: int
    block_hash: Bytes32
    accesses: tuple[Access, ...]
    lines: tuple[Line, ...]
    limits: str


@dataclass(frozen=True, slots=True)
class SignedAudit:
    """An audit with the signature of who made it: `r || s || v`, 65 bytes."""

    audit: Audit
    signature: bytes


def audit(
    exchange: Exchange, history: History, kind: str, subject: str, maker: Identity | None = None
) -> Audit:
    """Answers what happened.

    Args:
        exchange: the deployment.
        history: where events are looked up.
        kind: `PATIENT`, `RECORD`, `LISTING` or `ACCOUNT`.
        subject: an address with checksum, or an id in hex.
        maker: whose receipts count, too.

    Raises:
        NodeUnreachable: the time of the last block cannot be read.
        IndexFailed: the index cannot be asked.
    """
    head = history.head
    now = exchange.network.rpc.block(head.block).timestamp if head.block >= 0 else 0
    found = {(entry.block, entry.log_index): entry for entry in _related(history, kind, subject)}
    lines = [line_of(found[place]) for place in sorted(found) if told(found[place])]
    lines += _opened(maker, kind, subject)
    lines.sort(key=lambda line: (line.at, line.block))
    return Audit(
        chain_id=exchange.chain_id,
        contract=exchange.records.address,
        kind=kind,
        subject=subject,
        maker=maker.address if maker else Address("0x" + "00" * 20),
        at=now,
        block=head.block,
        block_hash=Bytes32(bytes.fromhex(head.hash[2:])),
        accesses=_accesses(lines, now),
        lines=tuple(lines),
        limits=LIMITS,
    )


def sign(signer: Signer, answer: Audit) -> SignedAudit:
    """Signs an audit as its maker."""
    _, signature = signer.sign_typed(*_typed(answer))
    return SignedAudit(answer, signature)


def require_signed(signed: SignedAudit, path: object) -> Audit:
    """Proves that an audit was signed by its maker; needs no chain.

    Raises:
        DocumentInvalid: it was not, or was changed since.
    """
    answer = signed.audit
    papers.require_signed(
        "maker", answer.maker, _typed(answer), signed.signature, kind=KIND, path=path
    )
    return answer


def _related(history: History, kind: str, subject: str) -> Iterable[Entry]:
    """The events that speak of a subject, and of what belongs to it."""
    own = history.mentioning(subject)
    yield from own
    if kind == PATIENT:
        # Deliveries and reviews name the record, not the patient.
        for record in _values(own, "GlassBroken", "recordId"):
            yield from history.mentioning(record)
        for listing in _values(own, "Claimed", "listing") | _values(own, "Withdrawn", "listing"):
            yield from (e for e in history.mentioning(listing) if _public(e))
    elif kind == RECORD:
        # Where a record has no consent of its own, the patient's general one decides.
        patients = _values(own, "Granted", "patient") | _values(own, "GlassBroken", "patient")
        patients |= _values(own, "ConsentSet", "patient")
        for patient in patients:
            yield from (e for e in history.mentioning(patient) if _is_general(e))


def _values(entries: Sequence[Entry], event: str, name: str) -> set[str]:
    return {json.loads(entry.args)[name] for entry in entries if entry.event == event}


def _public(entry: Entry) -> bool:
    """What happened to a listing as a whole; not what other patients were paid."""
    return entry.event in ("Listed", "Purchased", "Settled", "Refunded", "Challenged", "ClosedOut")


def _is_general(entry: Entry) -> bool:
    consents = ("ConsentSet", "ConsentRevoked")
    return entry.event in consents and json.loads(entry.args)["record"] == _GENERAL


def _opened(maker: Identity | None, kind: str, subject: str) -> list[Line]:
    """What readers signed that they opened, as far as the maker keeps their papers."""
    if maker is None:
        return []
    found = [(_opening(each, each.reader, each), "") for each in kept_openings(maker)]
    for paper in kept_transfers(maker):
        transfer, word = paper.transfer, paper.word(RECEIVER)
        if word is not None:
            found.append((_opening(transfer, transfer.receiver, word), transfer.sender))
    return [line for line, sender in found if subject in _concerned(line, sender, kind)]


def _concerned(line: Line, sender: str, kind: str) -> tuple[str, ...]:
    """The subjects of a kind that an opening concerns; a transfer concerns its sender, too."""
    parties = (line.by, line.to, sender)
    return {PATIENT: (line.to,), RECORD: (line.about,), ACCOUNT: parties}.get(kind, ())


def _opening(of: Opening | Transfer, reader: Address, when: Opening | Word) -> Line:
    return Line(
        block=when.block,
        at=when.at,
        source=RECEIPT,
        transaction="",
        event="Opened",
        says="opened the record, and signed so",
        by=reader,
        to=of.patient,
        about="0x" + of.record.hex(),
        terms=words.request(of.purpose),
    )


def _accesses(lines: Sequence[Line], now: int) -> tuple[Access, ...]:
    """Joins each grant with what ended it."""
    given: list[tuple[Line, Line | None]] = []
    standing: dict[tuple[str, str], int] = {}
    for line in lines:
        if line.event not in _ENDS:
            continue
        emergency = line.event == "GlassBroken"
        key = line.about, line.by if emergency else line.to
        if (before := standing.pop(key, None)) is not None:
            given[before] = given[before][0], line
        if line.event != "GrantRevoked":
            standing[key] = len(given)
            given.append((line, None))
    return tuple(_access(line, end, now) for line, end in given)


def _access(line: Line, end: Line | None, now: int) -> Access:
    if end is not None and end.at <= line.until:
        state, ended_at = _ENDS[end.event], end.at
    else:
        state, ended_at = ("expired" if line.until < now else "stands"), 0
    emergency = line.event == "GlassBroken"
    return Access(
        record=line.about,
        reader=line.by if emergency else line.to,
        purpose=line.terms,
        emergency=emergency,
        since=line.at,
        until=line.until,
        ended_at=ended_at,
        state=state,
    )


def _typed(answer: Audit) -> TypedData:
    values = {
        "kind": answer.kind,
        "subject": answer.subject,
        "maker": answer.maker,
        "at": answer.at,
        "block": answer.block,
        "contents": keccak256(papers.write(KIND, answer)),
    }
    return typed_act(_ACT, answer.chain_id, answer.contract, values)
