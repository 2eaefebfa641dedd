"""One person's house with a command line that can be killed, and what must hold after."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from medibloc_py.crypto import keys
from medibloc_py.flows.drafts import waiting_drafts
from medibloc_py.flows.given import given_of
from medibloc_py.flows.held import held_record, held_records, scalar_of
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from tests.flow.command import Done, run
from tests.flow.dying import Step, kill_at
from tests.flow.world import World

CT, MR = (sample(f"{kind}_small.dcm") for kind in ("CT", "MR"))
Words = tuple[str | Path, ...]


@dataclass(frozen=True)
class House:
    """The world and a folder to work in; `store` is what `--store` is given."""

    world: World
    here: Path
    store: str

    def words(self, *argv: str | Path) -> Words:
        world = self.world
        return ("--home", world.home, "--rpc", world.node.url, "--store", self.store, *argv)

    def run(self, *argv: str | Path, code: int = 0) -> Done:
        done = run(*self.words(*argv))
        assert done.code == code, done
        return done

    def kill(self, step: Step, *argv: str | Path) -> None:
        kill_at(step, *self.words(*argv))
        hour_ago = 1_600_000_000
        for part in self.parts():  # to sweep what a crash left takes a minute
            os.utime(part, (hour_ago, hour_ago))

    def parts(self) -> list[Path]:
        found = [*self.world.home.rglob(".part-*"), *self.here.rglob(".part-*")]
        return [part for part in found if "keys" not in part.parts]

    def publish(self, *studies: str) -> Words:
        """Publishes `alice=ct.dcm` and the like, handed over."""
        return ("record", "publish", *studies, "--as", "hospital", "--out", "handed", "--json")

    def held(self) -> set[RecordId]:
        return set(held_records(self.world.me("hospital")))

    def blobs(self) -> set[str]:
        return {path.stem for path in self.world.store.iterdir()}

    def named(self) -> set[str]:
        """The blobs that somebody's record file or grant names."""
        found: set[str] = set()
        for client in self.world.clients.values():
            for record, file in held_records(client.me).items():
                found.add(file.cid)
                for given in given_of(client.me, record):
                    found.update(given.objects())
        return found

    def content(self, name: str, record: RecordId) -> bytes:
        """The first file of a record that somebody holds, opened by its record file."""
        me = self.world.me(name)
        file = held_record(me, record)
        cek = keys.cek(keys.record_point(scalar_of(me, file)), file.salt)
        opened = OpenedRecord(
            self.world.exchange.store, record, file.cid, file.size_bytes, cek, file.salt
        )
        return opened.read(0)

    def batches(self) -> int:
        return len(self.world.exchange.records.batches())


def require_whole(house: House, before: tuple[set[RecordId], int], published: list[str]) -> None:
    """What must hold after a publication: nothing more, and nothing less."""
    held, batches = before
    new = house.held() - held
    files = held_records(house.world.me("hospital"))
    assert sorted(files[each].patient for each in new) == sorted(
        map(house.world.address, published)
    )
    assert house.batches() == batches + 1
    assert house.blobs() == house.named()
    assert waiting_drafts(house.world.me("hospital")) == []
    assert [name for name in house.world.me("hospital").vault.names() if "publishing" in name] == []
    assert house.parts() == []
