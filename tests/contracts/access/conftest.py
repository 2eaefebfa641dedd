"""A record of the patient, registered, and a grant on it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

import pytest

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import Address, Blind, RecordId
from support.clock import YEAR, now
from support.locators import parts


@dataclass(frozen=True)
class Opening:
    """What opens a record, and who it is for."""

    issuer: Any
    blind: Blind
    proof: tuple[bytes, ...]
    record: RecordId
    grantee: Any
    purpose: int
    expires_at: int
    locator: bytes

    @property
    def request(self) -> tuple[Any, ...]:
        """What `grant` takes."""
        opening = self.issuer, self.blind, self.proof
        return *opening, self.grantee, self.purpose, self.expires_at, parts(self.locator)

    def changed(self, **fields: Any) -> Opening:
        return replace(self, **fields)


@pytest.fixture
def opening(records: Any, hospital: Any, patient: Any, researcher: Any) -> Opening:
    """Treatment by the researcher, for a year; one record of a batch of three."""
    blinds = [Blind(secrets.token_bytes(32)) for _ in range(3)]
    found = [ids.record_id(Address(patient.address), blind) for blind in blinds]
    tree = MerkleTree(found)
    records.register(tree.root, len(found), {"from": hospital})
    return Opening(
        issuer=hospital,
        blind=blinds[0],
        proof=tree.proof(found[0]),
        record=found[0],
        grantee=researcher,
        purpose=purpose.TREATMENT,
        expires_at=now() + YEAR,
        locator=secrets.token_bytes(80),
    )
