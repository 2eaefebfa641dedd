"""Rounds of works, and the figures of `seal.py` that they give."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.seal_page import WORKS

RATIOS = {
    "seal_over_ceiling": ("cores", "read_cipher", "seal"),
    "seal_cid_over_ceiling": ("cores", "read_cipher_sha256", "seal_cid"),
    "two_cores_over_one": ("clock", "seal_cid", "seal_cid_two_cores"),
    "small_files_over_one_file": ("cores", "seal_cid", "small_seal_cid"),
    "small_files_sealed_only": ("cores", "seal", "small_seal"),
    "frame_over_whole": ("clock", "whole", "frame"),
}
"""Each is the seconds of one work over those of another; of as many bytes, but for a frame."""


class Took(NamedTuple):
    """Seconds by the clock, and those that cores worked."""

    clock: float
    cores: float


Rounds = dict[str, list[Took]]


def timed(work: Callable[[], Any]) -> Took:
    """How long `work` takes, its children that ended with it."""
    start, used = time.perf_counter(), core_seconds()
    work()
    return Took(time.perf_counter() - start, core_seconds() - used)


def core_seconds() -> float:
    """Seconds that cores worked for this process and its children that ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def figures_of(rounds: Rounds, size_bytes: int) -> dict[str, Any]:
    """Ratios by the best round of either side, their medians, and speeds."""
    return {
        **{name: round(ratio(rounds, name), 3) for name in RATIOS},
        "medians": {name: round(median_ratio(rounds, name), 3) for name in RATIOS},
        "mb_per_s": {name: speed(rounds, name, size_bytes) for name in WORKS},
        "frames": {
            f"{name}_s": round(best(rounds, name, "clock"), 5) for name in ("whole", "frame")
        },
    }


def peer_of(rounds: Rounds, name: str, size_bytes: int) -> dict[str, float]:
    """A peer's speed, and how many times as fast ours is."""
    seconds = best(rounds, name, "cores")
    return {
        "mb_per_s": speed(rounds, name, size_bytes),
        "seal_over_it": round(seconds / best(rounds, "seal", "cores"), 2),
        "seal_cid_over_it": round(seconds / best(rounds, "seal_cid", "cores"), 2),
    }


def best(rounds: Rounds, name: str, by: str) -> float:
    """Seconds of the fastest round."""
    return min(_seconds(took, by) for took in rounds[name])


def speed(rounds: Rounds, name: str, size_bytes: int) -> int:
    """Megabytes a second; of a core, unless there are two."""
    by = "clock" if name.endswith("two_cores") else "cores"
    return round(size_bytes / best(rounds, name, by) / 1e6)


def ratio(rounds: Rounds, name: str) -> float:
    """A figure by the best round of either side."""
    by, over, under = RATIOS[name]
    return best(rounds, over, by) / best(rounds, under, by)


def median_ratio(rounds: Rounds, name: str) -> float:
    """A figure as the median of what each round says."""
    by, over, under = RATIOS[name]
    pairs = zip(rounds[over], rounds[under], strict=True)
    return statistics.median(_seconds(one, by) / _seconds(other, by) for one, other in pairs)


def _seconds(took: Took, by: str) -> float:
    return took.clock if by == "clock" else took.cores
