"""The nouns of the exchange: plain, frozen values that every room trades.

Nothing here does I/O and nothing here knows a foreign library. Field names and
units follow the contracts (`contracts/*/I*.sol`), so a value reads the same in
Solidity, in Python and in JSON. Times are unix seconds in UTC; amounts are the
token's smallest unit; every 32-byte id is raw `bytes` of length 32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
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
GENERAL = RecordId(bytes(32))
"""In the place of a record: all records that have no consent of their own."""
KIND_DICOM_STUDY = 1
"""`kind` of a record that holds one DICOM study without who the patient is."""
KIND_TREATMENT_STUDY = 2
"""`kind` of a record that holds one DICOM study as it came, with identity: for treatment only."""
WHOLE_BPS = 10_000
"""Basis points in one whole."""


class Role(IntEnum):
    """What an account is accredited for; the values are those of `IAccounts.Role`."""

    ISSUER = 0
    CLINICIAN = 1
    RESEARCHER = 2
    REVIEWER = 3


class Scope(IntFlag):
    """What a delegate may do for a patient; the bits are those of `Scopes`."""

    CONSENT = 1
    """Set, revoke and lift consents."""
    GRANT = 2
    """Grant access, revoke it, name a custodian."""
    SELL = 4
    """Sign contributions to listings, withdraw them."""


class OrderState(IntEnum):
    """Where an order stands; the values are those of `IMarket.OrderState`."""

    NONE = 0
    OPEN = 1
    SETTLED = 2
    REFUNDED = 3


class Bond(IntEnum):
    """Where a listing's bond stands; the values are those of `IMarket.Bond`."""

    NONE = 0
    HELD = 1
    FORFEITED = 2


@dataclass(frozen=True, slots=True)
class Signed:
    """An account's word for an act that anyone may send, as `Signatures.Signed`.

    Attributes:
        signer: who speaks.
        deadline: last second the signature is taken.
        signature: 65 bytes `r || s || v` of a key, or what a contract wallet takes (ERC-1271).
    """

    signer: Address
    deadline: int
    signature: bytes


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
    """A patient's consent for a record, or for all that have none of their own.

    Attributes:
        record: whose consent it is; `GENERAL` for the general one.
        terms: terms word; 0 when never given, revoked or lifted.
        expires_at: last second it holds.
        version: number of changes so far.
        barred: nothing is permitted for this record, whatever the general consent says.
    """

    patient: Address
    record: RecordId
    terms: int
    expires_at: int
    version: int
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a delegate may do for a patient.

    Attributes:
        scope: what it may do; nothing when it is over.
        ever_scope: all it was ever allowed to do.
        until: last second of it; may have passed.
        version: number of changes so far.
    """

    patient: Address
    delegate: Address
    scope: Scope
    ever_scope: Scope
    until: int
    version: int


@dataclass(frozen=True, slots=True)
class Clearance:
    """A reviewer's word that a request may go ahead where terms REFER it to a person.

    Attributes:
        subject: `ConsentService.subject_of`, or the id of a listing, 32 bytes.
        requester: who will use the data.
        request: the request word, exactly as it will be asked.
        reviewer: who cleared it; the zero address when nobody did.
        until: last second it holds; 0 when never given or taken back.
    """

    subject: bytes
    requester: Address
    request: int
    reviewer: Address
    until: int


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a grant object is, sealed to its reader; the fields are those of `IGrants.Locator`.

    Attributes:
        enc: encapsulated key, 32 bytes.
        body: ciphertext of the object's digest, 32 bytes.
        tag: of the AEAD, 16 bytes.
    """

    enc: bytes
    body: bytes
    tag: bytes

    @classmethod
    def of(cls, sealed: bytes) -> Locator:
        """Takes the 80 bytes apart; what is too short or too long does not fit the fields."""
        return cls(sealed[:32], sealed[32:64], sealed[64:])

    def __bytes__(self) -> bytes:
        return self.enc + self.body + self.tag


