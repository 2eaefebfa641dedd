"""Ethereum clients of others, each a fresh chain to walk on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medibloc_py.chain import LocalChain, Network, Signer, dev_accounts
from medibloc_py.chain.node import MNEMONIC
from medibloc_py.errors import NodeUnreachable

_TOOLS = Path(__file__).parents[3] / "tools" / "node_modules" / ".bin"
_START_S = 60.0


@dataclass(frozen=True)
class Client:
    """A running client.

    Attributes:
        chain: its clock; None where it cannot be moved.
    """

    network: Network
    accounts: Sequence[Signer]
    chain: LocalChain | None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ganache() -> Iterator[Client]:
    """Ganache 7.9, whose clock can be moved."""
    port = free_port()
    program = shutil.which("ganache", path=f"{_TOOLS}{os.pathsep}{os.environ['PATH']}")
    assert program is not None
    words = [program, "--logging.quiet", "--wallet.mnemonic", MNEMONIC]
    words += ["--chain.chainId", "1337", "--server.port", str(port)]
    with _running(words, f"http://127.0.0.1:{port}") as network:
        yield Client(network, dev_accounts(), LocalChain(network))


@contextmanager
def geth(program: str) -> Iterator[Client]:
    """geth as its developers run it: one account with coins, and a block each second."""
    port, rich = free_port(), dev_accounts()[0]
    words = [program, "--period", "1", "--fund", rich.address, "--port", str(port)]
    with _running(words, f"http://127.0.0.1:{port}") as network:
        yield Client(network, [rich], None)


@contextmanager
def _running(words: list[str], url: str) -> Iterator[Network]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + _START_S
        while True:
            try:
                network = Network.connect(url, 1337)
                break
            except NodeUnreachable:
                assert process.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.1)
        yield network
    finally:
        process.terminate()
        process.wait(20)
