"""Receipts: what a node says became of a transaction, held against what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain import logs
from medibloc_py.chain.rpc import Block, Rpc
from medibloc_py.model import Address, Event, Receipt


@dataclass(frozen=True, slots=True)
class Mined:
    """A receipt whose fields were held against the transaction that was signed."""

    transaction: str
    sender: Address
    nonce: int
    succeeded: bool
    created: Address | None
    block: int
    timestamp: int
    gas_used: int
    fee_wei: int
    logs: tuple[logs.Log, ...]

    def receipt(self, events: tuple[Event, ...]) -> Receipt:
        """The receipt as other rooms know it."""
        return Receipt(
            transaction=self.transaction,
            sender=self.sender,
            block=self.block,
            timestamp=self.timestamp,
            gas_used=self.gas_used,
            fee_wei=self.fee_wei,
            events=events,
        )


def read_receipt(
    rpc: Rpc, answer: object, transaction: str, sender: Address, nonce: int, to: str | None
) -> Mined | None:
    """Holds a receipt against what was sent; None while its block is not there yet.

    Raises:
        NodeAnsweredWrong: it cannot be the receipt of that.
    """
    receipt = rpc.mapping(answer, "a receipt")
    found = "0x" + rpc.data(receipt.get("transactionHash"), "its transaction", size=32).hex()
    if found != transaction or rpc.address(receipt.get("from"), "its sender") != sender:
        raise rpc.wrong("it gave the receipt of another transaction")
    receiver = receipt.get("to")
    if (None if receiver is None else rpc.address(receiver, "its receiver")) != to:
        raise rpc.wrong("it gave a receipt with another receiver")
    status = rpc.quantity(receipt.get("status"), "its status")
    if status > 1:
        raise rpc.wrong(f"it gave a receipt with the status {status}")
    block = rpc.find_block(rpc.quantity(receipt.get("blockNumber"), "its block"))
    if block is None:
        return None  # of several machines behind one URL, one is late
    if rpc.data(receipt.get("blockHash"), "its block's hash", size=32) != block.hash:
        raise rpc.wrong("it gave a receipt of a block that is not of this chain")
    created = receipt.get("contractAddress")
    gas_used = rpc.quantity(receipt.get("gasUsed"), "the gas used")
    return Mined(
        transaction=transaction,
        sender=sender,
        nonce=nonce,
        succeeded=status == 1,
        created=None if created is None else rpc.address(created, "a contract's address"),
        block=block.number,
        timestamp=block.timestamp,
        gas_used=gas_used,
        fee_wei=gas_used * rpc.quantity(receipt.get("effectiveGasPrice"), "the gas price"),
        logs=_logs_of(rpc, receipt, transaction, block),
    )


def _logs_of(
    rpc: Rpc, receipt: Mapping[str, Any], transaction: str, block: Block
) -> tuple[logs.Log, ...]:
    entries = receipt.get("logs")
    if not isinstance(entries, list):
        raise rpc.wrong("a receipt has no logs")
    found = tuple(logs.parse(rpc, entry) for entry in entries)
    if any(log.transaction != transaction or log.block != block.number for log in found):
        raise rpc.wrong("a receipt holds a log of another transaction")
    if len({log.index for log in found}) < len(found):
        raise rpc.wrong("a receipt holds a log twice")
    return found
