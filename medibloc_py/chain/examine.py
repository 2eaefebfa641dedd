"""How one node is: its chain, its clock, and what it can be asked."""

from __future__ import annotations

import time
from dataclasses import dataclass

from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.network import Network
from medibloc_py.chain.rpc import Rpc

TIMEOUT_S = 10.0
_NOTHING: dict[str, list[dict[str, list[object]]]] = {"blockStateCalls": [{"calls": []}]}


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node says of itself.

    Attributes:
        chain_id: of its chain.
        block: its newest block.
        age_s: of that block by this machine's clock, seconds; negative if it is of the future.
        syncing: whether it knows that it is behind.
        simulates: whether it can tell the events of a transaction that is not sent.
        version: of the program, as it says.
    """

    chain_id: int
    block: int
    age_s: int
    syncing: bool
    simulates: bool
    version: str


def examine(url: str, chain_id: int | None) -> NodeState:
    """Asks a node.

    Args:
        url: http or https, one.
        chain_id: the only chain that will do, if given.

    Raises:
        NodeUnreachable: no answer.
        NodeAnsweredWrong: an impossible answer.
        ChainMismatch: another chain.
    """
    network = Network.connect(url, chain_id, timeout_s=TIMEOUT_S)
    newest = network.rpc.block("latest")
    return NodeState(
        chain_id=network.chain_id,
        block=newest.number,
        age_s=int(time.time()) - newest.timestamp,
        syncing=_asked(network.rpc, "eth_syncing") not in (False, None),
        simulates=_asked(network.rpc, "eth_simulateV1", _NOTHING, "latest") is not None,
        version=str(_asked(network.rpc, "web3_clientVersion") or "")[:80],
    )


def block_hash(url: str, number: int) -> bytes | None:
    """The hash of a block as one node has it, 32 bytes; None if it does not have the block.

    Raises:
        NodeUnreachable, NodeAnsweredWrong: as `examine`.
    """
    found = Network.connect(url, timeout_s=TIMEOUT_S).rpc.find_block(number)
    return None if found is None else found.hash


def _asked(rpc: Rpc, method: str, *params: object) -> object:
    """What a node answers to a question that it need not know."""
    try:
        return rpc.request(method, *params)
    except RpcRefusal:
        return None
