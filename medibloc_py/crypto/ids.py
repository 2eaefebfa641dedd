"""Names of things, derived as the contracts derive them.

Every id is keccak256 over Solidity's `abi.encode` of static fields, so Python and
the contracts agree on tests/vectors/ids.json without asking each other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from eth_hash.auto import keccak

from medibloc_py.errors import InvalidAddress, InvalidValue
from medibloc_py.model import (
    Address,
    Blind,
    Contribution,
    IssuerShare,
    KeyCommitment,
    Listing,
    ListingId,
    Order,
    OrderId,
    RecordId,
)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def keccak256(data: bytes) -> bytes:
    """Hashes with Keccak-256 as Ethereum does (not SHA3-256); 32 bytes."""
    return keccak(data)


def address_bytes(address: Address) -> bytes:
    """Gives the 20 bytes of an address; its checksum is checked where a person types it.

    Raises:
        InvalidAddress: not `0x` and 40 hex digits.
    """
    if not _ADDRESS.fullmatch(address):
        raise InvalidAddress(given=address)
    return bytes.fromhex(address[2:])


@lru_cache(maxsize=4096)
def checksum_address(data: bytes) -> Address:
    """Writes 20 bytes as an address with its EIP-55 checksum.

    Raises:
        InvalidValue: not 20 bytes.
    """
    if len(data) != 20:
        raise InvalidValue(name="address", given=f"{len(data)} bytes", allowed="20 bytes")
    digits = data.hex()
    nibbles = keccak(digits.encode()).hex()
    return Address(
        "0x" + "".join(d.upper() if n > "7" else d for d, n in zip(digits, nibbles, strict=False))
    )


def content_digest(cid_bytes: bytes) -> bytes:
    """Hashes the binary CIDv1 of a sealed record's root with SHA-256; 32 bytes."""
    return sha256(cid_bytes).digest()


def blind(salt: bytes, content_digest: bytes, key_commitment: KeyCommitment, kind: int) -> Blind:
    """Derives what stands for a record's content and key on chain.

    Args:
        salt: 32 secret random bytes of the record.
        content_digest: see `content_digest`, 32 bytes.
        key_commitment: sha256(C || salt), 32 bytes.
        kind: kind of record, uint256.

    Raises:
        InvalidValue: an argument does not fit its type.
    """
    return Blind(
        keccak(
            _bytes32(salt, "salt")
            + _bytes32(content_digest, "content digest")
            + _bytes32(key_commitment, "key commitment")
            + _uint(kind, 256, "kind")
        )
    )


def record_id(patient: Address, blind: Blind) -> RecordId:
    """Derives a record's id: the double-hashed Merkle leaf over `(patient, blind)`.

    Raises:
        InvalidAddress: `patient` is not an address.
        InvalidValue: `blind` is not 32 bytes.
    """
    return RecordId(keccak(keccak(_address(patient) + _bytes32(blind, "blind"))))


def listing_id(chain_id: int, market: Address, listing: Listing) -> ListingId:
    """Derives a listing's id as `IMarket.listingId` does.

    Raises:
        InvalidAddress: an account is not an address.
        InvalidValue: a field does not fit its Solidity type.
    """
    return ListingId(
        keccak(
            _uint(chain_id, 256, "chain id")
            + _address(market)
            + _address(listing.steward)
            + _bytes32(listing.root, "root")
            + _address(listing.token)
            + _uint(listing.price, 96, "price")
            + _uint(listing.total_weight, 96, "total weight")
            + _uint(listing.terms, 64, "terms")
            + _uint(listing.fee_bps, 16, "fee")
            + _uint(listing.issuer_bps, 16, "issuers' part")
            + _bytes32(listing.issuers, "root of the issuers")
            + _uint(listing.bond, 96, "bond")
            + _uint(listing.closes_at, 40, "closing time")
            + _sized(listing.salt, 8, "salt").ljust(32, b"\0")
        )
    )


def order_id(chain_id: int, market: Address, order: Order) -> OrderId:
    """Derives an order's id as `IMarket.orderId` does.

    Raises:
        InvalidAddress: an account is not an address.
        InvalidValue: a field does not fit its Solidity type.
    """
    return OrderId(
        keccak(
            _uint(chain_id, 256, "chain id")
            + _address(market)
            + _bytes32(order.listing, "listing")
            + _address(order.buyer)
            + _address(order.token)
            + _uint(order.price, 96, "price")
            + _uint(order.purpose, 64, "purpose")
            + _address(order.lock)
            + _uint(order.deadline, 40, "deadline")
        )
    )


def contribution_leaf(contribution: Contribution) -> bytes:
    """Derives a contribution's Merkle leaf as `IMarket.leafOf` does; 32 bytes.

    Raises:
        InvalidAddress: an account is not an address.
        InvalidValue: a field does not fit its Solidity type.
    """
    return keccak(
        keccak(
            _address(contribution.patient)
            + _address(contribution.payee)
            + _bytes32(contribution.record, "record")
            + _uint(contribution.weight, 96, "weight")
            + _bytes32(contribution.consent_digest, "consent digest")
        )
    )


def issuer_leaf(share: IssuerShare) -> bytes:
    """Derives the Merkle leaf of an issuer's share as `IMarket.issuerLeafOf` does; 32 bytes.

    Raises:
        InvalidAddress: the issuer is not an address.
        InvalidValue: the weight does not fit its Solidity type.
    """
    return keccak(keccak(_address(share.issuer) + _uint(share.weight, 96, "weight")))


def consent_digest(eip712_digest: bytes, signature: bytes) -> bytes:
    """Digests a patient's signed contribution: keccak256(digest || signature), 32 bytes.

    Args:
        eip712_digest: what was signed, 32 bytes.
        signature: `r || s || v`, 65 bytes.

    Raises:
        InvalidValue: an argument has another length.
    """
    return keccak(_bytes32(eip712_digest, "digest") + _sized(signature, 65, "signature"))


def _bytes32(data: bytes, name: str) -> bytes:
    return _sized(data, 32, name)


def _sized(data: bytes, size: int, name: str) -> bytes:
    if len(data) != size:
        raise InvalidValue(name=name, given=f"{len(data)} bytes", allowed=f"{size} bytes")
    return data


def _uint(value: int, bits: int, name: str) -> bytes:
    if not 0 <= value < 1 << bits:
        raise InvalidValue(name=name, given=value, allowed=f"a uint{bits}")
    return value.to_bytes(32, "big")


def _address(address: Address) -> bytes:
    return bytes(12) + address_bytes(address)
