"""Measures the sale's mathematics: table and proof, verification, opening.

    python benchmarks/sale.py [--records N] [--json]

Records are synthetic (random scalars, ids and salts); the functions are the library's own,
through their public door. Writes benchmarks/sale.json.

The limit that times are compared with is measured in the same run: the multiplications that
the equations of docs/sale-v1.md name, done one after another by bare calls of coincurve, with
no parsing, hashing or adding. Seconds of cores are compared, for others may use the machine.
A ratio below 1 is possible: sums do without multiplications.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from coincurve import PublicKey
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from medibloc_py.crypto import keys, sale
from medibloc_py.model import ListingId, RecordId

OUT = Path(__file__).with_suffix(".json")
SAMPLE = 20_000
BUILD, VERIFY, OPEN = "table and proof", "verification", "opening keys"
GOALS_US = {(BUILD, 1): 200, (VERIFY, 1): 200, (VERIFY, 2): 110}
"""Microseconds a record may take: 20 s and 11 s for 100,000."""
LIMIT = "bare multiplications"
# For each record, how often the equations multiply: G, a point by a scalar, a point by a weight.
NAMED = {BUILD: (1, 2, 1), VERIFY: (0, 0, 3), OPEN: (0, 1, 0)}

Listen = Callable[[int, int], None]
Stages = dict[tuple[str, int], "Took"]
"""What each stage took, by its name and number of processes."""


@contextmanager
def bar(console: Console) -> Iterator[Callable[[str], Listen]]:
    """A progress bar; calling it with a stage's name gives the stage's listener."""
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=console,
    )

    def stage(name: str) -> Listen:
        task = shown.add_task(name, total=None)
        return lambda done, total: shown.update(task, completed=done, total=total)

    with shown:
        yield stage


class Took(NamedTuple):
    """Seconds by the clock, and those that cores worked; they tell when others used the machine."""

    clock: float
    cores: float


def core_seconds() -> float:
    """Seconds that cores worked for this process and its children that ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def timed(work: Callable[[], Any]) -> tuple[Took, Any]:
    """How long `work` takes, its worker processes with it, and what it gives."""
    start, used = time.perf_counter(), core_seconds()
    made = work()
    return Took(time.perf_counter() - start, core_seconds() - used), made


def bare_multiplications(count: int) -> tuple[float, float, float]:
    """Core seconds of one bare multiplication: of G, of a point by a scalar, by a weight."""
    scalars = [secrets.token_bytes(31).rjust(32, b"\1") for _ in range(count)]
    weights = [secrets.token_bytes(16).rjust(32, b"\0") for _ in range(count)]
    of_g, points = timed(lambda: [PublicKey.from_valid_secret(each) for each in scalars])

    def multiply(factors: list[bytes]) -> float:
        pairs = list(zip(points, factors, strict=True))
        took, _ = timed(lambda: [point.multiply(factor) for point, factor in pairs])
        return took.cores / count

    return of_g.cores / count, multiply(scalars), multiply(weights)


def measure(count: int, stage: Callable[[str], Listen]) -> Stages:
    """Makes a table, checks it and opens its keys."""
    listing, d = ListingId(secrets.token_bytes(32)), sale.new_listing_secret()
    scalars = [sale.new_listing_secret() for _ in range(count)]
    records = [RecordId(secrets.token_bytes(32)) for _ in range(count)]
    salts = [secrets.token_bytes(32) for _ in range(count)]
    took: Stages = {}
    tables = []
    for workers in (1, 2):
        listen = stage(f"{BUILD}, {workers}")
        took[BUILD, workers], made = timed(
            partial(sale.build_table, listing, d, scalars, records, salts, listen, workers)
        )
        tables.append(made)
    first, second = tables
    assert first.rows == second.rows
    commitments = [
        keys.key_commitment(row.C, salt) for row, salt in zip(first.rows, salts, strict=True)
    ]
    for workers in (1, 2):
        listen = stage(f"{VERIFY}, {workers}")
        took[VERIFY, workers], _ = timed(
            partial(sale.verify_table, listing, first, records, salts, commitments, listen, workers)
        )
    listen = stage(f"{OPEN}, 1")

    def open_all() -> list[bytes]:
        opened = []
        for record, salt, row in zip(records, salts, first.rows, strict=True):
            opened.append(sale.recover_cek(listing, record, salt, row.W, d))
            if len(opened) % 1000 == 0 or len(opened) == count:
                listen(len(opened), count)
        return opened

    took[OPEN, 1], opened = timed(open_all)
    assert opened[-1] == keys.cek(keys.record_point(scalars[-1]), salts[-1])
    return took


def report(count: int, took: Stages, bare: tuple[float, ...]) -> dict[str, Any]:
    """All figures, as they are written."""
    limits = {
        stage: sum(times * each for times, each in zip(named, bare, strict=True)) * count
        for stage, named in NAMED.items()
    }
    return {
        "command": "make bench-sale",
        "records": count,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("coincurve", "cryptography")},
        },
        "limit": {
            "name": LIMIT,
            "us_each": {
                name: round(each * 1e6, 2)
                for name, each in zip(("G", "by a scalar", "by a weight"), bare, strict=True)
            },
            "per_record": {
                stage: dict(zip(("G", "by a scalar", "by a weight"), named, strict=True))
                for stage, named in NAMED.items()
            },
        },
        "stages": [
            {
                "stage": stage,
                "processes": workers,
                "seconds": round(spent.clock, 2),
                "core_seconds": round(spent.cores, 2),
                "us_per_record": round(spent.clock / count * 1e6, 1),
                "ratio_to_limit": round(spent.cores / limits[stage], 2),
            }
            for (stage, workers), spent in took.items()
        ],
        "goals": [
            {
                "stage": stage,
                "processes": workers,
                "at_most_s": round(goal * count / 1e6, 2),
                "met": took[stage, workers].clock <= goal * count / 1e6,
            }
            for (stage, workers), goal in GOALS_US.items()
        ],
    }


def show(console: Console, figures: dict[str, Any]) -> None:
    """Prints the figures, and which goals are met."""
    title = f"{figures['records']:,} records, {figures['cores']} cores; ratio to {LIMIT}"
    table = Table(title=title)
    table.add_column("stage", no_wrap=True)
    goals = {(goal["stage"], goal["processes"]): goal for goal in figures["goals"]}
    for name in ("processes", "s", "µs each", "core s", "ratio", "goal s", "met"):
        table.add_column(name, justify="right")
    for each in figures["stages"]:
        goal = goals.get((each["stage"], each["processes"]))
        told = (str(goal["at_most_s"]), "yes" if goal["met"] else "NO") if goal else ("", "")
        shown = ("processes", "seconds", "us_per_record", "core_seconds", "ratio_to_limit")
        table.add_row(each["stage"], *(str(each[name]) for name in shown), *told)
    console.print(table)


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000, help="how many (default 100,000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with bar(Console(stderr=True)) as stage:
        listen = stage(LIMIT)
        before = bare_multiplications(SAMPLE)
        listen(1, 2)
        took = measure(asked.records, stage)
        # Once more, for a machine does not keep its pace.
        after = bare_multiplications(SAMPLE)
        listen(2, 2)
    bare = tuple(sum(pair) / 2 for pair in zip(before, after, strict=True))
    figures = report(asked.records, took, bare)
    text = json.dumps(figures, indent=2) + "\n"
    OUT.write_text(text, encoding="utf-8")
    if asked.json:
        sys.stdout.write(text)
    else:
        show(Console(), figures)


if __name__ == "__main__":
    main()
