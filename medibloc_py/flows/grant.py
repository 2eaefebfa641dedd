"""Records for one reader: a patient or its delegate grants, and revokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from medibloc_py.chain import Call
from medibloc_py.crypto import hpke, keys
from medibloc_py.crypto.documents import GrantObject, RecordFile
from medibloc_py.crypto.merkle import multiproof_of, root_of
from medibloc_py.errors import GrantMissing, InvalidValue
from medibloc_py.flows.access import Standing, bound
from medibloc_py.flows.decisions import Decisions
from medibloc_py.flows.given import Given
from medibloc_py.flows.held import (
    blind_of,
    held_record,
    require_current,
    require_purpose,
    scalar_of,
)
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.flows.prepared import Prepared
from medibloc_py.model import (
    Address,
    Cid,
    GrantRequest,
    Locator,
    PublishedKey,
    Receipt,
    RecordId,
    Root,
)
from medibloc_py.storage import raw_cid

NOWHERE = Locator(bytes(32), bytes(32), bytes(16))
"""In the place of a locator, to ask a contract before anything is stored."""


@dataclass(frozen=True, slots=True)
class GrantMade:
    """A grant that stands on chain, and where its object is stored."""

    record: RecordId
    grantee: Address
    grant_object: Cid
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class GrantReady:
    """A grant whose object is stored, ready to be sent or signed."""

    record: RecordId
    grant_object: Cid
    request: GrantRequest
    prepared: Prepared


def prepare_grants(
    by: Decisions,
    records: Sequence[RecordId],
    grantee: Address,
    purpose: int,
    expires_at: int,
    fingerprint: bytes | None = None,
) -> list[GrantReady]:
    """Wraps the keys of records for one reader and stores them; the grants are to be sent.

    The contracts are asked first: what they would refuse is neither wrapped nor stored. One
    that is prepared and neither sent nor signed is let go of by the next grant of the record
    to the reader.

    Args:
        by: who grants, for which patient.
        records: whose files the actor holds; each once.
        grantee: the reader.
        purpose: request word.
        expires_at: last second the grants hold.
        fingerprint: of the reader's key, if known.

    Raises:
        InvalidValue: no record, or one twice.
        RecordNotHeld: the actor does not hold a record file.
        RecordReplaced: the actor holds a record that took one's place.
        TreatmentOnly: a record says who the patient is, and the purpose is another.
        KeyUnpublished: the reader has published no key.
        KeyMismatched: its key has another fingerprint.
        RecordUnknown: a record is not the patient's.
        PurposeNotPermitted: the patient's own consent forbids the purpose.
        ExpiryInPast: the time is not in the future.
        MandateMissing, MandateTooShort: a delegate may not, or not for as long.
    """
    if not records or len(set(records)) != len(records):
        raise InvalidValue(
            name="records", given=f"{len(records)} of them", allowed="one or more, each once"
        )
    held = [held_record(by.actor, record) for record in records]
    for record, file in zip(records, held, strict=True):
        require_current(by.actor, record)
        require_purpose(record, file.kind, purpose)
    key = by.exchange.published_key(grantee, fingerprint)
    terms = (grantee, purpose, expires_at)
    for record, file in zip(records, held, strict=True):
        _prepared(by, record, _request(file, *terms, NOWHERE)).check()
    ready = []
    for record, file in zip(records, held, strict=True):
        standing = Standing(record, by.patient, by.patient, *terms, ())
        body = object_of(file, scalar_of(by.actor, file))
        cid, locator = wrap_object(by.exchange, by.actor, standing, body, key)
        request = _request(file, *terms, locator)
        ready.append(GrantReady(record, cid, request, _prepared(by, record, request, cid)))
    return ready


def send_grants(by: Decisions, ready: Sequence[GrantReady]) -> list[GrantMade]:
    """Sends prepared grants to one reader in one transaction, all or none.

    Records of one batch share one multiproof, if the patient itself sends.

    Raises:
        ContractRefusal: the contract refused one.
        MediBlocError: as `Network.send`.
    """
    access, signer = by.exchange.access, by.actor.signer
    calls = _batched(by, ready) if by.own else [each.prepared.call for each in ready]
    if len(calls) == 1:
        receipt = access.send(signer, calls[0])
    else:
        receipt = access.multicall(signer, calls).receipt
    for each in ready:
        each.prepared.after()
    return [
        GrantMade(each.record, each.request.grantee, each.grant_object, receipt) for each in ready
    ]


def grant_access(
    by: Decisions,
    record: RecordId,
    grantee: Address,
    purpose: int,
    expires_at: int,
    fingerprint: bytes | None = None,
) -> GrantMade:
    """Grants one reader access to one record until a time, for a purpose.

    The wrapped key goes to the store, its sealed locator into the event: the reader
    needs the chain and the store, nothing else. Arguments and errors as `prepare_grants`.
    """
    ready = prepare_grants(by, [record], grantee, purpose, expires_at, fingerprint)
    return send_grants(by, ready)[0]


def _batched(by: Decisions, ready: Sequence[GrantReady]) -> list[Call]:
    """The calls that make grants of the patient: one for each batch."""
    batches: dict[tuple[Address, Root], dict[bytes, GrantRequest]] = {}
    for each in ready:
        root = root_of(each.record, each.request.proof)
        batches.setdefault((each.request.issuer, root), {})[each.record] = each.request
    calls = []
    for requests in batches.values():
        first = next(iter(requests.values()))
        if len(requests) == 1:
            calls.append(by.exchange.access.grant.call(first))
            continue
        joined = multiproof_of({record: each.proof for record, each in requests.items()})
        calls.append(
            by.exchange.access.grant_many.call(
                first.issuer,
                [requests[leaf].blind for leaf in joined.leaves],
                joined.proof,
                joined.flags,
                first.grantee,
                first.purpose,
                first.expires_at,
                [requests[leaf].locator for leaf in joined.leaves],
            )
        )
    return calls


def _prepared(
    by: Decisions, record: RecordId, request: GrantRequest, stored: Cid | None = None
) -> Prepared:
    access, signer, patient = by.exchange.access, by.actor.signer, by.patient

    def after() -> None:
        if stored is not None:
            Given(by.actor, record, request.grantee).handed_out(by.exchange, stored)

    return Prepared(
        by.exchange,
        access,
        by.actor,
        access.grant.call(request) if by.own else None,
        lambda until: access.sign_grant(signer, patient, record, request, until),
        lambda word: access.grant_for.call(patient, request, word),
        after=after,
    )


def _request(
    held: RecordFile, grantee: Address, purpose: int, expires_at: int, locator: Locator
) -> GrantRequest:
    return GrantRequest(
        issuer=held.issuer,
        blind=blind_of(held),
        proof=held.proof,
        grantee=grantee,
        purpose=purpose,
        expires_at=expires_at,
        locator=locator,
    )


def object_of(held: RecordFile, scalar: int) -> GrantObject:
    """What a reader of a record gets, from its file and its secret scalar."""
    return GrantObject(
        cek=keys.cek(keys.record_point(scalar), held.salt),
        salt=held.salt,
        cid=held.cid,
        size_bytes=held.size_bytes,
        key_commitment=held.key_commitment,
        kind=held.kind,
        issuer=held.issuer,
        patient=held.patient,
        proof=held.proof,
    )


def wrap_object(
    exchange: Exchange,
    actor: Identity,
    standing: Standing,
    body: GrantObject,
    key: PublishedKey,
) -> tuple[Cid, Locator]:
    """Wraps a grant object for its reader, stores it, and seals where it is.

    The actor has it on a list (`flows.given`) from before it is stored: revoking finds every
    object. Once its grant is sent or signed, `Given.handed_out` must be told. What a run that
    was killed made for the same grant is taken up: then the same is sent, once.

    Returns:
        Where it is stored, and the locator that says so to the reader alone.
    """
    place = bound(exchange, standing, key.version)
    given = Given(actor, standing.record, standing.reader)
    terms = sha256(hpke.grant_info(*place)).digest()
    if (begun := given.begun(exchange, terms)) is not None:
        return begun
    wrapped = hpke.wrap(body.encode(), key.bundle, hpke.grant_info(*place))
    digest = sha256(wrapped).digest()
    cid = raw_cid(digest)
    locator = Locator.of(hpke.seal_locator(digest, key.bundle, hpke.locator_info(*place)))
    given.storing(cid, locator, terms)
    exchange.store.put([wrapped], expected=cid)
    return cid, locator


def revoke_access(by: Decisions, record: RecordId, grantee: Address) -> Prepared:
    """The end of a grant, from the next block on. What was read before cannot be unseen.

    Once it is sent or signed, the reader's grant objects are let go of in the store: when it
    has collected them, the locator on chain leads nowhere, whatever the reader's client
    believes.

    Raises:
        RecordNotHeld: the actor does not hold the record.
    """
    access, signer, patient = by.exchange.access, by.actor.signer, by.patient
    blind = blind_of(held_record(by.actor, record))
    return Prepared(
        by.exchange,
        access,
        by.actor,
        access.revoke.call(blind, grantee) if by.own else None,
        lambda until: access.sign_revocation(signer, patient, record, grantee, until),
        lambda word: access.revoke_for.call(patient, blind, grantee, word),
        after=lambda: Given(by.actor, record, grantee).let_go(by.exchange.store),
        moot=(GrantMissing,),  # a try before may have got no further than the chain
    )
