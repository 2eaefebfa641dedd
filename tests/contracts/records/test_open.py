"""Records open by patient, blind and proof, and say nothing else."""

from __future__ import annotations

import secrets
from typing import Any

from brownie.test import given
from hypothesis import strategies as st

from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.model import Address, Blind, RecordId, Role
from support.expect import reverts_with
from support.plain import plain


def blinds(count: int) -> list[Blind]:
    return [Blind(secrets.token_bytes(32)) for _ in range(count)]


def id_of(patient: Any, blind: Blind) -> RecordId:
    return ids.record_id(Address(patient.address), blind)


def test_recordId_is_the_librarys(records: Any, patient: Any) -> None:
    (blind,) = blinds(1)
    assert plain(records.recordId(patient, blind)) == id_of(patient, blind)


@given(count=st.integers(1, 33))
def test_open_finds_every_record_of_a_batch(
    records: Any, hospital: Any, patient: Any, count: int
) -> None:
    held = blinds(count)
    tree = MerkleTree([id_of(patient, blind) for blind in held])
    records.register(tree.root, count, {"from": hospital})
    for blind in {held[0], held[count // 2], held[-1]}:
        record = id_of(patient, blind)
        assert plain(records.open(hospital, patient, blind, tree.proof(record))) == record


def test_open_works_given_superseded_root(records: Any, hospital: Any, patient: Any) -> None:
    old, new = blinds(2)
    for blind in (old, new):
        records.register(id_of(patient, blind), 1, {"from": hospital})
    records.supersede(id_of(patient, old), id_of(patient, new), {"from": hospital})
    assert plain(records.open(hospital, patient, old, [])) == id_of(patient, old)


def test_open_works_given_lapsed_accreditation(
    records: Any, accounts: Any, accreditor: Any, hospital: Any, patient: Any
) -> None:
    (blind,) = blinds(1)
    records.register(id_of(patient, blind), 1, {"from": hospital})
    accounts.accredit(hospital, Role.ISSUER, 0, {"from": accreditor})
    assert plain(records.open(hospital, patient, blind, [])) == id_of(patient, blind)


def test_open_reverts_when_nothing_was_registered(
    records: Any, hospital: Any, patient: Any
) -> None:
    (blind,) = blinds(1)
    with reverts_with("RecordUnknown", hospital, id_of(patient, blind)):
        records.open(hospital, patient, blind, [])


def test_open_reverts_when_issuer_is_another(
    records: Any, hospital: Any, patient: Any, stranger: Any
) -> None:
    (blind,) = blinds(1)
    records.register(id_of(patient, blind), 1, {"from": hospital})
    with reverts_with("RecordUnknown", stranger, id_of(patient, blind)):
        records.open(stranger, patient, blind, [])


def test_open_reverts_when_patient_is_another(
    records: Any, hospital: Any, patient: Any, stranger: Any
) -> None:
    (blind,) = blinds(1)
    records.register(id_of(patient, blind), 1, {"from": hospital})
    with reverts_with("RecordUnknown", hospital, id_of(stranger, blind)):
        records.open(hospital, stranger, blind, [])


def test_open_reverts_when_proof_is_wrong(records: Any, hospital: Any, patient: Any) -> None:
    held = blinds(5)
    tree = MerkleTree([id_of(patient, blind) for blind in held])
    records.register(tree.root, 5, {"from": hospital})
    record = id_of(patient, held[0])
    proof = tree.proof(record)
    bent = (bytes([proof[0][0] ^ 1]) + proof[0][1:], *proof[1:])
    for wrong in ((), proof[:-1], (*proof, bytes(32)), bent, tree.proof(id_of(patient, held[1]))):
        with reverts_with("RecordUnknown", hospital, record):
            records.open(hospital, patient, held[0], wrong)
