"""What a command would cost, shown, asked about, and only tried."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from medibloc_py.imaging.samples import sample
from tests.flow.cli.conftest import Medibloc
from tests.flow.world import PASSWORD, PATIENTS, World

SET = ("consent", "set", "GRU", "--as", "alice")


def changes(world: World) -> int:
    """How many times the patient's consent was set."""
    return len(world.exchange.consent.history(world.address("alice")))


def test_a_dry_run_tells_gas_fee_and_change_and_sends_nothing(
    world: World, medibloc: Medibloc
) -> None:
    before = changes(world)
    said = medibloc("--dry-run", *SET).out
    assert "Nothing was sent. Consents.set would take about" in said
    assert "ETH, at most" in said
    assert "ConsentSet (patient 0x" in said
    told = medibloc("--dry-run", *SET, "--json").json
    assert told["meaning"] == "Consents.set"
    assert 20_000 < told["gas"] < 100_000
    assert changes(world) == before


def test_a_price_is_shown_in_money(world: World, medibloc: Medibloc) -> None:
    file = world.home / "config.toml"
    file.write_text('[networks.local]\nprice = "1000000 EUR"\n')
    try:
        said = medibloc("--network", "local", "--dry-run", *SET).out
    finally:
        file.unlink()
    assert " EUR), at most" in said


@pytest.mark.parametrize(("answer", "code", "sent"), [("n\n", 4, 0), ("y\n", 0, 1)])
def test_somebody_at_a_terminal_is_asked(world: World, answer: str, code: int, sent: int) -> None:
    before = changes(world)
    said, status = at_terminal(world, SET, answer)
    assert "Consents.set: about" in said
    assert "Send it?" in said
    assert ("NotApproved" in said) == (code == 4)
    assert (status, changes(world)) == (code, before + sent)


def test_nobody_is_asked_given_yes(world: World) -> None:
    before = changes(world)
    said, status = at_terminal(world, ("--yes", *SET), "")
    assert "Consents.set: about" in said
    assert "Send it?" not in said
    assert (status, changes(world)) == (0, before + 1)


def test_a_check_tells_what_answers(world: World, medibloc: Medibloc) -> None:
    told = medibloc("config", "check", "--json").json
    node, store = f"node {world.node.url}", f"store {world.home / 'store'}"
    whats = [one["what"] for one in told["checks"]]
    assert whats == [node, f"{node}, clock", "witness", "deployment", store, f"{store}, disk"]
    assert all(one["ok"] for one in told["checks"])


def test_a_check_tells_what_does_not(world: World, medibloc: Medibloc) -> None:
    nobody = "http://127.0.0.1:9"
    told = medibloc("--rpc", f"{world.node.url},{nobody}", "config", "check", "--json", code=5)
    bad = [one for one in json.loads(told.out)["checks"] if not one["ok"]]
    assert [one["what"] for one in bad] == [f"node {nobody}"]
    assert "Check that it runs" in bad[0]["advice"]


def at_terminal(world: World, argv: tuple[str, ...], answer: str) -> tuple[str, int]:
    """Runs a command at a terminal of its own; gives what it showed and how it ended."""
    common = ("--home", str(world.home), "--rpc", world.node.url)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "medibloc_py", *common, *argv],
        stdin=slave, stdout=slave, stderr=slave,
        env={**os.environ, "MEDIBLOC_PASSWORD": PASSWORD, "TERM": "dumb", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(slave)
    os.write(master, answer.encode())
    said = b""
    while True:
        try:
            if not (part := os.read(master, 4096)):
                break
        except OSError:  # the other end is closed
            break
        said += part
    os.close(master)
    return said.decode(), process.wait(timeout=60)


def kept_in(world: World) -> dict[str, bytes]:
    """All that vaults and store hold."""
    folders = (world.home / "vault", world.home / "store")
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files}


def test_a_dry_run_of_publishing_seals_stores_and_keeps_nothing(
    world: World, medibloc: Medibloc
) -> None:
    publish = ("record", "publish", *(f"{name}={sample(PATIENTS[name])}" for name in PATIENTS))
    before, blocks = kept_in(world), world.exchange.network.block_number()
    told = medibloc("--dry-run", *publish, "--as", "hospital", "--json").json
    assert (kept_in(world), world.exchange.network.block_number()) == (before, blocks)
    assert told["meaning"] == "Records.register"
    assert "count 2" in told["changes"]
    done = medibloc(*publish, "--as", "hospital", "--json").json
    zero_bytes = 32 * 12  # a root has some that the one that stood in for it has not
    assert abs(done["receipt"]["gas_used"] - told["gas"]) < zero_bytes


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (("--as", "stranger"), "NotAccredited"),
        (("--as", "hospital", "--treatment", "--option", "retain-uids"), "InvalidValue"),
        (("--as", "hospital", "--label", "a\nb"), "InvalidValue"),
    ],
)
def test_a_dry_run_of_publishing_tells_what_would_be_refused(
    medibloc: Medibloc, argv: tuple[str, ...], error: str
) -> None:
    publish = ("record", "publish", f"alice={sample('CT_small.dcm')}", *argv, "--json")
    code = 3 if error == "InvalidValue" else 4
    assert medibloc("--dry-run", *publish, code=code).json["error"] == error


def test_a_dry_run_of_sending_publishes_nothing(world: World, medibloc: Medibloc) -> None:
    send = ("exchange", "send", f"alice={sample('CT_small.dcm')}", "--treatment", "--to", "clinic")
    before = kept_in(world)
    told = medibloc("--dry-run", *send, "--as", "hospital", "--json").json
    assert (told["meaning"], kept_in(world)) == ("Records.register", before)
