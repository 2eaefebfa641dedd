"""The whole walk, from a DICOM file to paid patients, with a real daemon for the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import LocalNode
from medibloc_py.cli.walk import Walk
from medibloc_py.storage import GatewayStore, KuboNode, KuboStore, LocalStore, raw_cid
from medibloc_py.storage.move import verify
from tests.flow.command import run
from tests.unit.storage.test_cid import VECTORS, keystream

Make = Callable[[Path], KuboNode]


def test_the_walk_is_the_same_on_a_real_daemon(node: KuboNode, tmp_path: Path) -> None:
    with LocalNode.start(block_time_s=None) as chain:
        report = Walk(chain, tmp_path, lambda _: None, KuboStore(node.address())).run()
    assert report.records == 4
    assert report.arrays_equal
    assert report.arrays_compared >= 8
    assert len(report.refused) == 17
    assert report.escrow == 0
    assert not (tmp_path / "store").exists()
    store = KuboStore(node.address())
    found = verify(store, list(store.pins()), lambda *_: None)
    assert len(found.whole) >= 4
    assert found.damaged == {}


EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
LONG = [each for each in VECTORS["streams"] if each["size_bytes"] > 1 << 30]
SHORT = [each for each in VECTORS["streams"] if each["size_bytes"] < 1 << 30]


@pytest.mark.parametrize("vector", VECTORS["texts"] + SHORT, ids=lambda each: each["cid"][-6:])
def test_local_and_kubo_give_the_golden_cids(
    node: KuboNode, tmp_path: Path, vector: dict[str, Any]
) -> None:
    def pieces() -> Any:
        if "text" in vector:
            return [vector["text"].encode()]
        return keystream(vector["seed"], vector["size_bytes"])

    kubo = KuboStore(node.address())
    stores = LocalStore(tmp_path / "store"), kubo
    for store in stores:
        assert store.put(pieces()).cid == vector["cid"]
        assert b"".join(store.get(vector["cid"])) == b"".join(pieces())
    gateway = GatewayStore(node.status().gateway)
    assert b"".join(gateway.get(vector["cid"])) == b"".join(pieces())
    kubo.unpin(vector["cid"])
    kubo.collect()
    assert not kubo.has(vector["cid"])


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1])
def test_local_and_kubo_give_one_leaf_the_cid_of_its_hash(
    node: KuboNode, tmp_path: Path, size: int
) -> None:
    data = bytes(size)
    cid = raw_cid(hashlib.sha256(data).digest())
    assert (cid == EMPTY) == (size == 0)
    for store in (LocalStore(tmp_path / "store"), KuboStore(node.address())):
        assert store.put([data]).cid == cid
        assert b"".join(store.get(cid)) == data


def test_kubo_gives_the_golden_cid_of_more_than_a_gibibyte(make_node: Make, tmp_path: Path) -> None:
    """One byte past 1,024 leaves: the tree has a second level from here on."""
    (vector,) = LONG
    node = make_node(tmp_path / "kubo")
    store = KuboStore(node.up().rpc)
    size, cid = int(vector["size_bytes"]), vector["cid"]
    assert store.put(keystream(vector["seed"], size)).cid == cid
    assert store.size(cid) == size
    assert b"".join(store.get(cid, size - 3, 3)) == b"".join(keystream(vector["seed"], size))[-3:]


def test_a_record_is_published_and_read_by_the_name_kubo(make_node: Make, tmp_path: Path) -> None:
    """`--store kubo` is the node in the home folder, once it runs."""
    home = tmp_path / "home"
    node = make_node(home / "kubo")
    done = run("--home", home, "--store", "kubo", "store", "status", "--json")
    assert done.code == 5
    assert "medibloc store up" in done.json["message"]
    assert run("--home", home, "store", "up", "--json").json["rpc"] == node.address()
    store = KuboStore(node.address())
    kept = store.put([b"sealed"])
    store.unpin(store.put([b"let go"]).cid)
    told = run("--home", home, "store", "status", "--json").json
    assert (told["pins"], told["private"], told["store"]) == (1, True, f"kubo:{home / 'kubo'}")
    same = run("--home", home, "--store", node.address(), "store", "status", "--json").json
    assert same["peer_id"] == told["peer_id"]
    assert (same["exposed"], same["private"]) == ([], None)  # of its swarm key it tells nobody
    assert run("--home", home, "store", "gc", "--json").json["pins"] == 1
    assert store.has(kept.cid)
    verified = run("--home", home, "--store", "kubo", "store", "verify", "--json").json
    assert verified["whole"] == [kept.cid]
    assert run("--home", home, "store", "down", "--json").json == {"stopped": True}
    assert run("--home", home, "store", "down", "--json").json == {"stopped": False}
