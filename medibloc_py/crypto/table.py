"""The table of a listing: every record's key, locked under one secret, with a proof.

For each record `W = X + d·H` hides the point X behind its content key under the
listing's secret d. One batched sigma proof, made non-interactive by Fiat-Shamir,
shows that behind every row stands the key that the record committed to
(docs/sale-v1.md). Scalars are ints; points are 33 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from medibloc_py.crypto import curve
from medibloc_py.crypto.curve import ORDER, Point
from medibloc_py.crypto.keys import key_commitment
from medibloc_py.crypto.workers import Crew, crew
from medibloc_py.errors import InvalidValue, QuoteInvalid
from medibloc_py.model import KeyCommitment, ListingId, RecordId

Progress = Callable[[int, int], None]
"""Told how many records are done, out of how many."""

# Rows that are worked on together. More would make the sums little faster; fewer would
# not pay for the start of a worker.
_STEP = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """What a table says of one record: C = x·G and W = X + d·H, 33 bytes each."""

    C: bytes
    W: bytes


@dataclass(frozen=True, slots=True)
class TableProof:
    """The batched sigma proof of a table: three points of 33 bytes, two scalars."""

    T1: bytes
    T2: bytes
    T3: bytes
    s1: int
    s2: int


@dataclass(frozen=True, slots=True)
class Table:
    """The locked keys of a listing: D = d·G, a row per record, and the proof."""

    D: bytes
    rows: tuple[Row, ...]
    proof: TableProof


def build_table(
    listing: ListingId,
    d: int,
    scalars: Sequence[int],
    records: Sequence[RecordId],
    salts: Sequence[bytes],
    progress: Progress | None = None,
    workers: int | None = None,
) -> Table:
    """Locks the keys of a listing's records and proves that it was done right.

    Args:
        listing: id of the listing.
        d: the listing's secret.
        scalars: secret x of each record.
        records: id of each record, distinct.
        salts: salt of each record, 32 bytes.
        progress: told every few thousand records; each counts twice.
        workers: processes to work with; None is one for each core that would have some
            thousands of rows. Which number it is changes nothing in the result.

    Raises:
        InvalidValue: a length or a value is not as it must be.
        WorkerLost: a worker process died.
    """
    a, b = curve.random_scalar(), curve.random_scalar()
    return _build(listing, d, scalars, records, salts, a, b, progress, workers)


def _build(
    listing: ListingId,
    d: int,
    scalars: Sequence[int],
    records: Sequence[RecordId],
    salts: Sequence[bytes],
    a: int,
    b: int,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Table:
    """Builds with given nonces; two proofs under the same nonces would reveal d."""
    if reason := _why_rows_fail(listing, records, salts, scalars):
        raise InvalidValue(
            name="the table", given=f"refused ({reason})", allowed="of distinct records"
        )
    public = curve.encode_point(curve.base(d, "d"))
    step = _stepper(progress, 2 * len(records))
    rows: list[Row] = []
    masks: list[bytes] = []
    with crew(workers, len(records), _STEP) as hands:
        locks = [(listing, d, scalars[part], records[part]) for part in hands.parts]
        for made, hidden in hands.map(_lock, locks):
            rows += made
            masks += hidden
            step(len(made))
        seed = _transcript(listing, public, rows, records, salts)
        sums = [(seed, part.start, masks[part]) for part in hands.parts]
        (mask_sum,) = _add_up(hands.map(_sum_masks, sums), step)
    x_sum = sum(_weight(seed, index) * x for index, x in enumerate(scalars))
    first = curve.add([curve.times(curve.second_generator(), a), curve.times(mask_sum, b)])
    points = [curve.encode_point(point) for point in (first, curve.base(a), curve.base(b))]
    e = _challenge(seed, points)
    proof = TableProof(
        T1=points[0],
        T2=points[1],
        T3=points[2],
        s1=(a + e * x_sum) % ORDER,
        s2=(b + e * d) % ORDER,
    )
    return Table(public, tuple(rows), proof)


def _lock(
    listing: ListingId, d: int, scalars: Sequence[int], records: Sequence[RecordId]
) -> tuple[list[Row], list[bytes]]:
    """Makes some rows, and their masks as wide points."""
    generator = curve.second_generator()
    rows, masks = [], []
    for x, record in zip(scalars, records, strict=True):
        mask = curve.hash_to_curve(listing + record)
        locked = curve.add([curve.times(generator, x, "x"), curve.times(mask, d, "d")])
        rows.append(Row(curve.encode_point(curve.base(x, "x")), curve.encode_point(locked)))
        masks.append(curve.wide_point(mask))
    return rows, masks


def verify_table(
    listing: ListingId,
    table: Table,
    records: Sequence[RecordId],
    salts: Sequence[bytes],
    commitments: Sequence[KeyCommitment],
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Checks that every row locks the very key that its record committed to.

    Args:
        listing: id of the listing.
        table: as the steward sent it.
        records: id of each row's record.
        salts: salt of each row's record.
        commitments: key commitment of each row's record.
        progress: told every few thousand rows.
        workers: processes to work with; None is one for each core that would have some
            thousands of rows. Which number it is changes nothing in the result.

    Raises:
        QuoteInvalid: `check` is `table` (shape), `key commitment` or `key proof`.
        InvalidValue: `workers` is below 1.
        WorkerLost: a worker process died.
    """
    if len(table.rows) != len(commitments):
        raise QuoteInvalid(check="table", reason="it does not have a row for each commitment")
    if reason := _why_rows_fail(listing, records, salts, table.rows):
        raise QuoteInvalid(check="table", reason=reason)
    for row, salt, commitment in zip(table.rows, salts, commitments, strict=True):
        if key_commitment(row.C, salt) != commitment:
            raise QuoteInvalid(check="key commitment", reason="a row commits to another key")
    step = _stepper(progress, len(records))
    with crew(workers, len(records), _STEP) as hands:
        try:
            holds = _proof_holds(listing, table, records, salts, hands, step)
        except InvalidValue as error:
            # Not a point, not a scalar, or a sum at infinity: no honest table has these.
            raise QuoteInvalid(check="key proof", reason=error.message) from None
    if not holds:
        raise QuoteInvalid(check="key proof", reason="a row locks another key than it commits to")


