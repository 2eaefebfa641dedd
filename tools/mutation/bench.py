"""Whether a test notices a mutant, in a copy of the project whose artifacts are exchanged.

Forge links the contracts of contracts/ when a test runs (`dynamic_test_linking`). So a mutant costs
one warm compilation of the contracts that hold its code; the tests are compiled once, but for those
that hold the code of a library.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mutation.compiler import CompileError, Compiler
from mutation.operators import Mutant
from mutation.reach import Contract, Reach

PROFILE = "mutants"
OUT = "forge-out"
COPIED = ("contracts", "tests/forge", "tests/vectors", "tools/bin", "foundry.toml")
Code = tuple[str, str]
"""Bytecode for creation, and as deployed."""

OUTPUTS = ["evm.bytecode.object", "evm.deployedBytecode.object"]
# A mutant may be larger than a chain takes; that alone is no test's merit.
CODE_SIZE = 100_000
LONGEST_S = {"build": 600, "test": 90}
"""Of a core's time: what else the machine does shall not kill a mutant."""
LONGEST_WAIT_S = 3600


class BrokenBench(Exception):
    """The tests fail or cannot be run without any mutant."""


class Bench:
    """One copy of the project, compiled.

    Args:
        home: the copy, made by `prepare`.
        settings: solc's settings.
        reach: who holds whose code.
    """

    def __init__(self, home: Path, settings: dict[str, Any], reach: Reach) -> None:
        self._home = home
        self._reach = reach
        self._compiler = Compiler(home, settings)
        self._plain: dict[Contract, Code] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._compiler.__exit__(kind, error, trace)

    def judge(self, mutant: Mutant) -> tuple[str, str]:
        """Tells what becomes of a mutant.

        Returns:
            ("invalid", why), ("equivalent", ""), ("killed", by which test file), or
            ("survived", "").
        """
        text = {mutant.path: mutant.apply((self._home / mutant.path).read_bytes())}
        contracts = self._reach.of(mutant.declaration)
        test = f"{Path(mutant.path).stem}.t.sol"
        own = [one for one in contracts if Path(one[0]).name == test]
        try:
            # A constant can stand in every test: the library's own is compiled and asked first.
            if own and own != contracts:
                _, killer = self._try(own, text)
                if killer:
                    return "killed", killer
            equal, killer = self._try(contracts, text)
        except CompileError as error:
            return "invalid", str(error).splitlines()[0]
        if equal:
            return "equivalent", ""
        return ("killed", killer) if killer else ("survived", "")

    def _try(self, contracts: list[Contract], text: dict[str, str]) -> tuple[bool, str]:
        """Exchanges the contracts' artifacts and runs the tests.

        Returns:
            Whether no bytecode differs; which test file fails, if any.
        """
        unknown = [contract for contract in contracts if contract not in self._plain]
        if unknown:
            self._plain |= self._compile(unknown, {})
        compiled = self._compile(contracts, text)
        changed = {one: code for one, code in compiled.items() if code != self._plain[one]}
        if not changed:
            return True, ""
        saved = {one: self._artifact(one).read_bytes() for one in changed}
        try:
            for contract, code in changed.items():
                self._exchange(contract, code)
            failing = run_tests(self._home, stop_early=True)
        finally:
            for contract, content in saved.items():
                self._artifact(contract).write_bytes(content)
        return False, next(iter(failing), "")

    def _compile(self, contracts: list[Contract], sources: dict[str, str]) -> dict[Contract, Code]:
        outputs: dict[str, dict[str, list[str]]] = {}
        for path, name in contracts:
            outputs.setdefault(path, {})[name] = OUTPUTS
        texts = {path: (self._home / path).read_text(encoding="utf-8") for path in outputs}
        answer = self._compiler.ask({**texts, **sources}, outputs)
        codes = {(path, name): answer["contracts"][path][name]["evm"] for path, name in contracts}
        return {
            one: (code["bytecode"]["object"], code["deployedBytecode"]["object"])
            for one, code in codes.items()
        }

    def _artifact(self, contract: Contract) -> Path:
        path, name = contract
        return self._home / OUT / Path(path).name / f"{name}.json"

    def _exchange(self, contract: Contract, code: Code) -> None:
        path = self._artifact(contract)
        artifact = json.loads(path.read_text(encoding="utf-8"))
        artifact["bytecode"]["object"] = "0x" + code[0]
        artifact["deployedBytecode"]["object"] = "0x" + code[1]
        path.write_text(json.dumps(artifact), encoding="utf-8")


def prepare(root: Path, folder: Path, count: int) -> list[Path]:
    """Copies the project, compiles the copy and runs its tests, then copies it again.

    Args:
        root: the project.
        folder: where the copies go.
        count: how many.

    Raises:
        BrokenBench: it does not compile, or a test fails without any mutant.
    """
    homes = [folder / str(number) for number in range(count)]
    for name in COPIED:
        source, target = root / name, homes[0] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    (homes[0] / "tools" / "node_modules").symlink_to(root / "tools" / "node_modules")
    done = _forge(homes[0], "build")
    if done.returncode:
        raise BrokenBench(done.stdout[-3000:] + done.stderr[-3000:])
    failing = run_tests(homes[0], stop_early=False)
    if failing:
        raise BrokenBench(f"without a mutant these fail: {', '.join(failing)}")
    for home in homes[1:]:
        shutil.copytree(homes[0], home, symlinks=True)
    return homes


def run_tests(home: Path, *, stop_early: bool) -> list[str]:
    """Runs the tests of a copy; the files that fail, or "timeout".

    No filter is given: with one, forge asks the compiler what there is to filter, for ten seconds.
    """
    arguments = ["--threads", "1", "--code-size-limit", str(CODE_SIZE)]
    try:
        done = _forge(home, "test", *arguments, *(["--fail-fast"] if stop_early else []))
    finally:
        # What forge remembers of a failure would be asked of the next mutant too.
        shutil.rmtree(home / "cache", ignore_errors=True)
    if done.returncode == -signal.SIGXCPU:
        return ["timeout"]
    failing = _failing(done.stdout)
    if "Compiling" in done.stdout or bool(done.returncode) != bool(failing):
        raise BrokenBench(done.stdout[-3000:] + done.stderr[-3000:])
    return failing


def _failing(output: str) -> list[str]:
    suites = re.split(r"^Ran \d+ tests? for ", output, flags=re.M)[1:]
    # forge tells the failing ones once more below.
    failing = {suite.partition(":")[0]: None for suite in suites if "[FAIL" in suite}
    return list(failing)


def _forge(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    forge = str(home / "tools" / "bin" / "forge")
    limited = ("sh", "-c", 'ulimit -S -t "$0" && exec "$@"', str(LONGEST_S[arguments[0]]), forge)
    return subprocess.run(
        [*limited, *arguments, "--dynamic-test-linking"],
        cwd=home,
        env={**os.environ, "FOUNDRY_PROFILE": PROFILE, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_WAIT_S,
    )
