"""Wrapping for a reader: HPKE (RFC 9180) in base mode, single shot.

Payloads go under the hybrid MLKEM768-X25519, because what is stored today can be
kept and opened decades later; locators, which stand in events and must be short,
under X25519. Both with HKDF-SHA256 and AES-256-GCM. The `info` of every wrapping
binds where it belongs, so nothing wrapped for one place opens in another.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from medibloc_py.crypto.ids import address_bytes
from medibloc_py.crypto.keys import SUITE, EncryptionKeys, parse_bundle
from medibloc_py.errors import Corrupted, InvalidValue, WrongKey
from medibloc_py.model import Address, ListingId, RecordId

WRAP_OVERHEAD = 1 + 1120 + 16
"""Suite byte, encapsulated key (1,088 + 32) and tag."""
MOST_PAYLOAD_BYTES = 1 << 30
LOCATOR_BYTES = 32 + 32 + 16
"""Encapsulated key, digest and tag."""

_PAYLOAD = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_LOCATOR = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def wrap(payload: bytes, bundle: bytes, info: bytes) -> bytes:
    """Wraps a payload for the holder of a bundle.

    Args:
        payload: any bytes, held in memory.
        bundle: the reader's public bundle, 1,249 bytes.
        info: where it belongs, from one of the builders below.

    Returns:
        `0x01 || enc || ciphertext`, `WRAP_OVERHEAD` bytes more than the payload.

    Raises:
        InvalidValue: the bundle is not one, or holds a key of low order; the payload is
            above 1 GiB.
    """
    if len(payload) > MOST_PAYLOAD_BYTES:
        raise InvalidValue(name="payload", given=f"{len(payload)} bytes", allowed="at most 1 GiB")
    key = parse_bundle(bundle).payload
    try:
        return SUITE + _PAYLOAD.encrypt(payload, key, info=info)
    except ValueError:
        raise _unusable_key() from None


def unwrap(wrapped: bytes, keys: EncryptionKeys, info: bytes, what_for: str) -> bytes:
    """Unwraps with whichever key version fits, the newest first.

    Args:
        wrapped: what `wrap` gave.
        keys: the reader's keys.
        info: where it belongs; must equal that of the wrapping.
        what_for: what to call it in errors, for example "grant object".

    Raises:
        WrongKey: no version opens it: wrapped for another key or another place, or altered
            (HPKE cannot tell these apart; what comes from the store has its CID checked first).
        Corrupted: too short, too long, or of an unknown suite.
    """
    payload_bytes = len(wrapped) - WRAP_OVERHEAD
    if not 0 <= payload_bytes <= MOST_PAYLOAD_BYTES or wrapped[:1] != SUITE:
        raise Corrupted(
            name=f"the wrapped {what_for}", reason="its length or its suite cannot be right"
        )
    sealed = memoryview(wrapped)[1:]  # a payload may be long
    for pair in reversed(keys.pairs):
        try:
            return _PAYLOAD.decrypt(sealed, pair.payload_private(), info=info)
        except (InvalidTag, ValueError):
            continue
    raise WrongKey(what_for=what_for)


def seal_locator(digest: bytes, bundle: bytes, info: bytes) -> bytes:
    """Seals where a grant object lies to its reader.

    Args:
        digest: sha2-256 of the grant object, the digest of its raw-leaf CIDv1; 32 bytes.
        bundle: the reader's public bundle, 1,249 bytes.
        info: from `locator_info`.

    Returns:
        80 bytes.

    Raises:
        InvalidValue: not 32 bytes, or the bundle is not one.
    """
    if len(digest) != 32:
        raise InvalidValue(name="digest", given=f"{len(digest)} bytes", allowed="32 bytes")
    key = parse_bundle(bundle).locator
    try:
        return _LOCATOR.encrypt(digest, key, info=info)
    except ValueError:
        raise _unusable_key() from None


def open_locator(locator: bytes, keys: EncryptionKeys, info: bytes) -> bytes:
    """Opens a locator with whichever key version fits, the newest first.

    Returns:
        The 32-byte digest.

    Raises:
        WrongKey: no version opens it (see `unwrap`).
        Corrupted: not 80 bytes.
    """
    if len(locator) != LOCATOR_BYTES:
        raise Corrupted(name="the locator", reason=f"it has {len(locator)} bytes, not 80")
    for pair in reversed(keys.pairs):
        try:
            return _LOCATOR.decrypt(locator, pair.locator_private(), info=info)
        except (InvalidTag, ValueError):
            continue
    raise WrongKey(what_for="locator")


# Where a wrapping belongs: an ASCII label, then fields of fixed width, big-endian.


def grant_info(
    chain_id: int,
    grants_address: Address,
    record: RecordId,
    granter: Address,
    grantee: Address,
    key_version: int,
    purpose: int,
    expires_at: int,
) -> bytes:
    """`info` of a grant object."""
    return b"medibloc/grant/v1" + _grant(
        chain_id, grants_address, record, granter, grantee, key_version, purpose, expires_at
    )


def locator_info(
    chain_id: int,
    grants_address: Address,
    record: RecordId,
    granter: Address,
    grantee: Address,
    key_version: int,
    purpose: int,
    expires_at: int,
) -> bytes:
    """`info` of a locator; the fields are those of `grant_info`."""
    return b"medibloc/locator/v1" + _grant(
        chain_id, grants_address, record, granter, grantee, key_version, purpose, expires_at
    )


def record_file_info(
    chain_id: int, records_address: Address, record: RecordId, owner: Address
) -> bytes:
    """`info` of a record file."""
    return b"medibloc/record-file/v1" + b"".join(
        (_uint(chain_id, 32), address_bytes(records_address), _id(record), address_bytes(owner))
    )


def quote_info(
    chain_id: int, market: Address, listing: ListingId, steward: Address, buyer: Address
) -> bytes:
    """`info` of a quote."""
    return b"medibloc/quote/v1" + b"".join(
        (
            _uint(chain_id, 32),
            address_bytes(market),
            _id(listing),
            address_bytes(steward),
            address_bytes(buyer),
        )
    )


def vault_info(name: str) -> bytes:
    """`info` of a private file that its owner wraps to itself."""
    return b"medibloc/vault/v1" + name.encode()


def _grant(
    chain_id: int,
    grants_address: Address,
    record: RecordId,
    granter: Address,
    grantee: Address,
    key_version: int,
    purpose: int,
    expires_at: int,
) -> bytes:
    return b"".join(
        (
            _uint(chain_id, 32),
            address_bytes(grants_address),
            _id(record),
            address_bytes(granter),
            address_bytes(grantee),
            _uint(key_version, 4),
            _uint(purpose, 8),
            _uint(expires_at, 8),
        )
    )


def _uint(value: int, width: int) -> bytes:
    if not 0 <= value < 1 << 8 * width:
        raise InvalidValue(name="a bound number", given=value, allowed=f"a uint{8 * width}")
    return value.to_bytes(width, "big")


def _id(value: bytes) -> bytes:
    if len(value) != 32:
        raise InvalidValue(name="a bound id", given=f"{len(value)} bytes", allowed="32 bytes")
    return value


def _unusable_key() -> InvalidValue:
    return InvalidValue(name="the key bundle", given="a key of low order", allowed="a random key")
