"""Emergencies: a clinician breaks the glass, the custodian delivers, a reviewer judges.

Who breaks the glass needs the record's card, which opens its id and holds no key. Reason
and finding stay with their writers; what goes on chain is the hash of each with a salt,
so that nobody can guess a short text from it.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from medibloc_py.crypto import ids
from medibloc_py.errors import (
    DocumentInvalid,
    EmergencyMissing,
    InvalidValue,
    MediBlocError,
    ReasonMissing,
    RecordNotHeld,
)
from medibloc_py.flows import papers
from medibloc_py.flows.access import Standing, blind_of_object, find_access, open_object
from medibloc_py.flows.given import Given, let_go_of_the_past
from medibloc_py.flows.grant import NOWHERE, wrap_object
from medibloc_py.flows.held import blind_of, held_record
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import (
    Address,
    Blind,
    Cid,
    Delivery,
    GlassEvent,
    GlassReview,
    Receipt,
    RecordId,
)
from medibloc_py.purpose import TREATMENT

CARD = "record-card"
STATEMENT = "statement"
_STATEMENTS = "statement-"
MOST_TEXT = 1 << 16
"""Bytes of a reason or a finding."""


@dataclass(frozen=True, slots=True)
class Card:
    """What opens a record's id on chain: enough to break its glass, and no key.

    Attributes:
        contract: Records, where the record stands.
        record: its id.
        issuer: who registered it.
        blind: opens the id together with the patient.
        proof: siblings from the id up to the issuer's root.
    """

    chain_id: int
    contract: Address
    record: Bytes32
    issuer: Address
    patient: Address
    blind: Bytes32
    proof: tuple[Bytes32, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A reason or a finding as its writer keeps it.

    Attributes:
        salt: random, so that the digest tells nothing of a short text.
        text: what was written.
    """

    salt: Bytes32
    text: str

    @property
    def digest(self) -> bytes:
        """What goes on chain: keccak256 of salt and text in UTF-8, 32 bytes."""
        return ids.keccak256(self.salt + self.text.encode())


@dataclass(frozen=True, slots=True)
class GlassBroken:
    """An emergency access that stands on chain; its key comes from the custodian."""

    emergency: GlassEvent
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Delivered:
    """A key that was delivered to a clinician, and where its object is stored."""

    record: RecordId
    clinician: Address
    grant_object: Cid
    receipt: Receipt


class CaseState(StrEnum):
    """Where an emergency stands."""

    OPEN = "open"
    """The custodian has not delivered the key."""
    DELIVERED = "delivered"
    """The clinician may read."""
    OVER = "over"
    """Its time has passed, or the patient revoked it; it waits for its review."""
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Case:
    """An emergency with what came of it."""

    emergency: GlassEvent
    state: CaseState
    delivery: Delivery | None
    review: GlassReview | None


def make_card(exchange: Exchange, holder: Identity, record: RecordId) -> bytes:
    """Writes a record's card, for whoever may have to break its glass.

    Args:
        exchange: the deployment.
        holder: who holds the record file, or a grant: the patient, a delegate, the custodian.
        record: the record.

    Raises:
        GrantNotFound: the holder has neither.
    """
    try:
        held = held_record(holder, record)
    except RecordNotHeld:
        body = open_object(exchange, holder, record)
        standing = find_access(exchange, holder.address, record)
        blind, issuer, patient = blind_of_object(body, standing), body.issuer, body.patient
        proof = body.proof
    else:
        blind, issuer, patient = blind_of(held), held.issuer, held.patient
        proof = held.proof
    return papers.write(
        CARD,
        Card(
            chain_id=exchange.chain_id,
            contract=exchange.records.address,
            record=Bytes32(record),
            issuer=issuer,
            patient=patient,
            blind=Bytes32(blind),
            proof=tuple(Bytes32(each) for each in proof),
        ),
    )


