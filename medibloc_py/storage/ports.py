"""Ports of this machine that nobody has."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from medibloc_py.storage.files import on_disk

_LOOPBACK: Final = "/ip4/127.0.0.1/tcp/{}"


def with_port(address: str) -> str:
    """The address, with a free port where it says 0."""
    _, kind, host, _, port = address.split("/")
    if port != "0":
        return address
    family = socket.AF_INET6 if kind == "ip6" else socket.AF_INET
    with on_disk(Path(address)), socket.socket(family) as probe:
        probe.bind((host, 0))
        return address.removesuffix("0") + str(probe.getsockname()[1])


def free_again(address: str) -> str:
    """The loopback port of an address, if nobody has it now; else any.

    So a node has the port that it had, and a multiaddr that somebody noted goes on to work.
    """
    port = re.split("[/:]", address)[-1]
    with suppress(OSError, ValueError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(port)))
        return _LOOPBACK.format(port)
    return _LOOPBACK.format(0)
