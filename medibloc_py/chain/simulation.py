"""What a call does or would do, as a node runs it: nothing changes, and nothing is signed."""

from __future__ import annotations

from collections.abc import Mapping

from medibloc_py.chain import logs
from medibloc_py.chain.intent import Intent
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.reverts import refusal
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import ContractRefusal, MediBlocError, TransactionFailed, TransportError
from medibloc_py.model import Event


def execute(rpc: Rpc, call: Mapping[str, object], block: str) -> bytes:
    """Runs a call on the state of a block.

    Raises:
        ContractRefusal: it reverted.
        NodeUnreachable: no answer.
        NodeAnsweredWrong: an impossible answer.
    """
    try:
        answer = rpc.request("eth_call", call, block)
    except RpcRefusal as refused:
        if (data := refused.reverted) is None:
            raise rpc.unreachable(str(refused)) from refused
        raise refusal(data) from refused
    return rpc.data(answer, "the answer of a call")


def foreseen(rpc: Rpc, intent: Intent) -> tuple[Event, ...] | None:
    """The contract's events that it would leave in the next block, if the node can tell."""
    question = {("input" if key == "data" else key): each for key, each in intent.call.items()}
    try:
        answer = rpc.request(
            "eth_simulateV1", {"blockStateCalls": [{"calls": [question]}]}, "latest"
        )
    except RpcRefusal:
        return None
    try:
        entries = list(answer[0]["calls"][0]["logs"])
    except (KeyError, IndexError, TypeError):
        raise rpc.wrong("a simulation has no logs") from None
    found = tuple(logs.parse(rpc, entry) for entry in entries)
    return logs.events_of(rpc, intent.contract, found) if intent.contract else ()


def why_failed(rpc: Rpc, call: Mapping[str, object], mined: Mined) -> MediBlocError:
    """Runs a failed call again on the state its block left, to learn the reason."""
    try:
        execute(rpc, call, hex(mined.block))
    except ContractRefusal as refused:
        return refused
    except TransportError:
        pass  # an old state that the node no longer has
    return TransactionFailed(transaction=mined.transaction, reason="it reverted when mined")
