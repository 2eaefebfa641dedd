"""`medibloc doctor` and `config check`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import LocalNode, dev_accounts
from medibloc_py.cli import checks
from tests.fakes.hostile_node import Refuse, serve
from tests.flow.cli.conftest import Medibloc
from tests.flow.command import run
from tests.flow.world import World


def graded(done: Any, grade: str) -> dict[str, str]:
    """What was said, by what was looked at."""
    return {c["what"]: c["said"] for c in done["checks"] if c["grade"] == grade}


def test_all_is_well(medibloc: Medibloc, world: World) -> None:
    found = medibloc("doctor", "--json").json
    assert not graded(found, "bad")
    said = graded(found, "ok")
    assert "chain 31337" in said[f"node {world.node.url}"]
    assert "Records at" in said["deployment"]
    assert said["key alice"] == f"{world.address('alice')}, key here, under a password"
    assert {"journal", "extras", "versions", "program anvil"} <= set(said)
    shown = medibloc("doctor").out
    assert "deployment" in shown
    assert "BAD" not in shown


def test_keys_that_are_open_damaged_or_missing_are_told(medibloc: Medibloc, world: World) -> None:
    keys = world.home / "keys"
    (keys / "alice.json").chmod(0o644)
    half = keys / "bob.encryption.json"
    body = json.loads(half.read_text())
    half.write_text(json.dumps(body | {"check": "00" * 16}))
    (keys / "clinic.encryption.json").unlink()
    (keys / "stranger.json").write_text("{}")
    found = json.loads(medibloc("doctor", "--json", code=5).out)
    bad = graded(found, "bad")
    assert set(bad) == {"key file alice.json", "key bob", "key clinic", "key stranger"}
    assert "mode 644" in bad["key file alice.json"]
    assert "checksum" in bad["key bob"]
    advice = {c["what"]: c["advice"] for c in found["checks"]}
    assert advice["key file alice.json"].startswith(f"chmod 600 {keys / 'alice.json'}")


def test_a_signer_that_does_not_run_is_told(medibloc: Medibloc, world: World) -> None:
    eve = dev_accounts(8)[7].address
    medibloc("account", "add", "eve", "--signer", world.node.url, "--address", eve)
    assert "which answers" in graded(medibloc("doctor", "--json").json, "ok")["key eve"]
    file = world.home / "keys" / "eve.signer.json"
    file.write_text(file.read_text().replace(world.node.url, "http://127.0.0.1:9"))
    done = medibloc("doctor", "--json", code=5)
    assert "does not answer" in graded(json.loads(done.out), "bad")["key eve"]


def test_a_transaction_without_an_end_is_told(
    medibloc: Medibloc, world: World, idle_miner: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (world.home / "config.toml").write_text(
        f'[networks.slow]\nchain_id = 31337\nrpc = "{world.node.url}"\ntimeout = 1\n'
    )
    words = ("--home", world.home, "--network", "slow")
    assert run(*words, "consent", "set", "GRU", "--as", "alice", "--until", "9d").code == 5
    monkeypatch.setattr("medibloc_py.cli.doctor._LATE_S", 0)
    done = run(*words, "doctor", "--json").json
    assert "1 open" in graded(done, "warn")["journal"]
    idle_miner()


def test_nodes_that_are_late_ahead_or_of_two_chains_are_told(tmp_path: Path) -> None:
    with serve() as one, serve() as other, LocalNode.start() as node:
        one.chain_id = other.chain_id = 5
        other.on("eth_getBlockByNumber", lambda _, good: good | {"hash": "0x" + "cc" * 32})
        other.on("eth_simulateV1", Refuse("no such method", -32601))
        other.on("eth_syncing", {"currentBlock": "0x1"})
        (tmp_path / "config.toml").write_text(
            f'[networks.two]\nchain_id = 5\nrpc = ["{one.url}", "{other.url}", "{node.url}"]\n'
        )
        done = run("--home", tmp_path, "--network", "two", "config", "check", "--json")
    assert done.code == 5
    bad, warned = (graded(json.loads(done.out), grade) for grade in ("bad", "warn"))
    assert "different blocks" in bad["nodes, together"]
    assert "serves chain 31337, not 5" in bad[f"node {node.url}"]
    assert "eth_simulateV1" in warned[f"node {other.url}"]
    clocks = [said for what, said in warned.items() if what.endswith("clock")]
    assert len(clocks) == 2


def test_networks_are_shown_without_what_their_urls_hide(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[networks.two]\nrpc = ["https://one.example/v3/hidden", "https://two.example"]\n'
        'witness = "https://hidden:hidden@three.example"\n'
    )
    for words in (("--network", "two"), ()):
        done = run("--home", tmp_path, *words, "config", "show", "--json")
        assert "hidden" not in done.out
        two = done.json["networks"]["two"]
        assert two["nodes"] == "https://one.example, https://two.example"
        assert two["witness"] == "https://three.example"
    assert "hidden" not in run("--home", tmp_path, "config", "show").out


def test_a_disk_that_fills_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, grade in ((10**8, "bad"), (10**9, "warn"), (10**10, "ok")):
        usage = shutil.disk_usage(tmp_path)._replace(free=free)
        monkeypatch.setattr(checks.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert checks.space("disk", tmp_path / "not" / "yet").grade == grade


def test_a_machine_without_anything_is_told_what_to_do(tmp_path: Path) -> None:
    done = run("--home", tmp_path, "--rpc", "http://127.0.0.1:9", "doctor", "--json")
    assert done.code == 5
    found = json.loads(done.out)["checks"]
    assert all(one["advice"] for one in found if one["grade"] == "bad")
    assert list(tmp_path.iterdir()) == []
