"""Points and scalars of secp256k1 (SEC 2): the one door to coincurve.

A point travels as 33 bytes, compressed SEC 1, and is worked on as `Point`; the
point at infinity has no encoding and is always an error. A scalar is an int from
1 to `ORDER - 1` and travels as 32 big-endian bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from coincurve import PublicKey

from medibloc_py.errors import InvalidValue

Point = PublicKey
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Number of points of the group; prime."""
POINT_BYTES = 33
SCALAR_BYTES = 32


def random_scalar() -> int:
    """Draws a uniform scalar from 1 to `ORDER - 1`."""
    return secrets.randbelow(ORDER - 1) + 1


def scalar_bytes(scalar: int, name: str = "scalar") -> bytes:
    """Encodes a scalar as 32 big-endian bytes.

    Raises:
        InvalidValue: it is not from 1 to `ORDER - 1`. The value is not shown: it may be secret.
    """
    if not 0 < scalar < ORDER:
        raise InvalidValue(name=name, given="out of range", allowed="from 1 to the order less 1")
    return scalar.to_bytes(SCALAR_BYTES, "big")


def parse_scalar(data: bytes, name: str = "scalar") -> int:
    """Decodes 32 big-endian bytes.

    Raises:
        InvalidValue: wrong length, zero, or not below the order.
    """
    if len(data) != SCALAR_BYTES:
        raise InvalidValue(name=name, given=f"{len(data)} bytes", allowed="32 bytes")
    scalar = int.from_bytes(data, "big")
    scalar_bytes(scalar, name)
    return scalar


def parse_point(data: bytes, name: str = "point") -> Point:
    """Decodes a compressed point.

    Raises:
        InvalidValue: not 33 bytes in compressed form, or not on the curve.
    """
    # coincurve also reads uncompressed and hybrid forms; one point must have one encoding.
    if len(data) == POINT_BYTES and data[0] in (2, 3):
        try:
            return Point(data)
        except ValueError:
            pass
    raise InvalidValue(name=name, given=data, allowed="a compressed point of secp256k1")


def encode_point(point: Point) -> bytes:
    """Encodes a point as 33 bytes, compressed SEC 1."""
    return point.format(compressed=True)


def wide_point(point: Point) -> bytes:
    """Encodes a point as 65 bytes, to be read again at once by `parse_wide_point`."""
    return point.format(compressed=False)


def parse_wide_point(data: bytes) -> Point:
    """Reads `wide_point`: five times as fast as `parse_point`, and not for foreign bytes."""
    return Point(data)


def base(scalar: int, name: str = "scalar") -> Point:
    """Multiplies the base point G, in constant time.

    Raises:
        InvalidValue: `scalar` is not from 1 to `ORDER - 1`.
    """
    return Point.from_valid_secret(scalar_bytes(scalar, name))


def times(point: Point, scalar: int, name: str = "scalar") -> Point:
    """Multiplies any point; not in constant time.

    Raises:
        InvalidValue: `scalar` is not from 1 to `ORDER - 1`.
    """
    return point.multiply(scalar_bytes(scalar, name))


def add(points: Sequence[Point], name: str = "sum") -> Point:
    """Adds one or more points.

    Raises:
        InvalidValue: the sum is the point at infinity.
    """
    total = _sum(points)
    if total is None:
        raise _infinite(name)
    return total


def weighted_sum(points: Sequence[Point], weights: Sequence[int], name: str = "sum") -> Point:
    """Adds weight·point over one or more points; not in constant time.

    Pippenger's way: points with the same digit of their weights are added first, so a
    point costs one addition for each byte of its weight and no multiplication.

    Args:
        points: one or more.
        weights: 0 or more, for each point; at least one above 0.
        name: named in errors.

    Raises:
        InvalidValue: the sum is the point at infinity.
    """
    width = (max(weights).bit_length() + 7) // 8
    digits = b"".join(weight.to_bytes(width, "big") for weight in weights)
    total = None
    for place in range(width):
        buckets: list[list[Point]] = [[] for _ in range(256)]
        for point, digit in zip(points, digits[place::width], strict=True):
            buckets[digit].append(point)
        sums = [_sum(bucket) for bucket in buckets]
        for bit in reversed(range(8)):
            set_here = [sums[digit] for digit in range(256) if digit >> bit & 1]
            total = _sum([total, total, *set_here])
    if total is None:
        raise _infinite(name)
    return total


def _sum(points: Sequence[Point | None]) -> Point | None:
    """Adds any number of points; None is the point at infinity."""
    finite = [point for point in points if point is not None]
    try:
        return Point.combine_keys(finite) if finite else None
    except ValueError:
        return None


def _infinite(name: str) -> InvalidValue:
    return InvalidValue(name=name, given="the point at infinity", allowed="any other point")


def hash_to_curve(tag: bytes) -> Point:
    """Hashes a public tag to a point whose logarithm nobody knows.

    Try-and-increment over SHA-256 (docs/adr/0002-hash-to-curve.md): its running time
    depends on `tag`, so a secret must never be hashed. The y coordinate is even.

    Args:
        tag: public bytes of any length.
    """
    stem = sha256(b"medibloc/h2c/v1" + len(tag).to_bytes(8, "big") + tag)
    counter = 0
    while True:
        candidate = stem.copy()
        candidate.update(counter.to_bytes(4, "big"))
        try:
            return Point(b"\x02" + candidate.digest())
        except ValueError:
            counter += 1


@cache
def second_generator() -> Point:
    """U, the generator of content keys; its logarithm to G is unknown."""
    return hash_to_curve(b"medibloc/U/v1")
