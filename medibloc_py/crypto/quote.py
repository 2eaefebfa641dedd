"""The quote: what a steward sends to a vetted buyer before anything is paid.

Hybrid-wrapped, never public. Everything in it is checked before the purchase
(docs/sale-v1.md), nothing in it decrypts before the sale is settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from medibloc_py.crypto import cbor, curve
from medibloc_py.crypto.cbor import Fields
from medibloc_py.crypto.documents import cid_field, scalar_field
from medibloc_py.crypto.ids import address_bytes, issuer_leaf
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.crypto.sale import TableProof
from medibloc_py.errors import InvalidValue
from medibloc_py.model import (
    Address,
    Cid,
    ContributionTerms,
    IssuerShare,
    KeyCommitment,
    Listing,
    RecordId,
    Root,
    SignedContribution,
)

MOST_ROWS = 1_000_000
_MOST_BYTES = 1 << 30
_MOST_NODES = 64 * MOST_ROWS


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One record of a quote.

    Attributes:
        size_bytes: of the sealed record.
        C: x·G, 33 bytes.
        W: X + d·H, 33 bytes.
        batch: which of the quote's batches the record stands in.
    """

    patient: Address
    salt: bytes
    cid: Cid
    size_bytes: int
    kind: int
    C: bytes
    W: bytes
    batch: int


@dataclass(frozen=True, slots=True)
class QuoteBatch:
    """A root and the multiproof of the quote's records that stand in it."""

    issuer: Address
    root: Root
    proof: tuple[bytes, ...]
    flags: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """All a buyer needs to check a dataset before paying, and to open it afterwards.

    Attributes:
        D: d·G, 33 bytes.
        K: k·G, 33 bytes; its address is the lock of the order.
        z: d + k mod n.
        deadline: the latest deadline of an order that the steward will settle.
    """

    listing: Listing
    contributions: tuple[SignedContribution, ...]
    rows: tuple[QuoteRow, ...]
    D: bytes
    proof: TableProof
    batches: tuple[QuoteBatch, ...]
    buyer: Address
    purpose: int
    K: bytes
    z: int = field(repr=False)
    deadline: int

    def encode(self) -> bytes:
        """Encodes as canonical DAG-CBOR."""
        return cbor.encode(
            {
                "v": 1,
                "listing": _listing_map(self.listing),
                "contributions": [_signed_map(signed) for signed in self.contributions],
                "rows": [_row_map(row) for row in self.rows],
                "D": self.D,
                "proof": {
                    "T1": self.proof.T1,
                    "T2": self.proof.T2,
                    "T3": self.proof.T3,
                    "s1": curve.scalar_bytes(self.proof.s1, "s1"),
                    "s2": curve.scalar_bytes(self.proof.s2, "s2"),
                },
                "batches": [
                    {
                        "issuer": address_bytes(batch.issuer),
                        "root": batch.root,
                        "proof": list(batch.proof),
                        "flags": list(batch.flags),
                    }
                    for batch in self.batches
                ],
                "buyer": address_bytes(self.buyer),
                "purpose": self.purpose,
                "K": self.K,
                "z": curve.scalar_bytes(self.z, "z"),
                "deadline": self.deadline,
            }
        )

    def issuer_shares(self) -> tuple[IssuerShare, ...]:
        """What each issuer's records weigh, sorted by address."""
        return issuer_shares(
            (self.batches[row.batch].issuer, signed.terms.weight)
            for row, signed in zip(self.rows, self.contributions, strict=True)
        )

    @classmethod
    def decode(cls, data: bytes, source: str = "what was unwrapped") -> Quote:
        """Decodes strictly; arguments and errors as `GrantObject.decode`."""
        fields = cbor.decode(data, cbor.invalid_document("quote", source), _MOST_BYTES)
        fields.constant("v", 1)
        quote = cls(
            listing=fields.map("listing", _listing),
            contributions=fields.maps("contributions", MOST_ROWS, _signed),
            rows=fields.maps("rows", MOST_ROWS, _row),
            D=fields.octets("D", curve.POINT_BYTES),
            proof=fields.map("proof", _proof),
            batches=fields.maps("batches", MOST_ROWS, _batch),
            buyer=fields.address("buyer"),
            purpose=fields.uint("purpose", 64),
            K=fields.octets("K", curve.POINT_BYTES),
            z=scalar_field(fields, "z"),
            deadline=fields.uint("deadline", 40),
        )
        fields.end()
        if not quote.rows or len(quote.rows) != len(quote.contributions):
            fields.fail("it does not have one row for each contribution")
        if not all(row.batch < len(quote.batches) for row in quote.rows):
            fields.fail("a row names a batch that is not there")
        return quote


def issuer_shares(records: Iterable[tuple[Address, int]]) -> tuple[IssuerShare, ...]:
    """Sums the weights of each issuer's records; sorted by address, so the tree is one.

    Args:
        records: issuer and weight of each record.
    """
    weights: dict[Address, int] = {}
    for issuer, weight in records:
        weights[issuer] = weights.get(issuer, 0) + weight
    return tuple(IssuerShare(issuer, weights[issuer]) for issuer in sorted(weights))


