"""From one hospital to another: three words over one struct, and what no paper can pretend."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import permutations
from typing import Any

import pytest

from medibloc_py.chain import Signer
from medibloc_py.errors import (
    BlobMissing,
    ContentDiffers,
    DocumentInvalid,
    GrantNotFound,
    MandateMissing,
    NotInTransfer,
    NotIssuer,
    RecordNotHeld,
    RootAlreadyRegistered,
    StoreFailed,
    TransferInvalid,
    TransferRefused,
    TransferUnfinished,
    TreatmentOnly,
)
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.papers import Bytes32
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.flows.transfer import (
    countersign,
    keep_transfer,
    kept_transfers,
    receive_record,
    roles_of,
)
from medibloc_py.flows.transfer_check import check_on_chain
from medibloc_py.flows.transfer_digest import digest_of_files
from medibloc_py.flows.transfer_paper import (
    TransferPaper,
    joined,
    read_paper,
    read_receipt,
    write_paper,
)
from medibloc_py.flows.transfer_send import send_record
from medibloc_py.flows.transfer_words import PATIENT, RECEIVER, SAYS, SENDER, sign_word
from medibloc_py.imaging.samples import sample
from medibloc_py.model import KIND_DICOM_STUDY, KIND_TREATMENT_STUDY, RecordId, Role, Root, Scope
from medibloc_py.purpose import HMB, TREATMENT
from tests.flow.world import DAY, World

PATH = "paper.json"


@dataclass
class Desk:
    """The receiver's desk: what it stored, and how often."""

    world: World
    record: RecordId

    def __post_init__(self) -> None:
        self.stored: list[dict[str, bytes]] = []

    def deliver(self, opened: OpenedRecord) -> None:
        names = [entry.name for entry in opened.manifest.files]
        self.stored.append({name: opened.read(index) for index, name in enumerate(names)})

    def grant(self, purpose: str = "TREATMENT", days: float = 7) -> None:
        until = self.world.in_days(days)
        self.world["alice"].grant(self.record, self.world.address("clinic"), purpose, until)

    def send(self, **changed: Any) -> TransferPaper:
        to = self.world.address("clinic")
        given = {"record": self.record, "receiver": to} | changed
        return send_record(self.world.exchange, self.world.me("hospital"), **given)

    def receive(self, paper: TransferPaper, who: str = "clinic") -> TransferPaper:
        me = self.world.me(who)
        return receive_record(self.world.exchange, me, write_paper(paper), PATH, self.deliver)

    def sign(self, paper: TransferPaper, who: str = "alice") -> TransferPaper:
        return countersign(self.world.exchange, self.world.me(who), write_paper(paper), PATH)

    def finished(self) -> TransferPaper:
        self.grant()
        return self.sign(self.receive(self.send()))


@pytest.fixture
def desk(world: World) -> Desk:
    """A study of Alice with her identity in it, published for treatment and handed to her."""
    study = StudyToPublish(sample("CT_small.dcm"), world.address("alice"), treatment=True)
    (held,) = world["hospital"].publish([study]).records
    assert held.kind == KIND_TREATMENT_STUDY
    record = world["alice"].import_record(world["hospital"].hand_over(id_of(held)), "handed")
    return Desk(world, record)


def test_a_study_goes_over_and_all_three_keep_the_receipt(world: World, desk: Desk) -> None:
    desk.grant()
    sent = desk.send()
    assert sent.missing == (RECEIVER, PATIENT)
    received = desk.receive(sent)
    assert [list(files.values()) for files in desk.stored] == [
        [sample("CT_small.dcm").read_bytes()]
    ]
    finished = desk.sign(received)
    assert read_receipt(write_paper(finished), PATH) == finished
    for name in ("hospital", "clinic", "alice"):
        keep_transfer(world.me(name), write_paper(finished), PATH)
        assert kept_transfers(world.me(name)) == [finished]
    assert len(check_on_chain(world.exchange, finished, PATH)) == 6
    told = write_paper(finished).decode()
    for secret in ("CompressedSamples", "CT_small", sha256(desk.stored[0]["0001.dcm"]).hexdigest()):
        assert secret not in told
    assert held_record(world.me("hospital"), desk.record).salt.hex() not in told


