"""The log follows the chain, and ends as a fresh one would, whatever the chain did meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medibloc_py.errors import (
    ExtraMissing,
    IndexFailed,
    IndexMismatched,
    IndexMissing,
    NodeAnsweredWrong,
)
from medibloc_py.flows.following import LINKED, Follower, mark_of
from medibloc_py.flows.history import ChainHistory
from medibloc_py.index import EventLog, Head
from medibloc_py.index.log import KEPT_HEADS
from tests.unit.index.chain import AT, PATIENTS, Chain, follow

COUNTS = st.lists(st.integers(0, 4), max_size=8)
HISTORY = st.lists(
    st.tuples(st.sampled_from(["grow", "reorganise", "step"]), st.integers(1, 12), COUNTS),
    max_size=14,
)


def fresh(chain: Chain) -> EventLog:
    log, follower = follow(chain)
    follower.catch_up()
    return log


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.integers(1, 5))
def test_any_history_ends_in_the_content_of_a_fresh_log(
    history: list[tuple[str, int, list[int]]], window: int
) -> None:
    chain = Chain(window=window)
    chain.extend([1, 0, 2], b"begin")
    log, follower = follow(chain)
    for number, (what, depth, counts) in enumerate(history):
        seed = b"%d" % number
        if what == "grow":
            chain.extend(counts, seed)
        elif what == "reorganise":
            depth = min(depth, chain.newest())
            chain.reorganise(depth, [*counts, *[0] * (depth + 1)], seed)
        else:
            follower.step()
    follower.catch_up()
    again = fresh(chain)
    assert log.digest() == again.digest()
    assert log.head == again.head
    assert list(log.entries()) == list(again.entries())
    for patient in PATIENTS:
        assert log.mentioning(patient) == again.mentioning(patient)
    undone = log.reorganisations()
    assert [each.events for each in undone] == [len(log.undone(each.number)) for each in undone]


@pytest.mark.parametrize("depth", [1, 6, 20, LINKED, KEPT_HEADS + 30])
def test_a_reorganisation_is_rolled_back_exactly_and_written_down(depth: int) -> None:
    chain = Chain()
    chain.extend([1] * (KEPT_HEADS + 50), b"first")
    log, follower = follow(chain)
    for _ in range(3):  # the heads of the last blocks come one by one, as a service sees them
        follower.catch_up()
        chain.extend([1], b"more")
    follower.catch_up()
    before, tip = list(log.entries()), log.head
    common = chain.newest() - depth
    chain.reorganise(depth, [2] * (depth + 1), b"other")
    steps = follower.catch_up()
    assert sum(step.undone for step in steps) == depth
    (told,) = log.reorganisations()
    assert (told.ancestor.block, told.head, told.events) == (common, tip, depth)
    assert log.undone(told.number) == before[common:]
    assert list(log.entries())[:common] == before[:common]
    assert log.digest() == fresh(chain).digest()


def test_a_chain_that_shares_nothing_is_another() -> None:
    chain = Chain()
    chain.extend([1] * 5, b"one")
    log, follower = follow(chain)
    follower.catch_up()
    chain.blocks.clear()
    chain.extend([0], b"another genesis")
    chain.extend([1] * 9, b"two")
    with pytest.raises(IndexMismatched):
        follower.step()
    assert log.count() == 5


def test_a_node_that_is_behind_takes_nothing_back() -> None:
    chain = Chain()
    chain.extend([1] * 9, b"one")
    log, follower = follow(chain)
    follower.catch_up()
    late = Chain(blocks=chain.blocks[:5])
    late.blocks = chain.blocks[:5]
    step = Follower(log, late).step()
    assert (step.added, step.undone, step.left) == (0, 0, -5)
    assert log.count() == 9


def test_confirmations_keep_the_newest_blocks_out() -> None:
    chain = Chain()
    chain.extend([1] * 9, b"one")
    log, follower = follow(chain, confirmations=4)
    follower.catch_up()
    assert (log.head.block, log.count()) == (5, 5)


@pytest.mark.parametrize("blocks", [5, LINKED + 40])
def test_a_chain_that_moves_while_it_is_read_is_read_again(blocks: int) -> None:
    chain = Chain()
    chain.extend([1] * blocks, b"one")
    log, follower = follow(chain)
    chain.after_read = [lambda: chain.reorganise(3, [2] * 5, b"moved")]
    follower.catch_up()
    assert log.digest() == fresh(chain).digest()
    assert log.reorganisations() == []  # nothing of the old way was ever written


def test_a_chain_that_never_stands_still_is_told() -> None:
    chain = Chain()
    chain.extend([1] * 5, b"one")
    log, follower = follow(chain)
    ways = [lambda n=n: chain.reorganise(3, [1] * 4, b"way %d" % n) for n in range(20)]
    chain.after_read = list(ways)
    with pytest.raises(NodeAnsweredWrong, match="each time"):
        follower.step()
    assert log.count() == 0


def test_a_second_node_that_tells_something_else_stops_the_log() -> None:
    chain, other = Chain(), Chain(url="second", window=2)
    chain.extend([1, 2, 1], b"one")
    other.extend([1, 2, 1], b"one")
    log, follower = follow(chain, second=other)
    follower.catch_up()
    chain.extend([1, 0], b"two")
    other.extend([1, 1], b"two")
    with pytest.raises(NodeAnsweredWrong, match="differ from block 5"):
        follower.catch_up()
    assert log.head.block == 3


def test_of_two_that_follow_into_one_log_neither_adds_twice(tmp_path: Path) -> None:
    chain = Chain(window=2)
    chain.extend([1] * 6, b"one")
    log, follower = follow(chain, str(tmp_path / "log"))
    other_log, other = follow(chain, str(tmp_path / "log"))
    # The other adds the same range between what is read here and what is written.
    chain.after_read = [other.step]
    follower.catch_up()
    assert log.count() == other_log.count() == 6
    assert log.append(Head(1, "0x00"), [], [Head(2, "0x01")]) is False


def test_a_log_of_other_contracts_or_another_chain_is_refused(tmp_path: Path) -> None:
    chain, place = Chain(), str(tmp_path / "log")
    chain.extend([1], b"one")
    with pytest.raises(IndexMissing):
        EventLog.open(place)
    assert not Path(place).exists()
    EventLog.make(place, mark_of(chain, 1, AT, 1)).close()
    assert Path(place).stat().st_mode & 0o777 == 0o600
    with pytest.raises(IndexMismatched, match="chain"):
        EventLog.make(place, mark_of(chain, 2, AT, 1))
    with pytest.raises(IndexMismatched, match="deployment"):
        EventLog.make(place, mark_of(chain, 1, {"Consents": PATIENTS[0]}, 1))
    EventLog.drop(place)
    with pytest.raises(IndexMissing):
        EventLog.open(place)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no url://", "no URL"),
        ("nosuch://host/base", "does not know"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/base?connect_timeout=2", "127.0.0.1"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(IndexFailed, match=reason) as told:
        EventLog.open(url)
    assert "secret" not in json.dumps(told.value.as_json())


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"no database at all, but long enough to look like one" * 9)
    with pytest.raises(IndexFailed):
        EventLog.open(str(tmp_path / "log"))
    with pytest.raises(IndexFailed):
        EventLog.make(str(tmp_path / "log" / "below"), mark_of(Chain(), 1, AT, 1))


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ExtraMissing, match="index"):
        EventLog.open(str(tmp_path / "log"))
    chain = Chain(window=3)
    chain.extend([1] * 9, b"one")
    assert len(ChainHistory(chain, 1).mentioning(PATIENTS[0])) == 9


def test_what_is_read_from_the_chain_at_once_is_of_one_chain() -> None:
    chain = Chain()
    chain.extend([1] * 9, b"one")
    log, follower = follow(chain)
    follower.catch_up()
    history = ChainHistory(chain, 1)
    assert history.head == log.head
    for value in (*PATIENTS, "0x" + chain.blocks[4][0].hex(), "0x" + "00" * 32):
        found = [entry[:-1] for entry in history.mentioning(value)]
        assert found == [entry[:-1] for entry in log.mentioning(value)]
    chain.after_read = [lambda: chain.reorganise(2, [1] * 2, b"moved")]
    with pytest.raises(NodeAnsweredWrong, match="changed"):
        ChainHistory(chain, 1)


DYING = """
import sys
from tests.unit.index.chain import Chain, follow
chain = Chain(window=1)
chain.extend([3] * 40, b"one")
log, follower = follow(chain, sys.argv[1])
while True:
    step = follower.step()
    print(step.head.block, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_killed_anywhere_it_loses_and_doubles_nothing(tmp_path: Path, after: int) -> None:
    place = str(tmp_path / "log")
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, place], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= after:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    chain = Chain()
    chain.extend([3] * 40, b"one")
    log, follower = follow(chain, place)
    assert after <= log.head.block <= 40
    assert log.count() == 3 * log.head.block  # a range is there whole, or not at all
    follower.catch_up()
    assert log.digest() == fresh(chain).digest()
