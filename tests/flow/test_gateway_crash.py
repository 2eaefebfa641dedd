"""Killed at any step between an instance that comes and a record that stands.

The same again must end as if it had never been killed: what was acknowledged is in one
record, once, and nothing of it is left in the spool.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from medibloc_py.chain.courier import Courier
from medibloc_py.errors import Corrupted, InstanceConflicts, StoreFailed
from medibloc_py.flows.access import open_held
from medibloc_py.flows.drafts import Drafts, waiting_drafts
from medibloc_py.flows.gateway import blanks
from medibloc_py.flows.gateway import worker as working
from medibloc_py.flows.gateway.book import BookedPatient, Patients
from medibloc_py.flows.gateway.rows import State, list_studies
from medibloc_py.flows.gateway.service import open_stages, spool_folder
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.flows.gateway.stages import Stages, drop, retry
from medibloc_py.flows.gateway.status import status_of
from medibloc_py.flows.gateway.worker import Rules, Worker
from medibloc_py.flows.held import held_records
from medibloc_py.imaging.instance import read_instance
from medibloc_py.model import KIND_TREATMENT_STUDY, RecordId
from medibloc_py.services import RecordsService
from medibloc_py.storage import LocalStore
from tests.flow.dying import Step, _arm, after, at_call, before, half
from tests.flow.instances import instance
from tests.flow.world import World

AT_ONCE = Rules(quiet_s=0)


class Desk:
    """A hospital's spool in a world, without listeners."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.me = world.me("hospital")
        self.folder = spool_folder(world.home, self.me.address)
        self.notes: list[tuple[str, dict[str, object]]] = []
        self._before = set(held_records(self.me)), len(world.exchange.records.batches())
        Patients(self.me).add(BookedPatient("", "PID-1", world.address("alice")))

    @contextmanager
    def stages(self, reserve_bytes: int = 0) -> Iterator[Stages]:
        with open_stages(self.folder, self.me, reserve_bytes) as stages:
            yield stages

    def take(self, *contents: bytes) -> None:
        with self.stages() as stages:
            for file in contents:
                stages.spool.take(file)

    def work(self, rules: Rules = AT_ONCE) -> int:
        with self.stages() as stages:
            return Worker(self.me, stages, rules, self.note).work(self.world.exchange)

    def note(self, event: str, **values: object) -> None:
        self.notes.append((event, values))

    def kill(self, step: Step, act: Callable[[Desk], object]) -> None:
        """Does it in a fork that is killed at a step, with a connection of its own."""
        child = os.fork()
        if child == 0:
            try:
                there = Desk.__new__(Desk)
                there.__dict__.update(self.__dict__, world=self.world.through(self.world.node.url))
                there.me = there.world.me("hospital")
                _arm(step)
                act(there)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended before that step"
        assert os.WTERMSIG(status) == signal.SIGKILL

    def records(self) -> set[RecordId]:
        return set(held_records(self.me)) - self._before[0]

    def batches(self) -> int:
        return len(self.world.exchange.records.batches()) - self._before[1]

    def images(self) -> Counter[bytes]:
        """How often each image stands in the records published from here."""
        held = held_records(self.me)
        found: Counter[bytes] = Counter()
        for record in self.records():
            opened = open_held(self.world.exchange, self.me, held[record])
            for place in range(len(opened.manifest.files)):
                found[pydicom.dcmread(BytesIO(opened.read(place))).PixelData] += 1
        return found

    def require_done(self, *contents: bytes, records: int, batches: int = 1) -> None:
        """All of it is published once, and nothing is left."""
        assert self.images() == Counter(
            pydicom.dcmread(BytesIO(file)).PixelData for file in contents
        )
        assert (len(self.records()), self.batches()) == (records, batches)
        assert waiting_drafts(self.me) == []
        hour_ago = 1_600_000_000
        with self.stages() as stages:
            for path in (self.folder / "instances").iterdir():
                os.utime(path, (hour_ago, hour_ago))
            stages.spool.sweep()
            status = status_of(stages.spool.database)
        assert list((self.folder / "instances").iterdir()) == []
        assert {state for state, count in status.studies.items() if count} == {State.CLEARED}
        assert (status.instances, status.oldest_at) == (0, 0)
        blobs = {path.stem for path in self.world.store.iterdir()}
        assert {held_records(self.me)[each].cid for each in self.records()} <= blobs


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


