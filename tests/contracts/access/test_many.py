"""Granting and opening many records of one batch by one multiproof."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from brownie import chain
from brownie.test import given
from hypothesis import strategies as st

from medibloc_py import purpose
from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import GENERAL, Address, Blind
from support.clock import YEAR, now
from support.expect import reverts_with
from support.locators import parts
from support.plain import plain

COUNT = 11


@dataclass(frozen=True)
class Batch:
    """Records of one patient in one tree, by id."""

    blinds: dict[bytes, Blind]
    tree: MerkleTree

    def opening(self, chosen: list[bytes]) -> tuple[Any, ...]:
        """Blinds, proof and flags that open these records."""
        found = self.tree.multiproof(chosen)
        return [self.blinds[leaf] for leaf in found.leaves], found.proof, found.flags


@pytest.fixture
def batch(records: Any, hospital: Any, patient: Any) -> Batch:
    """Eleven records of the patient, registered."""
    made = [Blind(secrets.token_bytes(32)) for _ in range(COUNT)]
    blinds = {bytes(ids.record_id(Address(patient.address), blind)): blind for blind in made}
    tree = MerkleTree(blinds)
    records.register(tree.root, COUNT, {"from": hospital})
    return Batch(blinds, tree)


def locators(count: int) -> list[tuple[bytes, bytes, bytes]]:
    return [parts(secrets.token_bytes(80)) for _ in range(count)]


@given(places=st.sets(st.integers(0, COUNT - 1), min_size=1))
def test_openMany_opens_any_choice(
    records: Any, hospital: Any, patient: Any, batch: Batch, places: set[int]
) -> None:
    chosen = [list(batch.blinds)[place] for place in places]
    blinds, proof, flags = batch.opening(chosen)
    opened = plain(records.openMany(hospital, patient, blinds, proof, flags))
    assert set(opened) == set(chosen)
    assert [batch.blinds[each] for each in opened] == blinds


def test_openMany_reverts_when_a_record_is_not_the_patients(
    records: Any, hospital: Any, patient: Any, stranger: Any, batch: Batch
) -> None:
    blinds, proof, flags = batch.opening(list(batch.blinds)[:3])
    with reverts_with("RecordsUnknown", hospital, 3):
        records.openMany(hospital, stranger, blinds, proof, flags)
    with reverts_with("RecordsUnknown", stranger, 3):
        records.openMany(stranger, patient, blinds, proof, flags)


def test_openMany_reverts_when_no_record_is_named(
    records: Any, hospital: Any, patient: Any, batch: Batch
) -> None:
    with reverts_with("RecordsUnknown", hospital, 0):
        records.openMany(hospital, patient, [], [batch.tree.root], [])


def test_openMany_reverts_when_flags_do_not_fit(
    records: Any, hospital: Any, patient: Any, batch: Batch
) -> None:
    blinds, proof, flags = batch.opening(list(batch.blinds)[:3])
    with reverts_with("MerkleProofInvalidMultiproof"):
        records.openMany(hospital, patient, blinds, proof, [*flags, True])


def test_grantMany_emits_Granted_for_each(
    grants: Any, hospital: Any, patient: Any, researcher: Any, batch: Batch
) -> None:
    blinds, proof, flags = batch.opening(list(batch.blinds)[2:9])
    until, sealed = now() + YEAR, locators(7)
    given_to = researcher, purpose.TREATMENT, until, sealed
    done = grants.grantMany(hospital, blinds, proof, flags, *given_to, {"from": patient})
    found = [plain(dict(each).values()) for each in done.events["Granted"]]
    record_of = {blind: record for record, blind in batch.blinds.items()}
    assert found == [
        (
            record_of[blind],
            patient.address,
            researcher.address,
            purpose.TREATMENT,
            until,
            1,
            locator,
            patient.address,
        )
        for blind, locator in zip(blinds, sealed, strict=True)
    ]
    assert all(grants.isActive(patient, blind, researcher) for blind in blinds)


def test_grantMany_reverts_when_locators_do_not_match(
    grants: Any, hospital: Any, patient: Any, researcher: Any, batch: Batch
) -> None:
    opening = batch.opening(list(batch.blinds)[:3])
    for count in (0, 2, 4):
        given_to = researcher, purpose.TREATMENT, now() + YEAR, locators(count)
        with reverts_with("LocatorsMismatched", 3, count):
            grants.grantMany(hospital, *opening, *given_to, {"from": patient})


def test_grantMany_reverts_when_sender_is_not_the_patient(
    grants: Any, hospital: Any, stranger: Any, researcher: Any, batch: Batch
) -> None:
    opening = batch.opening(list(batch.blinds)[:3])
    given_to = researcher, purpose.TREATMENT, now() + YEAR, locators(3)
    with reverts_with("RecordsUnknown", hospital, 3):
        grants.grantMany(hospital, *opening, *given_to, {"from": stranger})


def test_grantMany_reverts_given_one_barred_record(
    grants: Any, consents: Any, hospital: Any, patient: Any, researcher: Any, batch: Batch
) -> None:
    chosen = list(batch.blinds)[:3]
    opening = batch.opening(chosen)
    consents.set(GENERAL, purpose.HMB, now() + YEAR, bytes(32), {"from": patient})
    consents.revoke(chosen[1], {"from": patient})
    given_to = researcher, purpose.HMB, now() + YEAR, locators(3)
    height = chain.height
    denied = purpose.Answer.DENY, purpose.NO_BIT
    with reverts_with("PurposeNotPermitted", patient, purpose.HMB, *denied):
        grants.grantMany(hospital, *opening, *given_to, {"from": patient})
    assert chain.height == height + 1
    assert not any(grants.isActive(patient, blind, researcher) for blind in opening[0])