def test_every_step_again_ends_in_the_same_state(world: World, desk: Desk) -> None:
    desk.grant()
    sent = desk.send()
    assert desk.send() == sent
    received = desk.receive(sent)
    assert desk.receive(sent) == desk.receive(received) == received
    assert len(desk.stored) == 1, "stored once"
    finished = desk.sign(received)
    assert desk.sign(received) == desk.sign(finished) == finished
    assert desk.receive(finished) == finished
    another = desk.send(again=True)
    assert another.transfer.digest == sent.transfer.digest
    assert another.transfer.nonce != sent.transfer.nonce
    assert len(kept_transfers(world.me("hospital"))) == 2


def test_words_come_in_any_order(world: World, desk: Desk) -> None:
    desk.grant()
    sent = desk.send()
    by_patient, by_receiver = desk.sign(sent), desk.receive(sent)
    finished = joined(by_patient, by_receiver, PATH)
    assert finished.missing == ()
    for parts in permutations([sent, by_patient, by_receiver]):
        paper = parts[0]
        for each in parts[1:]:
            paper = joined(paper, each, PATH)
        assert paper == finished
    for name in ("hospital", "clinic", "alice"):
        for part in (by_receiver, by_patient, sent):
            keep_transfer(world.me(name), write_paper(part), PATH)
        assert kept_transfers(world.me(name)) == [finished]


def test_nothing_is_signed_before_all_is_stored(world: World, desk: Desk) -> None:
    desk.grant()
    sent = desk.send()

    def full(opened: OpenedRecord) -> None:
        raise StoreFailed(url="pacs", reason="it is full")

    with pytest.raises(StoreFailed):
        receive_record(world.exchange, world.me("clinic"), write_paper(sent), PATH, full)
    assert kept_transfers(world.me("clinic")) == []
    assert desk.receive(sent).word(RECEIVER)


def test_a_digest_that_is_not_the_records_is_neither_stored_nor_signed(
    world: World, desk: Desk
) -> None:
    """Even one that the sender signed."""
    desk.grant()
    sent, signer = desk.send(), world.me("hospital").signer
    for changed in ({"digest": Bytes32(b"\x01" * 32)}, {"files": 2}):
        transfer = replace(sent.transfer, **changed)  # type: ignore[arg-type]
        word = sign_word(signer, transfer, SENDER, sent.words[0].at, sent.words[0].block)
        with pytest.raises(ContentDiffers):
            desk.receive(TransferPaper(transfer, sent.proof, (word,)))
    assert desk.stored == []
    assert kept_transfers(world.me("clinic")) == []


def test_the_digest_is_of_names_sizes_and_contents_in_order(world: World, desk: Desk) -> None:
    held = held_record(world.me("hospital"), desk.record)
    content = sample("CT_small.dcm").read_bytes()
    files = [("0001.dcm", len(content), sha256(content).digest())]
    assert desk.send().transfer.digest == digest_of_files(held.salt, files)
    told = {
        digest_of_files(salt, list(given))
        for salt in (held.salt, bytes(32))
        for given in (
            files,
            [("0002.dcm", *files[0][1:])],
            [("0001.dcm", 1, files[0][2])],
            files * 2,
            [("a", 1, bytes(32)), ("b", 2, bytes(32))],
            [("b", 2, bytes(32)), ("a", 1, bytes(32))],
        )
    }
    assert len(told) == 12


# What is not sent and not received.


def test_identity_goes_out_for_treatment_alone(world: World, desk: Desk) -> None:
    with pytest.raises(TreatmentOnly):
        desk.send(purpose=HMB)
    sent, signer = desk.send(), world.me("hospital").signer
    research = replace(sent.transfer, purpose=HMB)
    word = sign_word(signer, research, SENDER, sent.words[0].at, sent.words[0].block)
    with pytest.raises(TransferInvalid, match="TREATMENT alone"):
        desk.receive(TransferPaper(research, sent.proof, (word,)))