def issuers_root(shares: Iterable[IssuerShare], issuer_bps: int) -> Root:
    """The root that a listing names for its issuers' shares: zeros without an issuers' part."""
    if not issuer_bps:
        return Root(bytes(32))
    return MerkleTree([issuer_leaf(share) for share in shares]).root


def _listing_map(listing: Listing) -> dict[str, Any]:
    return {
        "steward": address_bytes(listing.steward),
        "root": listing.root,
        "token": address_bytes(listing.token),
        "price": _uint96(listing.price),
        "total_weight": _uint96(listing.total_weight),
        "terms": listing.terms,
        "fee_bps": listing.fee_bps,
        "issuer_bps": listing.issuer_bps,
        "issuers": listing.issuers,
        "bond": _uint96(listing.bond),
        "closes_at": listing.closes_at,
        "salt": listing.salt,
    }


def _listing(fields: Fields) -> Listing:
    return Listing(
        steward=fields.address("steward"),
        root=Root(fields.octets("root", 32)),
        token=fields.address("token"),
        price=_amount(fields, "price"),
        total_weight=_amount(fields, "total_weight"),
        terms=fields.uint("terms", 64),
        fee_bps=fields.uint("fee_bps", 16),
        issuer_bps=fields.uint("issuer_bps", 16),
        issuers=Root(fields.octets("issuers", 32)),
        bond=_amount(fields, "bond"),
        closes_at=fields.uint("closes_at", 40),
        salt=fields.octets("salt", 8),
    )


def _signed_map(signed: SignedContribution) -> dict[str, Any]:
    terms = signed.terms
    return {
        "patient": address_bytes(terms.patient),
        "signer": address_bytes(terms.signer),
        "steward": address_bytes(terms.steward),
        "token": address_bytes(terms.token),
        "terms": terms.terms,
        "min_price": _uint96(terms.min_price),
        "max_fee_bps": terms.max_fee_bps,
        "payee": address_bytes(terms.payee),
        "record": terms.record,
        "key_commitment": terms.key_commitment,
        "weight": _uint96(terms.weight),
        "max_total_weight": _uint96(terms.max_total_weight),
        "expires_at": terms.expires_at,
        "signature": signed.signature,
    }


def _signed(fields: Fields) -> SignedContribution:
    terms = ContributionTerms(
        patient=fields.address("patient"),
        signer=fields.address("signer"),
        steward=fields.address("steward"),
        token=fields.address("token"),
        terms=fields.uint("terms", 64),
        min_price=_amount(fields, "min_price"),
        max_fee_bps=fields.uint("max_fee_bps", 16),
        payee=fields.address("payee"),
        record=RecordId(fields.octets("record", 32)),
        key_commitment=KeyCommitment(fields.octets("key_commitment", 32)),
        weight=_amount(fields, "weight"),
        max_total_weight=_amount(fields, "max_total_weight"),
        expires_at=fields.uint("expires_at", 40),
    )
    return SignedContribution(terms, fields.octets("signature", 65))


def _row_map(row: QuoteRow) -> dict[str, Any]:
    return {
        "patient": address_bytes(row.patient),
        "salt": row.salt,
        "cid": row.cid,
        "size": row.size_bytes,
        "kind": row.kind,
        "C": row.C,
        "W": row.W,
        "batch": row.batch,
    }


def _row(fields: Fields) -> QuoteRow:
    return QuoteRow(
        patient=fields.address("patient"),
        salt=fields.octets("salt", 32),
        cid=cid_field(fields),
        size_bytes=fields.uint("size"),
        kind=fields.uint("kind", 32),
        C=fields.octets("C", curve.POINT_BYTES),
        W=fields.octets("W", curve.POINT_BYTES),
        batch=fields.uint("batch", 32),
    )


def _batch(fields: Fields) -> QuoteBatch:
    return QuoteBatch(
        issuer=fields.address("issuer"),
        root=Root(fields.octets("root", 32)),
        proof=fields.hashes("proof", _MOST_NODES),
        flags=fields.flags("flags", _MOST_NODES),
    )


def _proof(fields: Fields) -> TableProof:
    return TableProof(
        T1=fields.octets("T1", curve.POINT_BYTES),
        T2=fields.octets("T2", curve.POINT_BYTES),
        T3=fields.octets("T3", curve.POINT_BYTES),
        s1=scalar_field(fields, "s1"),
        s2=scalar_field(fields, "s2"),
    )


def _uint96(value: int) -> bytes:
    # Amounts go beyond the 64 bits of a CBOR integer.
    if not 0 <= value < 1 << 96:
        raise InvalidValue(name="an amount", given=value, allowed="a uint96")
    return value.to_bytes(12, "big")


def _amount(fields: Fields, key: str) -> int:
    return int.from_bytes(fields.octets(key, 12), "big")
