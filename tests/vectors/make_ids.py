"""Writes ids.json: what Python and the contracts must both call a thing.

Everything is derived from fixed labels, so the file never changes by itself. Bytes
and addresses are hex with 0x, integers are decimal strings (they go beyond 53 bits).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import (
    Address,
    Contribution,
    IssuerShare,
    KeyCommitment,
    Listing,
    ListingId,
    Order,
    RecordId,
    Root,
)

PATH = Path(__file__).with_name("ids.json")
CHAINS = (1, 31337, 2**256 - 1)
TREE_SIZES = (1, 2, 3, 4, 5, 7, 8, 33)


def some(label: str, size: int = 32) -> bytes:
    """Fixed bytes for a label."""
    return sha256(b"medibloc vectors " + label.encode()).digest()[:size]


def account(label: str) -> Address:
    """A fixed account for a label."""
    return ids.checksum_address(some(label, 20))


def shown(value: Any) -> Any:
    """A value as JSON shows it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def records() -> list[dict[str, Any]]:
    """Records of several kinds."""
    cases = []
    for kind in (0, 1, 2**32, 2**256 - 1):
        cid = bytes.fromhex("01551220") + some(f"cid {kind}")
        digest = ids.content_digest(cid)
        salt, commitment = some(f"salt {kind}"), KeyCommitment(some(f"commitment {kind}"))
        patient = account(f"patient {kind}")
        blind = ids.blind(salt, digest, commitment, kind)
        cases.append(
            {
                "cid_bytes": cid,
                "salt": salt,
                "content_digest": digest,
                "key_commitment": commitment,
                "kind": kind,
                "blind": blind,
                "patient": patient,
                "record_id": ids.record_id(patient, blind),
            }
        )
    return cases


def listings() -> list[dict[str, Any]]:
    """Ordinary, empty and full listings."""
    ordinary = Listing(
        steward=account("steward"),
        root=Root(some("root")),
        token=account("token"),
        price=25_000_000_000,
        total_weight=1_000,
        terms=1 << 6 | 1 << 46,
        fee_bps=250,
        issuer_bps=150,
        issuers=Root(some("issuers")),
        bond=5_000_000_000,
        closes_at=1_900_000_000,
        salt=some("listing salt", 8),
    )
    zero = ids.checksum_address(bytes(20))
    empty = Listing(zero, Root(bytes(32)), zero, 0, 0, 0, 0, 0, Root(bytes(32)), 0, 0, bytes(8))
    full = Listing(
        ids.checksum_address(b"\xff" * 20),
        Root(b"\xff" * 32),
        ids.checksum_address(b"\xff" * 20),
        2**96 - 1,
        2**96 - 1,
        2**64 - 1,
        2**16 - 1,
        2**16 - 1,
        Root(b"\xff" * 32),
        2**96 - 1,
        2**40 - 1,
        b"\xff" * 8,
    )
    market = account("market")
    return [
        {
            "chain_id": chain,
            "market": market,
            "listing": asdict(listing),
            "id": ids.listing_id(chain, market, listing),
        }
        for chain, listing in zip(CHAINS, (ordinary, empty, full), strict=True)
    ]


def orders() -> list[dict[str, Any]]:
    """Ordinary and full orders."""
    ordinary = Order(
        listing=ListingId(some("listing")),
        buyer=account("buyer"),
        token=account("token"),
        price=25_000_000_000,
        purpose=1 << 6 | 1 << 50,
        lock=account("lock"),
        deadline=1_800_000_000,
    )
    everything = ids.checksum_address(b"\xff" * 20)
    full = Order(
        ListingId(b"\xff" * 32),
        everything,
        everything,
        2**96 - 1,
        2**64 - 1,
        everything,
        2**40 - 1,
    )
    market = account("market")
    return [
        {
            "chain_id": chain,
            "market": market,
            "order": asdict(order),
            "id": ids.order_id(chain, market, order),
        }
        for chain, order in zip(CHAINS, (ordinary, full), strict=False)
    ]


def contributions() -> list[dict[str, Any]]:
    """Contributions with their consent digest."""
    cases = []
    for weight in (1, 2**96 - 1):
        digest, signature = some(f"digest {weight}"), some("r") + some("s") + b"\x1b"
        contribution = Contribution(
            patient=account("patient"),
            payee=account("payee"),
            record=RecordId(some("record")),
            weight=weight,
            consent_digest=ids.consent_digest(digest, signature),
        )
        cases.append(
            {
                "eip712_digest": digest,
                "signature": signature,
                "contribution": asdict(contribution),
                "leaf": ids.contribution_leaf(contribution),
            }
        )
    return cases


def issuer_shares() -> list[dict[str, Any]]:
    """Issuers' shares."""
    shares = [IssuerShare(account(f"issuer {weight}"), weight) for weight in (0, 7, 2**96 - 1)]
    return [{"share": asdict(share), "leaf": ids.issuer_leaf(share)} for share in shares]


def trees() -> list[dict[str, Any]]:
    """Trees of several sizes, with the proof of each leaf and of every third one."""
    cases = []
    for size in TREE_SIZES:
        leaves = [some(f"leaf {index}") for index in range(size)]
        tree = MerkleTree(leaves)
        several = tree.multiproof(leaves[::3])
        cases.append(
            {
                "leaves": leaves,
                "root": tree.root,
                "proofs": [tree.proof(leaf) for leaf in leaves],
                "multiproof": {
                    "leaves": several.leaves,
                    "proof": several.proof,
                    "flags": several.flags,
                },
            }
        )
    return cases


def build() -> dict[str, Any]:
    """The whole file."""
    return {
        "keccak256": shown(
            [{"data": data, "hash": ids.keccak256(data)} for data in (b"", b"abc", bytes(200))]
        ),
        "records": shown(records()),
        "listings": shown(listings()),
        "orders": shown(orders()),
        "contributions": shown(contributions()),
        "issuer_shares": shown(issuer_shares()),
        "trees": shown(trees()),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(build(), indent=1) + "\n")
