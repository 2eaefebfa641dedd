"""Tables: an honest one holds, and nothing else does."""

import os
import random
from dataclasses import replace

import pytest
import stranger
from hypothesis import given
from hypothesis import strategies as st

from medibloc_py.crypto import curve, keys, table
from medibloc_py.crypto.table import Row, Table, TableProof, build_table, verify_table
from medibloc_py.errors import InvalidValue, QuoteInvalid

DRAW = random.Random(1)  # the same in every process that collects these tests
LISTING = DRAW.randbytes(32)
D = DRAW.randrange(1, curve.ORDER)
COUNT = 6
XS = [DRAW.randrange(1, curve.ORDER) for _ in range(COUNT)]
RECORDS = [DRAW.randbytes(32) for _ in range(COUNT)]
SALTS = [DRAW.randbytes(32) for _ in range(COUNT)]
TABLE = build_table(LISTING, D, XS, RECORDS, SALTS)
COMMITMENTS = [
    keys.key_commitment(row.C, salt) for row, salt in zip(TABLE.rows, SALTS, strict=True)
]
G = curve.base(1)


def refuses(made, check, records=RECORDS, salts=SALTS, commitments=COMMITMENTS, listing=LISTING):
    with pytest.raises(QuoteInvalid) as caught:
        verify_table(listing, made, records, salts, commitments)
    assert caught.value.values["check"] == check


def shifted(point):
    """The same point plus G."""
    return curve.encode_point(curve.add([curve.parse_point(point), G]))


def with_row(index, **fields):
    rows = list(TABLE.rows)
    rows[index] = replace(rows[index], **fields)
    return replace(TABLE, rows=tuple(rows))


@given(st.integers(1, 8))
def test_an_honest_table_holds(count):
    xs = [curve.random_scalar() for _ in range(count)]
    records = [os.urandom(32) for _ in range(count)]
    salts = [os.urandom(32) for _ in range(count)]
    made = build_table(LISTING, D, xs, records, salts)
    commitments = [
        keys.key_commitment(keys.commitment_point(x), s) for x, s in zip(xs, salts, strict=True)
    ]
    verify_table(LISTING, made, records, salts, commitments)


def test_one_key_behind_two_records_is_no_corner_case():
    made = build_table(LISTING, D, [5, 5, 5], RECORDS[:3], SALTS[:3])
    commitments = [keys.key_commitment(keys.commitment_point(5), salt) for salt in SALTS[:3]]
    verify_table(LISTING, made, RECORDS[:3], SALTS[:3], commitments)


@pytest.mark.parametrize("scalar", [1, curve.ORDER - 1])
def test_the_ends_of_the_scalars_are_no_corner_case(scalar):
    made = build_table(LISTING, scalar, [scalar], RECORDS[:1], SALTS[:1])
    commitment = keys.key_commitment(keys.commitment_point(scalar), SALTS[0])
    verify_table(LISTING, made, RECORDS[:1], SALTS[:1], [commitment])


def test_the_slow_verifier_agrees():
    rows = [
        (record, salt, commitment, row.C, row.W)
        for record, salt, commitment, row in zip(
            RECORDS, SALTS, COMMITMENTS, TABLE.rows, strict=True
        )
    ]
    proof = TABLE.proof
    parts = (proof.T1, proof.T2, proof.T3, proof.s1, proof.s2)
    assert stranger.table_holds(LISTING, TABLE.D, rows, parts)


def test_two_tables_of_one_listing_share_no_nonce():
    again = build_table(LISTING, D, XS, RECORDS, SALTS)
    assert again.rows == TABLE.rows
    assert again.proof.T2 != TABLE.proof.T2
    assert again.proof.T3 != TABLE.proof.T3


@pytest.mark.parametrize("index", range(COUNT))
def test_a_row_that_locks_another_key_is_refused(index):
    refuses(with_row(index, W=shifted(TABLE.rows[index].W)), "key proof")


def test_rows_that_only_cancel_in_the_plain_sum_are_refused():
    # W_0 + P and W_1 - P have the sum of W_0 and W_1; the weights tell them apart.
    up = shifted(TABLE.rows[0].W)
    down = curve.encode_point(
        curve.add([curve.parse_point(TABLE.rows[1].W), curve.base(curve.ORDER - 1)])
    )
    rows = (replace(TABLE.rows[0], W=up), replace(TABLE.rows[1], W=down), *TABLE.rows[2:])
    refuses(replace(TABLE, rows=rows), "key proof")


def test_honest_machinery_on_a_wrong_key_is_refused():
    # The steward locks x + 1 for one record and proves that with all honesty.
    wrong = [*XS[:2], XS[2] + 1, *XS[3:]]
    made = build_table(LISTING, D, wrong, RECORDS, SALTS)
    refuses(made, "key commitment")
    # The C of the right key beside the W of the wrong one.
    patched = list(made.rows)
    patched[2] = replace(patched[2], C=TABLE.rows[2].C)
    refuses(replace(made, rows=tuple(patched)), "key proof")


