"""Proves the properties in tests/halmos with halmos; docs/assurance.md lists them and their bounds.

python tools/prove.py [CONTRACT ...]    all contracts of tests/halmos, or those named

A proof counts only if halmos passes it without a warning: a cut path or a bound reached is a
failure. Each query to the solver and the whole run have a limit of time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROOFS = ROOT / "tests" / "halmos"
GENERATED = ROOT / ".cache" / "halmos"
HALMOS = ROOT / ".venv-assurance" / "bin" / "halmos"
OUT = "forge-out/halmos"
LOOP = 17
QUERY_TIMEOUT_S = 60
WHOLE_TIMEOUT_S = 240

# Halmos follows each path by itself, and the lone `if`s of `_met` alone make 768. So `_met` is
# proved equal to an expression without branches (`PurposeLemmas`), and `matches` is proved with
# that expression in its place. `_firstDenying` and `_lowest` find the deciding bit, not the answer:
# that they always find one is a lemma too, and the proofs of the answer do without it.
MERGED = {
    "_met": "return PurposeExpressions.met(request, covered);",
    "_firstDenying": "unmet; return 0;",
    "_lowest": "word; return 0;",
}


def generate() -> None:
    """Writes the two readings of `Purpose` that the proofs import."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "contracts" / "libraries" / "Purpose.sol").read_text(encoding="utf-8")
    opened = _replace(r"\bprivate pure\b", "internal pure", text)
    _write("OpenPurpose", _replace(r"\blibrary Purpose\b", "library OpenPurpose", opened))
    merged = _replace(r"\blibrary Purpose\b", "library MergedPurpose", text)
    for name, body in MERGED.items():
        merged = _replace(
            rf"(function {name}\([^{{]*\{{).*?\n    \}}", rf"\1\n{body}\n    }}", merged
        )
    path = '"../../tests/halmos/PurposeExpressions.sol"'
    imported = f"import {{PurposeExpressions}} from {path};\n\nlibrary MergedPurpose"
    _write("MergedPurpose", _replace(r"library MergedPurpose", imported, merged))


def _replace(pattern: str, by: str, text: str) -> str:
    changed, count = re.subn(pattern, by, text, flags=re.S)
    if not count:
        sys.exit(f"contracts/libraries/Purpose.sol has no {pattern!r}: adapt tools/prove.py")
    return changed


def _write(name: str, text: str) -> None:
    path = GENERATED / f"{name}.sol"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def prove(contract: str, deadline: float) -> tuple[list[str], list[str]]:
    """Runs halmos on one contract of proofs.

    Args:
        contract: name of the contract.
        deadline: when to give up, on the monotonic clock.

    Returns:
        One line per proof, and one per failure.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(HALMOS), "--contract", contract, "--forge-build-out", OUT]
        command += ["--loop", str(LOOP), "--solver-timeout-assertion", f"{QUERY_TIMEOUT_S}s"]
        command += ["--default-array-lengths", "0", "--default-bytes-lengths", "65"]
        command += ["--no-status", "--json-output", str(report)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=max(1, deadline - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            return [], [f"{contract}: not proved within {WHOLE_TIMEOUT_S} s"]
        if not report.exists():
            return [], [f"{contract}: {done.stdout[-2000:]}{done.stderr[-2000:]}"]
        return _read(contract, json.loads(report.read_text()), done.stdout + done.stderr)


def shares() -> tuple[list[str], list[str]]:
    """Runs the proofs of tests/halmos/shares.py; results as `prove`."""
    command = [str(HALMOS.parent / "python"), str(PROOFS / "shares.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    lines = done.stdout.splitlines()
    return lines, [] if done.returncode == 0 else [f"shares.py: {done.stdout}{done.stderr}"]


def _read(contract: str, report: dict[str, object], output: str) -> tuple[list[str], list[str]]:
    lines, failures = [], []
    for results in report["test_results"].values():  # type: ignore[attr-defined]
        for one in results:
            name = f"{contract}.{one['name'].partition('(')[0]}"
            paths = one["num_paths"][0]
            if one["exitcode"] or one["num_bounded_loops"]:
                failures.append(f"{name}: not proved")
            else:
                lines.append(f"{name}: {paths} paths, {one['time'][0]:.1f} s")
    if failures:
        failures[-1] += f"\n{output[-4000:]}"
    elif "WARNING" in output or not lines:
        failures.append(f"{contract}: {output[-4000:]}")
    return lines, failures


def _environment() -> dict[str, str]:
    # Halmos calls forge by its name.
    path = f"{ROOT / 'tools' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "FOUNDRY_PROFILE": "halmos"}


def main(names: list[str]) -> int:
    """Generates, compiles once, and proves on every core; gives the exit status."""
    start = time.monotonic()
    generate()
    subprocess.run(
        ["forge", "build"],
        cwd=ROOT,
        env=_environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    contracts = names or sorted(
        re.findall(
            r"^contract (\w+)",
            "\n".join(path.read_text(encoding="utf-8") for path in PROOFS.glob("*.sol")),
            flags=re.M,
        )
    )
    deadline = start + WHOLE_TIMEOUT_S
    proved, failed = 0, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines, failures in pool.map(lambda name: prove(name, deadline), contracts):
            print("\n".join(lines), flush=True)
            proved += len(lines)
            failed += failures
    # The arithmetic, by z3 alone.
    proofs, failures = shares() if not names else ([], [])
    print("\n".join(proofs))
    proved += len(proofs)
    failed += failures
    print("\n".join(failed), end="\n" if failed else "")
    print(f"{proved} proofs in {time.monotonic() - start:.0f} s, {len(failed)} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
