"""The point-locked sale (docs/sale-v1.md): one number opens all keys of a listing.

Per listing the steward makes a table of locked keys (`table`). Per sale `z = d + k`
goes to the buyer; showing k on chain, to be paid, gives the buyer d. Scalars are
ints; points are 33 bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from medibloc_py.crypto import curve
from medibloc_py.crypto.curve import ORDER, Point
from medibloc_py.crypto.ids import checksum_address, keccak256
from medibloc_py.crypto.keys import cek
from medibloc_py.crypto.table import (
    Progress,
    Row,
    Table,
    TableProof,
    build_table,
    verify_table,
)
from medibloc_py.errors import InvalidValue, QuoteInvalid
from medibloc_py.model import Address, ListingId, RecordId

__all__ = [
    "Offer",
    "Progress",
    "Row",
    "Table",
    "TableProof",
    "build_table",
    "lock_of",
    "lock_of_point",
    "make_offer",
    "mask_point",
    "new_listing_secret",
    "recover_cek",
    "recover_d",
    "recover_x_point",
    "verify_offer",
    "verify_table",
]


def new_listing_secret() -> int:
    """Draws d; every listing has its own."""
    return curve.random_scalar()


def mask_point(listing: ListingId, record: RecordId) -> bytes:
    """H: the point that masks a record's key in a listing; public, 33 bytes."""
    return curve.encode_point(curve.hash_to_curve(listing + record))


class Offer(NamedTuple):
    """One sale's secret k, its point K, and z = d + k mod n, which is for one buyer."""

    k: int
    K: bytes
    z: int

    def __repr__(self) -> str:
        return f"Offer(K={self.K.hex()})"


def make_offer(d: int) -> Offer:
    """Draws the secret of one sale; never use it for a second.

    Raises:
        InvalidValue: d is not a scalar.
    """
    curve.scalar_bytes(d, "d")
    z = 0
    while not z:
        k = curve.random_scalar()
        z = (d + k) % ORDER
    return Offer(k, curve.encode_point(curve.base(k)), z)


def verify_offer(d_point: bytes, k_point: bytes, z: int) -> None:
    """Checks that whoever learns the k behind K learns d: z·G = D + K.

    Raises:
        QuoteInvalid: it does not hold.
    """
    try:
        holds = curve.base(z, "z") == curve.add(
            [curve.parse_point(d_point, "D"), curve.parse_point(k_point, "K")]
        )
    except InvalidValue as error:
        raise QuoteInvalid(check="offer", reason=error.message) from None
    if not holds:
        raise QuoteInvalid(check="offer", reason="its lock does not open the table")


def lock_of(k: int) -> Address:
    """The address of k·G: what the market locks a payment on.

    Raises:
        InvalidValue: k is not a scalar.
    """
    return _address_of(curve.base(k, "k"))


def lock_of_point(k_point: bytes) -> Address:
    """The address of K, for a buyer who does not know k.

    Raises:
        InvalidValue: K is not a point.
    """
    return _address_of(curve.parse_point(k_point, "K"))


def recover_d(z: int, k: int) -> int:
    """Computes d = z - k mod n once k was shown.

    Raises:
        InvalidValue: the two do not belong together.
    """
    d = (z - k) % ORDER
    curve.scalar_bytes(d, "d")
    return d


def recover_x_point(w_point: bytes, d: int, h_point: bytes) -> bytes:
    """Computes X = W - d·H, 33 bytes.

    Args:
        w_point: W of the row, 33 bytes.
        d: the listing's secret.
        h_point: `mask_point` of the record, 33 bytes.

    Raises:
        InvalidValue: not points, or a sum at infinity.
    """
    mask = curve.times(curve.parse_point(h_point, "H"), ORDER - d, "d")
    return curve.encode_point(curve.add([curve.parse_point(w_point, "W"), mask], "X"))


def recover_cek(listing: ListingId, record: RecordId, salt: bytes, w_point: bytes, d: int) -> bytes:
    """Computes a record's content key from its row, 32 bytes; raises as `recover_x_point`."""
    return cek(recover_x_point(w_point, d, mask_point(listing, record)), salt)


def _address_of(point: Point) -> Address:
    return checksum_address(keccak256(point.format(compressed=False)[1:])[12:])
