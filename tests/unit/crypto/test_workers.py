"""Workers: results in order, typed errors, nothing left behind, no program run twice."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

import pytest

from medibloc_py.crypto import curve, keys, table, workers
from medibloc_py.crypto.workers import crew
from medibloc_py.errors import InvalidValue, WorkerLost

LISTING = os.urandom(32)
COUNT = 2000
RECORDS = [os.urandom(32) for _ in range(COUNT)]
XS = range(1, COUNT + 1)
SALTS = [os.urandom(32) for _ in range(COUNT)]
TASKS = Path("/proc/self/task")
needs_proc = pytest.mark.skipif(
    not any(TASKS.glob("*/children")), reason="looks for processes in /proc"
)


def children() -> list[int]:
    """Processes that this one started and that live."""
    found: list[int] = []
    for task in TASKS.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread of the tests' own ended
            found += map(int, (task / "children").read_text().split())
    return found


def started_with(mark: str) -> list[int]:
    """Processes that live and have `mark` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_results_come_in_the_order_of_the_calls(size):
    with crew(size, 30, 1) as hands:
        calls = [(index, 7) for index in range(30)]
        assert list(hands.map(divmod, calls)) == [divmod(*call) for call in calls]


@needs_proc
def test_workers_are_as_many_as_asked_and_end_with_the_block():
    before = set(children())
    with crew(3, 30, 1) as hands:
        made = set(children()) - before
        assert len(made) == 3
        assert set(hands.map(os.getpid, [()] * 30)) <= made
    assert not made & set(children())


@needs_proc
@pytest.mark.parametrize(
    ("asked", "rows", "expected"), [(1, 10**6, 0), (5, 2, 2), (None, 99, 0), (None, 199, 0)]
)
def test_no_worker_is_started_that_does_not_pay(asked, rows, expected):
    before = set(children())
    with crew(asked, rows, 100):
        assert len(set(children()) - before) == expected


def test_one_worker_for_each_core_is_the_default(monkeypatch):
    monkeypatch.setattr(workers, "usable_cores", lambda: 2)
    with crew(None, 200, 100) as hands:
        assert os.getpid() not in set(hands.map(os.getpid, [()]))


@pytest.mark.parametrize("rows", [1, 2, 5, 6, 7, 100])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_parts_hold_every_row_once_and_are_not_too_large(rows, size):
    cut = workers._cut(rows, 4, size)
    assert [row for part in cut for row in range(rows)[part]] == list(range(rows))
    assert all(0 < len(range(rows)[part]) <= 4 for part in cut)


def test_an_error_of_ours_comes_back_as_it_is():
    with crew(2, 2, 1) as hands, pytest.raises(InvalidValue) as caught:
        list(hands.map(curve.scalar_bytes, [(1, "x"), (0, "x")]))
    assert caught.value.values["name"] == "x"


def test_a_worker_that_ends_is_a_typed_error():
    with crew(2, 2, 1) as hands, pytest.raises(WorkerLost) as caught:
        list(hands.map(os._exit, [(9,)]))
    assert caught.value.values == {"status": 9}


def test_a_worker_that_is_killed_is_a_typed_error():
    with crew(2, 2, 1) as hands:
        os.kill(next(hands.map(os.getpid, [()])), signal.SIGKILL)
        with pytest.raises(WorkerLost) as caught:
            list(hands.map(os.getpid, [()] * 8))
    assert caught.value.values == {"status": -signal.SIGKILL}


@needs_proc
def test_a_table_whose_workers_are_killed_is_a_typed_error(monkeypatch):
    monkeypatch.setattr(table, "_STEP", 50)
    before = set(children())

    def kill(*_):
        for pid in set(children()) - before:
            os.kill(pid, signal.SIGKILL)

    made = table.build_table(LISTING, 7, XS, RECORDS, SALTS)
    commitments = [
        keys.key_commitment(row.C, salt) for row, salt in zip(made.rows, SALTS, strict=True)
    ]
    with pytest.raises(WorkerLost):
        table.build_table(LISTING, 7, XS, RECORDS, SALTS, kill, 2)
    with pytest.raises(WorkerLost):
        table.verify_table(LISTING, made, RECORDS, SALTS, commitments, kill, 2)
    assert not set(children()) - before


