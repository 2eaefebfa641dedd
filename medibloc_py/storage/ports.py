"""Ports of this machine that nobody has."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from medibloc_py.storage.files import on_disk

_LOOPBACK: Final = "/ip4/127.0.0.1/tcp/{}"


def with_port(address: str, had: Sequence[str] = ()) -> str:
    """The address; where it says port 0, with one that it had, or else with a free one."""
    stem = address.removesuffix("0")
    if not stem.endswith("/tcp/"):
        return address
    if kept := next((each for each in had if each.startswith(stem)), None):
        return kept
    with on_disk(Path(address)), _bound(address) as probe:
        return f"{stem}{probe.getsockname()[1]}"


def is_free(address: str) -> bool:
    """Whether nobody listens at a multiaddr of this machine."""
    with suppress(OSError, ValueError, OverflowError), _bound(address):
        return True
    return False


def free_again(address: str) -> str:
    """The loopback port of an address, if nobody has it now; else any.

    So a node has the port that it had, and a multiaddr that somebody noted goes on to work.
    """
    had = _LOOPBACK.format(re.split("[/:]", address)[-1])
    return had if is_free(had) else _LOOPBACK.format(0)


@contextmanager
def _bound(address: str) -> Iterator[socket.socket]:
    _, kind, host, _, port = address.split("/")
    with socket.socket(socket.AF_INET6 if kind == "ip6" else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))
        yield probe
