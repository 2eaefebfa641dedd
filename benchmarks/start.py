"""Measures the start: importing the library, the help, and the help of each noun.

    python benchmarks/start.py [--rounds N] [--check] [--json]

Every figure is the best of many new processes, with the bytecode on the disk, as it is from the
second start on. It is in core seconds, which a start on an idle machine takes by the clock too:
one process, one thread, and it waits for nothing. With --check it ends with 1 if the import or
the help takes more than the limit.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

LIMIT_S = 0.3
BOUND = ("import medibloc_py", "medibloc --help")
"""What the limit is for; a noun's help imports the noun besides."""
NOUNS = ("record", "dataset", "gateway", "index")


def seconds(arguments: list[str], rounds: int) -> float:
    """The core seconds of a new Python that does it, from start to end, in the best round."""
    best = float("inf")
    for _ in range(rounds):
        before = _used()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        best = min(best, _used() - before)
    return round(best, 3)


def _used() -> float:
    """Core seconds of all processes that we started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(rounds: int) -> dict[str, float]:
    """Seconds of each start, by what is started."""
    program = ["-m", "medibloc_py"]
    starts = {
        "python alone": ["-c", "pass"],
        "import medibloc_py": ["-c", "import medibloc_py"],
        "medibloc --help": [*program, "--help"],
        **{f"medibloc {noun} --help": [*program, noun, "--help"] for noun in NOUNS},
    }
    return {name: seconds(arguments, rounds) for name, arguments in starts.items()}


def main() -> int:
    """Measures, prints, and judges if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--check", action="store_true", help="end with 1 above the limit")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    found = measure(given.rounds)
    slow = [name for name in BOUND if found[name] > LIMIT_S]
    if given.json:
        print(json.dumps({"limit_s": LIMIT_S, "core_s": found, "too_slow": slow}, indent=2))
    else:
        for name, took in found.items():
            limit = f" (at most {LIMIT_S})" if name in BOUND else ""
            print(f"{name:26}{took:6.3f} core s{limit}")
    return 1 if given.check and slow else 0


if __name__ == "__main__":
    sys.exit(main())
