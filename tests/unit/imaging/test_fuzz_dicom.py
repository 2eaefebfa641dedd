"""Some hundred of the mutated files that `make fuzz-dicom` sends through; and faults are seen."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from medibloc_py.errors import NotDicom
from tests.fuzz import case, run

CASES = "200"
SEED = os.environ.get("FUZZ_SEED", "house")


def test_no_bad_file_crashes_hangs_or_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    code = run.main(["--cases", CASES, "--seed", SEED, "--jobs", "2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["wrong"] == []
    assert code == 0
    assert told["cases"] == int(CASES)
    assert told["ended"]["sealed"] > int(CASES) // 10  # not all are refused at the door


def test_a_case_is_drawn_from_its_number() -> None:
    assert case.draw("seed", 5) == case.draw("seed", 5) != case.draw("seed", 6)


def crash(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(*_: object, **__: object) -> None:
    while True:
        pass


def too_much(*_: object, **__: object) -> None:
    try:
        bytearray(2 << 30)
    except MemoryError as error:
        raise NotDicom(path="x", reason="lack of memory") from error


def foreign(*_: object, **__: object) -> None:
    raise KeyError("a foreign error")


@pytest.mark.parametrize(
    ("fault", "told"),
    [(crash, "ended with -9"), (hang, "too long"), (too_much, "Memory"), (foreign, "KeyError")],
)
def test_a_fault_is_seen(
    fault: object, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case.load()
    monkeypatch.setattr(run, "CPU_S", 0.2)
    monkeypatch.setattr(case, "release", fault)
    began = time.monotonic()
    assert run.main(["--cases", "2", "--seed", "1", "--jobs", "1", "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out)["wrong"]
    assert [each["case"] for each in wrong] == [0, 1]
    assert all(told in each["wrong"] for each in wrong)
    assert time.monotonic() - began < 30


def test_a_leak_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(data: bytes, *_: object, **__: object) -> case.Released:
        return case.Released(data)

    monkeypatch.setattr(case, "release", leaking)
    data = case.named(case.ROOT / "CT_small.dcm")
    assert "left" in case.run(case.Drawn("CT_small.dcm", "not at all", data)).wrong
