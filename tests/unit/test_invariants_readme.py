"""The list of invariants and the code that checks them name the same numbers and functions."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = (ROOT / "tests" / "contracts" / "invariants" / "README.md").read_text(encoding="utf-8")
SUITES = {
    file.name.removesuffix(".t.sol"): file.read_text(encoding="utf-8")
    for file in sorted((ROOT / "tests" / "forge" / "invariants").glob("*Invariants.t.sol"))
}

SECTION = re.compile(
    r"^### .*?`(\w+)\.(invariant_\w+)`$(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL
)
ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.MULTILINE)
FUNCTION = re.compile(r"^    function (\w+)\(.*?^    \}", re.MULTILINE | re.DOTALL)
HELD = re.compile(r"\b_hold\((\d+),")


def listed() -> dict[str, dict[int, list[str]]]:
    """For each suite, the functions that the list names for each number."""
    found: dict[str, dict[int, list[str]]] = {}
    for suite, _, text in SECTION.findall(LIST):
        rows = {int(number): cells.split(" | ") for number, cells in ROW.findall(text)}
        found[suite] = {number: re.findall(r"`(\w+)`", cells[2]) for number, cells in rows.items()}
    return found


def held(suite: str) -> dict[int, set[str]]:
    """For each number, the functions of a suite that hold the contracts to it."""
    found: dict[int, set[str]] = defaultdict(set)
    for function in FUNCTION.finditer(SUITES[suite]):
        for number in HELD.findall(function[0]):
            found[int(number)].add(function[1])
    return dict(found)


def test_every_suite_is_listed_with_its_invariant_functions() -> None:
    assert sorted(listed()) == sorted(SUITES)
    named = {(suite, function) for suite, function, _ in SECTION.findall(LIST)}
    written = {
        (suite, function)
        for suite, text in SUITES.items()
        for function in re.findall(r"function (invariant_\w+)\(", text)
    }
    assert named == written


def test_invariants_are_numbered_from_one_without_gap() -> None:
    numbers = [number for rows in listed().values() for number in rows]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 12


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_each_number_is_held_by_the_functions_it_names(suite: str) -> None:
    code = held(suite)
    assert sorted(code) == sorted(listed()[suite])
    for number, functions in listed()[suite].items():
        assert functions, number
        # A helper may hold a part of it: what is named holds it, too.
        assert set(functions) <= code[number], number


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_each_check_is_called(suite: str) -> None:
    text = SUITES[suite]
    entries = "".join(
        function[0]
        for function in FUNCTION.finditer(text)
        if function[1].startswith("invariant_") or function[1] == "afterInvariant"
    )
    for functions in listed()[suite].values():
        for function in set(functions) - {"afterInvariant"}:
            assert f"{function}(" in entries, function


def test_every_row_says_what_is_tried_and_what_breaks_it() -> None:
    for _, cells in ROW.findall(LIST):
        parts = cells.split(" | ")
        assert len(parts) == 5, cells
        assert all(part.strip() for part in parts), cells
