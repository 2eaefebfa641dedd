"""What may be chosen of a Kubo node, and how its repository holds it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medibloc_py.errors import BlobMissing, InvalidValue, StoreFailed
from medibloc_py.storage.files import read_private, write_atomic
from medibloc_py.storage.node_config import make_private, peers_of

_SWARM_KEY: Final = re.compile(rb"/key/swarm/psk/1\.0\.0/\n/base16/\n[0-9a-f]{64}\n?")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What may be chosen of a node; another choice takes a new start.

    Attributes:
        key: content of the swarm's key file; empty if there is none.
        swarm: multiaddrs to listen on for peers.
        peers: addresses by id of peers to stay in touch with.
    """

    key: bytes
    swarm: list[str]
    peers: Mapping[str, list[str]]


def settings_of(repo: Path) -> NodeSettings:
    """What a repository holds.

    Raises:
        StoreFailed: it cannot be read, or is no configuration of Kubo.
    """
    key = repo / "swarm.key"
    with _understood(repo) as config:
        return NodeSettings(
            read_private(key) if key.exists() else b"",
            [str(each) for each in config["Addresses"]["Swarm"]],
            peers_of(config),
        )


def configure(repo: Path, settings: NodeSettings, rpc: str, gateway: str) -> None:
    """Writes the settings into a repository, and all else that makes its node private.

    Args:
        repo: of the node, which does not run.
        settings: of the node; without a key, that of the repository stays.
        rpc: multiaddr to listen on for the RPC.
        gateway: multiaddr for the gateway.

    Raises:
        StoreFailed: it cannot be read or written, or is no configuration of Kubo.
    """
    with _understood(repo) as config:
        made = make_private(
            config, rpc=rpc, gateway=gateway, swarm=settings.swarm, peers=settings.peers
        )
    if settings.key:
        write_atomic(repo / "swarm.key", settings.key)
    write_atomic(repo / "config", json.dumps(made, indent=2).encode() + b"\n")


def new_swarm_key() -> bytes:
    """Content of a key file for a swarm of one's own."""
    return b"/key/swarm/psk/1.0.0/\n/base16/\n" + secrets.token_hex(32).encode() + b"\n"


def require_swarm_key(content: bytes) -> None:
    """Raises InvalidValue if this is not what a swarm's key file holds."""
    if not _SWARM_KEY.fullmatch(content):
        raise InvalidValue(
            name="swarm key", given="not shown", allowed="as in the file swarm.key of another node"
        )


@contextmanager
def _understood(repo: Path) -> Iterator[dict[str, Any]]:
    try:
        yield dict(json.loads(read_private(repo / "config")))
    except (ValueError, LookupError, TypeError, AttributeError, BlobMissing) as error:
        raise StoreFailed(url=repo / "config", reason="it is no configuration of Kubo") from error