FILES = [instance(study, number) for study in (1, 2) for number in (1, 2)]
TAKE: dict[str, Step] = {
    "half of it sealed": (blanks, "write_all", at_call(2, half)),
    "its file made, not forced": (blanks, "sync_folder", before),
    "its file made, empty": (blanks.Blanks, "take", at_call(2, after)),
    "forced, without a row": (Spool, "_enter", at_call(2, before)),
    "taken, before the answer": (Spool, "take", at_call(2, after)),
}
WORK: dict[str, Step] = {
    "grouped": (Stages, "group", after),
    "about to be planned": (Stages, "plan", before),
    "planned": (Stages, "plan", after),
    "first draft": (Drafts, "write", at_call(1, after)),
    "second blob kept": (LocalStore, "put", at_call(2, after)),
    "registration sent": (Courier, "hand_over", after),
    "registered": (RecordsService, "register", after),
    "published, not noted": (Stages, "published", before),
    "noted": (Stages, "published", after),
    "drafts forgotten": (Drafts, "forget", after),
    "one study's files gone": (Spool, "remove_files", at_call(1, after)),
    "cleared": (Stages, "clear", after),
}


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", TAKE)
def test_an_instance_is_taken_once_wherever_it_was_killed(desk: Desk, step: str) -> None:
    desk.kill(TAKE[step], lambda there: there.take(*FILES))
    desk.take(*FILES)  # the sender was not told of all
    desk.work()
    desk.require_done(*FILES, records=2)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", WORK)
def test_studies_are_published_once_wherever_it_was_killed(desk: Desk, step: str) -> None:
    desk.take(*FILES)
    desk.kill(WORK[step], lambda there: there.work())
    desk.work()
    desk.require_done(*FILES, records=2)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", ["registration sent", "published, not noted"])
def test_what_stands_is_not_published_again_by_other_rules(desk: Desk, step: str) -> None:
    """A version or options that would make another record of it change nothing any more."""
    desk.take(*FILES)
    desk.kill(WORK[step], lambda there: there.work())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            working, "source_of", lambda *given, **named: pytest.fail("it is made once more")
        )
        desk.work(replace(AT_ONCE, treatment=True))
    desk.require_done(*FILES, records=2)


@pytest.mark.fault("client killed")
def test_instances_that_come_late_are_a_further_record(desk: Desk) -> None:
    desk.take(*FILES)
    desk.kill(WORK["planned"], lambda there: there.work())
    late = instance(1, 3)
    desk.take(late, *FILES)
    desk.work()
    desk.take(late)
    desk.work()
    desk.require_done(*FILES, late, records=3, batches=2)
    with desk.stages() as stages:
        parts = [(each.number, each.part) for each in list_studies(stages.spool.database)]
    assert parts == [(1, 1), (2, 1), (3, 2)]


def test_other_bytes_are_refused_before_and_after_it_was_published(desk: Desk) -> None:
    desk.take(FILES[0])
    for _ in range(2):
        with pytest.raises(InstanceConflicts):
            desk.take(instance(1, 1, text="changed"))
        desk.work()
    desk.require_done(FILES[0], records=1)


def test_a_study_waits_until_its_patient_is_known(desk: Desk) -> None:
    other = instance(3, 1, "PID-2", issuer="registry")
    desk.take(*FILES, other)
    assert desk.work() == 2
    Patients(desk.me).add(BookedPatient("", "PID-2", desk.world.address("bob")))
    assert desk.work() == 0  # the same id of another issuer is another patient
    Patients(desk.me).add(BookedPatient("registry", "PID-2", desk.world.address("bob")))
    assert desk.work() == 1
    desk.require_done(*FILES, other, records=3, batches=2)
    patients = {held_records(desk.me)[each].patient for each in desk.records()}
    assert patients == {desk.world.address(name) for name in ("alice", "bob")}
    assert desk.notes.count(("waiting", {"study": 3, "waits_for": "patient"})) == 1
    assert "PID" not in str(desk.notes)


