from __future__ import annotations

import pytest

from medibloc_py.crypto import ids
from medibloc_py.crypto.merkle import MerkleTree
from medibloc_py.errors import (
    InvalidValue,
    NotAccredited,
    RecordCountInvalid,
    RecordUnknown,
    RootAlreadyRegistered,
    RootAlreadySuperseded,
    RootUnknown,
)
from medibloc_py.model import Batch, Blind, Role, Root
from tests.flow.services.house import BLIND, House

ROOT = Root(b"\x07" * 32)
NEWER = Root(b"\x08" * 32)


def test_a_registered_batch_is_read_back(house: House):
    receipt = house.records.register(house.hospital, ROOT, 12)
    issuer = house.hospital.address
    assert house.records.batch(issuer, ROOT) == Batch(issuer, ROOT, receipt.timestamp, 12)


def test_an_unknown_batch_was_never_registered(house: House):
    house.records.register(house.hospital, ROOT, 12)
    assert house.records.batch(house.stranger.address, ROOT).registered_at == 0


def test_register_refuses_strangers_empty_batches_and_repetition(house: House):
    with pytest.raises(NotAccredited) as caught:
        house.records.register(house.stranger, ROOT, 1)
    assert caught.value.values == {
        "account": house.stranger.address,
        "role": Role.ISSUER.value,
        "until": 0,
    }
    with pytest.raises(RecordCountInvalid):
        house.records.register(house.hospital, ROOT, 0)
    house.records.register(house.hospital, ROOT, 1)
    with pytest.raises(RootAlreadyRegistered) as repeated:
        house.records.register(house.hospital, ROOT, 1)
    assert repeated.value.values == {"issuer": house.hospital.address, "root": ROOT}


@pytest.mark.parametrize(("root", "count"), [(Root(b"short"), 1), (ROOT, 2**32), (ROOT, -1)])
def test_register_refuses_what_does_not_fit(house: House, root, count):
    with pytest.raises(InvalidValue):
        house.records.register(house.hospital, root, count)


def test_a_superseded_batch_names_its_successor(house: House):
    issuer = house.hospital.address
    house.records.register(house.hospital, ROOT, 1)
    with pytest.raises(RootUnknown):
        house.records.supersede(house.hospital, ROOT, NEWER)
    house.records.register(house.hospital, NEWER, 2)
    house.records.supersede(house.hospital, ROOT, NEWER)
    assert house.records.batch(issuer, ROOT).superseded_by == NEWER
    assert house.records.batch(issuer, NEWER).superseded_by is None
    with pytest.raises(RootAlreadySuperseded):
        house.records.supersede(house.hospital, ROOT, NEWER)
    batches = house.records.batches(issuer)
    assert [batch.root for batch in batches] == [ROOT, NEWER]
    assert house.records.batches() == batches
    assert house.records.batches(house.stranger.address) == []


def test_open_proves_a_record(house: House):
    house.register()
    issuer, patient = house.hospital.address, house.patient.address
    assert house.records.open(issuer, patient, BLIND) == house.record
    assert house.records.record_id(patient, BLIND) == house.record
    with pytest.raises(RecordUnknown) as caught:
        house.records.open(issuer, house.stranger.address, BLIND)
    assert caught.value.values["issuer"] == issuer


def test_open_follows_a_proof(house: House):
    patient = house.patient.address
    blinds = [Blind(bytes([n]) * 32) for n in range(5)]
    tree = MerkleTree([ids.record_id(patient, blind) for blind in blinds])
    house.records.register(house.hospital, tree.root, len(blinds))
    for blind in blinds:
        record = ids.record_id(patient, blind)
        proof = tree.proof(record)
        assert house.records.open(house.hospital.address, patient, blind, proof) == record
    with pytest.raises(RecordUnknown):
        house.records.open(house.hospital.address, patient, blinds[0], proof)
