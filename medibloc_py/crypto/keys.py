"""Encryption keys of an account, and the secret behind each of its records.

The public *bundle* is `0x01 || X25519 (32) || ML-KEM-768 (1,184) || X25519' (32)`,
1,249 bytes: the first key opens locators, the other two are the post-quantum
hybrid MLKEM768-X25519 that opens payloads. Keys are random, never derived from a
wallet. Rotation adds a pair and keeps the old ones, so what was wrapped stays open.

Behind a record is a scalar x. X = x·U gives the content key and is as secret; C = x·G
gives the key commitment and is shown to a buyer only. U is a second generator of
secp256k1 (docs/sale-v1.md), so C says nothing about X.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from medibloc_py.crypto import curve
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import InvalidValue
from medibloc_py.model import KeyCommitment

SUITE = b"\x01"
"""First byte of a bundle and of a wrapped payload: the suite of docs/envelope-v1.md."""
BUNDLE_BYTES = 1249
KEY_BYTES = 32
_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184


@dataclass(frozen=True, slots=True)
class PublicBundle:
    """A parsed bundle: the key for locators and the key for payloads."""

    locator: X25519PublicKey
    payload: MLKEM768X25519PublicKey


def parse_bundle(bundle: bytes) -> PublicBundle:
    """Parses a public key bundle.

    Raises:
        InvalidValue: another length, an unknown suite, or not a key.
    """
    if len(bundle) == BUNDLE_BYTES and bundle[:1] == SUITE:
        locator, mlkem, hybrid = bundle[1:33], bundle[33:1217], bundle[1217:]
        try:
            return PublicBundle(
                X25519PublicKey.from_public_bytes(locator),
                MLKEM768X25519PublicKey(
                    MLKEM768PublicKey.from_public_bytes(mlkem),
                    X25519PublicKey.from_public_bytes(hybrid),
                ),
            )
        except ValueError:
            pass
    raise InvalidValue(
        name="the key bundle",
        given=f"{len(bundle)} bytes that are no key",
        allowed=f"{BUNDLE_BYTES} bytes of suite 1",
    )


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One version of an account's encryption key.

    Attributes:
        locator_seed: X25519 private key for locators, 32 bytes.
        mlkem_seed: ML-KEM-768 seed `d || z`, 64 bytes.
        hybrid_seed: X25519 private key of the hybrid, 32 bytes.
        bundle: the public bundle, 1,249 bytes.
    """

    locator_seed: bytes = field(repr=False)
    mlkem_seed: bytes = field(repr=False)
    hybrid_seed: bytes = field(repr=False)
    bundle: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lengths = [len(seed) for seed in (self.locator_seed, self.mlkem_seed, self.hybrid_seed)]
        if lengths != [KEY_BYTES, _MLKEM_SEED_BYTES, KEY_BYTES]:
            raise InvalidValue(name="seeds", given=f"{lengths} bytes", allowed="32, 64, 32 bytes")
        bundle = (
            SUITE
            + self.locator_private().public_key().public_bytes_raw()
            + MLKEM768PrivateKey.from_seed_bytes(self.mlkem_seed).public_key().public_bytes_raw()
            + X25519PrivateKey.from_private_bytes(self.hybrid_seed).public_key().public_bytes_raw()
        )
        object.__setattr__(self, "bundle", bundle)

    @classmethod
    def generate(cls) -> KeyPair:
        """Draws a new pair."""
        return cls(
            secrets.token_bytes(KEY_BYTES),
            secrets.token_bytes(_MLKEM_SEED_BYTES),
            secrets.token_bytes(KEY_BYTES),
        )

    @property
    def bundle_hash(self) -> bytes:
        """keccak256 of the bundle: what `Accounts` stores; 32 bytes."""
        return keccak256(self.bundle)

    def locator_private(self) -> X25519PrivateKey:
        """The private key that opens locators."""
        return X25519PrivateKey.from_private_bytes(self.locator_seed)

    def payload_private(self) -> MLKEM768X25519PrivateKey:
        """The private key that opens payloads."""
        return MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(self.mlkem_seed),
            X25519PrivateKey.from_private_bytes(self.hybrid_seed),
        )


