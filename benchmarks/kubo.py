"""Measures publishing to a real IPFS daemon: sealing included, against `ipfs add` of the plaintext.

    python benchmarks/kubo.py [--mib N] [--rounds N] [--first] [--json]

One private node as `medibloc store up` makes it, one file of random bytes, and in every round
each way once, the node emptied after each:

    ipfs add       Kubo's own command, its start included: plaintext, the same chunks, tree and pin
    seal and put   what publishing does: sealing, CID computed here, sent, pinned, compared
    put            the same without sealing

Compared are the fastest rounds of each way, which others on the machine disturbed least; the
median of the rounds' own ratios stands beside it. Writes benchmarks/kubo.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.storage import KuboNode, KuboStore
from medibloc_py.storage.program import find_kubo
from medibloc_py.storage.unixfs import CHUNK_BYTES, MAX_LINKS

OUT = Path(__file__).with_suffix(".json")
GOAL = 0.90
ADD, SEAL, PUT = "ipfs add", "seal and put", "put"
TICKS = os.sysconf("SC_CLK_TCK")


class Took(NamedTuple):
    """What one way took: by the clock, of cores in clients, of cores in the daemon."""

    seconds: float
    client_s: float
    daemon_s: float


class Bench:
    """A node, a file, and the ways to bring the one into the other."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        self._kubo = str(find_kubo())
        self.node = KuboNode(folder / "node")
        self.store = KuboStore(self.node.up().rpc)
        note = json.loads((folder / "node" / "node.json").read_bytes())
        self._pid = int(note["process"]["pid"])
        self._environ = os.environ | {"IPFS_PATH": str(folder / "node" / "repo")}
        self._file = folder / "study"
        self._size = size_mib * CHUNK_BYTES
        with self._file.open("wb") as file:
            for _ in range(size_mib):
                file.write(secrets.token_bytes(CHUNK_BYTES))
        self.ways: dict[str, Callable[[], object]] = {
            ADD: self._add,
            SEAL: lambda: self.store.put(self._sealed()),
            PUT: lambda: self.store.put(self._pieces()),
        }

    def take(self, way: str) -> Took:
        """Measures one way, and empties the node after it."""
        before = self._cores()
        start = time.perf_counter()
        self.ways[way]()
        seconds = time.perf_counter() - start
        client, daemon = (now - then for now, then in zip(self._cores(), before, strict=True))
        for cid in list(self.store.pins()):
            self.store.unpin(cid)
        self.store.collect()
        return Took(seconds, client, daemon)

    def _cores(self) -> tuple[float, float]:
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = [resource.getrusage(each) for each in who]
        client = sum(each.ru_utime + each.ru_stime for each in used)
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return client, (int(fields[11]) + int(fields[12])) / TICKS

    def _add(self) -> None:
        options = ["--cid-version=1", "--raw-leaves", f"--chunker=size-{CHUNK_BYTES}"]
        options += [f"--max-file-links={MAX_LINKS}", "--pin", "--progress=false", "-Q"]
        command = [self._kubo, "add", *options, str(self._file)]
        subprocess.run(command, env=self._environ, check=True, stdout=subprocess.DEVNULL)

    def _sealed(self) -> Iterator[memoryview]:
        source = SourceFile("0001.dcm", self._size, lambda: self._file.open("rb", buffering=0))
        return seal_record([source], secrets.token_bytes(32), secrets.token_bytes(32))

    def _pieces(self) -> Iterator[bytes]:
        with self._file.open("rb", buffering=0) as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece


def measure(size_mib: int, rounds: int, console: Console) -> dict[str, object]:
    """Runs every way in every round, the order turned each time."""
    took: dict[str, list[Took]] = {way: [] for way in (ADD, SEAL, PUT)}
    with (
        tempfile.TemporaryDirectory(prefix="medibloc-bench-") as folder,
        Progress(console=console, transient=True) as progress,
    ):
        bench = Bench(Path(folder), size_mib)
        task = progress.add_task("publish", total=rounds * len(took))
        try:
            kubo = bench.node.status().version
            for number in range(rounds):
                ways = list(took)
                for way in ways[number % 3 :] + ways[: number % 3]:
                    took[way].append(bench.take(way))
                    progress.advance(task)
        finally:
            bench.node.down()
    return {
        "size_mib": size_mib,
        "rounds": rounds,
        "kubo": kubo,
        "cryptography": version("cryptography"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "goal": GOAL,
        "publish_over_ipfs_add": ratio(took, SEAL),
        "put_over_ipfs_add": ratio(took, PUT),
        "median_publish_over_ipfs_add": median_ratio(took, SEAL),
        "median_put_over_ipfs_add": median_ratio(took, PUT),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "ways": {way: figures(each, size_mib) for way, each in took.items()},
    }


def ratio(took: dict[str, list[Took]], way: str) -> float:
    """Speed of a way as a part of that of `ipfs add`, by the fastest round of each."""
    fastest = {each: min(round_.seconds for round_ in took[each]) for each in (ADD, way)}
    return round(fastest[ADD] / fastest[way], 3)


def median_ratio(took: dict[str, list[Took]], way: str) -> float:
    """The same as the median of what each round says."""
    pairs = zip(took[ADD], took[way], strict=True)
    return round(statistics.median(add.seconds / other.seconds for add, other in pairs), 3)


def figures(took: list[Took], size_mib: int) -> dict[str, float]:
    """Medians of one way."""
    seconds, client, daemon = (statistics.median(each) for each in zip(*took, strict=True))
    return {
        "seconds": round(seconds, 3),
        "fastest_s": round(min(each.seconds for each in took), 3),
        "mib_per_s": round(size_mib / seconds, 1),
        "client_core_s": round(client, 3),
        "daemon_core_s": round(daemon, 3),
    }


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=512, help="size of the file")
    parser.add_argument("--rounds", type=int, default=11, help="how often each way is taken")
    parser.add_argument(
        "--first", action="store_true", help="run before all others on the machine; for root"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if asked.first:  # the node and its client alike: both are started from here
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    found = measure(asked.mib, asked.rounds, Console(stderr=True))
    text = json.dumps(found, indent=2) + "\n"
    OUT.write_text(text, encoding="utf-8")
    if asked.json:
        sys.stdout.write(text)
        return
    table = Table(title=f"{asked.mib} MiB to Kubo {found['kubo']}", title_justify="left")
    for column in ("way", "s", "fastest", "MiB/s", "core s, client", "core s, daemon"):
        table.add_column(column)
    for way, row in found["ways"].items():  # type: ignore[attr-defined]
        table.add_row(way, *map(str, row.values()))
    console = Console()
    console.print(table)
    console.print(
        f"publish over ipfs add {found['publish_over_ipfs_add']} (goal {GOAL}), "
        f"put over ipfs add {found['put_over_ipfs_add']}; "
        f"medians {found['median_publish_over_ipfs_add']} and {found['median_put_over_ipfs_add']}; "
        f"peak memory {found['peak_rss_mb']} MB"
    )


if __name__ == "__main__":
    main()
