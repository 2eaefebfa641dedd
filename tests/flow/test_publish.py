"""Publishing: from a DICOM folder to a registered record in its patient's hands."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.crypto import hpke
from medibloc_py.crypto.documents import RecordFile
from medibloc_py.errors import (
    DocumentInvalid,
    InvalidValue,
    IssuerNotAccredited,
    KeyUnpublished,
    MandateMissing,
    NodeUnreachable,
    NotAccredited,
    NotDicom,
    RecordMismatch,
    RecordNotHeld,
    RecordUnknown,
    StudyEmpty,
    StudyUnreadable,
    WrongKey,
)
from medibloc_py.flows import papers
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.held import held_record, held_records, id_of, scalar_of
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Cid, KeyCommitment, RecordId, Role, Root
from tests.flow.world import World

CT = sample("CT_small.dcm")


def kept(world: World, name: str = "hospital") -> set[RecordId]:
    return set(held_records(world.me(name)))


def traces(world: World) -> tuple[object, ...]:
    """All that publishing changes: the store, the vault, the chain."""
    blobs = sorted(path.name for path in (world.home / "store").rglob("*"))
    return blobs, kept(world), len(world.exchange.records.batches())


def test_publish_registers_many_studies_with_one_root(world: World) -> None:
    studies = [StudyToPublish(CT, world.address(name), f"for {name}") for name in ("alice", "bob")]
    done = world["hospital"].publish(studies)
    batch = world.exchange.records.batch(world.address("hospital"), done.root)
    assert batch.count == 2
    assert [record.label for record in done.records] == ["for alice", "for bob"]
    assert {id_of(record) for record in done.records} <= kept(world)
    assert all(record.root == done.root for record in done.records)
    first, second = done.records
    assert first.cid != second.cid
    assert first.salt != second.salt


def test_publish_takes_a_folder(world: World, tmp_path: Path) -> None:
    (tmp_path / "study" / "series").mkdir(parents=True)
    shutil.copy(CT, tmp_path / "study" / "b.dcm")
    shutil.copy(sample("MR_small.dcm"), tmp_path / "study" / "series" / "a")
    study = StudyToPublish(tmp_path / "study", world.address("alice"))
    (record,) = world["hospital"].publish([study]).records
    made = world["alice"]
    made.import_record(world["hospital"].hand_over(id_of(record)), "file")
    made.grant(id_of(record), world.address("clinic"), "TREATMENT", world.in_days(1))
    opened = world["clinic"].open_granted(id_of(record))
    assert opened.read(0) == world.released(CT)
    assert opened.read(1) == world.released("MR_small.dcm")
    assert set(opened.arrays()) == {"0001.dcm", "0002.dcm"}


@pytest.mark.parametrize(
    "content",
    [b"no DICOM, a letter", b"", os.urandom(4096)],
    ids=["text", "empty", "random"],
)
def test_publish_refuses_what_is_no_dicom_and_leaves_no_trace(
    world: World, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bad.dcm").write_bytes(content)
    before = traces(world)
    studies = [
        StudyToPublish(CT, world.address("alice")),
        StudyToPublish(tmp_path / "bad.dcm", world.address("bob")),
    ]
    with pytest.raises(NotDicom):
        world["hospital"].publish(studies)
    assert traces(world) == before


def test_publish_refuses_an_empty_folder(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyEmpty):
        world["hospital"].publish([StudyToPublish(tmp_path / "empty", world.address("alice"))])


@pytest.mark.parametrize("name", ["none", "file/below", "loose", "folder"])
def test_publish_refuses_a_path_it_cannot_follow(world: World, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(CT.read_bytes())
    (tmp_path / "loose").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "loose").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StudyUnreadable):
        world["hospital"].publish([StudyToPublish(tmp_path / name, world.address("alice"))])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_publish_refuses_a_folder_it_may_not_read(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    try:
        with pytest.raises(StudyUnreadable):
            world["hospital"].publish([StudyToPublish(folder, world.address("alice"))])
    finally:
        folder.chmod(0o700)


def test_publish_refuses_no_study_at_all(world: World) -> None:
    with pytest.raises(InvalidValue):
        world["hospital"].publish([])


@pytest.mark.parametrize("label", ["x" * 1025, "a\nb", "\x1b[2J", "\ud800"])
def test_publish_refuses_a_label_that_would_not_read_back(world: World, label: str) -> None:
    before = traces(world)
    with pytest.raises(InvalidValue):
        world["hospital"].publish([StudyToPublish(CT, world.address("alice"), label)])
    assert traces(world) == before


def test_publish_takes_the_longest_label(world: World) -> None:
    (record,) = (
        world["hospital"].publish([StudyToPublish(CT, world.address("bob"), "ü" * 1024)]).records
    )
    assert held_record(world.me("hospital"), id_of(record)).label == "ü" * 1024


def test_publish_is_for_accredited_issuers_and_stores_nothing_before_it_knows(world: World) -> None:
    before = traces(world)
    with pytest.raises(NotAccredited) as caught:
        world["clinic"].publish([StudyToPublish(CT, world.address("alice"))])
    assert caught.value.values == {"account": world.address("clinic"), "role": 0, "until": 0}
    assert traces(world) == before


def test_publish_keeps_what_it_sealed_when_a_later_study_vanishes(
    world: World, tmp_path: Path
) -> None:
    second = tmp_path / "second.dcm"
    shutil.copy(CT, second)
    before = traces(world)

    def vanish(step: str, done: int, total: int) -> None:
        if step.startswith("seal"):
            second.unlink(missing_ok=True)

    studies = [
        StudyToPublish(CT, world.address("alice"), treatment=True),
        StudyToPublish(second, world.address("bob"), treatment=True),
    ]
    with pytest.raises(StudyUnreadable):
        world["hospital"].publish(studies, vanish)
    (draft,) = waiting_drafts(world.me("hospital"))
    assert (draft.source, draft.kept) == (str(CT), True)
    assert traces(world)[1:] == before[1:]
    shutil.copy(CT, second)
    told: list[tuple[str, int, int]] = []
    done = world["hospital"].publish(studies, lambda *step: told.append(step))
    size = CT.stat().st_size
    assert told[0] == ("seal study 1 of 2: kept from an earlier run", size, size)
    assert (done.resumed, done.changed, len(done.records)) == (1, (), 2)
    assert done.records[0].cid == draft.file.cid
    assert waiting_drafts(world.me("hospital")) == []


def test_publish_keeps_the_keys_before_it_sends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(world)

    def dead(*_: object) -> None:
        assert len(kept(world)) == len(before) + 1
        raise NodeUnreachable(url="http://node", reason="the connection failed")

    study = StudyToPublish(CT, world.address("alice"), "once more")
    with monkeypatch.context() as patch:
        patch.setattr(world.exchange.records, "register", dead)
        with pytest.raises(NodeUnreachable):
            world["hospital"].publish([study])
    (waiting,) = kept(world) - before
    assert held_record(world.me("hospital"), waiting).label == "once more"
    done = world["hospital"].publish([replace(study, label="at last")])
    assert [id_of(record) for record in done.records] == [waiting]
    assert held_record(world.me("hospital"), waiting).label == "at last"
    assert (done.resumed, done.receipt is None) == (1, False)
    (other,) = world["hospital"].publish([study]).records
    assert id_of(other) != waiting


# To the patient.


def test_hand_over_needs_the_patients_key(world: World) -> None:
    (record,) = world["hospital"].publish([StudyToPublish(CT, world.address("stranger"))]).records
    with pytest.raises(KeyUnpublished) as caught:
        world["hospital"].hand_over(id_of(record))
    assert caught.value.values == {"account": world.address("stranger")}
    world["stranger"].publish_key()
    paper = world["hospital"].hand_over(id_of(record))
    assert world["stranger"].import_record(paper, "file") == id_of(record)


def test_hand_over_is_by_who_holds_the_record(world: World) -> None:
    with pytest.raises(RecordNotHeld):
        world["clinic"].hand_over(world.records["alice"])


def test_import_record_is_for_its_patient_only(world: World) -> None:
    paper = world["hospital"].hand_over(world.records["alice"])
    with pytest.raises(WrongKey):
        world["bob"].import_record(paper, "file")
    assert kept(world, "bob") == {world.records["bob"]}


def test_a_record_file_tells_nothing_to_who_holds_its_paper(world: World) -> None:
    held = held_record(world.me("hospital"), world.records["alice"])
    paper = world["hospital"].hand_over(world.records["alice"])
    assert held.cid.encode() not in paper
    assert held.salt.hex().encode() not in paper
    assert held.label.encode() not in paper


def sealed_to(world: World, name: str, body: RecordFile, record: RecordId) -> bytes:
    """A record file as a hostile hospital would seal it: well, but with whatever in it."""
    exchange = world.exchange
    owner, contract = world.address(name), exchange.records.address
    info = hpke.record_file_info(exchange.chain_id, contract, record, owner)
    bundle = exchange.published_key(owner).bundle
    paper = papers.Sealed(
        exchange.chain_id,
        contract,
        papers.Bytes32(record),
        world.address("hospital"),
        owner,
        hpke.wrap(body.encode(), bundle, info),
    )
    return papers.write("record-file", paper)


@pytest.fixture
def honest(world: World) -> RecordFile:
    """What a hospital hands over to alice."""
    held = held_record(world.me("hospital"), world.records["alice"])
    return replace(held, x=scalar_of(world.me("hospital"), held), r=None, label="")


def test_take_over_keeps_an_honest_record_file(world: World, honest: RecordFile) -> None:
    paper = sealed_to(world, "alice", honest, world.records["alice"])
    assert world["alice"].import_record(paper, "file") == world.records["alice"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"x": None, "r": b"r" * 32}, "does not hold the record's key"),
        ({"x": 12345}, "its key does not open"),
        ({"salt": b"s" * 32}, "its key does not open"),
        ({"key_commitment": KeyCommitment(b"k" * 32)}, "its key does not open"),
        ({"kind": 2}, "opens? another record"),
        ({"cid": Cid("b" + "a" * 58)}, "cid is b"),
        ({"root": Root(b"r" * 32)}, "another root"),
        ({"proof": (b"p" * 32,)}, "another root"),
        ({"proof": ()}, "another root"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_take_over_refuses_a_record_file_with_altered_parts(
    world: World, honest: RecordFile, changed: dict[str, object], reason: str
) -> None:
    body = replace(honest, **changed)  # type: ignore[arg-type]
    record = world.records["alice"]
    with pytest.raises(RecordMismatch, match=reason) as caught:
        world["alice"].import_record(sealed_to(world, "alice", body, record), "file")
    assert caught.value.values["record"] == record


def test_take_over_refuses_anothers_record(world: World) -> None:
    held = held_record(world.me("hospital"), world.records["bob"])
    body = replace(held, x=scalar_of(world.me("hospital"), held), r=None)
    paper = sealed_to(world, "alice", body, world.records["bob"])
    with pytest.raises(MandateMissing):
        world["alice"].import_record(paper, "file")
    named = sealed_to(world, "alice", body, world.records["alice"])
    with pytest.raises(RecordMismatch, match="another record"):
        world["alice"].import_record(named, "file")


def test_take_over_refuses_a_record_that_nobody_registered(
    world: World, honest: RecordFile
) -> None:
    alone = replace(honest, root=Root(world.records["alice"]), proof=())
    with pytest.raises(RecordUnknown):
        world["alice"].import_record(
            sealed_to(world, "alice", alone, world.records["alice"]), "file"
        )
    foreign = replace(honest, issuer=world.address("clinic"))
    with pytest.raises(RecordUnknown):
        world["alice"].import_record(
            sealed_to(world, "alice", foreign, world.records["alice"]), "file"
        )


def test_take_over_refuses_an_issuer_whose_accreditation_ended(
    world: World, honest: RecordFile
) -> None:
    world.accredit("hospital", Role.ISSUER, 0)
    with pytest.raises(IssuerNotAccredited):
        world["alice"].import_record(
            sealed_to(world, "alice", honest, world.records["alice"]), "file"
        )


def test_take_over_refuses_the_paper_of_another_deployment(world: World) -> None:
    paper = papers.read(
        "record-file", papers.Sealed, world["hospital"].hand_over(world.records["alice"]), "file"
    )
    for other in (replace(paper, chain_id=1), replace(paper, contract=world.token.address)):
        with pytest.raises(DocumentInvalid, match="another deployment"):
            world["alice"].import_record(papers.write("record-file", other), "file")
    moved = replace(paper, subject=papers.Bytes32(world.records["bob"]))
    with pytest.raises(WrongKey):
        world["alice"].import_record(papers.write("record-file", moved), "file")


def test_take_over_refuses_what_decodes_to_no_record_file(world: World) -> None:
    class Nonsense(RecordFile):
        def encode(self) -> bytes:
            return b"\xa0"

    held = held_record(world.me("hospital"), world.records["alice"])
    body = Nonsense(**{name: getattr(held, name) for name in RecordFile.__slots__})
    with pytest.raises(DocumentInvalid):
        world["alice"].import_record(
            sealed_to(world, "alice", body, world.records["alice"]), "file"
        )
