"""From a call to a transaction that is sent, once: gas, fee, nonce, journal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.courier import Courier, Underway
from medibloc_py.chain.entries import Entry, State
from medibloc_py.chain.gas import Gas, most_of
from medibloc_py.chain.intent import Changes, Intent, Offer
from medibloc_py.chain.journal import Journal
from medibloc_py.chain.leftovers import Leftovers
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import InsufficientFunds, TransactionFailed
from medibloc_py.model import Address


@dataclass(frozen=True, slots=True)
class _Price:
    """What is offered for a transaction: fees for one gas, and for all of the limit at most."""

    gas: int
    limit: int
    fees: Mapping[str, int]

    @property
    def most_wei(self) -> int:
        return self.limit * most_of(self.fees)


class Outbox:
    """Sends transactions of any number of signers through one node, each exactly once.

    Each is in the journal before it is sent, and the nonces used are remembered. One turn at a
    time keeps threads and processes from the same nonce.
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

        `command` and `moment` are written down with each transaction (`entries.Entry`).
        """
        self._approve = approve
        self._rpc = rpc
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self.gas = Gas(rpc, max_fee_wei)
        self._journal_path = journal
        self._journal: Journal | None = None
        self._left: Leftovers | None = None
        self._opening = threading.RLock()
        self.command = ""
        self.moment = 0

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
                self._journal.keep_open(until_told=bool(self.command))
            return self._journal

    @cached_property
    def _courier(self) -> Courier:
        return Courier(self._rpc, self._chain_id, self._timeout_s, self.gas, self.journal)

    @property
    def _leftovers(self) -> Leftovers:
        with self._opening:
            if self._left is None:
                self._left = Leftovers(self._rpc, self.journal, self._courier)
            return self._left

    def resume(self, signer: Signer, intent: Intent) -> Mined | None:
        """Gives what became of the same call, if the process that sent it did not live to hear.

        Arguments and errors are those of `Leftovers.resume`.
        """
        return self._leftovers.resume(signer, intent)

    def offer(self, intent: Intent, balance: int, changes: Changes) -> Offer:
        """What a call that was simulated would cost; nothing is signed.

        Arguments and errors are those of `send`.
        """
        return self._offer(intent, self._price(intent, balance), changes)

    def send(self, signer: Signer, intent: Intent, balance: int, changes: Changes) -> Mined:
        """Signs, writes down and sends a call that was simulated, and waits for its receipt.

        Args:
            signer: who sends and pays.
            intent: what is meant.
            balance: what the sender holds, in wei.
            changes: gives the events it would leave behind.

        Raises:
            ContractRefusal: the node estimated that it would revert.
            InsufficientFunds: value and fee are more than `balance`; nothing was sent.
            JournalFailed: it could not be written down; nothing was sent.
            TransactionPending: sent, but not mined in time.
            TransactionFailed: the node did not take it.
            NonceTaken: a block gave its nonce to another transaction of the account.
            NodeUnreachable: no answer; the reason names the transaction if it may be sent.
            NodeAnsweredWrong: an impossible answer, likewise.
        """
        price = self._price(intent, balance)
        if self._approve is not None:
            self._approve(self._offer(intent, price, changes))
        signer = signer.ready()  # before the turn: others wait for it
        journal, sender, call, gas = self.journal, signer.address, intent.call, price.limit
        pending = self._pending(sender)
        with journal.turn():
            nonce = journal.free_nonce(sender, pending)
            attempt = self._courier.sign(signer, call, nonce, gas, price.fees)
            told = json.dumps(call)
            run = self.command, self.moment
            number = journal.write(sender, nonce, told, gas, intent.digest, intent.meaning, *run)
            journal.add(number, attempt)
        try:
            self._courier.hand_over(attempt)
            sent = Underway(number, sender, nonce, call, gas, [attempt])
            return self._courier.follow(signer, sent)
        except TransactionFailed:
            # If its nonce is free, whatever is sent next takes it: no more than one can be mined.
            if self._courier.count(sender, "pending") <= nonce:
                journal.end(number, State.VOID)
            raise
        finally:
            journal.leave(number)

    def of_killed_run(self) -> list[tuple[Entry, Mined]]:
        """What a run of the same command sent that was killed, each with its end, by nonce.

        Empty where nobody typed a command. Else as `Leftovers.of_run`.
        """
        path = self._journal_path
        if not self.command or path is None or not Journal.knows(path, self.command):
            return []
        return self._leftovers.of_run(self.command)

    def told(self) -> None:
        """Says that the command has told of all that was sent: the same words mean another act."""
        if self._journal is not None:
            self._journal.keep_open(until_told=False)

    def left(self) -> list[Entry]:
        """What was signed on this machine for this chain and has no known end, the newest first.

        Raises:
            JournalFailed, NodeUnreachable: as `journal`.
        """
        return self.journal.entries(state=State.OPEN)

    def forget(self) -> None:
        """Forgets what was sent: somebody turned the chain back on purpose."""
        if self._journal is not None:
            self._journal.forget()

    # Fees and nonces

    def _price(self, intent: Intent, balance: int) -> _Price:
        gas = self.gas.estimate(intent.call) if intent.gas is None else intent.gas
        price = _Price(gas, *self.gas.offered(gas))
        if balance < (needed := intent.value + price.most_wei):
            raise InsufficientFunds(
                account=intent.sender, balance=balance, unit="wei", needed=needed
            )
        return price

    def _offer(self, intent: Intent, price: _Price, changes: Changes) -> Offer:
        one = self.gas.price(price.fees)
        return Offer(intent.meaning, intent.call, price.gas, one, price.most_wei, changes)

    def _pending(self, sender: Address) -> int:
        """The node's count of an account's transactions; what is said of later nonces is void."""
        used = self.journal.next_nonce(sender)
        if (count := self._courier.caught_up(sender, used)) < used:
            self.journal.forget_from(sender, count)
        return count
