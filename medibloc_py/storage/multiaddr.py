"""Multiaddrs, as far as a daemon's RPC and a swarm over TCP have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from medibloc_py.errors import InvalidValue

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_PEER_HEADS: Final = {38: b"\x00\x24\x08\x01\x12\x20", 34: b"\x12\x20"}
"""How an id begins, by its length: an Ed25519 key itself, or the sha-256 of another."""
_HOSTS: Final = {"ip4", "ip6", "dns", "dns4", "dns6"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an RPC listens.

    Attributes:
        text: the multiaddr.
        host: name or address; empty for a socket in the file system.
        port: 1 to 65535, or 0.
        tls: whether it speaks https.
        path: of a socket in the file system.
    """

    text: str
    host: str = ""
    port: int = 0
    tls: bool = False
    path: str = ""


def parse_endpoint(text: str) -> Endpoint:
    """Reads the multiaddr of an RPC, such as `/ip4/127.0.0.1/tcp/5001` or `/unix/run/kubo.sock`.

    Raises:
        InvalidValue: it is not one.
    """
    if text.startswith("/unix/") and len(text) > len("/unix/"):
        return Endpoint(text, path=text.removeprefix("/unix"))
    host, port, rest = _tcp(text)
    if host is None or port == 0 or rest not in ([], ["http"], ["https"]):
        raise InvalidValue(
            name="store", given=text, allowed="a multiaddr like /ip4/127.0.0.1/tcp/5001"
        )
    return Endpoint(text, host, port, tls=rest == ["https"])


def require_listen(text: str) -> str:
    """An address to listen on, such as `/ip4/192.0.2.7/tcp/4001`.

    Raises:
        InvalidValue: it is not one.
    """
    host, _, rest = _tcp(text)
    if host is None or rest or not text.startswith(("/ip4/", "/ip6/")):
        raise InvalidValue(
            name="listen", given=text, allowed="a multiaddr like /ip4/192.0.2.7/tcp/4001"
        )
    return text


def parse_peer(text: str) -> tuple[str, str]:
    """Id and address of a peer, from `/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...`.

    Raises:
        InvalidValue: it is not one.
    """
    host, port, rest = _tcp(text)
    if host is None or port == 0 or len(rest) != 2 or rest[0] != "p2p":
        rest = ["", ""]
    if not _is_peer_id(rest[1]):
        raise InvalidValue(
            name="peer",
            given=text,
            allowed="a multiaddr like /ip4/192.0.2.7/tcp/4001/p2p/12D3…",
        )
    return rest[1], text.removesuffix(f"/p2p/{rest[1]}")


def _is_peer_id(text: str) -> bool:
    # Imported late: it costs a tenth of a second.
    from multiformats import multibase

    try:
        binary = multibase.decode(f"z{text}")
    except ValueError:
        return False
    head = _PEER_HEADS.get(len(binary))
    return head is not None and binary.startswith(head)


def _tcp(text: str) -> tuple[str | None, int, list[str]]:
    """Host, port and what follows; no host if it begins otherwise."""
    parts = text.split("/")
    if len(parts) < 5 or parts[0] or parts[1] not in _HOSTS or parts[3] != "tcp":
        return None, 0, []
    kind, host, port = parts[1], parts[2], parts[4]
    try:
        if kind == "ip4":
            IPv4Address(host)
        elif kind == "ip6":
            IPv6Address(host)
    except ValueError:
        return None, 0, []
    known = kind in ("ip4", "ip6") or _NAME.fullmatch(host)
    if not known or not re.fullmatch(r"0|[1-9]\d{0,4}", port, re.ASCII) or int(port) > 65535:
        return None, 0, []
    return host, int(port), parts[5:]
