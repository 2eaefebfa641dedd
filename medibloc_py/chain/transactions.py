"""From a call to a mined transaction: gas, fee, nonce, journal, signature, receipt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.gas import Gas, most_of
from medibloc_py.chain.journal import Attempt, Entry, Journal, State
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.receipts import Mined, read_receipt
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import (
    InsufficientFunds,
    NodeAnsweredWrong,
    NodeUnreachable,
    SecretError,
    TransactionFailed,
    TransactionPending,
)
from medibloc_py.model import Address, Event

_POLL_FIRST_S = 0.02
_POLL_LAST_S = 2.0
_OUTAGE_MAX_S = 10.0
_LAG_MAX_S = 3.0
_LAG_PAUSE_S = 0.1
_RAISE_AFTER_S = 45.0
"""A transaction that no block took for so long is offered again for more."""
_RESUME_S = 3_600.0
"""How long the same call counts as the one that was mined when its sender was killed."""
_KNOWN = ("already known", "already imported", "known transaction")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a transaction would cost, before it is signed.

    Attributes:
        meaning: what it does.
        call: as it was simulated.
        gas: as much as it was estimated to take, with room to spare.
        price_wei: of one gas, in a block like the last one.
        most_wei: the largest fee that it allows, at all.
        changes: gives the events it would leave behind; None where the node cannot tell.
    """

    meaning: str
    call: Mapping[str, str]
    gas: int
    price_wei: int
    most_wei: int
    changes: Callable[[], tuple[Event, ...] | None]


