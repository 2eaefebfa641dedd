"""secp256k1: one encoding per point, no infinity, nothing but typed errors."""

import pytest
import stranger
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import curve
from medibloc_py.errors import InvalidValue

SCALARS = st.integers(1, curve.ORDER - 1)


@given(SCALARS, SCALARS)
def test_arithmetic_agrees_with_the_slow_one(a, b):
    left, right = curve.base(a), curve.base(b)
    assert curve.encode_point(left) == stranger.encode(stranger.mul(stranger.G, a))
    product = curve.encode_point(curve.times(left, b))
    assert product == stranger.encode(stranger.mul(stranger.G, a * b))
    if (a + b) % curve.ORDER:
        total = curve.encode_point(curve.add([left, right]))
        assert total == stranger.encode(stranger.mul(stranger.G, a + b))


@given(SCALARS)
def test_equal_points_add_and_opposite_points_are_refused(a):
    point, opposite = curve.base(a), curve.base(curve.ORDER - a)
    assert curve.add([point, point]) == curve.times(point, 2)
    with pytest.raises(InvalidValue, match="infinity"):
        curve.add([point, opposite])


@given(SCALARS)
def test_points_and_scalars_go_round(a):
    point = curve.base(a)
    assert curve.parse_point(curve.encode_point(point)) == point
    assert curve.parse_scalar(curve.scalar_bytes(a)) == a


@given(st.binary(max_size=70))
def test_parse_point_takes_points_only(data):
    try:
        point = curve.parse_point(data)
    except InvalidValue:
        return
    assert curve.encode_point(point) == data


def test_parse_point_takes_the_compressed_form_only():
    point = curve.base(7)
    uncompressed = point.format(compressed=False)
    hybrid = bytes([6 + uncompressed[-1] % 2]) + uncompressed[1:]
    for data in (uncompressed, hybrid, b"\x00" * 33, b"\x04" + bytes(32), b"", b"\x00"):
        with pytest.raises(InvalidValue):
            curve.parse_point(data)
    # x = 5 is not the abscissa of any point, x = p is not reduced.
    for x in (5, stranger.P, 2**256 - 1):
        with pytest.raises(InvalidValue):
            curve.parse_point(b"\x02" + x.to_bytes(32, "big"))


@pytest.mark.parametrize("scalar", [0, -1, curve.ORDER, curve.ORDER + 1, 2**300])
def test_scalars_out_of_range_are_refused_unseen(scalar):
    point = curve.base(1)
    for call in (curve.scalar_bytes, curve.base, lambda k: curve.times(point, k)):
        with pytest.raises(InvalidValue) as caught:
            call(scalar)
        assert caught.value.values["given"] == "out of range"


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32])
def test_parse_scalar_reverts_when_not_a_scalar(data):
    with pytest.raises(InvalidValue):
        curve.parse_scalar(data)


@given(st.binary(max_size=80))
def test_hash_to_curve_agrees_with_the_slow_one(tag):
    assert curve.encode_point(curve.hash_to_curve(tag)) == stranger.encode(
        stranger.hash_to_curve(tag)
    )


def test_random_scalars_differ():
    assert len({curve.random_scalar() for _ in range(20)}) == 20


@given(st.lists(st.tuples(SCALARS, st.integers(1, 2**128)), min_size=1, max_size=12))
def test_a_weighted_sum_is_the_sum_of_the_products(terms):
    points = [curve.base(scalar) for scalar, _ in terms]
    weights = [weight for _, weight in terms]
    one_by_one = [curve.times(*term) for term in zip(points, weights, strict=True)]
    assert curve.weighted_sum(points, weights) == curve.add(one_by_one)


@pytest.mark.parametrize(
    ("scalars", "weights", "total"),
    [
        ([1], [1], 1),
        ([1], [256], 256),
        ([1], [curve.ORDER - 1], curve.ORDER - 1),
        ([2, 3], [0, 7], 21),
        ([5, 5, 5], [9, 9, 9], 135),  # equal points in one bucket
        ([5, -5, 3], [9, 9, 1], 3),  # opposite points in one bucket
        ([5, -5, 3], [0x0901, 0x0901, 0x0102], 0x0306),
    ],
)
def test_weighted_sums_at_their_corners(scalars, weights, total):
    points = [curve.base(scalar % curve.ORDER) for scalar in scalars]
    assert curve.weighted_sum(points, weights) == curve.base(total)


def test_a_weighted_sum_at_infinity_is_refused():
    with pytest.raises(InvalidValue, match="infinity"):
        curve.weighted_sum([curve.base(5), curve.base(curve.ORDER - 5)], [300, 300])
    with pytest.raises(InvalidValue, match="infinity"):
        curve.weighted_sum([curve.base(5)], [0])


@given(SCALARS)
def test_wide_points_go_round(a):
    point = curve.base(a)
    assert curve.parse_wide_point(curve.wide_point(point)) == point
    assert len(curve.wide_point(point)) == 65
