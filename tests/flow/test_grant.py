"""Access: one record for one reader, as long as the chain says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.client import Client
from medibloc_py.crypto import hpke, keys
from medibloc_py.crypto.documents import GrantObject
from medibloc_py.errors import (
    BlobMissing,
    Corrupted,
    DocumentInvalid,
    ExpiryInPast,
    GranteeInvalid,
    GrantMissing,
    GrantNotFound,
    InvalidPurpose,
    InvalidValue,
    IssuerNotAccredited,
    KeyUnpublished,
    MediBlocError,
    NotAccredited,
    PurposeNotPermitted,
    RecordMismatch,
    RecordNotHeld,
    RecordUnknown,
    WrongKey,
)
from medibloc_py.flows.grant import prepare_grants
from medibloc_py.flows.held import blind_of, held_record, id_of, scalar_of
from medibloc_py.flows.prepared import write_act
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Cid, GrantRequest, KeyCommitment, Locator, RecordId, Role, Scope
from medibloc_py.purpose import TREATMENT
from medibloc_py.storage import digest_of
from tests.flow.world import DAY, World

CT = "CT_small.dcm"


def grant(world: World, purpose: str = "TREATMENT", days: float = 7) -> Any:
    expires = world.in_days(days)
    return world["alice"].grant(world.records["alice"], world.address("clinic"), purpose, expires)


def opened(world: World, reader: str = "clinic") -> bytes:
    return world[reader].open_granted(world.records["alice"]).read(0)


def test_a_granted_record_opens_bit_for_bit(world: World) -> None:
    grant(world)
    record = world["clinic"].open_granted(world.records["alice"])
    assert record.read(0) == world.released(CT)
    (array,) = record.arrays().values()
    expected = imaging.arrays(sample(CT).read_bytes(), CT)
    assert array.dtype == expected.dtype
    assert np.array_equal(array, expected)
    assert record.manifest.files[0].meta["modality"] == "CT"


def test_a_grant_is_for_its_reader_only(world: World) -> None:
    grant(world)
    with pytest.raises(GrantNotFound) as caught:
        opened(world, "rival")
    assert caught.value.values == {
        "record": world.records["alice"],
        "grantee": world.address("rival"),
    }


def test_a_revoked_grant_opens_no_more(world: World) -> None:
    grant(world)
    world["alice"].revoke_grant(world.records["alice"], world.address("clinic"))
    with pytest.raises(GrantNotFound):
        opened(world)
    with pytest.raises(GrantMissing):
        world["alice"].revoke_grant(world.records["alice"], world.address("clinic"))
    grant(world)
    assert opened(world) == world.released(CT)


def test_an_expired_grant_opens_no_more(world: World) -> None:
    grant(world, days=1)
    world.chain.increase_time(DAY - 5)
    assert opened(world) == world.released(CT)
    world.chain.increase_time(10)
    with pytest.raises(GrantNotFound):
        opened(world)


def test_a_grant_beyond_treatment_ends_with_the_consent(world: World) -> None:
    grant(world, "HMB")
    assert opened(world) == world.released(CT)
    world["alice"].revoke_consent()
    with pytest.raises(GrantNotFound):
        opened(world)
    grant(world, "TREATMENT")
    assert opened(world) == world.released(CT)


def test_a_grant_the_own_consent_forbids_is_refused(world: World) -> None:
    with pytest.raises(PurposeNotPermitted) as caught:
        grant(world, "HMB+COMMERCIAL")
    assert "HMB+COMMERCIAL (denied" in caught.value.message
    with pytest.raises(InvalidPurpose):
        grant(world, "HMB+EVERYTHING")
    with pytest.raises(GrantNotFound):
        opened(world)


def test_a_grant_in_the_past_is_refused(world: World) -> None:
    with pytest.raises(ExpiryInPast):
        grant(world, days=-1)


def test_a_grant_needs_a_reader_with_a_key(world: World) -> None:
    record, until = world.records["alice"], world.in_days(1)
    with pytest.raises(KeyUnpublished):
        world["alice"].grant(record, world.address("stranger"), "TREATMENT", until)
    with pytest.raises(GranteeInvalid):
        world["alice"].grant(record, world.address("alice"), "TREATMENT", until)


def test_a_record_is_granted_by_who_holds_it(world: World) -> None:
    record, until = world.records["alice"], world.in_days(1)
    with pytest.raises(RecordNotHeld):
        world["bob"].grant(record, world.address("clinic"), "TREATMENT", until)
    with pytest.raises(RecordNotHeld):
        world["bob"].revoke_grant(record, world.address("clinic"))
    # The hospital holds the file, too; the chain knows that it is not the patient.
    with pytest.raises(RecordUnknown):
        world["hospital"].grant(record, world.address("clinic"), "TREATMENT", until)


def rotated(client: Client) -> Client:
    me = client.me
    return client.acting_for(replace(me, keys=me.keys.rotated()))


def test_a_grant_made_for_an_older_key_still_opens(world: World) -> None:
    grant(world)
    clinic = rotated(world["clinic"])
    clinic.publish_key()
    assert world.exchange.published_key(clinic.me.address).version == 2
    assert clinic.open_granted(world.records["alice"]).read(0) == world.released(CT)
    grant(world)  # now for the second key
    assert clinic.open_granted(world.records["alice"]).read(0) == world.released(CT)
    with pytest.raises(WrongKey):
        opened(world)  # who holds the first key only


def test_a_reader_who_lost_the_key_is_told_so(world: World) -> None:
    grant(world)
    me = world.me("clinic")
    other = world["clinic"].acting_for(replace(me, keys=world.me("bob").keys))
    with pytest.raises(WrongKey):
        other.open_granted(world.records["alice"])


# The store.


def test_open_says_what_the_store_lacks(world: World) -> None:
    made = grant(world)
    world.car_of("alice").unlink()
    with pytest.raises(BlobMissing) as caught:
        opened(world)
    assert caught.value.values["cid"] == held_record(world.me("alice"), world.records["alice"]).cid
    (world.store / f"{made.grant_object}.car").unlink()
    with pytest.raises(BlobMissing) as caught:
        opened(world)
    assert caught.value.values["cid"] == made.grant_object


def test_open_refuses_other_bytes_of_the_right_size(world: World) -> None:
    grant(world)
    car = world.car_of("alice")
    content = bytearray(car.read_bytes())
    content[len(content) // 2] ^= 1
    car.write_bytes(content)
    with pytest.raises(Corrupted):
        opened(world)


# Hostile patients.


def grant_hostile(
    world: World, change: Callable[[GrantObject], bytes], locator: bytes | None = None
) -> None:
    """A grant whose object says what `change` makes of the honest one."""
    exchange, alice = world.exchange, world.me("alice")
    reader, record = world.address("clinic"), world.records["alice"]
    held = held_record(alice, record)
    honest = GrantObject(
        cek=keys.cek(keys.record_point(scalar_of(alice, held)), held.salt),
        salt=held.salt,
        cid=held.cid,
        size_bytes=held.size_bytes,
        key_commitment=held.key_commitment,
        kind=held.kind,
        issuer=held.issuer,
        patient=held.patient,
        proof=held.proof,
    )
    key, until = exchange.published_key(reader), world.in_days(1)
    bound = (exchange.chain_id, exchange.access.address, record, alice.address, reader)
    terms = (key.version, TREATMENT, until)
    wrapped = hpke.wrap(change(honest), key.bundle, hpke.grant_info(*bound, *terms))
    digest = digest_of(exchange.store.put([wrapped]).cid)
    sealed = hpke.seal_locator(digest, key.bundle, hpke.locator_info(*bound, *terms))
    request = GrantRequest(
        issuer=held.issuer,
        blind=blind_of(held),
        proof=held.proof,
        grantee=reader,
        purpose=TREATMENT,
        expires_at=until,
        locator=Locator.of(locator or sealed),
    )
    exchange.access.grant(alice.signer, request)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"salt": b"s" * 32}, RecordMismatch),
        ({"key_commitment": KeyCommitment(b"k" * 32)}, RecordMismatch),
        ({"kind": 2}, RecordMismatch),
        ({"cid": Cid("b" + "a" * 58)}, RecordMismatch),
        ({"proof": (b"p" * 32,)}, RecordUnknown),
        ({"proof": ()}, RecordUnknown),
        ({"cek": b"c" * 32}, WrongKey),
        ({"size_bytes": 1}, RecordMismatch),
        ({"size_bytes": 2**40}, RecordMismatch),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_open_refuses_a_grant_object_with_altered_parts(
    world: World, changed: dict[str, object], error: type[MediBlocError]
) -> None:
    grant_hostile(world, lambda body: replace(body, **changed).encode())  # type: ignore[arg-type]
    with pytest.raises(error):
        opened(world)


def test_open_refuses_an_issuer_that_did_not_register_the_record(world: World) -> None:
    clinic = world.address("clinic")
    grant_hostile(world, lambda body: replace(body, issuer=clinic).encode())
    with pytest.raises(RecordUnknown):
        opened(world)


def test_open_refuses_a_grant_object_that_is_none(world: World) -> None:
    grant_hostile(world, lambda _: b"\xa0")
    with pytest.raises(DocumentInvalid):
        opened(world)


def test_open_refuses_a_locator_for_nobody(world: World) -> None:
    grant_hostile(world, lambda body: body.encode(), locator=b"l" * 80)
    with pytest.raises(WrongKey):
        opened(world)


def test_open_takes_the_honest_object_of_the_same_hands(world: World) -> None:
    grant_hostile(world, lambda body: body.encode())
    assert opened(world) == world.released(CT)


def test_open_refuses_an_issuer_whose_accreditation_ended(world: World) -> None:
    grant(world)
    world.accredit("hospital", Role.ISSUER, 0)
    with pytest.raises(IssuerNotAccredited):
        opened(world)
    with pytest.raises(NotAccredited):
        world["hospital"].publish([_study(world)])


def _study(world: World) -> Any:
    return StudyToPublish(sample("CT_small.dcm"), world.address("alice"))


def test_revoking_lets_go_of_every_grant_object_the_reader_was_given(world: World) -> None:
    alice, record, reader = world["alice"], world.records["alice"], world.address("clinic")
    made = [alice.grant(record, reader, "TREATMENT", world.in_days(days)) for days in (1, 2)]
    store = world.exchange.store
    assert all(store.has(each.grant_object) for each in made)
    alice.revoke_grant(record, reader)
    assert not any(store.has(each.grant_object) for each in made)
    again = alice.grant(record, reader, "TREATMENT", world.in_days(1))
    assert store.has(again.grant_object)
    assert world["clinic"].open_granted(record).manifest.files


def test_a_record_kept_under_the_name_of_another_is_not_used(world: World) -> None:
    alice, record = world.me("alice"), world.records["alice"]
    other = held_record(world.me("bob"), world.records["bob"])
    alice.keep(f"record-{record.hex()}", other.encode())
    with pytest.raises(RecordMismatch, match="under its name"):
        held_record(alice, record)


# Several records at once.


@pytest.fixture
def three(world: World) -> list[RecordId]:
    """Two more records of alice, of one batch with one of bob's; and her first one's batch."""
    studies = [
        StudyToPublish(sample(file), world.address(name))
        for file, name in (
            ("MR_small.dcm", "alice"), ("CT_small.dcm", "bob"), ("CT_small.dcm", "alice"),
        )
    ]  # fmt: skip
    published = world["hospital"].publish(studies)
    more = [id_of(held) for held in published.records if held.patient == world.address("alice")]
    for record in more:
        world["alice"].import_record(world["hospital"].hand_over(record), "file")
    return [world.records["alice"], *more]


def all_open(world: World, records: list[RecordId]) -> list[bytes]:
    return [world["clinic"].open_granted(record).read(0) for record in records]


def test_records_of_one_batch_are_granted_with_one_multiproof(
    world: World, three: list[RecordId]
) -> None:
    batch, clinic = three[1:], world.address("clinic")
    made = world["alice"].grant_many(batch, clinic, "TREATMENT", world.in_days(7))
    assert [each.record for each in made] == batch
    assert len({each.receipt.transaction for each in made}) == 1
    assert [event.name for event in made[0].receipt.events] == ["Granted", "Granted"]
    mr, ct = (world.released(name) for name in ("MR_small.dcm", "CT_small.dcm"))
    assert all_open(world, batch) == [mr, ct]
    single = world["alice"].grant(batch[0], world.address("rival"), "TREATMENT", world.in_days(7))
    assert made[0].receipt.gas_used < 2 * single.receipt.gas_used


def test_records_of_several_batches_are_granted_in_one_transaction(
    world: World, three: list[RecordId]
) -> None:
    made = world["alice"].grant_many(three, world.address("clinic"), "TREATMENT", world.in_days(7))
    assert len({each.receipt.transaction for each in made}) == 1
    assert len(all_open(world, three)) == 3
    world["alice"].revoke_grant(three[1], world.address("clinic"))
    assert len(all_open(world, [three[0], three[2]])) == 2
    with pytest.raises(GrantNotFound):
        world["clinic"].open_granted(three[1])


def test_all_records_are_granted_or_none(world: World, three: list[RecordId]) -> None:
    alice, clinic, until = world["alice"], world.address("clinic"), world.in_days(7)
    alice.revoke_consent(three[2])  # barred: nothing but treatment
    blobs = sorted(world.store.iterdir())
    with pytest.raises(PurposeNotPermitted):
        alice.grant_many(three, clinic, "HMB", until)
    for records in ([], [three[0], three[0]]):
        with pytest.raises(InvalidValue):
            alice.grant_many(records, clinic, "TREATMENT", until)
    with pytest.raises(RecordNotHeld):
        alice.grant_many([*three, world.records["bob"]], clinic, "TREATMENT", until)
    assert sorted(world.store.iterdir()) == blobs, "what is refused is not stored"
    assert world.exchange.access.grants(grantee=clinic) == []


def test_a_delegate_grants_several_records_in_one_transaction(
    world: World, three: list[RecordId]
) -> None:
    """The contract takes a delegate's word for each record; they go together all the same."""
    alice, guardian, until = world["alice"], world["bob"], world.in_days(7)
    alice.name_delegate(guardian.me.address, Scope.GRANT, until)
    for record in three:
        guardian.import_record(alice.hand_over(record, guardian.me.address), "file")
    made = guardian.grant_many(
        three, world.address("clinic"), "TREATMENT", until, patient=alice.me.address
    )
    assert len({each.receipt.transaction for each in made}) == 1
    events = world.exchange.access.grants(grantee=world.address("clinic"))
    assert {event.by for event in events} == {guardian.me.address}
    assert len(all_open(world, three)) == 3


def test_several_records_are_signed_one_by_one(world: World, three: list[RecordId]) -> None:
    by = world["alice"].deciding()
    ready = prepare_grants(by, three, world.address("clinic"), TREATMENT, world.in_days(7))
    acts = [write_act(each.prepared.sign(world.in_days(1))) for each in ready]
    outcomes = world["stranger"].relay([(str(n), act) for n, act in enumerate(acts)])
    assert [each.error for each in outcomes] == [None] * 3
    assert len({each.receipt.transaction for each in outcomes if each.receipt}) == 1
    assert len(all_open(world, three)) == 3
