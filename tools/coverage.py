"""Line and branch coverage of the contracts by forge, held to a mark.

python tools/coverage.py --least 95
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIELDS = {"LF": "lines", "LH": "lines_hit", "BRF": "branches", "BRH": "branches_hit"}


def measure() -> dict[str, dict[str, int]]:
    """Runs the forge tests under coverage.

    Returns:
        For each contract file: lines, lines_hit, branches, branches_hit.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "lcov.info"
        command = ["forge", "coverage", "--report", "lcov", "--report-file", str(report)]
        command += ["--no-match-coverage", "node_modules|tests/|mocks/"]
        # Which lines run needs few draws; `make forge` has drawn many before.
        few = {**os.environ, "FOUNDRY_PROFILE": "mutants"}
        done = subprocess.run(
            command, cwd=ROOT, env=few, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stdout[-4000:] + done.stderr[-4000:])
        return _parse(report.read_text())


def _parse(text: str) -> dict[str, dict[str, int]]:
    files: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(FIELDS.values(), 0))
    name = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "SF":
            name = value
        elif key in FIELDS:
            files[name][FIELDS[key]] += int(value)
    return dict(files)


def main() -> None:
    """Prints the table; exits with 1 below the mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=float, default=0, help="percent of lines and of branches")
    least = parser.parse_args().least
    files = measure()
    total = {key: sum(one[key] for one in files.values()) for key in FIELDS.values()}
    if not total["lines"] or not total["branches"]:
        sys.exit("forge measured nothing")
    print(f"{'contract':44} {'lines':>12} {'branches':>12}")
    for name, one in [*sorted(files.items()), ("total", total)]:
        lines = f"{one['lines_hit']}/{one['lines']}"
        branches = f"{one['branches_hit']}/{one['branches']}"
        print(f"{name:44} {lines:>12} {branches:>12}")
    for part in ("lines", "branches"):
        percent = 100 * total[f"{part}_hit"] / total[part]
        print(f"{part}: {percent:.2f} %")
        if percent < least:
            sys.exit(f"below {least} %")


if __name__ == "__main__":
    main()
