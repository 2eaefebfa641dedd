"""The types of signed acts: the same in Python and in the contracts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medibloc_py import acts

CONTRACTS = Path(__file__).parents[2] / "contracts"
HASHED = re.compile(r"_TYPEHASH\s*=\s*keccak256\(((?:\s*\"[^\"]*\")+)\s*\)")
TEXT = re.compile(r"\"([^\"]*)\"")
DOMAIN = re.compile(r"EIP712\(\"([^\"]+)\", \"([^\"]+)\"\)")
# The room whose contract takes the acts that another file describes.
ROOM = {"Listings.sol": "Market.sol"}


def in_solidity() -> dict[str, tuple[str, str]]:
    """Domain and version of each type that a contract hashes, by the type's text."""
    found = {}
    for path in sorted(CONTRACTS.rglob("*.sol")):
        for parts in HASHED.findall(path.read_text(encoding="utf-8")):
            room = path.with_name(ROOM.get(path.name, path.name)).read_text(encoding="utf-8")
            (domain,) = DOMAIN.findall(room)
            found["".join(TEXT.findall(parts))] = domain
    return found


def test_the_table_is_that_of_the_contracts():
    assert {act.text: (act.domain, acts.VERSION) for act in acts.ALL} == in_solidity()


def test_every_hash_in_the_contracts_is_read():
    declared = sum(
        len(re.findall(r"_TYPEHASH\s*=", path.read_text(encoding="utf-8")))
        for path in CONTRACTS.rglob("*.sol")
    )
    assert declared == len(in_solidity())


@pytest.mark.parametrize("act", acts.ALL, ids=lambda act: act.name)
def test_an_act_reads_its_own_text(act: acts.Act):
    fields = ",".join(f"{kind} {name}" for kind, name in act.fields)
    assert f"{act.name}({fields})" == act.text


def test_a_name_stands_once_in_a_domain():
    named = [(act.domain, act.name) for act in acts.ALL]
    assert (
        len(set(named))
        == len(named)
        == len({value for value in vars(acts).values() if isinstance(value, acts.Act)})
    )


@pytest.mark.parametrize("act", acts.ALL, ids=lambda act: act.name)
def test_an_interface_tells_of_the_act(act: acts.Act):
    """The words that a reader of the contracts is given: the interface's, or the struct itself."""
    interfaces = " ".join(p.read_text(encoding="utf-8") for p in CONTRACTS.rglob("I*.sol"))
    assert act == acts.CONTRIBUTION or act.text in interfaces