def test_rows_in_another_order_are_refused():
    rows = (TABLE.rows[1], TABLE.rows[0], *TABLE.rows[2:])
    refuses(replace(TABLE, rows=rows), "key commitment")
    swapped = [COMMITMENTS[1], COMMITMENTS[0], *COMMITMENTS[2:]]
    salts = [SALTS[1], SALTS[0], *SALTS[2:]]
    refuses(replace(TABLE, rows=rows), "key proof", salts=salts, commitments=swapped)


def test_a_table_of_another_listing_or_record_is_refused():
    refuses(TABLE, "key proof", listing=os.urandom(32))
    refuses(TABLE, "key proof", records=[os.urandom(32), *RECORDS[1:]])


def test_another_commitment_or_salt_is_refused():
    refuses(TABLE, "key commitment", commitments=[os.urandom(32), *COMMITMENTS[1:]])
    refuses(TABLE, "key commitment", salts=[os.urandom(32), *SALTS[1:]])


@pytest.mark.parametrize("field", ["T1", "T2", "T3", "s1", "s2"])
def test_a_changed_proof_is_refused(field):
    held = getattr(TABLE.proof, field)
    other = shifted(held) if isinstance(held, bytes) else held % (curve.ORDER - 1) + 1
    refuses(replace(TABLE, proof=replace(TABLE.proof, **{field: other})), "key proof")


@pytest.mark.parametrize("scalar", [0, -1, curve.ORDER, 2**256])
def test_a_proof_scalar_out_of_range_is_refused(scalar):
    for field in ("s1", "s2"):
        refuses(replace(TABLE, proof=replace(TABLE.proof, **{field: scalar})), "key proof")


def test_another_d_is_refused():
    refuses(replace(TABLE, D=shifted(TABLE.D)), "key proof")


NO_POINTS = [b"", bytes(33), b"\x02" + (5).to_bytes(32, "big"), b"\x04" + bytes(64), b"\x02" * 32]


@pytest.mark.parametrize("data", NO_POINTS)
def test_what_is_no_point_is_refused(data):
    refuses(with_row(3, W=data), "key proof")
    refuses(replace(TABLE, D=data), "key proof")
    for field in ("T1", "T2", "T3"):
        refuses(replace(TABLE, proof=replace(TABLE.proof, **{field: data})), "key proof")
    commitments = list(COMMITMENTS)
    commitments[3] = keys.key_commitment(data, SALTS[3])
    refuses(with_row(3, C=data), "key proof", commitments=commitments)


def test_equations_that_meet_infinity_are_refused():
    # T2 = -e·C* makes the right side of the second equation infinite: no honest proof.
    e_of, seed = table._challenge, table._transcript(LISTING, TABLE.D, TABLE.rows, RECORDS, SALTS)
    proof = TABLE.proof
    e = e_of(seed, [proof.T1, proof.T2, proof.T3])
    opposite = curve.encode_point(curve.times(curve.base(D), curve.ORDER - e))
    # The challenge moves with T3, so fix it to reach the corner.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_challenge", lambda *_: e)
        refuses(replace(TABLE, proof=replace(proof, T3=opposite)), "key proof")


@pytest.mark.parametrize(
    ("records", "salts", "commitments"),
    [
        (RECORDS[:-1], SALTS, COMMITMENTS),
        (RECORDS, SALTS[:-1], COMMITMENTS),
        (RECORDS, SALTS, COMMITMENTS[:-1]),
        ([RECORDS[0]] * COUNT, SALTS, COMMITMENTS),
        ([bytes(31), *RECORDS[1:]], SALTS, COMMITMENTS),
        (RECORDS, [bytes(33), *SALTS[1:]], COMMITMENTS),
    ],
)
def test_a_table_of_another_shape_is_refused(records, salts, commitments):
    refuses(TABLE, "table", records=records, salts=salts, commitments=commitments)


def test_an_empty_table_is_refused():
    empty = Table(TABLE.D, (), TABLE.proof)
    refuses(empty, "table", records=[], salts=[], commitments=[])
    with pytest.raises(InvalidValue):
        build_table(LISTING, D, [], [], [])


@pytest.mark.parametrize(
    ("d", "xs", "records", "salts"),
    [
        (0, XS, RECORDS, SALTS),
        (curve.ORDER, XS, RECORDS, SALTS),
        (D, [0, *XS[1:]], RECORDS, SALTS),
        (D, [curve.ORDER, *XS[1:]], RECORDS, SALTS),
        (D, XS[1:], RECORDS, SALTS),
        (D, XS, [RECORDS[1], *RECORDS[1:]], SALTS),
        (D, XS, RECORDS, [b"", *SALTS[1:]]),
    ],
    ids=["d 0", "d n", "x 0", "x n", "an x too few", "a record twice", "no salt"],
)
def test_build_table_reverts_when_an_input_is_not_as_it_must_be(d, xs, records, salts):
    with pytest.raises(InvalidValue) as caught:
        build_table(LISTING, d, xs, records, salts)
    assert str(D) not in str(caught.value)


