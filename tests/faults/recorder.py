"""How many faults were tried, survived and lost; and which of them the short form tries.

A test that tries a fault says of which kind: `@pytest.mark.fault("client killed")`. Each of its
cases is one fault; `faults=11` says that one case tries eleven, one after the other. Of a test that
says `short=6` the short form tries six cases, drawn by `FAULTS_SEED`, besides those marked
`chosen`. All others it tries in full.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

KINDS: Final = {
    "client killed": "the process that acts, at a step of what it writes, sends and tells",
    "chain killed": "the node, while a command waits for it; started again from its state",
    "store killed": "the IPFS daemon, and hospital systems that send or receive",
    "line cut": "a request that is never answered, delivered or not",
    "lying node": "answers that are false: of the chain, its head, events, receipts",
    "hostile store": "bytes that are not those asked for",
    "reorganisation": "blocks taken back, and others in their place",
    "full disk": "no room at any write",
    "clock": "of this machine or of the chain, early and late",
    "two operators": "one account at work in several processes",
}
"""The kinds of faults, in the order of the table; what is done to what."""
_PROPERTY: Final = "fault"
Counts = dict[str, int]


def fault_of(item: pytest.Item) -> tuple[str, int] | None:
    """The kind of fault that a test tries, and how many; None if it tries none."""
    mark = item.get_closest_marker("fault")
    if mark is None:
        return None
    (kind,) = mark.args
    if kind not in KINDS:
        raise pytest.UsageError(f"{item.nodeid}: no kind of fault: {kind}; known: {list(KINDS)}")
    return kind, mark.kwargs.get("faults", 1)


def tell(items: Iterable[pytest.Item]) -> None:
    """Makes each report say which fault its test tried; so it does from another process too."""
    for item in items:
        if (fault := fault_of(item)) is not None:
            item.user_properties.append((_PROPERTY, fault))


def left_out(items: Iterable[pytest.Item], seed: str) -> list[pytest.Item]:
    """The tests that the short form leaves out."""
    drawn: dict[str, list[pytest.Item]] = defaultdict(list)
    most: dict[str, int] = {}
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark and "short" in mark.kwargs and not item.get_closest_marker("chosen"):
            test = item.nodeid.partition("[")[0]
            drawn[test].append(item)
            most[test] = mark.kwargs["short"]
    out = []
    for test, cases in drawn.items():
        random.Random(f"{seed} {test}").shuffle(cases)
        out += cases[most[test] :]
    return out


class Recorder:
    """Counts what became of each fault, in whichever process it was tried."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[str, int, bool]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        fault = dict(report.user_properties).get(_PROPERTY)
        if fault is None or report.skipped or (report.passed and report.when != "call"):
            return
        kind, faults = fault  # type: ignore[misc]
        lost = report.failed or self._ends.get(report.nodeid, ("", 0, False))[2]
        self._ends[report.nodeid] = str(kind), int(faults), lost

    def results(self) -> dict[str, Any]:
        """Of each kind, and of all: tried, survived, lost."""
        kinds = {kind: dict.fromkeys(("tried", "survived", "lost"), 0) for kind in KINDS}
        for kind, faults, lost in self._ends.values():
            kinds[kind]["tried"] += faults
            kinds[kind]["lost" if lost else "survived"] += faults
        total: Counts = {
            name: sum(counts[name] for counts in kinds.values())
            for name in ("tried", "survived", "lost")
        }
        return {"kinds": kinds, "total": total}

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.results(), indent=2) + "\n", encoding="utf-8")


def table(results: dict[str, Any]) -> str:
    """The table of docs/assurance.md."""
    lines = ["| fault | what is done | tried | survived | lost |", "|---|---|---:|---:|---:|"]
    rows = [(kind, KINDS[kind], results["kinds"][kind]) for kind in KINDS]
    for name, what, counts in (*rows, ("all", "", results["total"])):
        figures = " | ".join(str(counts[each]) for each in ("tried", "survived", "lost"))
        lines.append(f"| {name} | {what} | {figures} |")
    return "\n".join(lines)
