"""What the market hashes: ids of content, and the EIP-712 data that patients sign.

Types and field names are read from the contract's own ABI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, TypeAlias

from eth_hash.auto import keccak

from medibloc_py.chain import Contract, abi
from medibloc_py.model import ContributionTerms, Listing, Order

TypedData: TypeAlias = tuple[
    dict[str, object], dict[str, Sequence[tuple[str, str]]], str, dict[str, object]
]
"""Domain, types, primary type and message of EIP-712."""

_PRIMARY = "Contribution"


def content_id(market: Contract, chain_id: int, content: Listing | Order) -> bytes:
    """Computes the id of a listing or order: keccak256 over chain, market and content."""
    function = "listingId" if isinstance(content, Listing) else "orderId"
    params: Sequence[Mapping[str, Any]] = [
        {"name": "chain", "type": "uint256"},
        {"name": "market", "type": "address"},
        *market.artifact.functions[function]["inputs"],
    ]
    return keccak(abi.encode(params, (chain_id, market.address, astuple(content)), function))


def typed_terms(market: Contract, chain_id: int, terms: ContributionTerms) -> TypedData:
    """Writes a contribution's terms as EIP-712 typed data of this market on this chain."""
    domain: dict[str, object] = {
        "name": "MediBloc Market",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": market.address,
    }
    (struct,) = market.artifact.functions["contributionDigest"]["inputs"]
    parts = [(part["type"], part["name"]) for part in struct["components"]]
    message = dict(zip((name for _, name in parts), astuple(terms), strict=True))
    return domain, {_PRIMARY: parts}, _PRIMARY, message