def _proof_holds(
    listing: ListingId,
    table: Table,
    records: Sequence[RecordId],
    salts: Sequence[bytes],
    hands: Crew,
    step: Callable[[int], None],
) -> bool:
    seed = _transcript(listing, table.D, table.rows, records, salts)
    calls = [(listing, seed, part.start, table.rows[part], records[part]) for part in hands.parts]
    c_sum, w_sum, mask_sum = _add_up(hands.map(_sum_rows, calls), step)
    proof = table.proof
    encoded = [proof.T1, proof.T2, proof.T3]
    first, second, third = (curve.parse_point(point, "T") for point in encoded)
    e = _challenge(seed, encoded)

    def matches(left: Point, right: Point, times_e: Point) -> bool:
        return left == curve.add([right, curve.times(times_e, e)])

    key_part = curve.times(curve.second_generator(), proof.s1, "s1")
    mask_part = curve.times(mask_sum, proof.s2, "s2")
    return (
        matches(curve.add([key_part, mask_part]), first, w_sum)
        and matches(curve.base(proof.s1, "s1"), second, c_sum)
        and matches(curve.base(proof.s2, "s2"), third, curve.parse_point(table.D, "D"))
    )


def _sum_rows(
    listing: ListingId,
    seed: bytes,
    start: int,
    rows: Sequence[Row],
    records: Sequence[RecordId],
) -> tuple[int, list[bytes]]:
    """C*, W* and H* of the rows from `start` on; how many they are, and wide points."""
    columns: list[list[Point]] = [[], [], []]
    for row, record in zip(rows, records, strict=True):
        columns[0].append(curve.parse_point(row.C, "C"))
        columns[1].append(curve.parse_point(row.W, "W"))
        columns[2].append(curve.hash_to_curve(listing + record))
    return len(rows), _weighted(seed, start, columns)


def _sum_masks(seed: bytes, start: int, masks: Sequence[bytes]) -> tuple[int, list[bytes]]:
    """H* of the masks from `start` on; how many they are, and one wide point."""
    points = [curve.parse_wide_point(mask) for mask in masks]
    return len(masks), _weighted(seed, start, [points])


def _weighted(seed: bytes, start: int, columns: Sequence[Sequence[Point]]) -> list[bytes]:
    weights = [_weight(seed, start + place) for place in range(len(columns[0]))]
    return [curve.wide_point(curve.weighted_sum(column, weights)) for column in columns]


def _add_up(partial: Iterable[tuple[int, list[bytes]]], step: Callable[[int], None]) -> list[Point]:
    """Adds sums over parts of the rows, column by column."""
    sums = []
    for count, points in partial:
        sums.append([curve.parse_wide_point(point) for point in points])
        step(count)
    return [curve.add(column) for column in zip(*sums, strict=True)]


def _stepper(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    return step


def _why_rows_fail(
    listing: ListingId, records: Sequence[RecordId], salts: Sequence[bytes], rows: Sequence[object]
) -> str:
    if not 0 < len(records) == len(salts) == len(rows):
        return "it needs one record, one salt and one key for each of one or more rows"
    # Fixed widths make the transcript and the hash to the curve free of ambiguity.
    if any(len(value) != 32 for values in ([listing], records, salts) for value in values):
        return "an id or a salt is not 32 bytes"
    # One mask for two rows would give away the difference of their keys.
    if len(set(records)) != len(records):
        return "a record stands in two rows"
    return ""


def _transcript(
    listing: ListingId,
    public: bytes,
    rows: Sequence[Row],
    records: Sequence[RecordId],
    salts: Sequence[bytes],
) -> bytes:
    """Hashes all that the proof speaks of, 32 bytes."""
    seed = sha256(b"medibloc/sale/table/v1" + listing + public + len(rows).to_bytes(8, "big"))
    for row, record, salt in zip(rows, records, salts, strict=True):
        seed.update(record + salt + row.C + row.W)
    return seed.digest()


def _weight(seed: bytes, index: int) -> int:
    """The weight of a row in the batched proof: 1 to 2^128, fixed only after all rows are."""
    digest = sha256(b"medibloc/sale/weight/v1" + seed + index.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:16], "big") + 1


def _challenge(seed: bytes, points: Sequence[bytes]) -> int:
    digest = sha256(b"medibloc/sale/challenge/v1" + seed + b"".join(points)).digest()
    return int.from_bytes(digest, "big") % (ORDER - 1) + 1
