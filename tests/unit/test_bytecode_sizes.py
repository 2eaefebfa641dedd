"""The table of bytecode sizes is that of the contracts that ship, and all fit on a chain."""

from pathlib import Path

import pytest

from medibloc_py.chain import artifacts
from medibloc_py.flows.deploy import CONTRACTS, TEST_TOKEN

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
MOST_DEPLOYED = 24_576
"""Bytes of code that an account may have (EIP-170)."""
MOST_CREATION = 49_152
"""Bytes that may create a contract, its constructor's arguments included (EIP-3860)."""
SHIPPED = (*CONTRACTS, TEST_TOKEN)


def sizes(name: str) -> tuple[int, int]:
    """Bytes on chain, and bytes that create it: each argument of ours is one word."""
    artifact = artifacts.load(name)
    return len(artifact.runtime), len(artifact.bytecode) + 32 * len(artifact.constructor)


def table() -> str:
    """The table as it must stand in the page."""
    lines = ["| contract | on chain | left | creates it | left |", "|---|---:|---:|---:|---:|"]
    for name in SHIPPED:
        deployed, creation = sizes(name)
        numbers = (deployed, MOST_DEPLOYED - deployed, creation, MOST_CREATION - creation)
        lines.append("| ".join([f"| `{name}` ", *(f"{number:,} " for number in numbers)]) + "|")
    return "\n".join(lines) + "\n"


def test_the_table_has_every_contract_that_ships() -> None:
    assert sorted(SHIPPED) == artifacts.names()


def test_the_page_tells_the_sizes_of_what_ships() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"write into {PAGE.name}:\n{table()}"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_contract_fits_on_a_chain(name: str) -> None:
    deployed, creation = sizes(name)
    assert 0 < deployed <= MOST_DEPLOYED
    assert deployed < creation <= MOST_CREATION
