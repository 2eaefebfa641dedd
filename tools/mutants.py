"""Mutation testing of the contracts: small faults that no test notices.

python tools/mutants.py                               all of contracts/ but mocks and interfaces
python tools/mutants.py --only contracts/market       files whose path begins so
python tools/mutants.py --sample 200 --seed 7         some of them
python tools/mutants.py --survivors                   those that survived the last full run

Results are kept in .cache/mutants.jsonl: a run that was cut off goes on where it was, and a mutant
that a test killed stays killed while the contracts stay the same. `--fresh` forgets them. A full
run writes tests/mutants/results.json; each survivor needs an entry in tests/mutants/survivors.toml
that says why no test can or need notice it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import random
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts import settings
from mutation.bench import Bench, BrokenBench, prepare
from mutation.compiler import Compiler
from mutation.operators import Mutant, mutants
from mutation.reach import Reach
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "mutants.jsonl"
FOLDER = ROOT / "tests" / "mutants"
LEAST_SCORE = 0.95
FIELDS = ("file", "function", "original", "mutated", "place")


@dataclass
class Project:
    """The contracts, their mutants and what they reach."""

    mutants: list[Mutant]
    reach: Reach
    settings: dict[str, Any]
    contracts_digest: str
    tests_digest: str


def read_project() -> Project:
    """Reads all syntax trees by one compilation."""
    own = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "contracts").rglob("*.sol"))
    tests = sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/forge").rglob("*.sol")
    )
    used = settings()
    used["metadata"] = {**used["metadata"], "appendCBOR": False}
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in own + tests}
    with Compiler(ROOT, used) as compiler:
        answer = compiler.ask(sources, {"*": {"": ["ast"]}})
    trees = {path: one["ast"] for path, one in answer["sources"].items()}
    found = [
        mutant
        for path in own
        if not path.startswith("contracts/mocks/")
        for mutant in mutants(path, (ROOT / path).read_bytes(), trees[path])
    ]
    foundry = (ROOT / "foundry.toml").read_text(encoding="utf-8")
    return Project(
        found,
        Reach(trees),
        used,
        _digest({path: sources[path] for path in own}),
        _digest({**{path: sources[path] for path in tests}, "foundry.toml": foundry}),
    )


def _digest(texts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]


class Memory:
    """Results by mutant, kept on disk line by line."""

    def __init__(self, project: Project, fresh: bool) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}
        CACHE.parent.mkdir(exist_ok=True)
        if fresh:
            CACHE.unlink(missing_ok=True)
        if CACHE.exists():
            for line in CACHE.read_text(encoding="utf-8").splitlines():
                one = json.loads(line)
                if one["contracts"] == project.contracts_digest:
                    self._known[tuple(one["key"])] = one

    def get(self, mutant: Mutant) -> str | None:
        """What became of a mutant, if that still holds."""
        one = self._known.get(mutant.key)
        if not one or (one["result"] == "survived" and one["tests"] != self._project.tests_digest):
            return None
        return str(one["result"])

    def count(self, result: str) -> int:
        """How many known mutants came to that."""
        with self._lock:
            return sum(one["result"] == result for one in self._known.values())

    def put(self, mutant: Mutant, result: str, detail: str, seconds: float) -> None:
        """Keeps what became of a mutant."""
        one = {
            "key": mutant.key,
            "line": mutant.line,
            "result": result,
            "detail": detail,
            "seconds": round(seconds, 2),
            "contracts": self._project.contracts_digest,
            "tests": self._project.tests_digest,
        }
        with self._lock:
            self._known[mutant.key] = one
            with CACHE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(one) + "\n")


def run(project: Project, chosen: list[Mutant], memory: Memory, jobs: int) -> None:
    """Judges the mutants that are not yet known, on `jobs` benches."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    left = [mutant for mutant in chosen if memory.get(mutant) is None]
    for mutant in left:
        waiting.put(mutant)
    if not left:
        return
    failures: list[BaseException] = []
    columns = (TextColumn("mutants"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(*columns, TextColumn("{task.description}"), console=console) as progress,
    ):
        bar = progress.add_task("compiling", total=len(left))
        homes = prepare(ROOT, Path(folder), min(jobs, len(left)))

        def work(home: Path) -> None:
            try:
                with Bench(home, project.settings, project.reach) as bench:
                    while not failures:
                        mutant = waiting.get_nowait()
                        start = time.monotonic()
                        result, detail = bench.judge(mutant)
                        memory.put(mutant, result, detail, time.monotonic() - start)
                        survived = memory.count("survived")
                        progress.update(bar, advance=1, description=f"{survived} survived")
            except queue.Empty:
                pass
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(home,)) for home in homes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def report(chosen: list[Mutant], memory: Memory, whole: bool) -> dict[str, Any]:
    """Counts, and the survivors with what makes each known again."""
    results = {mutant.key: memory.get(mutant) or "unknown" for mutant in chosen}
    counts = Counter(results.values())
    judged = counts["killed"] + counts["survived"]
    survivors = [mutant for mutant in chosen if results[mutant.key] == "survived"]
    return {
        "whole": whole,
        "score": round(counts["killed"] / judged, 4) if judged else 1.0,
        "mutants": len(chosen),
        "killed": counts["killed"],
        "survived": counts["survived"],
        "equivalent_bytecode": counts["equivalent"],
        "not_compiling": counts["invalid"],
        "survivors": [
            {**dict(zip(FIELDS, mutant.key, strict=True)), "line": mutant.line}
            for mutant in survivors
        ],
    }


