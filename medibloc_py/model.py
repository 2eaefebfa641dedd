"""The nouns of the exchange: plain, frozen values that every room trades.

Nothing here does I/O and nothing here knows a foreign library. Field names and
units follow the contracts (`contracts/*/I*.sol`), so a value reads the same in
Solidity, in Python and in JSON. Times are unix seconds in UTC; amounts are the
token's smallest unit; every 32-byte id is raw `bytes` of length 32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NewType

Address = NewType("Address", str)
"""EIP-55 checksummed account address, `0x` and 40 hex digits."""
RecordId = NewType("RecordId", bytes)
"""Merkle leaf over `(patient, blind)`, 32 bytes."""
Blind = NewType("Blind", bytes)
"""keccak256 over salt, content digest, key commitment and kind, 32 bytes."""
Root = NewType("Root", bytes)
"""Root of a Merkle tree in OpenZeppelin's format, 32 bytes."""
KeyCommitment = NewType("KeyCommitment", bytes)
"""sha256(C_i || salt_i), 32 bytes."""
ListingId = NewType("ListingId", bytes)
"""keccak256 over chain, market and the listing's fields, 32 bytes."""
OrderId = NewType("OrderId", bytes)
"""keccak256 over chain, market and the order's fields, 32 bytes."""
Cid = NewType("Cid", str)
"""CIDv1 in base32 (`b...`), profile unixfs-v1-2025."""

ZERO_ADDRESS = Address("0x" + "00" * 20)
KIND_DICOM_STUDY = 1
"""`kind` of a record that holds one DICOM study (docs/envelope-v1.md)."""
WHOLE_BPS = 10_000
"""Basis points in one whole."""


class Role(IntEnum):
    """What an account is accredited for; the values are those of `IAccounts.Role`."""

    ISSUER = 0
    CLINICIAN = 1
    RESEARCHER = 2


class OrderState(IntEnum):
    """Where an order stands; the values are those of `IMarket.OrderState`."""

    NONE = 0
    OPEN = 1
    SETTLED = 2
    REFUNDED = 3


@dataclass(frozen=True, slots=True)
class Accreditation:
    """One account's standing in one role.

    Attributes:
        until: last second the accreditation holds; 0 when never given.
        evidence: purpose bits an accreditor vouches for (see `purpose.VOUCHED`).
    """

    account: Address
    role: Role
    until: int
    evidence: int


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """An account's public key bundle as the chain announced it; version 0 means none."""

    account: Address
    bundle: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One registered root. `registered_at` is 0 when the issuer never registered it."""

    issuer: Address
    root: Root
    registered_at: int
    count: int
    superseded_by: Root | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A patient's consent slot; `terms` is 0 when never given or revoked."""

    patient: Address
    terms: int
    expires_at: int
    version: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A patient's permission for one reader on one record."""

    record: RecordId
    grantee: Address
    purpose: int
    expires_at: int
    epoch: int


@dataclass(frozen=True, slots=True)
class GrantEvent:
    """A grant as its event told it: with the sealed locator of the grant object."""

    record: RecordId
    patient: Address
    grantee: Address
    purpose: int
    expires_at: int
    epoch: int
    locator: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A dataset's offer; its id is the hash of exactly these fields.

    Attributes:
        root: root of the contributions' tree.
        price: token units per sale.
        total_weight: sum of the contributions' weights.
        terms: the purpose word every sale is matched against.
        fee_bps: part of the price that is the steward's, in basis points.
        closes_at: last second an order may be opened.
        salt: 32 random bytes, so the same content may be listed again.
    """

    steward: Address
    root: Root
    token: Address
    price: int
    total_weight: int
    terms: int
    fee_bps: int
    closes_at: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class ListingState:
    """What the market stores of a listing; `closes_at` 0 means unknown listing."""

    earned: int
    paid: int
    closes_at: int


@dataclass(frozen=True, slots=True)
class ContributionTerms:
    """What a patient signs (EIP-712 `Contribution`) to join a steward's listing.

    Attributes:
        min_price: lowest price per sale, in token units.
        max_fee_bps: largest part of the price that is not shared among contributors.
        weight: this record's part of the listing's total weight.
        max_total_weight: the listing's total weight at most, so that nobody dilutes the share.
        expires_at: the listing must close no later than this second.
    """

    patient: Address
    steward: Address
    token: Address
    terms: int
    min_price: int
    max_fee_bps: int
    payee: Address
    record: RecordId
    key_commitment: KeyCommitment
    weight: int
    max_total_weight: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedContribution:
    """A contribution and its patient's 65-byte signature `r || s || v`."""

    terms: ContributionTerms
    signature: bytes


@dataclass(frozen=True, slots=True)
class Contribution:
    """A leaf of the listing's tree.

    `consent_digest` is keccak256(EIP-712 digest || signature).
    """

    patient: Address
    payee: Address
    record: RecordId
    key_commitment: KeyCommitment
    weight: int
    consent_digest: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase; the market stores only its hash and state."""

    listing: ListingId
    buyer: Address
    token: Address
    price: int
    purpose: int
    lock: Address
    deadline: int


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log entry; `args` holds plain ints, bytes, str and checksummed addresses."""

    name: str
    address: Address
    args: dict[str, Any]
    block: int
    log_index: int
    transaction: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a mined transaction did. `transaction` is its hash, `0x` and 64 hex digits."""

    transaction: str
    sender: Address
    block: int
    timestamp: int
    gas_used: int
    fee_wei: int
    events: tuple[Event, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that a store has accepted."""

    cid: Cid
    size_bytes: int
