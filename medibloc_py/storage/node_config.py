"""What makes a Kubo node private: its configuration, and how far one is from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

PROFILES: Final = "server,unixfs-v1-2025"

PRIVATE: Final[Mapping[str, object]] = {
    # Nobody is met but peers of the swarm who were named.
    "Bootstrap": [],
    "Routing.Type": "none",
    "Routing.DelegatedRouters": [],
    "Discovery.MDNS.Enabled": False,
    "Provide.Enabled": False,
    "Ipns.DelegatedPublishers": [],
    "Pubsub.Enabled": False,
    # Nothing is fetched, told or asked elsewhere.
    "AutoConf.Enabled": False,
    "AutoTLS.Enabled": False,
    "AutoNAT.ServiceMode": "disabled",
    "DNS.Resolvers": {},
    "HTTPRetrieval.Enabled": False,
    "Plugins.Plugins": {"telemetry": {"Disabled": True}},
    "Version.SwarmCheckEnabled": False,
    # For a repository of years ago: one empty source, since none at all stands for the public ones.
    "Migration.DownloadSources": [""],
    # A swarm key speaks TCP alone.
    "Swarm.Transports.Network.QUIC": False,
    "Swarm.Transports.Network.Relay": False,
    "Swarm.Transports.Network.WebRTCDirect": False,
    "Swarm.Transports.Network.WebTransport": False,
    "Swarm.Transports.Network.Websocket": False,
    "Swarm.RelayClient.Enabled": False,
    "Swarm.RelayService.Enabled": False,
    "Swarm.EnableHolePunching": False,
    "Swarm.DisableNatPortMap": True,
    # Hospitals live in private networks, which the profile `server` shuts out.
    "Swarm.AddrFilters": [],
    "Addresses.NoAnnounce": [],
    # The gateway gives blocks that it has, for readers who verify them.
    "Gateway.NoFetch": True,
    "Gateway.NoDNSLink": True,
    "Gateway.DeserializedResponses": False,
    "Gateway.ExposeRoutingAPI": False,
}


def make_private(
    config: dict[str, Any],
    *,
    rpc: str,
    gateway: str,
    swarm: list[str],
    peers: Mapping[str, list[str]],
) -> dict[str, Any]:
    """A copy of a node's configuration that is private, and durable.

    Args:
        config: as Kubo made it.
        rpc: multiaddr to listen on for the RPC.
        gateway: multiaddr for the gateway.
        swarm: multiaddrs for peers; none: it only calls others.
        peers: addresses by id of the peers to stay in touch with.
    """
    made = deepcopy(config)
    for path, value in PRIVATE.items():
        _put(made, path, deepcopy(value))
    _put(made, "Addresses.API", rpc)
    _put(made, "Addresses.Gateway", gateway)
    _put(made, "Addresses.Swarm", swarm)
    _put(made, "Peering.Peers", [{"ID": each, "Addrs": peers[each]} for each in peers])
    for mount in _flatfs(made):
        # Kubo leaves a block's way to the disk to the system; a pin must outlast a power cut.
        mount["sync"] = True
    return made


def exposed(config: Mapping[str, Any]) -> list[str]:
    """Settings of a running node that are not as a private one has them, as `name: value`."""
    found = [
        f"{path}: {value}"
        for path, wanted in PRIVATE.items()
        if (value := _get(config, path)) != wanted
    ]
    for path in ("Addresses.API", "Addresses.Gateway"):
        if not str(value := _get(config, path)).startswith(("/ip4/127.", "/ip6/::1/", "/unix/")):
            found.append(f"{path}: {value}")
    return found


def peers_of(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Addresses by id of the peers that a node stays in touch with."""
    return {peer["ID"]: peer["Addrs"] for peer in _get(config, "Peering.Peers") or ()}


def _flatfs(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for mount in _get(config, "Datastore.Spec.mounts") or ():
        if mount.get("type") == "flatfs":
            yield mount


def _get(config: Mapping[str, Any], path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _put(config: dict[str, Any], path: str, value: object) -> None:
    *folders, name = path.split(".")
    for folder in folders:
        config = config.setdefault(folder, {})
    config[name] = value
