"""Writes sale.json: hashing to the curve, tables, offers and locks of the point-locked sale.

Derived from fixed labels, the proof's nonces too, so the file never changes by itself.
Points are 33 bytes, scalars 32, all hex with 0x.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_ids import shown, some

from medibloc_py.crypto import curve, keys, sale, table
from medibloc_py.model import ListingId, RecordId

PATH = Path(__file__).with_name("sale.json")
TABLE_SIZES = (1, 2, 5)


def scalar(label: str) -> int:
    """A fixed scalar for a label."""
    return int.from_bytes(some(f"scalar {label}"), "big") % (curve.ORDER - 1) + 1


def points() -> list[dict[str, Any]]:
    """Tags and the points they hash to."""
    tags = (b"", b"medibloc/U/v1", *(some(f"tag {n}") + some(f"id {n}") for n in range(6)))
    return [{"tag": tag, "point": curve.encode_point(curve.hash_to_curve(tag))} for tag in tags]


def tables() -> list[dict[str, Any]]:
    """Tables with all that went into them."""
    cases = []
    for size in TABLE_SIZES:
        listing, d = ListingId(some(f"listing {size}")), scalar(f"d {size}")
        xs = [scalar(f"x {index}") for index in range(size)]
        records = [RecordId(some(f"record {index}")) for index in range(size)]
        salts = [some(f"salt {index}") for index in range(size)]
        a, b = scalar(f"a {size}"), scalar(f"b {size}")
        made = table._build(listing, d, xs, records, salts, a, b)
        k = scalar(f"k {size}")
        cases.append(
            {
                "listing": listing,
                "d": curve.scalar_bytes(d),
                "a": curve.scalar_bytes(a),
                "b": curve.scalar_bytes(b),
                "D": made.D,
                "rows": [
                    {
                        "x": curve.scalar_bytes(x),
                        "record": record,
                        "salt": salt,
                        "key_commitment": keys.key_commitment(row.C, salt),
                        "C": row.C,
                        "W": row.W,
                        "cek": keys.cek(keys.record_point(x), salt),
                    }
                    for x, record, salt, row in zip(xs, records, salts, made.rows, strict=True)
                ],
                "proof": {
                    "T1": made.proof.T1,
                    "T2": made.proof.T2,
                    "T3": made.proof.T3,
                    "s1": curve.scalar_bytes(made.proof.s1),
                    "s2": curve.scalar_bytes(made.proof.s2),
                },
                "k": curve.scalar_bytes(k),
                "K": curve.encode_point(curve.base(k)),
                "z": curve.scalar_bytes((d + k) % curve.ORDER),
                "lock": sale.lock_of(k),
            }
        )
    return cases


def locks() -> list[dict[str, Any]]:
    """Secrets and the addresses of their points."""
    secrets = (1, 2, curve.ORDER - 1, *(scalar(f"lock {n}") for n in range(5)))
    return [{"k": curve.scalar_bytes(k), "lock": sale.lock_of(k)} for k in secrets]


def build() -> dict[str, Any]:
    """The whole file."""
    return {
        "points": shown(points()),
        "tables": shown(tables()),
        "locks": shown(locks()),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(build(), indent=1) + "\n")
