"""The sale itself: one number opens a table, for one buyer."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import curve, keys, sale
from medibloc_py.errors import InvalidValue, QuoteInvalid

DRAW = random.Random(1)  # the same in every process that collects these tests
SCALARS = st.integers(1, curve.ORDER - 1)
LISTING, RECORD, SALT = (DRAW.randbytes(32) for _ in range(3))


@given(SCALARS, SCALARS)
def test_a_whole_sale(d, x):
    made = sale.build_table(LISTING, d, [x], [RECORD], [SALT])
    k, k_point, z = sale.make_offer(d)
    sale.verify_offer(made.D, k_point, z)
    assert sale.lock_of(k) == sale.lock_of_point(k_point)
    learned = sale.recover_d(z, k)
    assert learned == d
    w, mask = made.rows[0].W, sale.mask_point(LISTING, RECORD)
    assert sale.recover_x_point(w, learned, mask) == keys.record_point(x)
    expected = keys.cek(keys.record_point(x), SALT)
    assert sale.recover_cek(LISTING, RECORD, SALT, w, learned) == expected


def test_offers_are_fresh_and_do_not_show_their_secret():
    first, second = sale.make_offer(7), sale.make_offer(7)
    assert first.k != second.k
    assert str(first.k) not in repr(first)
    assert str(first.z) not in repr(first)


def test_make_offer_draws_again_when_z_would_be_zero(monkeypatch):
    draws = iter([curve.ORDER - 7, 5])
    monkeypatch.setattr(curve, "random_scalar", lambda: next(draws))
    assert sale.make_offer(7) == (5, curve.encode_point(curve.base(5)), 12)


def test_listing_secrets_are_fresh():
    assert sale.new_listing_secret() != sale.new_listing_secret()


def point(scalar):
    return curve.encode_point(curve.base(scalar))


@pytest.mark.parametrize(
    ("d_point", "k_point", "z"),
    [
        (point(7), point(5), 13),
        (point(8), point(5), 12),
        (point(7), point(6), 12),
        (point(7), point(curve.ORDER - 7), 1),
        (point(7), point(curve.ORDER - 7), 0),
        (point(7), point(5), 12 + curve.ORDER),
        (point(7), point(5), -1),
        (bytes(33), point(5), 12),
        (point(7), b"", 12),
    ],
)
def test_an_offer_that_does_not_open_the_table_is_refused(d_point, k_point, z):
    with pytest.raises(QuoteInvalid) as caught:
        sale.verify_offer(d_point, k_point, z)
    assert caught.value.values["check"] == "offer"


def test_equal_points_in_an_offer_are_no_corner_case():
    sale.verify_offer(point(6), point(6), 12)


def test_known_locks():
    assert sale.lock_of(1) == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    assert sale.lock_of(2) == "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


@pytest.mark.parametrize("scalar", [0, curve.ORDER])
def test_scalars_out_of_range_are_refused(scalar):
    for call in (sale.lock_of, sale.make_offer):
        with pytest.raises(InvalidValue):
            call(scalar)


def test_parts_that_do_not_belong_together_are_refused():
    with pytest.raises(InvalidValue):
        sale.recover_d(5, 5)
    with pytest.raises(InvalidValue):
        sale.lock_of_point(bytes(33))
    with pytest.raises(InvalidValue):
        sale.recover_x_point(bytes(33), 5, point(1))
    with pytest.raises(InvalidValue):
        sale.recover_x_point(point(5), 5, bytes(33))
    # W = d·H would leave X at infinity.
    mask = sale.mask_point(LISTING, RECORD)
    w = curve.encode_point(curve.times(curve.parse_point(mask), 9))
    with pytest.raises(InvalidValue):
        sale.recover_x_point(w, 9, mask)


def test_one_known_key_does_not_open_the_others():
    # docs/sale-v1.md, "Do not simplify to a linear mask".
    d, xs, h = curve.random_scalar(), [3, 5], [11, 13]
    records = [os.urandom(32), os.urandom(32)]
    # Hidden as e = x + h·d, one known x gives d and with it the other.
    hidden = [(x + factor * d) % curve.ORDER for x, factor in zip(xs, h, strict=True)]
    guessed = (hidden[0] - xs[0]) * pow(h[0], -1, curve.ORDER) % curve.ORDER
    assert (hidden[1] - h[1] * guessed) % curve.ORDER == xs[1]
    # Hidden as points, it gives the mask of its own row.
    rows = sale.build_table(LISTING, d, xs, records, [SALT, SALT]).rows
    known = curve.times(curve.second_generator(), curve.ORDER - xs[0])
    mask = curve.add([curve.parse_point(rows[0].W), known])
    assert curve.encode_point(mask) != sale.mask_point(LISTING, records[0])
    opposite = curve.times(mask, curve.ORDER - 1)
    opened = curve.add([curve.parse_point(rows[1].W), opposite])
    assert curve.encode_point(opened) != keys.record_point(xs[1])