def test_a_research_transfer_goes_without_identity(world: World, desk: Desk) -> None:
    desk.record = world.records["alice"]
    world["alice"].set_consent("HMB", world.in_days(30), "form")
    desk.grant("HMB")
    with pytest.raises(TransferRefused, match="another purpose"):
        desk.send()
    finished = desk.sign(desk.receive(desk.send(purpose=HMB)))
    assert (finished.transfer.kind, finished.transfer.purpose) == (KIND_DICOM_STUDY, HMB)
    check_on_chain(world.exchange, finished, PATH)
    (stored,) = desk.stored
    original = sample("CT_small.dcm").read_bytes()
    for identity in (b"CompressedSamples", b"1CT1", b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730"):
        assert identity in original
        assert not any(identity in content for content in stored.values())


def test_no_grant_no_transfer(world: World, desk: Desk) -> None:
    sent = desk.send()
    for refused in (desk.receive, desk.sign):
        with pytest.raises(GrantNotFound):
            refused(sent)
    desk.grant()
    world["alice"].revoke_grant(desk.record, world.address("clinic"))
    with pytest.raises(GrantNotFound):
        desk.receive(sent)
    assert desk.stored == []


def test_a_grant_for_something_else_is_none(world: World, desk: Desk) -> None:
    desk.record = world.records["alice"]
    sent = desk.send(purpose=TREATMENT)
    world["alice"].set_consent("HMB", world.in_days(30), "form")
    desk.grant("HMB")
    with pytest.raises(TransferInvalid, match="for something else"):
        desk.receive(sent)
    with pytest.raises(GrantNotFound):
        desk.sign(sent)


def test_only_the_issuer_sends_and_to_somebody_else(world: World, desk: Desk) -> None:
    clinic = world.address("clinic")
    with pytest.raises(RecordNotHeld):
        send_record(world.exchange, world.me("clinic"), desk.record, world.address("rival"))
    with pytest.raises(NotIssuer):
        send_record(world.exchange, world.me("alice"), desk.record, clinic)
    for changed in (
        {"receiver": world.address("hospital")},
        {"receiver": world.address("alice")},
        {"speaker": clinic},
        {"speaker": world.address("hospital")},
    ):
        with pytest.raises(TransferRefused):
            desk.send(**changed)


def test_each_signs_in_its_own_place_alone(world: World, desk: Desk) -> None:
    desk.grant()
    sent = desk.send()
    for who in ("rival", "alice", "hospital"):
        with pytest.raises(NotInTransfer):
            desk.receive(sent, who)
    for who in ("bob", "clinic", "hospital"):
        with pytest.raises(NotInTransfer):
            desk.sign(sent, who)
    with pytest.raises(NotInTransfer):
        keep_transfer(world.me("rival"), write_paper(sent), PATH)


def test_a_lost_study_is_not_sent(world: World, desk: Desk) -> None:
    world.exchange.store.unpin(held_record(world.me("hospital"), desk.record).cid)
    with pytest.raises(BlobMissing):
        desk.send()
    assert kept_transfers(world.me("hospital")) == []


def test_a_delegate_speaks_for_the_patient(world: World, desk: Desk) -> None:
    bob = world.address("bob")
    with pytest.raises(MandateMissing):
        desk.send(speaker=bob)
    world["alice"].name_delegate(bob, Scope.GRANT, world.in_days(30))
    desk.grant()
    received = desk.receive(desk.send(speaker=bob))
    with pytest.raises(NotInTransfer):
        desk.sign(received)
    finished = desk.sign(received, "bob")
    assert (
        roles_of(finished.transfer, bob)
        == roles_of(finished.transfer, world.address("alice"))
        == (PATIENT,)
    )
    assert "mandate" in check_on_chain(world.exchange, finished, PATH)[-1]
    assert keep_transfer(world.me("alice"), write_paper(finished), PATH) == finished
    world["alice"].name_delegate(bob, Scope(0), 0)
    check_on_chain(world.exchange, finished, PATH)


# Forged papers.

Change = Callable[[dict[str, Any]], object]


def _put(*path: str | int, value: Any) -> Change:
    def change(body: dict[str, Any]) -> None:
        place: Any = body
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def _swap(body: dict[str, Any]) -> None:
    words = body["words"]
    words[1]["signature"], words[2]["signature"] = words[2]["signature"], words[1]["signature"]


FORGED: dict[str, Change] = {
    "digest": _put("transfer", "digest", value="0x" + "11" * 32),
    "files": _put("transfer", "files", value=7),
    "nonce": _put("transfer", "nonce", value="0x" + "22" * 32),
    "sent_at": _put("transfer", "sent_at", value=1),
    "kind": _put("transfer", "kind", value=KIND_DICOM_STUDY),
    "unknown kind": _put("transfer", "kind", value=9),
    "purpose": _put("transfer", "purpose", value=HMB),
    "no purpose": _put("transfer", "purpose", value=0),
    "no files": _put("transfer", "files", value=0),
    "chain": _put("transfer", "chain_id", value=1),
    "too large": _put("words", 1, "block", value=str(2**70)),
    "a later word": _put("words", 1, "at", value=2**39),
    "an older word": _put("words", 1, "at", value=1),
    "a proof": _put("proof", value=["0x" + "33" * 32]),
    "a proof without end": _put("proof", value=["0x" + "33" * 32] * 65),
    "a signature": _put("words", 2, "signature", value="0x" + "44" * 65),
    "a short signature": _put("words", 2, "signature", value="0x44"),
    "a role": _put("words", 2, "role", value="witness"),
    "another's role": _put("words", 1, "role", value=SENDER),
    "swapped": _swap,
    "out of order": lambda body: body["words"].reverse(),
    "twice": lambda body: body["words"].append(body["words"][2]),
    "no sender": lambda body: body["words"].pop(0),
}


@pytest.fixture
def told(desk: Desk) -> dict[str, Any]:
    return dict(json.loads(write_paper(desk.finished())))


def test_no_part_of_a_paper_can_be_changed(world: World, told: dict[str, Any]) -> None:
    read_receipt(json.dumps(told).encode(), PATH)
    for name, change in FORGED.items():
        forged = json.loads(json.dumps(told))
        change(forged)
        with pytest.raises(TransferInvalid):
            pytest.fail(f"{name}: {read_paper(json.dumps(forged).encode(), PATH)}")
    for party in ("sender", "receiver", "patient", "speaker"):
        for other in ("sender", "receiver", "patient", "rival"):
            forged = json.loads(json.dumps(told))
            value = world.address("rival") if other == "rival" else told["transfer"][other]
            forged["transfer"][party] = value
            if forged != told:
                with pytest.raises(TransferInvalid):
                    read_paper(json.dumps(forged).encode(), PATH)


def test_what_is_no_paper_is_told(told: dict[str, Any]) -> None:
    for broken in ({**told, "version": 2}, {**told, "medibloc": "quote"}, {**told, "more": 1}):
        with pytest.raises(DocumentInvalid):
            read_paper(json.dumps(broken).encode(), PATH)
    for data in (b"", b"[]", b"\xff", json.dumps(told).encode()[:-9]):
        with pytest.raises(DocumentInvalid):
            read_paper(data, PATH)


def test_a_receipt_lacks_nobodys_word(told: dict[str, Any]) -> None:
    del told["words"][1]
    assert read_paper(json.dumps(told).encode(), PATH).missing == (RECEIVER,)
    with pytest.raises(TransferUnfinished, match="its receiver"):
        read_receipt(json.dumps(told).encode(), PATH)
    del told["words"][1]
    with pytest.raises(TransferUnfinished, match="its receiver and its patient"):
        read_receipt(json.dumps(told).encode(), PATH)


def test_a_word_does_not_go_over_to_another_transfer(world: World, desk: Desk) -> None:
    """Replayed: the same record, to the same hospital, for the same purpose."""
    first, second = desk.finished(), desk.send(again=True)
    for role in (RECEIVER, PATIENT):
        stolen = first.word(role)
        assert stolen
        with pytest.raises(TransferInvalid, match=f"the {role} did not sign it"):
            read_paper(write_paper(replace(second, words=(*second.words, stolen))), PATH)
    with pytest.raises(TransferInvalid, match="another transfer"):
        joined(first, second, PATH)
    stranger = Signer.generate()
    word = sign_word(stranger, second.transfer, RECEIVER, second.words[0].at, 1)
    with pytest.raises(TransferInvalid, match="receiver did not sign"):
        read_paper(write_paper(replace(second, words=(*second.words, word))), PATH)


def test_a_paper_of_another_deployment_is_refused(world: World, desk: Desk) -> None:
    sent, signer = desk.send(), world.me("hospital").signer
    elsewhere = replace(sent.transfer, contract=world.address("stranger"))
    word = sign_word(signer, elsewhere, SENDER, sent.words[0].at, sent.words[0].block)
    foreign = TransferPaper(elsewhere, sent.proof, (word,))
    for refused in (
        desk.receive,
        desk.sign,
        lambda paper: check_on_chain(world.exchange, paper, PATH),
    ):
        with pytest.raises(DocumentInvalid, match="another deployment"):
            refused(foreign)


@pytest.mark.fault("clock")
def test_a_paper_from_the_future_is_refused(world: World, desk: Desk) -> None:
    sent, signer = desk.send(), world.me("hospital").signer
    later = replace(sent.transfer, sent_at=world.in_days(1))
    word = sign_word(signer, later, SENDER, later.sent_at, sent.words[0].block)
    with pytest.raises(TransferInvalid, match="younger"):
        desk.receive(TransferPaper(later, sent.proof, (word,)))


# What the chain says.


def test_a_receivers_own_registration_takes_nothing_over(world: World, desk: Desk) -> None:
    """Another issuer may register the same root: it gets a batch of its own, and a false paper."""
    exchange, finished = world.exchange, desk.finished()
    transfer = finished.transfer
    record, root = desk.record, held_record(world.me("hospital"), desk.record).root
    before = exchange.records.batch(transfer.sender, root)
    world.accredit("clinic", Role.ISSUER, world.in_days(30))
    with pytest.raises(RootAlreadyRegistered):
        exchange.records.register(world.me("hospital").signer, root, 1)
    exchange.records.register(world.me("clinic").signer, root, 1)
    assert exchange.records.batch(transfer.sender, root) == before
    assert [batch.issuer for batch in exchange.records.batches(root=root)] == [
        transfer.sender,
        transfer.receiver,
    ]
    check_on_chain(exchange, finished, PATH)
    assert world["clinic"].open_granted(record).manifest.files

    # The clinic cannot send what it has no record file of; nor pretend to have sent it.
    rival = world.address("rival")
    with pytest.raises(RecordNotHeld):
        send_record(exchange, world.me("clinic"), record, rival)
    newest = exchange.network.rpc.block("latest")
    false = replace(transfer, sender=transfer.receiver, receiver=rival, sent_at=newest.timestamp)
    world["alice"].grant(record, rival, "TREATMENT", world.in_days(7))
    words = tuple(
        sign_word(world.me(who).signer, false, role, newest.timestamp, newest.number)
        for role, who in zip(SAYS, ("clinic", "rival", "alice"), strict=True)
    )
    paper = read_receipt(write_paper(TransferPaper(false, finished.proof, words)), PATH)
    with pytest.raises(TransferInvalid, match="registered the batch first"):
        check_on_chain(exchange, paper, PATH)
    with pytest.raises(TransferInvalid, match="another batch"):
        receive_record(
            exchange, world.me("rival"), write_paper(replace(paper, words=words[:1])), PATH,
            desk.deliver,
        )  # fmt: skip


def _signed_anew(
    world: World, paper: TransferPaper, speaker: str = "alice", /, **changed: Any
) -> TransferPaper:
    """The receipt that three liars would sign together."""
    at = {word.role: (word.at, word.block) for word in paper.words}
    given = {name: changed.pop(name) for name in SAYS if name in changed}
    transfer = replace(paper.transfer, **changed)
    words = tuple(
        sign_word(world.me(who).signer, transfer, role, *given.get(role, at[role]))
        for role, who in zip(SAYS, ("hospital", "clinic", speaker), strict=True)
    )
    return read_receipt(write_paper(replace(paper, transfer=transfer, words=words)), PATH)


def test_what_the_chain_does_not_bear_out_is_refused(world: World, desk: Desk) -> None:
    before = desk.send()
    desk.grant()
    finished = desk.sign(desk.receive(before))
    newest = world.exchange.network.rpc.block("latest")
    other = held_record(world.me("hospital"), world.records["bob"])
    sent = before.words[0]
    lies: dict[str, dict[str, Any]] = {
        "had granted the receiver nothing": {"receiver": (sent.at, sent.block)},
        "block has another time": {"patient": (newest.timestamp + 1, newest.number)},
        "is not there yet": {"receiver": (newest.timestamp, newest.number + 9)},
        "for another purpose": {"purpose": HMB, "kind": KIND_DICOM_STUDY},
        "after it was sent": {"sent_at": 1},
    }
    for reason, changed in lies.items():
        with pytest.raises(TransferInvalid, match=reason):
            check_on_chain(world.exchange, _signed_anew(world, finished, **changed), PATH)
    never = replace(finished, proof=())
    record = id_of(other)
    with pytest.raises(TransferInvalid, match="never registered"):
        check_on_chain(
            world.exchange,
            _signed_anew(world, never, record=RecordId(b"\x07" * 32), root=Root(b"\x07" * 32)),
            PATH,
        )
    elsewhere = replace(finished, proof=tuple(map(Bytes32, other.proof)))
    with pytest.raises(TransferInvalid, match="granted the receiver nothing"):
        check_on_chain(
            world.exchange,
            _signed_anew(world, elsewhere, record=record, root=other.root),
            PATH,
        )


def test_a_receipt_outlives_grant_and_accreditation(world: World, desk: Desk) -> None:
    finished = desk.finished()
    world["alice"].revoke_grant(desk.record, world.address("clinic"))
    check_on_chain(world.exchange, finished, PATH)
    for days, reason in ((0, "had revoked"), (40, "had expired")):
        world.chain.increase_time(days * DAY)
        world.chain.mine()
        check_on_chain(world.exchange, finished, PATH)
        newest = world.exchange.network.rpc.block("latest")
        late = _signed_anew(world, finished, receiver=(newest.timestamp, newest.number))
        with pytest.raises(TransferInvalid, match=reason):
            check_on_chain(world.exchange, late, PATH)
    world.accredit("hospital", Role.ISSUER, 0)
    with pytest.raises(TransferInvalid, match="no accredited issuer"):
        check_on_chain(world.exchange, finished, PATH)


def test_whose_mandate_was_over_spoke_for_nobody(world: World, desk: Desk) -> None:
    bob, carol = world.address("bob"), world.address("rival")
    world["alice"].name_delegate(bob, Scope.GRANT, world.in_days(1))
    desk.grant()
    finished = desk.sign(desk.receive(desk.send(speaker=bob)), "bob")
    world.chain.increase_time(2 * DAY)
    newest = world.exchange.network.rpc.block("latest")
    now = (newest.timestamp, newest.number)
    at = dict.fromkeys(SAYS, now)
    later = _signed_anew(world, finished, "bob", sent_at=newest.timestamp, **at)
    with pytest.raises(TransferInvalid, match="mandate was over"):
        check_on_chain(world.exchange, later, PATH)
    stranger = _signed_anew(world, finished, "rival", speaker=carol)
    with pytest.raises(TransferInvalid, match="never let this delegate grant"):
        check_on_chain(world.exchange, stranger, PATH)


def test_a_kept_paper_of_another_is_told(world: World, desk: Desk) -> None:
    """Whoever may write to the vault cannot slip another transfer in."""
    sent = desk.send()
    clinic = world.me("clinic")
    keep_transfer(clinic, write_paper(sent), PATH)
    (name,) = clinic.kept("transfer-")
    clinic.keep(name, write_paper(desk.send(again=True)))
    with pytest.raises(TransferInvalid, match="another transfer"):
        keep_transfer(clinic, write_paper(sent), PATH)