def explained() -> dict[tuple[object, ...], str]:
    """The reasons in tests/mutants/survivors.toml by mutant."""
    path = FOLDER / "survivors.toml"
    if not path.exists():
        return {}
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    return {tuple(one.get(field, 0) for field in FIELDS): one["reason"].strip() for one in entries}


def select(project: Project, arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants asked for."""
    chosen = [one for one in project.mutants if one.path.startswith(arguments.only)]
    if arguments.survivors:
        last = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))["survivors"]
        keys = {tuple(one[field] for field in FIELDS) for one in last}
        chosen = [one for one in chosen if one.key in keys]
    if arguments.sample and arguments.sample < len(chosen):
        picked = random.Random(arguments.seed).sample(range(len(chosen)), arguments.sample)  # noqa: S311
        chosen = [chosen[number] for number in sorted(picked)]
    return chosen


def main() -> int:
    """Runs, reports, and gives the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="beginning of a path")
    parser.add_argument("--sample", type=int, help="how many, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--list", action="store_true", help="print the mutants, run none")
    arguments = parser.parse_args()
    project = read_project()
    chosen = select(project, arguments)
    if arguments.list:
        for one in chosen:
            print(f"{one.path}:{one.line} {one.function}: {one.original} -> {one.mutated}")
        print(f"{len(chosen)} mutants")
        return 0
    memory = Memory(project, arguments.fresh)
    start = time.monotonic()
    try:
        run(project, chosen, memory, arguments.jobs)
    except BrokenBench as error:
        sys.exit(f"the tests do not run: {error}")
    whole = len(chosen) == len(project.mutants)
    found = report(chosen, memory, whole)
    if whole:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return _tell(found, time.monotonic() - start, as_json=arguments.json)


def _tell(found: dict[str, Any], seconds: float, *, as_json: bool) -> int:
    reasons = explained()
    unexplained = 0
    for one in found["survivors"]:
        reason = reasons.get(tuple(one[field] for field in FIELDS), "")
        unexplained += not reason
        one["reason"] = reason
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        for one in found["survivors"]:
            print(f"{one['file']}:{one['line']} {one['function']}")
            reason = one["reason"] or "NOT EXPLAINED"
            print(f"    {one['original']}\n    {one['mutated']}\n    {reason}")
        print(
            f"{found['killed']} killed, {found['survived']} survived ({unexplained} unexplained), "
            f"{found['equivalent_bytecode']} of equal bytecode, "
            f"{found['not_compiling']} not compiling; score {found['score']:.4f} in {seconds:.0f} s"
        )
    return 1 if unexplained or found["score"] < LEAST_SCORE else 0


if __name__ == "__main__":
    sys.exit(main())
