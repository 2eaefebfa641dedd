"""Private Kubo nodes and a cluster of peers beside them, on the loopback of this machine."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.errors import ToolMissing
from medibloc_py.model import Cid
from medibloc_py.storage import GatewayStore, KuboNode, KuboStore, PinningService
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.node import NodeStatus, find_kubo
from medibloc_py.storage.process import Process
from medibloc_py.storage.rpc import Rpc

CACHE = Path(__file__).parents[3] / ".cache"
LOOPBACK = "/ip4/127.0.0.1/tcp/0"
USER, PASSWORD = "hospital", "only for tests"


def kubo() -> Path:
    """The daemon's program; skips the test if it is nowhere and nobody demands it."""
    try:
        return find_kubo()
    except ToolMissing as error:
        if os.environ.get("MEDIBLOC_DEMAND_KUBO"):
            raise
        pytest.skip(f"run `make kubo`: {error.message}")


def cluster_service() -> str:
    """The cluster's program, on PATH or built into the checkout; skips as `kubo` does."""
    found = shutil.which("ipfs-cluster-service", path=f"{os.environ['PATH']}:{CACHE / 'cluster'}")
    if found is None:
        assert not os.environ.get("MEDIBLOC_DEMAND_CLUSTER"), "`make cluster` did not build it"
        pytest.skip("ipfs-cluster-service is not on PATH; `make cluster` builds it")
    return found


