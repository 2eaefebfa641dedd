"""From a call to a mined transaction: gas, fee, nonce, signature, receipt."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain import logs
from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.reverts import refusal
from medibloc_py.chain.rpc import Block, Rpc, RpcRefusal
from medibloc_py.errors import (
    InsufficientFunds,
    NodeAnsweredWrong,
    NodeUnreachable,
    TransactionFailed,
    TransactionPending,
)
from medibloc_py.model import Address, Event, Receipt

GAS_MAX = 1 << 24
"""Most gas one transaction may take since EIP-7825."""
_PRIORITY_WEI = 10**9
_POLL_FIRST_S = 0.02
_POLL_LAST_S = 2.0
_OUTAGE_MAX_S = 10.0
_LAG_MAX_S = 3.0
_LAG_PAUSE_S = 0.1

_HEX_TAIL = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


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


class Outbox:
    """Sends transactions of any number of signers through one node.

    Behind one URL may stand several machines, one late with what another mined a moment
    ago: the nonces used are remembered, and a late count is waited for. One lock keeps
    two threads from the same nonce.
    """

    def __init__(self, rpc: Rpc, chain_id: int, timeout_s: float, max_fee_wei: int) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self._max_fee_wei = max_fee_wei
        self._next_nonce: dict[Address, int] = {}
        self._lock = threading.Lock()

    def send(
        self, signer: Signer, call: Mapping[str, str], balance: int, gas: int | None = None
    ) -> Mined:
        """Signs and sends a call that was simulated, and waits for its receipt.

        Args:
            signer: who sends and pays.
            call: `from`, `data`, `value` and, unless it creates a contract, `to`.
            balance: what the sender holds, in wei.
            gas: most gas it may take; estimated when not given.

        Raises:
            ContractRefusal: the node estimated that it would revert.
            InsufficientFunds: value and fee are more than `balance`; nothing was sent.
            TransactionPending: sent, but not mined in time.
            TransactionFailed: the node did not take it.
            NodeUnreachable: no answer; the reason names the transaction if it may be sent.
            NodeAnsweredWrong: an impossible answer, likewise.
        """
        value = int(call["value"], 16)
        gas = self.estimate(call) if gas is None else gas
        fees = self._fees()
        most = gas * fees.get("maxFeePerGas", fees.get("gasPrice", 0))
        if most > self._max_fee_wei:
            raise self._rpc.wrong(
                f"it asks a fee of up to {most} wei, above the limit of {self._max_fee_wei}"
            )
        if balance < value + most:
            raise InsufficientFunds(
                account=signer.address, balance=balance, unit="wei", needed=value + most
            )
        with self._lock:
            nonce = self._nonce(signer.address)
            transaction: dict[str, object] = {
                "chainId": self._chain_id,
                "nonce": nonce,
                "gas": gas,
                "value": value,
                "data": call["data"],
                **fees,
            }
            if "to" in call:
                transaction["to"] = call["to"]
            raw, transaction_hash = signer.sign_transaction(transaction)
            self._hand_over(raw, transaction_hash)
        mined = self._wait(transaction_hash, signer.address, nonce, call.get("to"))
        with self._lock:
            self._next_nonce[signer.address] = nonce + 1
        return mined

    def estimate(self, call: Mapping[str, str]) -> int:
        """Asks how much gas a call takes, and adds a quarter: state may move until it is mined.

        Raises:
            ContractRefusal: it would revert.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: more than fits in a transaction.
        """
        try:
            answer = self._rpc.request("eth_estimateGas", call)
        except RpcRefusal as refused:
            if (data := revert_data(refused)) is None:
                raise self._rpc.unreachable(str(refused)) from refused
            raise refusal(data) from refused
        estimate = self._rpc.quantity(answer, "an estimate of gas")
        if estimate > GAS_MAX:
            raise self._rpc.wrong(f"it estimates {estimate} gas, more than fits in a transaction")
        return min(estimate + estimate // 4, GAS_MAX)

    def _fees(self) -> dict[str, int]:
        """Chooses EIP-1559 fees that outlast six full blocks, or a legacy gas price."""
        latest: Block = self._rpc.block("latest")
        if latest.base_fee is None:
            price = self._rpc.quantity(self._rpc.ask("eth_gasPrice"), "the gas price")
            return {"gasPrice": price}
        try:
            answer = self._rpc.request("eth_maxPriorityFeePerGas")
            priority = self._rpc.quantity(answer, "the priority fee")
        except RpcRefusal:  # the method is an extension that not every node has
            priority = _PRIORITY_WEI
        return {
            "maxFeePerGas": 2 * latest.base_fee + priority,
            "maxPriorityFeePerGas": priority,
        }

    def forget(self) -> None:
        """Forgets the nonces used: the chain was taken back."""
        with self._lock:
            self._next_nonce.clear()

    def _nonce(self, sender: Address) -> int:
        used = self._next_nonce.get(sender, 0)
        give_up = time.monotonic() + _LAG_MAX_S
        while True:
            answer = self._rpc.ask("eth_getTransactionCount", sender, "pending")
            nonce = self._rpc.quantity(answer, "a nonce")
            if nonce >= used or time.monotonic() > give_up:
                return nonce  # a node that never catches up has dropped what it had mined
            time.sleep(_LAG_PAUSE_S)

    def _hand_over(self, raw: bytes, transaction: str) -> None:
        try:
            answer = self._rpc.request("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcRefusal as refused:
            if "already known" in refused.message.lower():
                return
            raise TransactionFailed(transaction=transaction, reason=str(refused)) from refused
        except (NodeUnreachable, NodeAnsweredWrong) as error:
            raise _perhaps_sent(error, transaction) from error
        if answer != transaction:
            raise self._rpc.wrong(
                f"it acknowledged another transaction; transaction {transaction} may have been sent"
            )

    def _wait(self, transaction: str, sender: Address, nonce: int, to: str | None) -> Mined:
        give_up = time.monotonic() + self._timeout_s
        last_answer, pause = time.monotonic(), _POLL_FIRST_S
        while True:
            outage: NodeUnreachable | None = None
            try:
                answer = self._rpc.ask("eth_getTransactionReceipt", transaction)
                if answer is not None and (
                    mined := self._mined(answer, transaction, sender, nonce, to)
                ):
                    return mined
                last_answer = time.monotonic()
            except NodeUnreachable as error:
                outage = error  # a node may restart; the transaction is out of its hands
            except NodeAnsweredWrong as error:
                raise _perhaps_sent(error, transaction) from error
            now = time.monotonic() + pause
            if outage and (now > give_up or now > last_answer + _OUTAGE_MAX_S):
                raise _perhaps_sent(outage, transaction) from outage
            if now > give_up:
                raise TransactionPending(transaction=transaction, timeout_s=self._timeout_s)
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_LAST_S)

    def _mined(
        self, answer: object, transaction: str, sender: Address, nonce: int, to: str | None
    ) -> Mined | None:
        """Holds a receipt against what was sent; None while its block is not there yet."""
        rpc = self._rpc
        receipt = rpc.mapping(answer, "a receipt")
        found = "0x" + rpc.data(receipt.get("transactionHash"), "its transaction", size=32).hex()
        if found != transaction or rpc.address(receipt.get("from"), "its sender") != sender:
            raise rpc.wrong("it gave the receipt of another transaction")
        receiver = receipt.get("to")
        if (None if receiver is None else rpc.address(receiver, "its receiver")) != to:
            raise rpc.wrong("it gave a receipt with another receiver")
        status = rpc.quantity(receipt.get("status"), "its status")
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
            logs=self._logs(receipt, transaction, block),
        )

    def _logs(
        self, receipt: Mapping[str, Any], transaction: str, block: Block
    ) -> tuple[logs.Log, ...]:
        entries = receipt.get("logs")
        if not isinstance(entries, list):
            raise self._rpc.wrong("a receipt has no logs")
        found = tuple(logs.parse(self._rpc, entry) for entry in entries)
        if any(log.transaction != transaction or log.block != block.number for log in found):
            raise self._rpc.wrong("a receipt holds a log of another transaction")
        return found


def revert_data(refused: RpcRefusal) -> bytes | None:
    """Finds what a contract reverted with in a node's refusal.

    Geth, Anvil and Ganache put the bytes in `data`, others deeper in it or after a word.

    Returns:
        None when the refusal is not a revert.
    """
    data = refused.data
    while isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if isinstance(data, str) and (tail := _HEX_TAIL.search(data)):
        return bytes.fromhex(tail[0][2:])
    return b"" if "revert" in refused.message.lower() else None


def _perhaps_sent(
    error: NodeUnreachable | NodeAnsweredWrong, transaction: str
) -> NodeUnreachable | NodeAnsweredWrong:
    reason = f"{error.values['reason']}; transaction {transaction} may have been sent"
    return type(error)(url=error.values["url"], reason=reason)