def test_with_the_gate_a_study_waits_until_its_patient_consents(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_ASK_AGAIN_S", 0)
    gated = replace(AT_ONCE, require_consent=True)
    desk.world["alice"].revoke_consent()
    desk.take(*FILES)
    with desk.stages() as stages:
        worker = Worker(desk.me, stages, gated, desk.note)
        assert worker.work(desk.world.exchange) == 0
        assert [each.waits for each in list_studies(stages.spool.database)] == [
            "consent",
            "consent",
        ]
        desk.world["alice"].set_consent("GRU", desk.world.in_days(1), "en: again")
        assert worker.work(desk.world.exchange) == 2
    desk.require_done(*FILES, records=2)


def test_a_study_that_cannot_be_done_stops_no_other(desk: Desk) -> None:
    """It says that its pixels show who the patient is; without identity it cannot go."""
    dataset = pydicom.dcmread(BytesIO(instance(3, 1)))
    dataset.BurnedInAnnotation = "YES"
    file = BytesIO()
    dataset.save_as(file)
    desk.take(FILES[0], file.getvalue(), FILES[2])
    assert desk.work() == 0
    assert desk.work() == 2
    with desk.stages() as stages:
        (study,) = list_studies(stages.spool.database, State.REFUSED)
        assert (study.number, "instance 2 " in study.error) == (2, True)
        assert retry(stages.spool.database) == [2]
    assert desk.work() == 0
    with desk.stages() as stages:
        retry(stages.spool.database, 2)
    assert desk.work(replace(AT_ONCE, treatment=True)) == 1
    desk.require_done(FILES[0], file.getvalue(), FILES[2], records=3, batches=2)
    held = held_records(desk.me)
    assert [held[each].kind for each in desk.records()].count(KIND_TREATMENT_STUDY) == 1


def test_a_damaged_instance_sets_its_study_aside(desk: Desk) -> None:
    desk.take(*FILES)
    with desk.stages() as stages:
        (name,) = stages.spool.database.read("SELECT file FROM instance WHERE number = 1")[0]
    path = desk.folder / "instances" / name
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    desk.work()
    assert desk.work(replace(AT_ONCE, treatment=True)) == 1
    with desk.stages() as stages:
        (study,) = list_studies(stages.spool.database, State.REFUSED)
        assert (study.number, "damaged" in study.error) == (1, True)


def test_an_error_without_a_culprit_is_found_by_publishing_each_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a study is sealed nobody says whose error it is; the second of three has one."""
    real, calls = LocalStore.put, []

    def put(store: LocalStore, *given: object, **named: object) -> object:
        calls.append(given)
        if len(calls) in (2, 4):
            raise Corrupted(name="a file", reason="it changed while it was sealed")
        return real(store, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalStore, "put", put)
    contents = FILES[0], FILES[2], instance(3, 1)
    desk.take(*contents)
    assert desk.work() == 0
    assert desk.work() == 2
    with desk.stages() as stages:
        (study,) = list_studies(stages.spool.database, State.REFUSED)
        assert (study.number, "changed while" in study.error) == (2, True)
        drop(stages.spool.database, 2)
    desk.take(contents[1])  # sent again, it is well
    assert desk.work() == 1
    desk.require_done(*contents, records=3, batches=3)


@pytest.mark.fault("clock")
@pytest.mark.parametrize("hours", [-1000, 1000])
def test_a_clock_that_jumps_neither_holds_a_study_nor_splits_what_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    now = time.time
    desk.take(FILES[0])
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)
    desk.take(*FILES)
    with desk.stages() as stages:
        stages.spool.sweep()
        assert (stages.group(60), stages.spool.database.read("SELECT count(*) FROM study")) == (
            [],
            [(2,)],
        )
        monkeypatch.setattr(time, "time", lambda: now() + hours * 3600 + 61)
        assert [each.instances for each in stages.group(60)] == [2, 2]
    monkeypatch.undo()
    desk.work()
    desk.require_done(*FILES, records=2)


@pytest.mark.fault("full disk")
def test_a_full_disk_takes_nothing_and_loses_nothing(desk: Desk) -> None:
    desk.take(*FILES[:2])
    with desk.stages(reserve_bytes=1 << 60) as stages, pytest.raises(StoreFailed):
        stages.spool.take(FILES[2])
    desk.take(*FILES[2:])
    desk.work()
    desk.require_done(*FILES, records=2)


def test_an_accreditation_that_ended_keeps_all_in_the_queue(desk: Desk) -> None:
    from medibloc_py.errors import NotAccredited
    from medibloc_py.model import Role

    desk.take(*FILES)
    desk.world.accredit("hospital", Role.ISSUER, 0)
    with pytest.raises(NotAccredited):
        desk.work()
    desk.world.accredit("hospital", Role.ISSUER, desk.world.in_days(1))
    desk.work()
    desk.require_done(*FILES, records=2)


def test_the_disk_tells_nobody_who_the_patients_are(desk: Desk) -> None:
    desk.take(*FILES)
    found = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    known = read_instance(FILES[0])
    for word in ("Unmistakable", "PID-1", known.study, known.series, known.sop_instance):
        assert word.encode() not in found
    modes = {path.stat().st_mode & 0o077 for path in desk.folder.rglob("*") if path.is_file()}
    assert modes == {0}


@pytest.mark.fault("client killed")
def test_records_are_handed_over_again_after_a_kill(desk: Desk, tmp_path: Path) -> None:
    """Alice has a key; the stranger has none, and hers is named."""
    Patients(desk.me).add(BookedPatient("", "PID-9", desk.world.address("stranger")))
    desk.take(*FILES, other := instance(9, 1, "PID-9"))
    out = tmp_path / "out"
    out.mkdir()
    rules = replace(AT_ONCE, out=out)
    desk.kill((Stages, "clear", before), lambda there: there.work(rules))
    for path in out.iterdir():
        path.unlink()
    assert desk.work(rules) == 3
    papers = sorted(out.iterdir())
    taken = {desk.world["alice"].import_record(path.read_bytes(), path) for path in papers}
    assert len(taken) == 2
    ((_, said),) = [each for each in desk.notes if each[0] == "not handed over"]
    assert {bytes.fromhex(str(said["record"])[2:])} == desk.records() - taken
    desk.require_done(*FILES, other, records=3)
