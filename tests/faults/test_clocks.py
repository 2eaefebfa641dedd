"""Clocks that are wrong, and clocks that are set: rights end by the chain's clock alone.

This machine's clock decides one thing, and only towards caution: no secret is shown that may come
too late by either clock.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import Network
from medibloc_py.chain.courier import Courier
from medibloc_py.chain.journal import Journal
from medibloc_py.crypto.at_rest import AtRestCipher
from medibloc_py.errors import SettleTooLate, StoreFailed, WorkUnderway
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.prepared import write_act
from medibloc_py.storage import files
from medibloc_py.storage.locks import sole
from tests.fakes.hostile_node import TIMESTAMP, serve
from tests.faults.acts import ACTS
from tests.faults.operators import nonce_of, wait_for_the_pool
from tests.flow.command import run
from tests.flow.dying import STEPS, Step, after, before
from tests.flow.house import CT, House
from tests.flow.world import DAY, PRICE, PURPOSE, World

CLOCK = "clock"
HOUR = 3_600
JUMPS = {"6 h ahead": 6 * HOUR, "6 h behind": -6 * HOUR, "10 y ahead": 3_650 * DAY,
         "10 y behind": -3_650 * DAY}  # fmt: skip
every_jump = pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
_REAL = time.time


@contextmanager
def machine_off_by(seconds: float) -> Iterator[None]:
    """This machine's clock, wrong by so much. Its monotonic clock goes on, as it does in life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: _REAL() + seconds)
        patch.setattr(time, "time_ns", lambda: int((_REAL() + seconds) * 10**9))
        yield


# Rights and deadlines.


@pytest.mark.fault(CLOCK, short=1)
@every_jump
def test_a_grant_ends_by_the_chains_clock(house: House, jump: float) -> None:
    world, record = house.world, house.world.records["alice"].hex()
    opening = ("access", "open", record, "--as", "clinic", "--json", "--out")
    with machine_off_by(jump):
        house.run("access", "grant", record, "--as", "alice", "--to", "clinic", "--until", "2h")
        house.run(*opening, "in time")
        world.chain.increase_time(2 * HOUR + 1)
        late = house.run(*opening, "late", code=4)
    assert late.json["error"] == "GrantNotFound"


@pytest.mark.fault(CLOCK, short=1)
@every_jump
def test_a_consent_ends_by_the_chains_clock(house: House, jump: float) -> None:
    show = ("consent", "show", "alice", "--for", "HMB+NONCOMMERCIAL", "--json")
    with machine_off_by(jump):
        house.run("consent", "set", "HMB", "--as", "alice", "--until", "2h")
        assert house.run(*show).json["answer"] == "PERMIT"
        house.world.chain.increase_time(2 * HOUR + 1)
        assert house.run(*show).json["answer"] == "DENY"


@pytest.mark.fault(CLOCK, short=1)
@every_jump
def test_a_signed_act_ends_by_the_chains_clock(house: House, jump: float) -> None:
    world = house.world
    with machine_off_by(jump):
        for name in ("alice", "bob"):
            act = world[name].deciding().revoke_consent().sign(world.in_days(0.1))
            (house.here / f"{name}.json").write_bytes(write_act(act))
        house.run("relay", "send", "alice.json", "--as", "stranger")
        world.chain.increase_time(DAY)
        late = house.run("relay", "send", "bob.json", "--as", "stranger", "--json", code=4)
    assert "SignatureExpired" in late.out


@pytest.mark.fault(CLOCK, short=1)
@every_jump
def test_a_price_is_paid_under_a_permit_by_the_chains_clock(house: House, jump: float) -> None:
    world = house.world
    (house.here / "quote.json").write_bytes(world.quote(world.list_dataset()))
    buyer = world.me("researcher").signer
    before = nonce_of(world.node, buyer)
    with machine_off_by(jump):
        house.run("dataset", "purchase", "quote.json", "--for", PURPOSE, "--as", "researcher")
    assert nonce_of(world.node, buyer) == before + 1  # no approval went before it
    assert world.token.balance(world.exchange.market.address) == PRICE


@pytest.mark.fault(CLOCK, short=2)
@pytest.mark.parametrize(
    ("machine", "chain"), [(DAY - 90, 0), (10 * DAY, 0), (-10 * DAY, DAY - 90), (0, DAY + 1)]
)
def test_a_secret_is_shown_only_in_time_by_both_clocks(
    house: House, machine: float, chain: int
) -> None:
    world = house.world
    order = bought(world)
    settle = ("dataset", "settle", order.hex(), "--as", "hospital", "--json")
    if chain:
        world.chain.increase_time(chain)
    with machine_off_by(machine):
        late = house.run(*settle, code=SettleTooLate.exit_code).json
    assert late["error"] == "SettleTooLate"
    assert not Ledger(world.me("hospital")).book().decided


