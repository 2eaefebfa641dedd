"""What a transaction must do: revert with exact data, or emit exact events."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from brownie import project, web3
from brownie.exceptions import VirtualMachineError
from faster_eth_abi import decode, encode

from support.plain import plain


def _errors() -> dict[str, list[str]]:
    """Parameter types of every custom error of the project, by name."""
    found: dict[str, list[str]] = {}
    for container in project.get_loaded_projects()[0]:
        for item in container.abi:
            if item["type"] == "error":
                types = [parameter["type"] for parameter in item["inputs"]]
                assert found.setdefault(item["name"], types) == types, item["name"]
    return found


def _shown(name: str, types: list[str], values: list[Any]) -> str:
    """The revert message that brownie makes of a custom error's data."""
    decoded = decode(types, encode(types, values))
    return f"{name}: {', '.join(str(value) for value in decoded)}"


class reverts_with:  # noqa: N801 -- reads as a verb, like `brownie.reverts`
    """Expects a custom error with exactly this data.

    An argument that is a function is given the time of the block that refused.
    """

    def __init__(self, error: str, *arguments: Any) -> None:
        self._error = error
        self._arguments = arguments

    def __enter__(self) -> None:
        self._types = _errors()[self._error]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        assert kind is not None, f"no revert; {self._error} was expected"
        if not isinstance(error, VirtualMachineError):
            return False
        values = [
            plain(each(_block_time(error)) if isinstance(each, Callable) else each)
            for each in self._arguments
        ]
        assert error.revert_msg == _shown(self._error, self._types, values)
        return True


def _block_time(error: VirtualMachineError) -> int:
    mined = web3.eth.get_transaction_receipt(error.txid)["blockNumber"]
    return web3.eth.get_block(mined)["timestamp"]


def emits(transaction: Any, contract: Any, event: str, **arguments: Any) -> None:
    """Expects that of this contract the transaction has this one event, with these arguments."""
    found = [
        (each.name, {name: plain(value) for name, value in each.items()})
        for each in transaction.events
        if each.address == contract.address
    ]
    assert found == [(event, {name: plain(value) for name, value in arguments.items()})]
