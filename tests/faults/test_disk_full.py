"""No room at any write: a typed error, nothing half, no key lost; with room, the same goes on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from medibloc_py import errors
from medibloc_py.flows import keyring
from tests.faults.acts import ACTS, Act, Argv
from tests.faults.rehearsal import Rehearsal
from tests.faults.small_disk import Disk, on_a_small_disk
from tests.flow.command import run
from tests.flow.world import PURPOSE, World

FULL = "full disk"
PAGES = (0, 1, 2, 4, 8, 16)
"""Of 4 KiB: the room that is left."""


def _opens(world: World, here: Path) -> Argv:
    world["alice"].grant(
        world.records["alice"], world.address("clinic"), "TREATMENT", world.in_days(30)
    )
    return ("access", "open", world.records["alice"].hex(), "--as", "clinic", "--out", "opened")


def _bought(world: World, here: Path) -> Argv:
    checked = world["researcher"].check_quote(world.quote(world.list_dataset()), "quote", PURPOSE)
    order = world["researcher"].purchase(checked).order_id
    world["hospital"].settle(order)
    return ("dataset", "open", order.hex(), "--as", "researcher", "--out", "data")


def _quotes(world: World, here: Path) -> Argv:
    listing = world.list_dataset().listing_id.hex()
    return ("dataset", "quote", listing, "--as", "hospital", "--to", "researcher",
            "--for", PURPOSE, "--out", "quote.json")  # fmt: skip


def _typed(*argv: str) -> Callable[[World, Path], Argv]:
    return lambda world, here: argv


WRITES: dict[str, Act] = {
    name: ACTS[name]
    for name in (
        "record publish", "record rotate", "record shred", "access grant", "access deliver",
        "account publish-key --rotate", "consent set", "dataset list", "dataset purchase",
        "dataset settle", "exchange send", "deploy",
    )
} | {
    "access open": Act(_opens, 0),
    "dataset open": Act(_bought, 0),
    "dataset quote": Act(_quotes, 0),
    "account new": Act(_typed("account", "new", "zoe"), 0),
    "account backup": Act(_typed("account", "backup", "alice", "--out", "sheet.txt"), 0),
    "account backup --guardians": Act(
        _typed("account", "backup", "alice", "--out", "sheets", "--guardians", "3",
               "--threshold", "2"), 0
    ),
    "audit --html": Act(
        _typed("audit", "patient", "alice", "--as", "alice", "--html", "audit.html"), 0
    ),
    "index run": Act(_typed("index", "run", "--once"), 0),
}  # fmt: skip
"""What writes to the disk, by name."""


@pytest.mark.fault(FULL, faults=len(PAGES), short=2)
@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk_stops_a_command_and_harms_nothing(
    world: World, tmp_path: Path, name: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    on_a_small_disk(disk, lambda disk: try_all(disk, world, WRITES[name]))


def try_all(disk: Disk, stage: World, act: Act) -> None:
    chain = stage.chain
    keep = lambda: partial(chain.revert, chain.snapshot())  # noqa: E731 -- as short as it is
    rehearsal = Rehearsal.of(act, stage, disk.path, keep)
    for pages in PAGES:
        with rehearsal.take() as (house, start):
            disk.fill(pages)
            done = run(*house.words(*rehearsal.argv))
            disk.clear()
            gc.collect()  # the process that found no room is gone
            assert done.code or pages, "it writes nothing"
            if done.code:
                told = done.json
                assert any(said in told["message"] for said in disk.full), (pages, told)
                assert done.code == getattr(errors, told["error"]).exit_code
                assert house.parts() == [], pages
                done = run(*house.words(*rehearsal.argv))
                assert done.code == 0, (pages, told, done)
            rehearsal.require_same(house, start)
            require_keys(house.world.home)


def require_keys(home: Path) -> None:
    """Every account has both of its key files, and they are whole."""
    for name in keyring.account_names(home):
        keyring.known_account(home, name)
        keyring.require_encryption_file(home, name)
