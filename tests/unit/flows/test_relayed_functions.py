"""What a relay sends: the functions that take another's word, and no other."""

from __future__ import annotations

import pytest

from medibloc_py import acts
from medibloc_py.chain import artifacts
from medibloc_py.flows.relay import RELAYED
from medibloc_py.model import Signed

FIELDS = list(Signed.__dataclass_fields__)


@pytest.mark.parametrize("contract", ["Records", "Consents", "Grants", "Market"])
def test_the_relayed_functions_are_those_that_take_a_word(contract: str) -> None:
    takers = {
        name
        for name, item in artifacts.load(contract).functions.items()
        if item["inputs"]
        and [part["name"] for part in item["inputs"][-1].get("components", ())] == FIELDS
    }
    assert set(RELAYED[contract]) == takers
    assert "multicall" not in takers


def test_every_signed_act_is_relayed_but_contributions() -> None:
    """A contribution is no act: it is judged, by a listing's steward and its buyers."""
    relayed = [each.act for functions in RELAYED.values() for each in functions.values()]
    assert sorted(act.name for act in relayed) == sorted(
        act.name for act in acts.ALL if act is not acts.CONTRIBUTION
    )
    assert len(set(relayed)) == len(relayed)


def test_every_relayed_function_says_what_it_does() -> None:
    said = [each.says for functions in RELAYED.values() for each in functions.values()]
    assert len(set(said)) == len(said)
    assert all(words[0].islower() for words in said)