@dataclass(frozen=True, slots=True)
class Grant:
    """A patient's permission for one reader on one record."""

    record: RecordId
    grantee: Address
    purpose: int
    expires_at: int
    epoch: int


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """What is granted to whom; the fields are those of `IGrants.Request`.

    Attributes:
        issuer: who registered the root in which the record stands.
        blind: opens the record's id together with the patient.
        proof: siblings from the record's leaf up to the root.
        grantee: the reader.
        purpose: request word; `TREATMENT` needs no consent.
        expires_at: last second it holds.
        locator: where the grant object is, sealed to the reader.
    """

    issuer: Address
    blind: Blind
    proof: tuple[bytes, ...]
    grantee: Address
    purpose: int
    expires_at: int
    locator: Locator


@dataclass(frozen=True, slots=True)
class GrantEvent:
    """A grant as its event told it: with the sealed locator, 80 bytes, and who said so."""

    record: RecordId
    patient: Address
    grantee: Address
    purpose: int
    expires_at: int
    epoch: int
    locator: bytes
    by: Address
    block: int


@dataclass(frozen=True, slots=True)
class Custodian:
    """Whom a patient named for emergencies; the zero address when nobody."""

    patient: Address
    custodian: Address
    until: int
    version: int


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency access of one epoch; `broken_at` is 0 when there was none."""

    record: RecordId
    clinician: Address
    epoch: int
    custodian: Address
    broken_at: int
    reviewed: bool


@dataclass(frozen=True, slots=True)
class GlassEvent:
    """An emergency access as its event told it; `reason` is a keccak256, 32 bytes."""

    record: RecordId
    patient: Address
    clinician: Address
    custodian: Address
    expires_at: int
    epoch: int
    reason: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A key that a custodian gave a clinician, as its event told it; 80 bytes of locator."""

    record: RecordId
    clinician: Address
    epoch: int
    custodian: Address
    locator: bytes
    block: int


@dataclass(frozen=True, slots=True)
class GlassReview:
    """A reviewer's judgement on an emergency access; `finding` is a keccak256, 32 bytes."""

    record: RecordId
    clinician: Address
    reviewer: Address
    epoch: int
    justified: bool
    finding: bytes
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
        issuer_bps: part of the price that is the issuers', in basis points.
        issuers: root of the tree over the issuers' shares; zeros without an issuers' part.
        bond: token units the steward stakes on every contribution being signed.
        closes_at: last second an order may be opened.
        salt: 8 random bytes, so the same content may be listed again.
    """

    steward: Address
    root: Root
    token: Address
    price: int
    total_weight: int
    terms: int
    fee_bps: int
    issuer_bps: int
    issuers: Root
    bond: int
    closes_at: int
    salt: bytes


@dataclass(frozen=True, slots=True)
class ListingState:
    """What the market stores of a listing; `closes_at` 0 means unknown listing.

    Attributes:
        earned: token units of all settled orders.
        paid: token units that left: shares and fee, without the bond.
        closes_at: last second an order may be opened.
        bond: where its bond stands.
    """

    earned: int
    paid: int
    closes_at: int
    bond: Bond = Bond.NONE


@dataclass(frozen=True, slots=True)
class IssuerShare:
    """A leaf of a listing's tree of issuers: the weight of all records that one issued."""

    issuer: Address
    weight: int


@dataclass(frozen=True, slots=True)
class ContributionTerms:
    """What is signed (EIP-712 `Contribution`) to join a steward's listing.

    Attributes:
        signer: the patient, or a delegate whose scope is `Scope.SELL`.
        min_price: lowest price per sale, in token units.
        max_fee_bps: largest part of the price for steward and issuers together.
        weight: this record's part of the listing's total weight.
        max_total_weight: the listing's total weight at most, so that nobody dilutes the share.
        expires_at: the listing must close no later than this second.
    """

    patient: Address
    signer: Address
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
    """A contribution and the 65-byte signature `r || s || v` of its signer."""

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
    weight: int
    consent_digest: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of several: a contribution, its listing, and the proof that it stands there."""

    listing: Listing
    contribution: Contribution
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Permit:
    """An ERC-2612 approval of a listing's price, as `Listings.Permit`."""

    deadline: int
    v: int
    r: bytes
    s: bytes


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