@given(
    st.binary(min_size=33, max_size=33),
    st.binary(min_size=33, max_size=33),
    st.lists(st.binary(min_size=33, max_size=33), min_size=3, max_size=3),
    st.integers(),
    st.integers(),
)
def test_hostile_tables_end_in_a_typed_error(c, w, points, s1, s2):
    made = Table(TABLE.D, (Row(c, w),), TableProof(*points, s1, s2))
    with pytest.raises(QuoteInvalid):
        verify_table(LISTING, made, RECORDS[:1], SALTS[:1], [keys.key_commitment(c, SALTS[0])])


# Worker processes change nothing.


@pytest.fixture
def small_parts(monkeypatch):
    """Cuts even small tables into parts for several workers."""
    monkeypatch.setattr(table, "_STEP", 2)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_make_the_same_table_bit_for_bit(small_parts, workers):
    nonces = (curve.random_scalar(), curve.random_scalar())
    alone = table._build(LISTING, D, XS, RECORDS, SALTS, *nonces, workers=1)
    assert table._build(LISTING, D, XS, RECORDS, SALTS, *nonces, workers=workers) == alone
    verify_table(LISTING, alone, RECORDS, SALTS, COMMITMENTS, workers=workers)


PROOF = TABLE.proof
NO_POINT = b"\x02" + (5).to_bytes(32, "big")
BAD = {
    "another key in the first row": with_row(0, W=shifted(TABLE.rows[0].W)),
    "another key in the last row": with_row(COUNT - 1, W=shifted(TABLE.rows[-1].W)),
    "no point": with_row(3, W=NO_POINT),
    "no points in two parts": replace(
        TABLE, rows=tuple(replace(row, W=bytes([9, place])) for place, row in enumerate(TABLE.rows))
    ),
    "rows in another order": replace(TABLE, rows=TABLE.rows[::-1]),
    "a row too few": replace(TABLE, rows=TABLE.rows[1:]),
    "another D": replace(TABLE, D=shifted(TABLE.D)),
    "D is no point": replace(TABLE, D=NO_POINT),
    "another T1": replace(TABLE, proof=replace(PROOF, T1=shifted(PROOF.T1))),
    "T2 is no point": replace(TABLE, proof=replace(PROOF, T2=NO_POINT)),
    "another s1": replace(TABLE, proof=replace(PROOF, s1=PROOF.s1 % (curve.ORDER - 1) + 1)),
    "s2 out of range": replace(TABLE, proof=replace(PROOF, s2=curve.ORDER)),
}


@pytest.mark.parametrize("made", BAD.values(), ids=BAD)
def test_workers_refuse_the_same_tables_for_the_same_reason(small_parts, made):
    refusals = []
    for workers in (1, 2):
        with pytest.raises(QuoteInvalid) as caught:
            verify_table(LISTING, made, RECORDS, SALTS, COMMITMENTS, workers=workers)
        refusals.append(caught.value.values)
    assert refusals[0] == refusals[1]


def test_workers_refuse_a_bad_scalar_as_one_process_does(small_parts):
    for workers in (1, 2):
        with pytest.raises(InvalidValue, match="x is out of range"):
            build_table(LISTING, D, [*XS[:-1], curve.ORDER], RECORDS, SALTS, workers=workers)


def test_opposite_keys_are_no_corner_case():
    # Their points cancel wherever two weights share a digit; only a whole sum must not.
    xs = [5, curve.ORDER - 5] * 300
    records = [DRAW.randbytes(32) for _ in xs]
    salts = [DRAW.randbytes(32) for _ in xs]
    made = build_table(LISTING, D, xs, records, salts)
    commitments = [
        keys.key_commitment(row.C, salt) for row, salt in zip(made.rows, salts, strict=True)
    ]
    verify_table(LISTING, made, records, salts, commitments)


@pytest.mark.parametrize("workers", [0, -1])
def test_build_and_verify_revert_when_workers_is_below_one(workers):
    with pytest.raises(InvalidValue):
        build_table(LISTING, D, XS, RECORDS, SALTS, workers=workers)
    with pytest.raises(InvalidValue):
        verify_table(LISTING, TABLE, RECORDS, SALTS, COMMITMENTS, workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_told_and_ends_with_all(small_parts, workers):
    told = []

    def listen(*step):
        told.append(step)

    build_table(LISTING, D, XS, RECORDS, SALTS, listen, workers)
    assert told == [(done, 12) for done in (2, 4, 6, 8, 10, 12)]
    told.clear()
    verify_table(LISTING, TABLE, RECORDS, SALTS, COMMITMENTS, listen, workers)
    assert told == [(2, 6), (4, 6), (6, 6)]
