"""Three private nodes on loopback: one dies, and nothing is lost."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medibloc_py.errors import BlobMissing, MediBlocError
from medibloc_py.storage import KuboNode, KuboStore
from medibloc_py.storage.move import verify
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.process import Process
from medibloc_py.storage.rpc import Rpc

Make = Callable[[Path], KuboNode]
LOOPBACK = ["/ip4/127.0.0.1/tcp/0"]
DATA = secrets.token_bytes(5_000_000)
"""Five leaves below a node."""


@pytest.fixture(scope="module")
def swarm(make_node: Make, tmp_path_factory: pytest.TempPathFactory) -> list[KuboNode]:
    """Three nodes with one key; the second and the third keep in touch with all before them."""
    folder = tmp_path_factory.mktemp("swarm")
    nodes = [make_node(folder / name) for name in ("a", "b", "c")]
    first = nodes[0].up(listen=LOOPBACK)
    key = Path(first.swarm_key).read_bytes()
    second = nodes[1].up(swarm_key=key, listen=LOOPBACK, peers=first.swarm)
    nodes[2].up(swarm_key=key, listen=LOOPBACK, peers=[*first.swarm, *second.swarm])
    for node in nodes:
        wait_for(lambda node=node: len(node.status().peers) == 2, "all three in touch")
    return nodes


def wait_for(holds: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def kill(node: KuboNode) -> None:
    folder = Path(node.status().swarm_key).parents[1]
    told = json.loads((folder / "node.json").read_bytes())["process"]
    os.kill(told["pid"], signal.SIGKILL)
    assert Process(told["pid"], told["born"]).wait(10)


@pytest.mark.fault("store killed")
def test_what_one_publishes_is_read_and_kept_when_it_dies(swarm: list[KuboNode]) -> None:
    hospital, clinic, mirror = swarm
    blob = KuboStore(hospital.address()).put([DATA])
    assert not KuboStore(clinic.address()).has(blob.cid)
    # Read on another, which fetches it from the first.
    assert b"".join(KuboStore(clinic.address(), 20).get(blob.cid)) == DATA
    # A second copy is kept.
    KuboStore(clinic.address()).pin(blob.cid)
    kill(hospital)
    # The third has never seen it, and reads it from the copy.
    assert b"".join(KuboStore(mirror.address(), 20).get(blob.cid)) == DATA
    # Pinned again, there are two once more; each stands by itself.
    KuboStore(mirror.address()).pin(blob.cid)
    for node in (clinic, mirror):
        store = KuboStore(node.address())
        store.collect()
        assert verify(store, list(store.pins()), lambda *_: None).whole == [blob.cid]
    # And the first comes back with what it had.
    hospital.up()
    assert b"".join(KuboStore(hospital.address()).offline().get(blob.cid)) == DATA


def test_what_nobody_has_is_missing_in_time(swarm: list[KuboNode]) -> None:
    absent = KuboStore(swarm[0].address()).put([secrets.token_bytes(10)]).cid
    KuboStore(swarm[0].address()).unpin(absent)
    KuboStore(swarm[0].address()).collect()
    started = time.monotonic()
    with pytest.raises(BlobMissing):
        list(KuboStore(swarm[1].address(), timeout_s=1).get(absent))
    assert time.monotonic() - started < 10


def test_a_node_of_another_swarm_gets_nothing(
    swarm: list[KuboNode], make_node: Make, tmp_path: Path
) -> None:
    blob = KuboStore(swarm[0].address()).put([secrets.token_bytes(1000)])
    stranger = make_node(tmp_path / "kubo")
    # It knows where to call, and lacks the key.
    address = stranger.up(peers=swarm[0].status().swarm).rpc
    with Rpc(parse_endpoint(address), 10) as rpc, pytest.raises(MediBlocError):
        rpc.value("swarm/connect", {"arg": swarm[0].status().swarm[0]})
    assert stranger.status().peers == []
    with pytest.raises(BlobMissing):
        list(KuboStore(address, timeout_s=1).get(blob.cid))


def test_the_unpinned_goes_with_the_next_collection(swarm: list[KuboNode]) -> None:
    store = KuboStore(swarm[2].address())
    kept = store.put([secrets.token_bytes(2_000_000)]).cid
    dropped = store.put([secrets.token_bytes(2_000_000)]).cid
    store.unpin(dropped)
    store.collect()
    assert store.has(kept)
    assert not store.has(dropped)
    assert verify(store, [kept, dropped], lambda *_: None).whole == [kept]


def test_many_writers_at_once_lose_nothing(swarm: list[KuboNode]) -> None:
    store = KuboStore(swarm[2].address())
    blobs = [secrets.token_bytes(1_500_000) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        cids = list(pool.map(lambda data: store.put([data]).cid, blobs))
    store.collect()
    for cid, data in zip(cids, blobs, strict=True):
        assert b"".join(store.offline().get(cid)) == data
