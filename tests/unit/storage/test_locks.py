"""One at a time, and free again when its holder died."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from medibloc_py.errors import StoreFailed, WorkUnderway
from medibloc_py.storage.locks import is_held, sole


def test_a_second_is_refused_and_told_what_is_underway(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with sole(path, "publish"):
        with pytest.raises(WorkUnderway) as caught, sole(path, "publish"):
            pytest.fail("it was let in")
        assert caught.value.values == {"work": "publish", "path": path}
        assert path.is_file()
    assert list(path.parent.iterdir()) == []
    with sole(path, "publish"):
        pass


def test_it_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), sole(tmp_path / "lock", "fail"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_whether_somebody_is_at_work_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with sole(path, "publish"):
        assert is_held(path)
        assert is_held(path)
    assert not is_held(path)
    path.touch()  # left by one that died
    assert not is_held(path)
    path.unlink()
    path.symlink_to(tmp_path)
    with pytest.raises(StoreFailed):
        is_held(path)


def test_who_asks_keeps_nobody_from_work(tmp_path: Path) -> None:
    path, done = tmp_path / "lock", threading.Event()

    def look() -> None:
        while not done.is_set():
            is_held(path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(200):
            path.touch()  # so that there is something to hold
            with sole(path, "publish"):
                pass
    finally:
        done.set()
        looking.join()


def test_of_many_threads_one_is_at_work(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            try:
                with sole(tmp_path / "lock", "count"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except WorkUnderway:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom medibloc_py.storage.locks import sole\n"
        "with sole(Path(sys.argv[1]), 'wait'):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WorkUnderway), sole(path, "wait"):
            pytest.fail("it was let in")
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert path.exists()
    with sole(path, "wait"):
        pass
    assert not path.exists()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreFailed), sole(tmp_path / "lock", "follow"):
        pytest.fail("it was let in")
    assert not (tmp_path / "elsewhere").exists()
