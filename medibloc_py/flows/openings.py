"""What a reader signs of having opened a record, for the patient to keep.

The chain tells who may read, and no node can tell who did. So the reader signs (EIP-712) that it
opened the record, under which right, and when. It proves who says so. That a reader who signed
nothing opened nothing, nothing proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medibloc_py.acts import Act
from medibloc_py.chain import TypedData, typed_act
from medibloc_py.errors import DocumentInvalid
from medibloc_py.flows import papers
from medibloc_py.flows.access import find_access
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import Address, RecordId
from medibloc_py.purpose import TREATMENT

KIND: Final = "opening"
_PREFIX: Final = "opening-"
_ACT: Final = Act(
    "MediBloc Opening",
    "Opening(bytes32 record,address patient,address reader,uint64 purpose,uint40 until,"
    "uint32 files,uint40 at,uint64 block)",
)


@dataclass(frozen=True, slots=True)
class Opening:
    """That a reader opened a record.

    Attributes:
        contract: Records, where the record stands.
        record: its id.
        patient: whose record it is.
        reader: who opened it.
        purpose: request word of the right it had; `TREATMENT` in an emergency.
        until: last second of that right.
        files: how many files it opened.
        at: when, by the chain's clock; unix seconds.
        block: the newest block then.
    """

    chain_id: int
    contract: Address
    record: RecordId
    patient: Address
    reader: Address
    purpose: int
    until: int
    files: int
    at: int
    block: int


@dataclass(frozen=True, slots=True)
class SignedOpening:
    """An opening with the signature of its reader: `r || s || v`, 65 bytes."""

    opening: Opening
    signature: bytes


def sign_opening(
    exchange: Exchange, reader: Identity, record: RecordId, files: int
) -> SignedOpening:
    """Signs that a reader opened a record, under the right that stands.

    Args:
        exchange: the deployment.
        reader: who opened it.
        record: the record.
        files: how many of its files.

    Raises:
        GrantNotFound, KeyNotDelivered: the reader may not open it now.
    """
    right = find_access(exchange, reader.address, record)
    newest = exchange.network.rpc.block("latest")
    opening = Opening(
        chain_id=exchange.chain_id,
        contract=exchange.records.address,
        record=record,
        patient=right.patient,
        reader=reader.address,
        purpose=right.purpose,
        until=right.expires_at,
        files=files,
        at=newest.timestamp,
        block=newest.number,
    )
    _, signature = reader.signer.sign_typed(*_typed(opening))
    return SignedOpening(opening, signature)


def write_opening(signed: SignedOpening) -> bytes:
    """Writes the paper that `read_opening` reads."""
    return papers.write(KIND, signed)


def read_opening(data: bytes, path: object) -> Opening:
    """Reads a paper and proves that its reader signed it; needs no chain.

    Raises:
        DocumentInvalid: it is none, or was not signed like this by its reader.
    """
    signed = papers.read(KIND, SignedOpening, data, path)
    opening = signed.opening
    papers.require_signed(
        "reader", opening.reader, _typed(opening), signed.signature, kind=KIND, path=path
    )
    return opening


def keep_opening(exchange: Exchange, keeper: Identity, data: bytes, path: object) -> Opening:
    """Keeps a paper in an account's vault, where its audits find it.

    Args:
        exchange: the deployment.
        keeper: who keeps it; the same paper again changes nothing.
        data: the paper.
        path: its name, for errors.

    Raises:
        DocumentInvalid: as `read_opening`; or it is of another deployment, or tells of a right
            that this chain never saw.
    """
    opening = read_opening(data, path)
    if (opening.chain_id, opening.contract) != (exchange.chain_id, exchange.records.address):
        raise DocumentInvalid(path=path, kind=KIND, reason="it is of another deployment")
    if not _was_given(exchange, opening):
        reason = "this chain never saw the right to read that it tells of"
        raise DocumentInvalid(path=path, kind=KIND, reason=reason)
    keeper.keep(f"{_PREFIX}{opening.record.hex()}-{opening.reader[2:].lower()}-{opening.at}", data)
    return opening


def kept_openings(keeper: Identity) -> list[Opening]:
    """What an account keeps of openings, the oldest first."""
    found = [read_opening(keeper.recall(name), name) for name in keeper.kept(_PREFIX)]
    return sorted(found, key=lambda opening: (opening.at, opening.record, opening.reader))


def _was_given(exchange: Exchange, opening: Opening) -> bool:
    """Whether a grant or an emergency gave the reader this very right."""
    grants = exchange.access.grants(record=opening.record, grantee=opening.reader)
    rights = {(grant.patient, grant.expires_at, grant.purpose) for grant in grants}
    glass = exchange.access.emergencies(record=opening.record, clinician=opening.reader)
    rights |= {(each.patient, each.expires_at, TREATMENT) for each in glass}
    right = (opening.patient, opening.until, opening.purpose)
    return right in rights and opening.at <= opening.until


def _typed(opening: Opening) -> TypedData:
    values = {
        "record": opening.record,
        "patient": opening.patient,
        "reader": opening.reader,
        "purpose": opening.purpose,
        "until": opening.until,
        "files": opening.files,
        "at": opening.at,
        "block": opening.block,
    }
    return typed_act(_ACT, opening.chain_id, opening.contract, values)
