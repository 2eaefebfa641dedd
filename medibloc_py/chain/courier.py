"""From a signed transaction to its receipt: handed to the node, looked for, offered for more."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.entries import Attempt, Entry, State
from medibloc_py.chain.gas import Gas, most_of
from medibloc_py.chain.journal import Journal
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.receipts import Mined, read_receipt
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import (
    NodeAnsweredWrong,
    NodeUnreachable,
    NonceTaken,
    SecretError,
    TransactionFailed,
    TransactionPending,
)
from medibloc_py.model import Address

_POLL_FIRST_S = 0.02
_POLL_LAST_S = 2.0
_OUTAGE_MAX_S = 10.0
_LAG_MAX_S = 3.0
_LAG_PAUSE_S = 0.1
_TAKEN_AFTER_S = 10.0
"""A nonce that is used, and no receipt of ours for so long: it went to another."""
_RAISE_AFTER_S = 45.0
"""A transaction that no block took for so long is offered again for more."""


@dataclass(frozen=True, slots=True)
class Underway:
    """An entry on its way: what its receipt is looked for by; `attempts` grow."""

    number: int
    sender: Address
    nonce: int
    call: Mapping[str, str]
    gas: int
    attempts: list[Attempt]

    @classmethod
    def of(cls, entry: Entry) -> Underway:
        """An entry as the journal has it now."""
        call = json.loads(entry.call)
        return cls(entry.id, entry.sender, entry.nonce, call, entry.gas, list(entry.attempts))


class Courier:
    """Sees entries of the journal into a block, through one node.

    Behind one URL may stand several machines, one late with what another mined a moment ago: a
    late count is waited for.
    """

    def __init__(
        self, rpc: Rpc, chain_id: int, timeout_s: float, gas: Gas, journal: Journal
    ) -> None:
        """Prepares; nothing is asked yet.

        Args:
            rpc: the node.
            chain_id: every transaction is signed for it.
            timeout_s: longest wait for a transaction to be mined.
            gas: says what more may be offered.
            journal: told of each form before it is sent, and of the end of each entry.
        """
        self._rpc = rpc
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self._gas = gas
        self._journal = journal

    def sign(
        self, signer: Signer, call: Mapping[str, str], nonce: int, gas: int, fees: Mapping[str, int]
    ) -> Attempt:
        """Signs one form of a call.

        Raises:
            SecretError: its owner does not want to, or is not there.
        """
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

    def hand_over(self, attempt: Attempt) -> None:
        """Gives the node a signed form, which it may have already.

        Raises:
            TransactionFailed: the node does not take it.
            NodeUnreachable, NodeAnsweredWrong: it may be sent, or not.
        """
        transaction = attempt.hash
        try:
            answer = self._rpc.request("eth_sendRawTransaction", "0x" + attempt.raw.hex())
        except RpcRefusal as refused:
            if refused.known:
                return
            raise TransactionFailed(transaction=transaction, reason=str(refused)) from refused
        except (NodeUnreachable, NodeAnsweredWrong) as error:
            raise _perhaps_sent(error, transaction) from error
        if answer != transaction:
            raise self._rpc.wrong(
                f"it acknowledged another transaction; transaction {transaction} may have been sent"
            )

    def follow(self, signer: Signer | None, sent: Underway) -> Mined:
        """Waits for a receipt of one of the attempts; offers more when no block takes any.

        Without a signer no more is offered, but the same once more.

        Raises:
            TransactionPending: it was not mined in time.
            NonceTaken: a block gave its nonce to another transaction of the account.
            NodeUnreachable, NodeAnsweredWrong: it may be sent, or not.
        """
        last_answer, pause = time.monotonic(), _POLL_FIRST_S
        give_up, doubt_at = last_answer + self._timeout_s, last_answer + _LAG_MAX_S
        raise_at = last_answer + _RAISE_AFTER_S
        while True:
            outage: NodeUnreachable | None = None
            newest = sent.attempts[-1].hash
            try:
                if mined := self.find(sent):
                    self._journal.end(sent.number, State.MINED)
                    return mined
                last_answer = time.monotonic()
                if last_answer > doubt_at and self._gone(sent):
                    self._journal.end(sent.number, State.VOID)
                    raise NonceTaken(account=sent.sender, nonce=sent.nonce, transaction=newest)
                if last_answer > raise_at:
                    raise_at = last_answer + _RAISE_AFTER_S
                    self._offer_more(signer, sent)
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

    def _offer_more(self, signer: Signer | None, sent: Underway) -> None:
        """Offers the same for more; and once more as it was, should the node have dropped it."""
        with contextlib.suppress(TransactionFailed):
            self.hand_over(sent.attempts[-1])
        fees = self._gas.dearer(sent.gas, sent.attempts[-1].fee)
        if signer is None or fees is None:
            return
        try:
            attempt = self.sign(signer, sent.call, sent.nonce, sent.gas, fees)
        except SecretError:
            return  # its owner does not want to offer more, or is not there: the older one stands
        self._journal.add(sent.number, attempt)
        sent.attempts.append(attempt)
        # A block may just have taken the older one, or the account cannot pay more.
        with contextlib.suppress(TransactionFailed):
            self.hand_over(attempt)

    def find(self, sent: Underway) -> Mined | None:
        """The receipt of the form that a block took; None if none did yet."""
        for attempt in reversed(sent.attempts):
            answer = self._rpc.ask("eth_getTransactionReceipt", attempt.hash)
            if answer is not None:
                to = sent.call.get("to")
                return read_receipt(self._rpc, answer, attempt.hash, sent.sender, sent.nonce, to)
        return None

    def offered(self, sent: Underway) -> bool:
        """Sees to it that the node has one form of an entry; False if none will be in a block."""
        if self.find(sent) is not None:
            return True
        if self._gone(sent):
            return False
        for attempt in reversed(sent.attempts):
            with contextlib.suppress(TransactionFailed):
                self.hand_over(attempt)
                return True
        # Refused: either nobody has the nonce, or another, or one of ours that came before.
        return self.count(sent.sender, "pending") > sent.nonce and not self._gone(sent)

    def _gone(self, sent: Underway) -> bool:
        """Whether a block gave the nonce to another transaction.

        A receipt may come between two questions, or from a machine that is late.
        """
        if self.count(sent.sender, "latest") <= sent.nonce:
            return False
        give_up = time.monotonic() + _TAKEN_AFTER_S
        while self.find(sent) is None:
            if time.monotonic() > give_up:
                return True
            time.sleep(_LAG_PAUSE_S)
        return False

    def caught_up(self, sender: Address, used: int) -> int:
        """The node's count of an account's transactions, once it is not late.

        One that never catches up has dropped what it had mined.
        """
        give_up = time.monotonic() + _LAG_MAX_S
        while (count := self.count(sender, "pending")) < used and time.monotonic() <= give_up:
            time.sleep(_LAG_PAUSE_S)
        return count

    def count(self, sender: Address, block: str) -> int:
        """The node's count of an account's transactions, as of now."""
        answer = self._rpc.ask("eth_getTransactionCount", sender, block)
        return self._rpc.quantity(answer, "a nonce")


def _perhaps_sent(
    error: NodeUnreachable | NodeAnsweredWrong, transaction: str
) -> NodeUnreachable | NodeAnsweredWrong:
    reason = f"{error.values['reason']}; transaction {transaction} may have been sent"
    return type(error)(**(error.values | {"reason": reason}))
