"""The import arrows between the rooms of `contracts/`, read from the import lines."""

import re
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"
SOURCES = sorted(CONTRACTS.rglob("*.sol"))
# Rooms that a room may look into. Everyone may use `libraries`, which use only each other.
ARROWS = {
    "accounts": {"libraries"},
    "consent": {"accounts", "libraries"},
    "records": {"accounts", "libraries"},
    "access": {"accounts", "consent", "records", "libraries"},
    "market": {"access", "accounts", "consent", "records", "libraries"},
    "libraries": set(),
    "mocks": set(),
}
# The only contract that another builds upon: both rooms stand in one deployed contract (docs/adr).
BASES = {("records", "accounts/Accounts.sol")}
IMPORT = re.compile(r'^\s*import\b[^;]*?"([^"]+)"\s*;', re.M)
DECLARED = re.compile(r"^(abstract contract|contract|interface|library) (\w+)", re.M)
# What may be imported of another room, and of the libraries.
SHARED = {"interface"}
LIBRARIES = {"abstract contract", "library"}
FREE = re.compile(r"^(?:struct|enum|error|event|using|function|type|uint\d*|bytes\d*)\b", re.M)


def name_of(source: Path) -> str:
    return source.relative_to(CONTRACTS).as_posix()


def imports(text: str) -> list[str]:
    return IMPORT.findall(text)


def breaches(source: Path, text: str) -> list[str]:
    """Imports of `source` that no arrow allows, or of more of another room than interfaces."""
    found = []
    for target in imports(text):
        if target.startswith("@openzeppelin/contracts/"):
            continue
        path = (source.parent / target).resolve()
        room, other = source.parent.name, path.parent.name
        if room == other or (room, name_of(path)) in BASES:
            continue
        kinds = {kind for kind, _ in DECLARED.findall(path.read_text(encoding="utf-8"))}
        shared = LIBRARIES if other == "libraries" else SHARED
        if other not in ARROWS[room] or not kinds <= shared:
            found.append(target)
    return found


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_imports_follow_the_arrows(source: Path) -> None:
    assert breaches(source, source.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_imports_are_all_read(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert len(imports(text)) == len(re.findall(r"^\s*import\b", text, re.M))


@pytest.mark.parametrize(
    ("room", "target"),
    [
        ("accounts", "../records/IRecords.sol"),
        ("records", "../consent/IConsents.sol"),
        ("consent", "../market/IMarket.sol"),
        ("access", "../market/IMarket.sol"),
        ("access", "../records/Records.sol"),
        ("market", "../records/Records.sol"),
        ("libraries", "../accounts/IAccounts.sol"),
        ("market", "../mocks/TestToken.sol"),
    ],
)
def test_a_breach_is_seen(room: str, target: str) -> None:
    planted = CONTRACTS / room / "Planted.sol"
    assert breaches(planted, f'import {{\n    Thing\n}} from "{target}";\n') == [target]


def test_every_room_has_its_arrows() -> None:
    assert {source.parent.name for source in SOURCES} == set(ARROWS)


def test_names_are_unique_and_the_files_own() -> None:
    # Brownie knows a contract by its name alone.
    names = []
    for source in SOURCES:
        declared = [name for _, name in DECLARED.findall(source.read_text(encoding="utf-8"))]
        assert declared == [source.stem]
        names += declared
    assert len(names) == len(set(names))


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_file_holds_no_free_types(source: Path) -> None:
    # Brownie sees no change of a file in which types stand outside a contract or library.
    text = source.read_text(encoding="utf-8")
    assert not FREE.search(text)
    assert text.endswith("}\n")
