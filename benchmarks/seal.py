"""Measures sealing: against bare primitives, on one core and two, in memory, beside others.

    python benchmarks/seal.py [--bytes N] [--rounds N] [--peers PYTHON] [--folder DIR]
                              [--write] [--json]

All figures are ratios within one run: every round does each work once, in turn, peers
too, and the best round of either side counts; beside it stands the median of what each
round says. On one core the process is pinned to it, and seconds that the core worked are
compared; on two, seconds of the clock. Files are read from the page cache and the
ciphertext is dropped. Needs 7 GB of disk and of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend
from rich.console import Console
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import seal_ours as ours
from benchmarks.seal_page import PEERS, table
from benchmarks.seal_rounds import Rounds, Took, figures_of, peer_of, timed

OUT = Path(__file__).with_suffix(".json")
PAGE = OUT.parents[1] / "docs" / "benchmarks.md"
PLACE = re.compile(r"(?<=<!-- seal: table -->\n).*?(?=<!-- seal: end -->)", re.DOTALL)
SMALL_BYTES = 200_000
FRAME_ROUNDS = 3
FRAMES = 8
GIB = 1 << 30
SPARSE_BYTES = 8 * GIB
MEASURED_BYTES = 100_000_000


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Pins this process, and what it starts, to its first cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def child(*command: object) -> dict[str, Any]:
    """What a program prints as one line of JSON."""
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Bench:
    """The files, and what is measured with them."""

    def __init__(self, folder: Path, size_bytes: int, rounds: int, tell: Callable[[str], None]):
        self.folder = folder
        self.rounds = rounds
        self.tell = tell
        tell("write files")
        block = os.urandom(16 << 20)
        self.big = ours.write_random(folder / "big.dcm", size_bytes, block)
        small = folder / "small"
        small.mkdir()
        self.small = [
            ours.write_random(small / f"{number:05}.dcm", SMALL_BYTES, block)
            for number in range(size_bytes // SMALL_BYTES)
        ]
        os.sync()

    def speed(self, python: Path) -> tuple[Rounds, dict[str, str], dict[str, str]]:
        """Rounds of ceilings, sealing and peers; the peers' versions; why one is missing."""
        big = [self.big]
        works: dict[str, tuple[int, Callable[[], None]]] = {
            "read_cipher": (1, partial(ours.read_and_cipher, self.big)),
            "seal": (1, partial(ours.seal, big)),
            "read_cipher_sha256": (1, partial(ours.read_cipher_and_hash, self.big)),
            "seal_cid": (1, partial(ours.seal_and_name, big)),
            "seal_cid_two_cores": (2, partial(ours.seal_and_name, big)),
            "small_seal": (1, partial(ours.seal, self.small)),
            "small_seal_cid": (1, partial(ours.seal_and_name, self.small)),
        }
        found: Rounds = {name: [] for name in works}
        versions: dict[str, str] = {}
        missing: dict[str, str] = {}
        for number in range(self.rounds):
            for name, (cores, work) in works.items():
                self.tell(f"round {number + 1}: {name}")
                with on_cores(cores):
                    found[name].append(timed(work))
            for name in PEERS.keys() - missing.keys():
                self.tell(f"round {number + 1}: {name}")
                try:
                    with on_cores(1):
                        took = self._age() if name == "age" else self._peer(python, name)
                except (OSError, subprocess.CalledProcessError) as error:
                    missing[name] = _reason(error)
                    continue
                versions[name] = took["version"]
                seconds = took["core_seconds"]
                found.setdefault(name, []).append(Took(seconds, seconds))
        return found, versions, missing

    def _age(self) -> dict[str, Any]:
        told = subprocess.run(["age", "--version"], check=True, capture_output=True)
        identity = subprocess.run(["age-keygen"], check=True, capture_output=True)
        recipient = identity.stderr.decode().split()[-1]
        command = ["age", "-r", recipient, "-o", "/dev/null", str(self.big)]
        took = timed(partial(subprocess.run, command, check=True, capture_output=True))
        return {"version": told.stdout.decode().strip(), "core_seconds": took.cores}

    def _peer(self, python: Path, name: str) -> dict[str, Any]:
        return child(python, Path(ours.__file__).with_name("seal_peers.py"), name, self.big)

    def memory(self) -> dict[str, Any]:
        """Peak memory of a process that seals, with a store and without."""
        self.tell("memory")
        program = Path(ours.__file__).with_name("seal_memory.py")
        some, sparse = self.folder / "some.dcm", self.folder / "sparse.dcm"
        ours.write_random(some, MEASURED_BYTES, os.urandom(1 << 20))
        with sparse.open("wb") as file:
            file.truncate(SPARSE_BYTES)
        runs = {
            "100 MB into a LocalStore": (some, self.folder / "store"),
            "100 MB, id only": (some,),
            "8 GiB sparse, id only": (sparse,),
        }
        found = {
            name: round(child(sys.executable, program, *arguments)["peak_rss_mb"], 1)
            for name, arguments in runs.items()
        }
        sparse.unlink()
        return found

    def frames(self, size_bytes: int) -> Rounds:
        """Rounds of opening all of a record in a LocalStore, and one frame: the mean of some."""
        self.tell("write a record of frames")
        count = size_bytes // ours.FRAME_BYTES
        cine = ours.write_cine(self.folder / "cine.dcm", count)
        kept = ours.Kept.of(cine, self.folder / "frames")
        cine.unlink()
        os.sync()
        found: Rounds = {"whole": [], "frame": []}
        for number in range(FRAME_ROUNDS):
            self.tell(f"round {number + 1}: frames")
            found["whole"].append(timed(kept.read_whole))
            some = [
                timed(partial(kept.read_frame, at))
                for at in range(0, count, max(count // FRAMES, 1))
            ]
            found["frame"].append(Took(*map(statistics.fmean, zip(*some, strict=True))))
        return found


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or b"").decode(errors="replace").split("\n")
        return next((line for line in reversed(said) if line), str(error))
    return f"{error.filename}: {error.strerror}"


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bytes", type=int, default=2_000_000_000, help="size of the file")
    parser.add_argument("--frames-bytes", type=int, default=GIB, help="size of the DICOM file")
    parser.add_argument("--rounds", type=int, default=15, help="how often each work is done")
    parser.add_argument("--peers", type=Path, default=Path("python"), help="Python with the peers")
    parser.add_argument("--folder", type=Path, help="where to put the files (default: temporary)")
    parser.add_argument(
        "--write", action="store_true", help="write seal.json and docs/benchmarks.md"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="seal-", dir=asked.folder) as folder,
        Progress(console=Console(stderr=True)) as shown,
    ):
        task = shown.add_task("", total=None)

        def tell(what: str) -> None:
            shown.update(task, description=what)

        # As many bytes in one file as in the small ones.
        size_bytes = asked.bytes // SMALL_BYTES * SMALL_BYTES
        bench = Bench(Path(folder), size_bytes, asked.rounds, tell)
        rounds, versions, missing = bench.speed(asked.peers)
        memory = bench.memory()
        rounds |= bench.frames(asked.frames_bytes)
        figures = {
            "command": "make bench-seal",
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "versions": {
                "python": platform.python_version(),
                "cryptography": version("cryptography"),
                "cipher": backend.openssl_version_text(),
                "sha256": ssl.OPENSSL_VERSION,
            },
            "file_bytes": size_bytes,
            "small_files": len(bench.small),
            "rounds": bench.rounds,
            "frame_rounds": FRAME_ROUNDS,
            **figures_of(rounds, size_bytes),
            "peak_rss_mb": max(memory.values()),
            "memory_mb": memory,
            "peers": {
                name: {"missing": missing[name]}
                if name in missing
                else {"version": versions[name], **peer_of(rounds, name, size_bytes)}
                for name in PEERS
            },
        }
    text = json.dumps(figures, indent=2) + "\n"
    if asked.write:
        OUT.write_text(text, encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(lambda _: f"\n{table(figures)}\n\n", page), encoding="utf-8")
    sys.stdout.write(text if asked.json else table(figures) + "\n")


if __name__ == "__main__":
    main()