def read_card(exchange: Exchange, data: bytes, path: object) -> Card:
    """Reads a record's card.

    Raises:
        DocumentInvalid: it is none, of another deployment, or names another record than it opens.
    """

    def refuse(reason: str) -> DocumentInvalid:
        return DocumentInvalid(path=path, kind=CARD, reason=reason)

    card = papers.read(CARD, Card, data, path)
    if (card.chain_id, card.contract) != (exchange.chain_id, exchange.records.address):
        raise refuse("it is of another deployment")
    if ids.record_id(card.patient, Blind(card.blind)) != RecordId(card.record):
        raise refuse("it names another record than it opens")
    return card


def break_glass(exchange: Exchange, clinician: Identity, card: Card, reason: str) -> GlassBroken:
    """Opens a record in an emergency, in the open: for treatment, for half an hour.

    The reason is kept before anything is sent; the key comes from the custodian.

    Raises:
        ReasonMissing: the reason is empty.
        NotAccredited: the account is no clinician.
        RecordUnknown: the card opens no registered record.
        CustodianMissing: nobody keeps the key of the record for emergencies.
        ClinicianInvolved: the account is the patient or the custodian.
        GlassNotNeeded: it may read the record already.
    """
    if not reason.strip():
        raise ReasonMissing
    told = _keep_statement(exchange, clinician, reason)
    receipt = exchange.access.break_glass(
        clinician.signer, card.patient, card.issuer, Blind(card.blind), card.proof, told.digest
    )
    (event,) = (
        each
        for each in exchange.access.emergencies(RecordId(card.record), clinician=clinician.address)
        if each.reason == told.digest
    )
    return GlassBroken(event, receipt)


def deliver(
    exchange: Exchange,
    custodian: Identity,
    record: RecordId,
    clinician: Address,
    fingerprint: bytes | None = None,
) -> Delivered:
    """Gives a clinician the key in an emergency, from the custodian's own grant.

    Then the store lets go of what the custodian made for emergencies that are over.

    Raises:
        GrantNotFound: the account has no grant of the record.
        EmergencyMissing: no emergency access of the clinician waits for it.
        NotCustodian: the account is not the custodian of this one.
        KeyUnpublished: the clinician has published no key.
        KeyMismatched: its key has another fingerprint.
    """
    access = exchange.access
    body = open_object(exchange, custodian, record)
    own = find_access(exchange, custodian.address, record)
    waits = (own.patient, blind_of_object(body, own), clinician)
    # The contract is asked first: what it would refuse is neither wrapped nor stored.
    access.simulate(custodian.address, access.deliver.call(*waits, NOWHERE))
    emergency = _newest(exchange, record, clinician)
    standing = Standing(
        record=record,
        patient=own.patient,
        granter=custodian.address,
        reader=clinician,
        purpose=TREATMENT,
        expires_at=emergency.expires_at,
        locators=(),
    )
    key = exchange.published_key(clinician, fingerprint)
    cid, locator = wrap_object(exchange, custodian, standing, body, key)
    receipt = access.deliver(custodian.signer, *waits, locator)
    Given(custodian, record, clinician).handed_out(exchange, cid)
    with suppress(MediBlocError):  # the key is delivered; the next delivery tries again
        let_go_of_the_past(exchange, custodian)
    return Delivered(record, clinician, cid, receipt)


def review(
    exchange: Exchange,
    reviewer: Identity,
    card: Card,
    clinician: Address,
    justified: bool,
    finding: str,
    epoch: int | None = None,
) -> Receipt:
    """Judges an emergency access, once, in the open.

    Args:
        exchange: the deployment.
        reviewer: who is accredited as such and took no part.
        card: of the record.
        clinician: who broke the glass.
        justified: whether it had to be.
        finding: the written finding; the reviewer keeps it.
        epoch: which emergency of this clinician; the newest if not given.

    Raises:
        InvalidValue: the finding is empty.
        NotAccredited: the account is no reviewer.
        EmergencyMissing: there is no such access, or it was judged.
        GlassReviewerInvolved: the account took part in it.
    """
    if not finding.strip():
        raise InvalidValue(name="the finding", given="empty", allowed="written")
    if epoch is None:
        epoch = _newest(exchange, RecordId(card.record), clinician).epoch
    told = _keep_statement(exchange, reviewer, finding)
    return exchange.access.review(
        reviewer.signer, card.patient, Blind(card.blind), clinician, epoch, justified, told.digest
    )


