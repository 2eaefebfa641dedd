"""The secret behind one record: from a scalar to its content key and commitment.

x is a scalar; X = x·U gives the content key and is as secret; C = x·G gives the
commitment and is shown to a buyer only. U is a second generator of the curve
(docs/sale-v1.md), so C says nothing about X.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from medibloc_py.crypto import curve
from medibloc_py.model import KeyCommitment


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
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
