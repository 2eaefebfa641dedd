"""`medibloc demo`: the whole walk, from a DICOM file to paid patients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from medibloc_py import imaging
from medibloc_py.chain import LocalNode
from medibloc_py.cli.flipping import FlippingStore
from medibloc_py.cli.report import WalkFailed
from medibloc_py.cli.stage import PRICE
from medibloc_py.cli.walk import Walk
from medibloc_py.imaging.samples import sample
from tests.flow.command import processes_of, run

REFUSED = {
    "a patient sells a study for treatment only": "TreatmentOnly",
    "a stranger opens a record granted to another": "GrantNotFound",
    "hospital B opens after revocation": "GrantNotFound",
    "hospital B opens after expiry": "GrantNotFound",
    "a patient grants what the own consent forbids": "PurposeNotPermitted",
    "a stranger buys": "NotAccredited",
    "a purchase for a purpose consent forbids": "PurposeDenied",
    "a purchase claiming evidence nobody vouched for": "EvidenceNotVouched",
    "the steward settles with a wrong secret": "WrongSecret",
    "the buyer takes a refund early": "DeadlineNotReached",
    "the buyer opens before the sale is settled": "OrderNotSettled",
    "opening with the wrong key": "WrongKey",
    "another opens a quote that was sealed to the researcher": "WrongKey",
    "opening a ciphertext with one flipped bit": "Corrupted",
    "the steward settles after the deadline": "SettleTooLate",
    "an order after a withdrawal": "ListingClosed",
    "a patient claims twice": "NothingToClaim",
}


def test_demo_walks_from_a_hospital_to_paid_patients(tmp_path: Path) -> None:
    done = run("demo", "--json", tmp_path / "result.json")
    assert done.code == 0, done.err
    assert "escrow 0" in done.out
    result = json.loads((tmp_path / "result.json").read_bytes())
    assert set(result) == {
        "records", "arrays_equal", "arrays_compared", "gas", "payouts", "escrow", "refused",
        "steps", "balances", "seconds",
    }  # fmt: skip
    assert result["records"] == 4
    assert result["arrays_equal"] is True
    assert result["arrays_compared"] >= 8
    assert set(result["gas"]) == {
        "register", "consent", "grant", "list", "purchase", "settle", "refund", "claim",
    }  # fmt: skip
    assert all(type(gas) is int and gas > 20_000 for gas in result["gas"].values())
    assert result["payouts"] == {
        "alice": 427_500_000,
        "bob": 285_000_000,
        "carol": 285_000_000,
        "dave": 142_500_000,
        "hospital-a": 60_000_000,
        "researcher": -PRICE,
    }
    assert sum(result["payouts"].values()) == 0
    assert result["escrow"] == 0
    assert {each["act"]: each["error"] for each in result["refused"]} == REFUSED
    assert all(each["message"].endswith(".") for each in result["refused"])
    assert list(tmp_path.iterdir()) == [tmp_path / "result.json"]


def test_demo_finds_out_first_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("demo", "--json", tmp_path / "file" / "result.json")
    assert done.code == 5
    assert "alice" not in done.err


@pytest.mark.parametrize("moment", ["fund alice", "hospital-a: de-identify"])
def test_demo_leaves_nothing_behind_on_ctrl_c(tmp_path: Path, moment: str) -> None:
    mark = f"medibloc-test-{uuid.uuid4()}"
    (tmp_path / "temporary").mkdir()
    environ = os.environ | {"MEDIBLOC_TEST": mark, "TMPDIR": str(tmp_path / "temporary")}
    process = subprocess.Popen(
        [sys.executable, "-m", "medibloc_py", "demo", "--json", str(tmp_path / "result.json")],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if moment in line:
                break
        assert len(processes_of(mark)) > 1  # the demo and its chain
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.stderr.close()
    assert "Traceback" not in said
    give_up = time.monotonic() + 10
    while processes_of(mark) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert processes_of(mark) == []
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []


# The walk is strict with the exchange: it would notice.


@pytest.fixture
def hurried(node: LocalNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A walk that has done nothing yet."""
    return Walk(node, tmp_path, lambda _: None)


def test_the_walk_fails_when_an_act_is_not_refused(hurried: Walk) -> None:
    with pytest.raises(WalkFailed, match="this was not refused: a theft"):
        hurried._refuse("a theft", lambda: None)


def test_the_walk_fails_when_the_sums_are_not_exact(hurried: Walk) -> None:
    hurried.report.before, hurried.report.after = {"alice": 0}, {"alice": 1}
    with pytest.raises(WalkFailed, match="escrow -1"):
        hurried._check_sums()


def test_the_walk_is_not_equal_when_nothing_was_compared(hurried: Walk) -> None:
    assert not hurried.report.arrays_equal
    hurried.report.arrays_compared = 1
    assert hurried.report.arrays_equal
    hurried.report.arrays_different = 1
    assert not hurried.report.arrays_equal


def test_the_walk_compares_bytes_and_arrays(
    hurried: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Opened:
        """A record as a broken exchange would open it."""

        def __init__(self, data: bytes, arrays: dict[str, np.ndarray]) -> None:
            self._data, self._arrays = data, arrays

        def read(self, index: int) -> bytes:
            return self._data

        def arrays(self) -> dict[str, np.ndarray]:
            return self._arrays

    def compare(data: bytes, arrays: dict[str, np.ndarray]) -> None:
        hurried._compare(Opened(data, arrays), "alice")  # type: ignore[arg-type]

    source = sample("CT_small.dcm")
    hurried._sources["alice"] = source
    honest = imaging.arrays(source.read_bytes(), "source")
    with pytest.raises(WalkFailed, match="came back different"):
        compare(b"other", {"0001.dcm": honest})
    with pytest.raises(WalkFailed, match="has no pixels"):
        compare(source.read_bytes(), {})
    compare(source.read_bytes(), {"0001.dcm": honest})
    assert hurried.report.arrays_equal
    compare(source.read_bytes(), {"0001.dcm": honest.astype("float64")})
    assert not hurried.report.arrays_equal


def test_the_flipping_store_flips_one_bit_wherever_reading_starts() -> None:
    class Zeros:
        def get(self, cid: str, offset: int = 0, length: int | None = None) -> list[bytes]:
            return [bytes(700)] * 5

        def size(self, cid: str) -> int:
            return 3500

    store = FlippingStore(Zeros())  # type: ignore[arg-type]
    assert store.size("x") == 3500
    assert [at for at, byte in enumerate(b"".join(store.get("x"))) if byte] == [2000]
    assert [at for at, byte in enumerate(b"".join(store.get("x", 1500))) if byte] == [500]
    assert not any(b"".join(store.get("x", 2001)))
