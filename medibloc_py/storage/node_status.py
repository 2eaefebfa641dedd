"""How a running Kubo node is, by its own word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medibloc_py.errors import StoreFailed
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.node_config import exposed
from medibloc_py.storage.rpc import Rpc

_ASK_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A running node.

    Attributes:
        peer_id: its id among peers.
        rpc: multiaddr of its RPC, which is what `--store` takes.
        gateway: URL of its gateway.
        swarm: addresses that other nodes reach it at, as `--peer` takes them.
        swarm_key: file with the key that all nodes of the swarm share.
        peers: addresses of peers it is in touch with.
        version: of Kubo.
        repo_bytes: what its repository takes on the disk.
        exposed: settings that are not as a private node has them; none is right.
    """

    peer_id: str
    rpc: str
    gateway: str
    swarm: list[str]
    swarm_key: str
    peers: list[str]
    version: str
    repo_bytes: int
    exposed: list[str]


def status_of(address: str) -> NodeStatus:
    """How the daemon behind an RPC is; of its gateway and its swarm key nothing is known.

    Raises:
        InvalidValue: `address` is no multiaddr.
        StoreFailed, StoreUnreachable: it does not answer as it must.
    """
    with Rpc(parse_endpoint(address), _ASK_TIMEOUT_S) as rpc:
        me = rpc.value("id")
        config = rpc.value("config/show")
        peers = rpc.value("swarm/peers").get("Peers") or ()
        stat = rpc.value("repo/stat", {"size-only": True})
        version = rpc.value("version")
    try:
        return NodeStatus(
            peer_id=me["ID"],
            rpc=address,
            gateway="",
            swarm=sorted(each for each in me["Addresses"] or () if "/tcp/" in each),
            swarm_key="",
            peers=sorted(f"{peer['Addr']}/p2p/{peer['Peer']}" for peer in peers),
            version=version["Version"],
            repo_bytes=int(stat["RepoSize"]),
            exposed=exposed(config),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise StoreFailed(url=address, reason=f"no node answers like this: {error}") from error