def emergencies(
    exchange: Exchange,
    record: RecordId | None = None,
    patient: Address | None = None,
    clinician: Address | None = None,
    custodian: Address | None = None,
) -> list[Case]:
    """The emergencies that match, oldest first, from the chain alone; nobody needs a key."""
    access, now = exchange.access, exchange.network.now()
    deliveries = {_place(each): each for each in access.deliveries(record, clinician)}
    reviews = {_place(each): each for each in access.reviews(record, clinician)}
    found = []
    for event in access.emergencies(record, patient, clinician):
        if custodian is not None and event.custodian != custodian:
            continue
        delivery, judged = deliveries.get(_place(event)), reviews.get(_place(event))
        current = access.grant_of(event.record, event.clinician)
        stands = current.epoch == event.epoch and current.expires_at >= now
        if judged:
            state = CaseState.REVIEWED
        elif not stands:
            state = CaseState.OVER
        else:
            state = CaseState.DELIVERED if delivery else CaseState.OPEN
        found.append(Case(event, state, delivery, judged))
    return found


def statement_of(writer: Identity, digest: bytes) -> Statement | None:
    """A reason or finding that the identity wrote, by its digest; None if it wrote none such."""
    name = _statement_name(digest)
    if not writer.vault.has(name):
        return None
    return papers.read(STATEMENT, Statement, writer.recall(name), f"the vault of {writer.address}")


def read_statement(data: bytes, path: object) -> Statement:
    """Reads a statement that its writer showed; hold its digest against the chain.

    Raises:
        DocumentInvalid: it is none.
    """
    return papers.read(STATEMENT, Statement, data, path)


def _keep_statement(exchange: Exchange, writer: Identity, text: str) -> Statement:
    """Keeps a text under a new salt; or the one kept by a run of this command that was killed."""
    if len(text.encode()) > MOST_TEXT:
        raise InvalidValue(
            name="the text", given="longer", allowed=f"at most {MOST_TEXT} bytes of UTF-8"
        )
    if (kept := _begun_statement(exchange, writer, text)) is not None:
        return kept
    told = Statement(Bytes32(secrets.token_bytes(32)), text)
    writer.keep(_statement_name(told.digest), papers.write(STATEMENT, told))
    return told


def _begun_statement(exchange: Exchange, writer: Identity, text: str) -> Statement | None:
    """A statement of the same text that the chain has not, or has from a killed run alone."""
    access, me = exchange.access, writer.address
    told = {each.reason for each in access.emergencies(clinician=me)}
    told |= {each.finding for each in access.reviews() if each.reviewer == me}
    sent = exchange.network.run.sent
    for name in writer.kept(_STATEMENTS):
        kept = papers.read(STATEMENT, Statement, writer.recall(name), f"the vault of {me}")
        if kept.text == text and (kept.digest not in told or sent(kept.digest)):
            return kept
    return None


def _statement_name(digest: bytes) -> str:
    return f"{_STATEMENTS}{digest.hex()}"


def _newest(exchange: Exchange, record: RecordId, clinician: Address) -> GlassEvent:
    found = exchange.access.emergencies(record, clinician=clinician)
    if not found:
        raise EmergencyMissing(record_id=record, clinician=clinician, epoch=0)
    return found[-1]


def _place(event: GlassEvent | Delivery | GlassReview) -> tuple[RecordId, Address, int]:
    return event.record, event.clinician, event.epoch
