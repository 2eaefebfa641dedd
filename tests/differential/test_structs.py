"""Ids, leaves and digests of the market's structs, whose fields are read from the ABI."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from medibloc_py.crypto import ids
from medibloc_py.model import Contribution, ContributionTerms, IssuerShare, Listing, Order
from tests.differential.bench import CASES, Bench, snake, value

# Where the library's name is shorter than the contracts'.
SHORTER = {"record_id": "record"}


def python_of(kind: type, components: list[dict[str, Any]], case: tuple[Any, ...]) -> Any:
    """The library's value of a struct; its fields must be the struct's."""
    names = [snake(part["name"]) for part in components]
    names = [SHORTER.get(name, name) for name in names]
    assert names == [field.name for field in fields(kind)]
    return kind(**dict(zip(names, case, strict=True)))


STRUCTS: list[tuple[str, type, Callable[[Bench, Any], bytes]]] = [
    (
        "listingIds",
        Listing,
        lambda bench, one: ids.listing_id(bench.network.chain_id, bench.house.market.address, one),
    ),
    (
        "orderIds",
        Order,
        lambda bench, one: ids.order_id(bench.network.chain_id, bench.house.market.address, one),
    ),
    (
        "contributionDigests",
        ContributionTerms,
        lambda bench, one: bench.house.market.contribution_digest(one),
    ),
    ("leaves", Contribution, lambda bench, one: ids.contribution_leaf(one)),
    ("issuerLeaves", IssuerShare, lambda bench, one: ids.issuer_leaf(one)),
]


@pytest.mark.parametrize(
    ("function", "kind", "derive"), STRUCTS, ids=[name for name, _, _ in STRUCTS]
)
def test_hashes_of_structs_are_the_same(
    bench: Bench,
    draw: random.Random,
    function: str,
    kind: type,
    derive: Callable[[Bench, Any], bytes],
) -> None:
    struct = bench.element(function, 1)
    cases = [value(draw, struct) for _ in range(CASES)]
    expected = [derive(bench, python_of(kind, struct["components"], case)) for case in cases]
    assert bench.ask(function, cases, market=True) == expected