class Outbox:
    """Sends transactions of any number of signers through one node, each exactly once.

    Each is in the journal before it is sent. Behind one URL may stand several machines, one
    late with what another mined a moment ago: the nonces used are remembered, and a late
    count is waited for. One turn at a time keeps threads and processes from the same nonce.
    """

    def __init__(
        self,
        rpc: Rpc,
        chain_id: int,
        timeout_s: float,
        max_fee_wei: int,
        journal: Path | None = None,
        approve: Callable[[Offer], None] | None = None,
    ) -> None:
        """Prepares; the journal is opened by the first who sends.

        Args:
            rpc: the node.
            chain_id: every transaction is signed for it.
            timeout_s: longest wait for a transaction to be mined.
            max_fee_wei: largest fee of one transaction.
            journal: its file; None for one that ends with this process.
            approve: told of each transaction before it is signed; what it raises, stops it.
        """
        self._approve = approve
        self._rpc = rpc
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self.gas = Gas(rpc, max_fee_wei)
        self._journal_path = journal
        self._journal: Journal | None = None
        self._opening = threading.Lock()

    @property
    def journal(self) -> Journal:
        """What was sent from here on this chain, which its first block tells from its namesakes.

        Raises:
            JournalFailed: it cannot be opened.
            NodeUnreachable: no answer.
        """
        with self._opening:
            if self._journal is None:
                first = self._rpc.block(0).hash.hex()
                self._journal = Journal(self._journal_path, f"{self._chain_id}:{first}")
            return self._journal

    def resume(self, signer: Signer, call: Mapping[str, str]) -> Mined | None:
        """Gives what became of the same call, if the process that sent it did not live to hear.

        All else that such processes left is sent on its way, so that no nonce stays empty.

        Args:
            signer: who sends and pays.
            call: as `send`.

        Returns:
            None if there is no such call, or it never came into a block and never will.

        Raises:
            JournalFailed, TransactionPending, NodeUnreachable, NodeAnsweredWrong: as `send`.
        """
        intent, found = _intent(call), None
        for entry in self.journal.left(signer.address, time.time() - _RESUME_S):
            if found is None and entry.intent == intent and self.journal.take(entry):
                found = self._resumed(signer, entry)
            elif entry.state is State.OPEN:
                self._send_on(entry)
        return found

    def send(
        self,
        signer: Signer,
        call: Mapping[str, str],
        balance: int,
        gas: int | None = None,
        meaning: str = "",
        changes: Callable[[], tuple[Event, ...] | None] = tuple,
    ) -> Mined:
        """Signs, writes down and sends a call that was simulated, and waits for its receipt.

        Args:
            signer: who sends and pays.
            call: `from`, `data`, `value` and, unless it creates a contract, `to`.
            balance: what the sender holds, in wei.
            gas: most gas it may take; estimated when not given.
            meaning: what it does, for whoever reads the journal.
            changes: gives the events it would leave behind.

        Raises:
            ContractRefusal: the node estimated that it would revert.
            InsufficientFunds: value and fee are more than `balance`; nothing was sent.
            JournalFailed: it could not be written down; nothing was sent.
            TransactionPending: sent, but not mined in time.
            TransactionFailed: the node did not take it.
            NodeUnreachable: no answer; the reason names the transaction if it may be sent.
            NodeAnsweredWrong: an impossible answer, likewise.
        """
        gas = self.gas.estimate(call) if gas is None else gas
        fees = self.gas.fees(gas)
        most = gas * most_of(fees)
        value = int(call["value"], 16)
        if balance < value + most:
            raise InsufficientFunds(
                account=signer.address, balance=balance, unit="wei", needed=value + most
            )
        if self._approve is not None:
            self._approve(Offer(meaning, call, gas, self.gas.price(fees), most, changes))
        journal, sender = self.journal, signer.address
        pending = self._pending(sender)
        with journal.turn():
            taken = journal.open_nonces(sender)
            nonce = max(pending, journal.next_nonce(sender))
            while nonce in taken:
                nonce += 1
            attempt = self._sign(signer, call, nonce, gas, fees)
            number = journal.write(sender, nonce, json.dumps(call), gas, _intent(call), meaning)
            journal.add(number, attempt)
        try:
            self._hand_over(attempt)
            return self._followed(signer, number, nonce, call, gas, [attempt])
        except TransactionFailed:
            # If its nonce is free, whatever is sent next takes it: no more than one can be mined.
            if self._count(sender, "pending") <= nonce:
                journal.end(number, State.VOID)
            raise
        finally:
            journal.leave(number)

    def left(self) -> list[Entry]:
        """What was signed on this machine for this chain and has no known end, the newest first.

        Raises:
            JournalFailed, NodeUnreachable: as `journal`.
        """
        return self.journal.entries(state=State.OPEN)

    def forget(self) -> None:
        """Forgets the nonces used: the chain was taken back."""
        if self._journal is not None:
            self._journal.forget_from(None, 0)

    # What others left

    def _resumed(self, signer: Signer, entry: Entry) -> Mined | None:
        """Follows an entry that is now ours to its end; None if it never came into a block."""
        call = json.loads(entry.call)
        try:
            if not self._took_place(entry):
                if not self._free(entry.sender, entry.nonce):
                    self.journal.end(entry.id, State.VOID)  # the nonce went to another
                    return None
                try:
                    self._hand_over(entry.attempts[-1])
                except TransactionFailed:
                    self.journal.end(entry.id, State.VOID)
                    return None
            attempts = list(entry.attempts)
            return self._followed(signer, entry.id, entry.nonce, call, entry.gas, attempts)
        finally:
            self.journal.leave(entry.id)

    def _send_on(self, entry: Entry) -> None:
        """Offers the node once more what its maker may not have sent."""
        if self._took_place(entry):
            self.journal.end(entry.id, State.MINED)
        elif not self._free(entry.sender, entry.nonce):
            self.journal.end(entry.id, State.VOID)
        else:
            try:
                self._hand_over(entry.attempts[-1])
            except TransactionFailed:
                self.journal.end(entry.id, State.VOID)

    def _took_place(self, entry: Entry) -> bool:
        to = json.loads(entry.call).get("to")
        return self._find(entry.attempts, entry.sender, entry.nonce, to) is not None

    def _free(self, sender: Address, nonce: int) -> bool:
        """Whether no block has used a nonce."""
        return self._count(sender, "latest") <= nonce

    # Fees and nonces

    def _pending(self, sender: Address) -> int:
        """The node's count of an account's transactions, once it is not late."""
        used = self.journal.next_nonce(sender)
        give_up = time.monotonic() + _LAG_MAX_S
        while True:
            count = self._count(sender, "pending")
            if count >= used:
                return count
            if time.monotonic() > give_up:  # it never catches up: it has dropped what it had mined
                self.journal.forget_from(sender, count)
                return count
            time.sleep(_LAG_PAUSE_S)

    def _count(self, sender: Address, block: str) -> int:
        answer = self._rpc.ask("eth_getTransactionCount", sender, block)
        return self._rpc.quantity(answer, "a nonce")

    def _sign(
        self, signer: Signer, call: Mapping[str, str], nonce: int, gas: int, fees: dict[str, int]
    ) -> Attempt:
        transaction: dict[str, object] = {
            "chainId": self._chain_id,
            "nonce": nonce,
            "gas": gas,
            "value": int(call["value"], 16),
            "data": call["data"],
            **fees,
        }
        if "to" in call:
            transaction["to"] = call["to"]
        raw, transaction_hash = signer.sign_transaction(transaction)
        return Attempt(transaction_hash, raw, most_of(fees))

    # To the node, and what it says

    def _hand_over(self, attempt: Attempt) -> None:
        transaction = attempt.hash
        try:
            answer = self._rpc.request("eth_sendRawTransaction", "0x" + attempt.raw.hex())
        except RpcRefusal as refused:
            said = refused.message.lower()
            if any(known in said for known in _KNOWN):
                return
            raise TransactionFailed(transaction=transaction, reason=str(refused)) from refused
        except (NodeUnreachable, NodeAnsweredWrong) as error:
            raise _perhaps_sent(error, transaction) from error
        if answer != transaction:
            raise self._rpc.wrong(
                f"it acknowledged another transaction; transaction {transaction} may have been sent"
            )

    def _followed(
        self,
        signer: Signer,
        number: int,
        nonce: int,
        call: Mapping[str, str],
        gas: int,
        attempts: list[Attempt],
    ) -> Mined:
        """Waits for a receipt of one of the attempts; offers more when no block takes any."""
        give_up = time.monotonic() + self._timeout_s
        last_answer, pause = time.monotonic(), _POLL_FIRST_S
        raise_at = last_answer + _RAISE_AFTER_S
        while True:
            outage: NodeUnreachable | None = None
            newest = attempts[-1].hash
            try:
                if mined := self._find(attempts, signer.address, nonce, call.get("to")):
                    self.journal.end(number, State.MINED)
                    return mined
                last_answer = time.monotonic()
                if last_answer > raise_at:
                    raise_at = last_answer + _RAISE_AFTER_S
                    self._offer_more(signer, number, nonce, call, gas, attempts)
            except NodeUnreachable as error:
                outage = error  # a node may restart; the transaction is out of its hands
            except NodeAnsweredWrong as error:
                raise _perhaps_sent(error, newest) from error
            now = time.monotonic() + pause
            if outage and (now > give_up or now > last_answer + _OUTAGE_MAX_S):
                raise _perhaps_sent(outage, newest) from outage
            if now > give_up:
                raise TransactionPending(transaction=newest, timeout_s=self._timeout_s)
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_LAST_S)

    def _offer_more(
        self,
        signer: Signer,
        number: int,
        nonce: int,
        call: Mapping[str, str],
        gas: int,
        attempts: list[Attempt],
    ) -> None:
        fees = self.gas.dearer(gas, attempts[-1].fee)
        if fees is None:
            return
        try:
            attempt = self._sign(signer, call, nonce, gas, fees)
        except SecretError:
            return  # its owner does not want to offer more, or is not there: the older one stands
        self.journal.add(number, attempt)
        attempts.append(attempt)
        # A block may just have taken the older one, or the account cannot pay more.
        with contextlib.suppress(TransactionFailed):
            self._hand_over(attempt)

    def _find(
        self, attempts: Sequence[Attempt], sender: Address, nonce: int, to: str | None
    ) -> Mined | None:
        for attempt in reversed(attempts):
            answer = self._rpc.ask("eth_getTransactionReceipt", attempt.hash)
            if answer is not None:
                return read_receipt(self._rpc, answer, attempt.hash, sender, nonce, to)
        return None


def _intent(call: Mapping[str, str]) -> str:
    """What tells two calls of one account apart."""
    told = json.dumps([call.get("to"), call["value"], call["data"]])
    return hashlib.sha256(told.encode()).hexdigest()


def _perhaps_sent(
    error: NodeUnreachable | NodeAnsweredWrong, transaction: str
) -> NodeUnreachable | NodeAnsweredWrong:
    reason = f"{error.values['reason']}; transaction {transaction} may have been sent"
    return type(error)(url=error.values["url"], reason=reason)
