"""Sends mutated DICOM files through reading, de-identification with its check, and sealing.

    python -m tests.fuzz.run [--cases 10000] [--seed N] [--jobs 2] [--only NUMBER]

Every case is drawn from the seed and its number, so that one can be done again by itself. Cases
run in processes with a limit of memory and of time: 1 GiB above what the process has at its
start, 5 s of the processor for each step. Wrong is: an error that is not of MediBloc, a crash,
a hang, a lack of memory, a canary that is left in a file that passed. Ends with 1 if something
was wrong.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import secrets
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from queue import Empty
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import track

from tests.fuzz import case

MEMORY_BYTES = 1 << 30
CPU_S = 5
SLACK_S = 180
"""Of the clock, on a machine that is busy; then the process is ended."""


def _hang(_number: int, _frame: FrameType | None) -> NoReturn:
    raise case.Hung


def _limit() -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _hang)


def work(seed: str, first: int, end: int, step: int, at: Any, queue: Any) -> None:
    """Does every `step`-th case from `first`, and says which one it is at."""
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - decoders complain
    warnings.simplefilter("ignore")
    _limit()
    for number in range(first, end, step):
        at.value = number
        signal.alarm(SLACK_S)
        drawn = case.draw(seed, number)
        outcome = case.run(drawn, partial(signal.setitimer, signal.ITIMER_PROF, CPU_S))
        signal.setitimer(signal.ITIMER_PROF, 0)
        queue.put((number, asdict(outcome)))
    signal.alarm(0)
    at.value = end


def outcomes(seed: str, cases: int, jobs: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every case with how it ended; a process that dies is a case that crashed."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    shares: dict[int, tuple[Any, Any]] = {}

    def begin(job: int, first: int) -> None:
        at = context.Value("q", first)
        process = context.Process(target=work, args=(seed, first, cases, jobs, at, queue))
        process.start()
        shares[job] = process, at

    for job in range(min(jobs, cases)):
        begin(job, job)
    left = cases
    while left:
        try:
            yield queue.get(timeout=1)
            left -= 1
            continue
        except Empty:
            pass
        for job, (process, at) in list(shares.items()):
            if process.is_alive() or at.value >= cases or not queue.empty():
                continue
            wrong = f"the process ended with {process.exitcode}"
            yield at.value, asdict(case.Outcome("", "", "crashed", wrong))
            left -= 1
            if at.value + jobs < cases:
                begin(job, at.value + jobs)
            else:
                at.value = cases


def main(arguments: list[str] | None = None) -> int:
    """Runs, prints how cases ended and what was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", default="", help="drawn and printed if it is not given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, help="do one case, here and without limits")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    seed = asked.seed or str(secrets.randbits(32))
    if asked.only is not None:
        print(case.run(case.draw(seed, asked.only)))
        return 0
    print(f"FUZZ_SEED={seed}", file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.load()  # once for all processes, and before memory is limited
    began = time.monotonic()
    running = outcomes(seed, asked.cases, asked.jobs)
    shown = track(running, "files", total=asked.cases, console=Console(stderr=True))
    found = sorted(shown, key=lambda each: each[0])
    wrong = [{"case": number, **outcome} for number, outcome in found if outcome["wrong"]]
    ended = Counter(outcome["ended"] for _, outcome in found)
    told = {
        "seed": seed,
        "cases": len(found),
        "seconds": round(time.monotonic() - began, 1),
        "ended": dict(ended.most_common()),
        "wrong": wrong,
    }
    print(json.dumps(told, indent=None if asked.json else 2))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