@pytest.mark.fault(CLOCK)
@pytest.mark.parametrize("off", [-6 * HOUR, 6 * HOUR])
def test_a_doctor_names_the_clock(tmp_path: Path, off: int) -> None:
    with serve() as node:
        node.chain_id = 5
        (tmp_path / "config.toml").write_text(f'[networks.one]\nchain_id = 5\nrpc = "{node.url}"\n')
        with machine_off_by(TIMESTAMP + off - _REAL()):
            done = run("--home", tmp_path, "--network", "one", "doctor", "--json")
    checks = json.loads(done.out)["checks"]
    (clock,) = (each for each in checks if each["what"].endswith("clock"))
    assert clock["grade"] == "warn"
    assert "this machine's clock" in clock["said"]
    assert clock["advice"]


# Clocks that are set between a kill and the same command again.

FUNDING = ("account", "fund", "stranger", "--coins", "1", "--json")
KILLED: dict[str, Step] = {
    "noted": (Courier, "hand_over", before),
    "handed over": (Courier, "hand_over", after),
    "receipt kept": (Journal, "end", after),
}


@pytest.mark.fault(CLOCK, short=3)
@every_jump
@pytest.mark.parametrize("step", KILLED)
def test_a_clock_that_is_set_makes_no_second_transaction(
    house: House, step: str, jump: float
) -> None:
    network, stranger = house.world.exchange.network, house.world.address("stranger")
    held = network.balance(stranger)
    house.kill(KILLED[step], *FUNDING)
    with machine_off_by(jump):
        house.run(*FUNDING)
    assert network.balance(stranger) == held + 10**18


@pytest.mark.fault(CLOCK, short=1)
@every_jump
def test_the_same_call_is_another_an_hour_later_by_the_chains_clock(
    house: House, jump: float
) -> None:
    network, stranger = house.world.exchange.network, house.world.address("stranger")
    held = network.balance(stranger)
    house.kill(KILLED["receipt kept"], *FUNDING)
    house.world.chain.increase_time(HOUR + 1)
    with machine_off_by(jump):
        house.run(*FUNDING)
    assert network.balance(stranger) == held + 2 * 10**18


@pytest.mark.fault(CLOCK, short=2)
@every_jump
@pytest.mark.parametrize("step", ["d drawn", "listing sent"])
def test_a_clock_that_is_set_makes_no_second_listing(house: House, step: str, jump: float) -> None:
    world = house.world
    listing = (*ACTS["dataset list"].prepare(world, house.here), "--json")
    house.kill(STEPS[step], *listing)
    world.chain.increase_time(30)
    with machine_off_by(jump):
        house.run(*listing)
    assert len(world.exchange.market.listings(world.address("hospital"))) == 1
    assert len(Ledger(world.me("hospital")).check().book.listings) == 1


# Waiting, and who holds what.


@pytest.mark.fault(CLOCK)
def test_a_clock_that_jumps_neither_hurries_nor_stops_what_waits(
    house: House, idle_miner: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """45 s until more is offered and 180 s until it gives up are not measured by that clock."""
    world, ends = house.world, []
    network = Network.connect(world.node.url, journal=house.here / "journal")
    payer, bob = world.me("alice").signer, world.address("bob")
    before = network.balance(bob)
    sending = threading.Thread(target=lambda: ends.append(network.transfer(payer, bob, 5)))
    sending.start()
    wait_for_the_pool(world.node, payer)
    for jump in JUMPS.values():
        with machine_off_by(jump):
            time.sleep(0.3)
    (entry,) = network.outbox.journal.entries()
    assert (entry.state, len(entry.attempts), ends) == ("open", 1, [])
    idle_miner()
    sending.join()
    assert network.balance(bob) == before + 5


@pytest.mark.fault(CLOCK)
@every_jump
def test_what_is_held_stays_held(tmp_path: Path, jump: float) -> None:
    """A file being written is not swept, and a lock is not taken, whatever its age seems to be."""
    with files.part_file(tmp_path) as part, sole(tmp_path / "lock", "work"):
        with machine_off_by(jump):
            files.sweep(tmp_path)
            assert part.path.exists()
            with pytest.raises(WorkUnderway), sole(tmp_path / "lock", "work"):
                pass
        part.become(tmp_path / "whole")
    assert (tmp_path / "whole").exists()


@pytest.mark.fault(CLOCK)
@every_jump
def test_an_instance_is_never_acknowledged_that_was_swept(
    tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps between its file and its row, and just then orphans are swept."""
    spool = Spool(tmp_path / "spool", AtRestCipher(bytes(32)), reserve_bytes=0)
    enter = spool._enter

    def swept_before(*given: Any) -> Any:
        with machine_off_by(jump):
            spool.sweep()
        return enter(*given)

    content = CT.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(spool, "_enter", swept_before)
        if jump > 0:
            with pytest.raises(StoreFailed, match="swept"):
                spool.take(content)
        else:
            spool.take(content)
    taken = spool.take(content)
    with machine_off_by(jump):
        spool.sweep()
    (kept,) = spool.instances(taken.study)
    with kept.open() as file:
        assert file.read() == content
    spool.close()


def bought(world: World) -> Any:
    checked = world["researcher"].check_quote(world.quote(world.list_dataset()), "quote", PURPOSE)
    return world["researcher"].purchase(checked).order_id