@dataclass(frozen=True, slots=True)
class EncryptionKeys:
    """All of an account's secrets for encryption.

    Attributes:
        root_secret: 32 bytes behind every record secret of this account.
        pairs: one or more key pairs, the newest last.
    """

    root_secret: bytes = field(repr=False)
    pairs: tuple[KeyPair, ...]

    def __post_init__(self) -> None:
        if len(self.root_secret) != KEY_BYTES or not self.pairs:
            raise InvalidValue(
                name="the set of keys", given="incomplete", allowed="a root secret and a key pair"
            )

    @classmethod
    def generate(cls) -> EncryptionKeys:
        """Draws a root secret and a first pair."""
        return cls(secrets.token_bytes(KEY_BYTES), (KeyPair.generate(),))

    @property
    def current(self) -> KeyPair:
        """The newest pair: the one to publish."""
        return self.pairs[-1]

    @property
    def versions(self) -> dict[bytes, KeyPair]:
        """The pairs by bundle hash."""
        return {pair.bundle_hash: pair for pair in self.pairs}

    def rotated(self) -> EncryptionKeys:
        """The same keys with a new pair on top."""
        return EncryptionKeys(self.root_secret, (*self.pairs, KeyPair.generate()))

    def retired(self) -> EncryptionKeys:
        """The same keys without the pairs before the newest: what was wrapped for them is shut."""
        return EncryptionKeys(self.root_secret, self.pairs[-1:])


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """HKDF-SHA256 (RFC 5869), extract and expand."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def record_scalar(root_secret: bytes, r: bytes) -> int:
    """Derives a record's secret scalar x; without `r` nobody can, which is what erases a record.

    Args:
        root_secret: of the owner, 32 bytes.
        r: 32 random bytes of the record.
    """
    # 48 bytes, so that the reduction leaves a bias below 2^-127.
    wide = hkdf(root_secret, salt=r, info=b"medibloc/x/v1", length=48)
    return int.from_bytes(wide, "big") % (curve.ORDER - 1) + 1


def record_point(x: int) -> bytes:
    """X = x·U: what the content key is made of; 33 bytes, as secret as the key itself."""
    return curve.encode_point(curve.times(curve.second_generator(), x, "x"))


def commitment_point(x: int) -> bytes:
    """C = x·G: what a key commitment is made of; 33 bytes, shown to a buyer only."""
    return curve.encode_point(curve.base(x, "x"))


def cek(x_point: bytes, salt: bytes) -> bytes:
    """Derives a record's content key from X and the record's salt; 32 bytes."""
    return hkdf(x_point, salt=salt, info=b"medibloc/cek/v1")


def key_commitment(c_point: bytes, salt: bytes) -> KeyCommitment:
    """Commits to a content key: sha256(C || salt), 32 bytes."""
    return KeyCommitment(sha256(c_point + salt).digest())


def file_key(cek: bytes, salt: bytes, index: int) -> tuple[bytes, bytes]:
    """Gives key and context of the sealed stream of a record's file at this place."""
    place = index.to_bytes(4, "big")
    return (
        hkdf(cek, salt=salt, info=b"medibloc/file/v1" + place),
        b"medibloc/envelope/v1/file" + salt + place,
    )


def manifest_key(cek: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Gives key and context of the sealed stream of a record's manifest."""
    return (
        hkdf(cek, salt=salt, info=b"medibloc/manifest/v1"),
        b"medibloc/envelope/v1/manifest" + salt,
    )


def check_record_key(cek: bytes, salt: bytes) -> None:
    """Holds a record's content key and salt to their length.

    Raises:
        InvalidValue: one has another.
    """
    for name, value in (("content key", cek), ("salt", salt)):
        if len(value) != KEY_BYTES:
            raise InvalidValue(name=name, given=f"{len(value)} bytes", allowed="32 bytes")