def wait_for(holds: Callable[[], bool], what: str, patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"not in {patience_s} s: {what}"
        time.sleep(0.1)


@dataclass
class Kubo:
    """A node of the private swarm.

    Attributes:
        rpc: multiaddr of its RPC.
        gateway: URL of its gateway, which fetches nothing from other nodes.
    """

    node: KuboNode
    folder: Path
    rpc: str = ""
    gateway: str = ""

    def up(self, swarm_key: bytes | None = None, peers: Sequence[str] = ()) -> NodeStatus:
        status = self.node.up(swarm_key=swarm_key, listen=[LOOPBACK], peers=peers)
        self.rpc, self.gateway = status.rpc, status.gateway
        return status

    def kill(self) -> None:
        """As a power cut does."""
        with suppress(FileNotFoundError):
            told = json.loads((self.folder / "node.json").read_bytes())["process"]
            process = Process(told["pid"], told["born"])
            if process.lives():
                os.kill(process.pid, signal.SIGKILL)
                assert process.wait(10)

    @property
    def store(self) -> KuboStore:
        return KuboStore(self.rpc, timeout_s=20)

    @property
    def reader(self) -> GatewayStore:
        return GatewayStore(self.gateway, timeout_s=20)

    def remove(self, block: Cid) -> None:
        """Lose one block."""
        with Rpc(parse_endpoint(self.rpc), 20) as rpc:
            rpc.value("block/rm", {"arg": block})

    def block_files(self) -> Iterator[Path]:
        """Its blocks on the disk."""
        return (self.folder / "repo" / "blocks").rglob("*.data")

    def import_car(self, car: Path) -> None:
        subprocess.run(
            [find_kubo(), "dag", "import", "--pin-roots=false", car],
            env=os.environ | {"IPFS_PATH": str(self.folder / "repo")},
            check=True,
            capture_output=True,
        )


@contextmanager
def swarm(folder: Path, count: int) -> Iterator[list[Kubo]]:
    """Nodes of one private swarm, each in touch with every other."""
    places = [folder / f"kubo-{number}" for number in range(count)]
    nodes = [Kubo(KuboNode(place, kubo()), place) for place in places]
    try:
        known: list[str] = []
        key: bytes | None = None
        for node in nodes:
            status = node.up(key, known)
            known += status.swarm
            key = Path(status.swarm_key).read_bytes()
        for node in nodes:
            wait_for(lambda node=node: len(node.node.status().peers) == count - 1, "all in touch")
        yield nodes
    finally:
        for node in nodes:
            node.kill()


@dataclass
class Peer:
    """A cluster peer, which looks after one Kubo node.

    Attributes:
        service: URL of its Pinning Service API.
        rest: URL of its own API.
        token: for the service.
    """

    folder: Path
    environ: dict[str, str]
    kubo: Kubo
    service: str
    rest: str
    token: str = ""
    running: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        identity = json.loads((self.folder / "identity.json").read_text())["id"]
        return f"{self._settings()['cluster']['listen_multiaddress'][0]}/p2p/{identity}"

    def know(self, others: Sequence[str]) -> None:
        """Name the other peers before it starts."""
        settings = self._settings()
        settings["cluster"]["peer_addresses"] = list(others)
        (self.folder / "service.json").write_text(json.dumps(settings))

    def _settings(self) -> Any:
        return json.loads((self.folder / "service.json").read_text())

    def kill(self) -> None:
        """Both daemons, as when their machine loses its power."""
        self.stop()
        self.kubo.kill()

    def stop(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            self.running = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.running = subprocess.Popen(
                [cluster_service(), "daemon"],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._gives_token, "the cluster peer starts")

    def _gives_token(self) -> bool:
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.service}/token", method="POST", headers={"Authorization": f"Basic {basic}"}
        )
        with suppress(OSError), urllib.request.urlopen(request, timeout=20) as said:
            self.token = json.loads(said.read())["token"]
            return True
        return False

    def known(self) -> int:
        """How many peers it knows to have space: pins go to no others."""
        with urllib.request.urlopen(f"{self.rest}/monitor/metrics/freespace", timeout=20) as said:
            return len({each["peer"] for each in json.loads(said.read()) if each["valid"]})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def make_peer(folder: Path, kubo: Kubo, secret: str, repinning: bool) -> Peer:
    folder.mkdir()
    service, rest, swarm_port = free_port(), free_port(), free_port()
    environ = os.environ | {"IPFS_CLUSTER_PATH": str(folder)}
    subprocess.run(
        [cluster_service(), "init", "--consensus", "crdt", "--datastore", "leveldb"],
        env=environ,
        check=True,
        capture_output=True,
    )
    path = folder / "service.json"
    settings = json.loads(path.read_text())
    settings["cluster"] |= {
        "peername": folder.name,
        "secret": secret,
        "listen_multiaddress": [f"/ip4/127.0.0.1/tcp/{swarm_port}"],
        "enable_relay_hop": False,
        "mdns_interval": "0s",
        "replication_factor_min": 2,
        "replication_factor_max": 2,
        "disable_repinning": not repinning,
        "monitor_ping_interval": "2s",
        "peer_watch_interval": "1s",
        "pubsub": settings["cluster"]["pubsub"] | {"heartbeat_interval": "1s"},
    }
    settings["consensus"]["crdt"]["cluster_name"] = "replicas"
    settings["api"] = {
        "pinsvcapi": settings["api"]["pinsvcapi"]
        | {
            "http_listen_multiaddress": f"/ip4/127.0.0.1/tcp/{service}",
            "basic_auth_credentials": {USER: PASSWORD},
        },
        "restapi": settings["api"]["restapi"]
        | {"http_listen_multiaddress": f"/ip4/127.0.0.1/tcp/{rest}"},
    }
    settings["ipfs_connector"]["ipfshttp"]["node_multiaddress"] = kubo.rpc
    settings["monitor"]["pubsubmon"]["check_interval"] = "1s"
    settings["allocator"]["balanced"]["allocate_by"] = ["freespace"]
    settings["informer"] = {"disk": {"metric_ttl": "12s", "metric_type": "freespace"}}
    path.write_text(json.dumps(settings))
    urls = (f"http://127.0.0.1:{port}" for port in (service, rest))
    return Peer(folder, environ, kubo, *urls)


@contextmanager
def cluster(folder: Path, nodes: Sequence[Kubo], *, repinning: bool = True) -> Iterator[list[Peer]]:
    """A cluster of one peer for each node, that keeps two copies of every pin.

    Args:
        folder: for the peers.
        nodes: what they look after.
        repinning: whether they make a lost copy good by themselves.
    """
    secret = secrets.token_hex(32)
    peers = [
        make_peer(folder / f"peer-{number}", node, secret, repinning)
        for number, node in enumerate(nodes)
    ]
    for peer in peers:
        peer.know([other.address for other in peers if other is not peer])
    try:
        with ThreadPoolExecutor(len(peers)) as pool:
            list(pool.map(Peer.start, peers))
        for peer in peers:
            wait_for(lambda peer=peer: peer.known() == len(peers), "the peers know each other")
        yield peers
    finally:
        for peer in peers:
            peer.stop()


def service_of(peer: Peer) -> PinningService:
    return PinningService(peer.service, peer.token, timeout_s=20)


def holders(peers: list[Peer], cid: Cid) -> list[Peer]:
    return [peer for peer in peers if cid in peer.kubo.store.pins()]