@needs_proc
def test_a_listener_that_raises_leaves_no_process_behind(monkeypatch):
    monkeypatch.setattr(table, "_STEP", 50)
    before = set(children())
    with pytest.raises(ZeroDivisionError):
        table.build_table(LISTING, 7, XS, RECORDS, SALTS, lambda *_: 1 // 0, 2)
    assert not set(children()) - before


@needs_proc
def test_secrets_are_not_in_arguments_or_environment(monkeypatch):
    monkeypatch.setattr(table, "_STEP", 50)
    before = set(children())
    d = curve.random_scalar()
    seen = []

    def look(*_):
        for pid in set(children()) - before:
            seen.append((Path(f"/proc/{pid}/cmdline")).read_bytes())
            seen.append((Path(f"/proc/{pid}/environ")).read_bytes())

    table.build_table(LISTING, d, XS, RECORDS, SALTS, look, 2)
    assert any(b"medibloc_py.crypto.workers" in text for text in seen)
    forms = [str(d).encode(), f"{d:x}".encode(), curve.scalar_bytes(d)]
    assert not any(form in text for form in forms for text in seen)


def test_workers_serve_a_thread():
    made = []

    def work():
        with crew(2, 2, 1) as hands:
            made.extend(hands.map(divmod, [(9, 2), (9, 4)]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert made == [(4, 1), (2, 1)]


@pytest.mark.parametrize("program", ["", "/nowhere/python", shutil.which("false")])
def test_where_no_worker_starts_one_process_does_the_work(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    with crew(2, 2, 1) as hands:
        assert set(hands.map(os.getpid, [(), ()])) == {os.getpid()}


def test_a_frozen_program_does_not_start_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with crew(2, 2, 1) as hands:
        assert set(hands.map(os.getpid, [(), ()])) == {os.getpid()}


def test_serve_answers_until_the_parent_hangs_up():
    line, far_end = Pipe()
    thread = threading.Thread(target=workers.serve, args=(far_end,))
    thread.start()
    assert line.recv() == "ready"
    line.send((divmod, (9, 2)))
    assert line.recv() == ((4, 1), None)
    line.send((curve.scalar_bytes, (0, "x")))
    result, (kind, values) = line.recv()
    assert (result, kind) == (None, InvalidValue)
    assert values["name"] == "x"
    line.close()
    thread.join(30)
    assert not thread.is_alive()


# Whole programs. None of them has an `if __name__ == "__main__"`.

PROGRAM = """
import os
from medibloc_py.crypto.sale import build_table
print("ran", flush=True)
rows = int(os.environ["ROWS"])
ids = [n.to_bytes(32, "big") for n in range(rows)]
def listen(done, total):
    print(done, total, flush=True)
build_table(bytes(32), 7, range(1, rows + 1), ids, ids, listen, workers=2)
"""


def environment(rows, **values):
    return {**os.environ, "ROWS": str(rows), **values}


@pytest.mark.parametrize("how", ["script", "argument", "input"])
def test_a_program_is_run_once(tmp_path, how):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    arguments = {"script": [script], "argument": ["-c", PROGRAM], "input": ["-"]}[how]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=PROGRAM if how == "input" else None,
        env=environment(8),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["ran", "4 16", "8 16", "12 16", "16 16"]
    assert done.stderr == ""


@needs_proc
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_stopped_leaves_no_process_behind(sent):
    mark = f"MEDIBLOC_TEST_MARK_{os.urandom(8).hex()}"
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment(30_000, **{mark: "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout.readline() == "ran\n"
    assert program.stdout.readline().endswith(" 60000\n")
    assert len(started_with(mark)) == 3
    os.killpg(program.pid, sent)  # as a terminal does
    _, complaints = program.communicate(timeout=30)
    assert program.returncode == -sent
    assert complaints.count("Traceback") == (1 if sent == signal.SIGINT else 0)
    # Workers of a parent that could not stop them see it gone when they answer.
    give_up = time.monotonic() + 20
    while started_with(mark) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not started_with(mark)
