"""`medibloc demo`: the whole walk on this machine, without any daemon."""

from __future__ import annotations

import json as jsonlib
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.chain import anvil_at_hand
from medibloc_py.cli.files import require_writable
from medibloc_py.cli.times import show_amount

if TYPE_CHECKING:
    from medibloc_py.cli.report import Report

_DECIMALS = 6
_LONG_HEX = re.compile(r"(0x[0-9a-fA-F]{8})[0-9a-fA-F]{20,}")


def demo(
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this file as JSON, too.")
    ] = None,
) -> None:
    """Walk one CT and three other studies from a hospital to a researcher and paid patients.

    Starts a local chain (Anvil) on a free port and an embedded store in a temporary
    folder; both are gone when it ends. The DICOM files are those that ship with pydicom.
    """
    from medibloc_py.chain import LocalNode
    from medibloc_py.cli.walk import Walk
    from medibloc_py.storage import write_atomic

    if json is not None:  # found out before the walk
        require_writable(json.absolute().parent)
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="medibloc-demo-") as home,
        LocalNode.start(anvil=anvil_at_hand()) as node,
        _telling() as tell,
    ):
        report = Walk(node, Path(home), tell).run()
    seconds = time.perf_counter() - start
    _print(report, seconds)
    if json is not None:
        body = jsonlib.dumps(as_json(report, seconds), indent=2) + "\n"
        write_atomic(json.absolute(), body.encode(), 0o644)


def as_json(report: Report, seconds: float) -> dict[str, object]:
    """The report for machines; amounts are token units of 6 decimals."""
    return {
        "records": report.records,
        "arrays_equal": report.arrays_equal,
        "arrays_compared": report.arrays_compared,
        "gas": report.gas,
        "payouts": report.payouts,
        "escrow": report.escrow,
        "refused": [asdict(refusal) for refusal in report.refused],
        "steps": [asdict(step) for step in report.steps],
        "balances": {"before": report.before, "after": report.after},
        "seconds": round(seconds, 3),
    }


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Shows the current step on stderr: a spinner at a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda text: print(f"· {text}", file=sys.stderr)
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


def _print(report: Report, seconds: float) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120, markup=False, emoji=False)
    steps = Table(title="The walk", title_justify="left")
    for column in ("who", "what", "transaction"):
        steps.add_column(column, overflow="fold")
    for column in ("gas", "ms"):
        steps.add_column(column, justify="right")
    for step in report.steps:
        shown = f"{step.transaction[:10]}…" if step.transaction else ""
        gas = f"{step.gas:,}" if step.gas else ""
        steps.add_row(step.who, step.what, shown, gas, f"{1000 * step.seconds:,.0f}")
    console.print(steps)
    refused = Table(title="Refused, as it must be", title_justify="left")
    for column in ("act", "error", "why"):
        refused.add_column(column, overflow="fold")
    for refusal in report.refused:
        refused.add_row(refusal.act, refusal.error, _LONG_HEX.sub(r"\1…", refusal.message))
    console.print(refused)
    balances = Table(title="Balances in test dollars", title_justify="left")
    for column in ("who", "before", "after", "change"):
        balances.add_column(column, justify="left" if column == "who" else "right")
    for name, before in report.before.items():
        after = report.after[name]
        change = f"{'+' if after > before else ''}{show_amount(after - before, _DECIMALS)}"
        balances.add_row(
            name,
            show_amount(before, _DECIMALS),
            show_amount(after, _DECIMALS),
            change if after != before else "",
        )
    console.print(balances)
    console.print(
        f"{report.records} records, {report.arrays_compared} pixel arrays equal bit for bit, "
        f"{len(report.refused)} acts refused, escrow {report.escrow}, {seconds:.1f} s."
    )
