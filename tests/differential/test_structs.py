"""Ids, leaves and the digest of the market's structs, whose fields are read from the ABI."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from medibloc_py.acts import CONTRIBUTION, VERSION
from medibloc_py.chain.accounts import typed_digest
from medibloc_py.crypto import ids
from medibloc_py.model import Contribution, IssuerShare, Listing, Order
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


def test_digests_of_contributions_are_the_same(bench: Bench, draw: random.Random) -> None:
    struct = bench.element("contributionDigests", 1)
    cases = [value(draw, struct) for _ in range(CASES)]
    names = [part["name"] for part in struct["components"]]
    assert [(part["type"], part["name"]) for part in struct["components"]] == list(
        CONTRIBUTION.fields
    )
    domain = {
        "name": CONTRIBUTION.domain,
        "version": VERSION,
        "chainId": bench.network.chain_id,
        "verifyingContract": bench.house.market.address,
    }
    types = {CONTRIBUTION.name: CONTRIBUTION.fields}
    expected = [
        typed_digest(domain, types, CONTRIBUTION.name, dict(zip(names, case, strict=True)))
        for case in cases
    ]
    assert bench.ask("contributionDigests", cases, market=True) == expected
