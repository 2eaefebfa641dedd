"""From a call to a transaction that is sent once: gas, fee, nonce, journal; what others left."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.courier import Courier, Underway
from medibloc_py.chain.entries import Entry, State
from medibloc_py.chain.gas import Gas, most_of
from medibloc_py.chain.intent import Changes, Intent, Offer
from medibloc_py.chain.journal import Journal
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import (
    InsufficientFunds,
    NonceTaken,
    TransactionFailed,
    TransactionsUndone,
)
from medibloc_py.model import Address

_RESUME_S = 3_600.0
"""How long the same call counts as the one that was mined when its sender was killed; by the
chain's clock, since this machine's may jump."""


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

        `command` and `moment` are written down with each transaction (`journal.Entry`).
        """
        self._approve = approve
        self._rpc = rpc
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self.gas = Gas(rpc, max_fee_wei)
        self._journal_path = journal
        self._journal: Journal | None = None
        self._opening = threading.Lock()
        self.command = ""
        self.moment = 0
        self._adopted: dict[int, Entry] = {}
        self._resent: dict[int, tuple[str, bool]] = {}

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

    def resume(self, signer: Signer, intent: Intent) -> Mined | None:
        """Gives what became of the same call, if the process that sent it did not live to hear.

        All else that such processes left is sent on its way, so that no nonce stays empty. What
        was known to be in a block, and the node has no more, is sent again, too.

        Args:
            signer: who sends and pays.
            intent: what is meant now.

        Returns:
            None if there is no such call, or it never came into a block and never will.

        Raises:
            TransactionsUndone: the chain took back other calls. Whoever sends this one does not
                know of it, or knows and means one of them.
            JournalFailed, TransactionPending, NodeUnreachable, NodeAnsweredWrong: as `send`.
        """
        found: Mined | None = None
        undone = {entry.id: entry for entry in self._undone(signer.address)}
        left = (*self.journal.left(signer.address), *self._adopted.values())
        known = undone | {each.id: each for each in left if each.sender == signer.address}
        for entry in sorted(known.values(), key=lambda each: (each.nonce, each.id)):
            if found is None and entry.intent == intent.digest:
                if entry.id not in undone and self._is_over(entry):
                    self.journal.end(entry.id, State.CLOSED)
                elif self.journal.take(entry):
                    self._adopted.pop(entry.id, None)
                    self._resent.pop(entry.id, None)
                    found = self._resumed(signer, Underway.of(entry))
            elif entry.id in undone:
                self.journal.reopen(entry)
                self._resent[entry.id] = entry.meaning, self._send_on(entry)
            elif entry.state is State.OPEN:
                self._send_on(entry)
        if self._resent and found is None:
            meanings, sent = zip(*self._resent.values(), strict=True)
            self._resent.clear()
            raise TransactionsUndone(
                account=signer.address,
                undone=len(sent),
                resent=sum(sent),
                meanings=", ".join(meanings),
            )
        return found

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

        It is waited for what is on its way. From now on it is this process's, which may ask for
        each once more by its call (`resume`). Empty where nobody typed a command.

        Raises:
            JournalFailed, TransactionPending, NodeUnreachable, NodeAnsweredWrong: as `send`.
        """
        path = self._journal_path
        if not self.command or path is None or not Journal.knows(path, self.command):
            return []
        entries = [each for each in self.journal.left_by(self.command) if not self._is_over(each)]
        return [(entry, mined) for entry in entries if (mined := self._adopt(entry)) is not None]

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

    # What others left, and what the chain took back

    def _undone(self, sender: Address) -> list[Entry]:
        """What was in a block, and the node has neither there nor among what waits."""
        used = self.journal.next_nonce(sender)
        count = self._courier.caught_up(sender, used) if used else 0
        found = self.journal.used(sender, count) if count < used else []
        return [entry for entry in found if self._courier.find(Underway.of(entry)) is None]

    def _is_over(self, entry: Entry) -> bool:
        """Whether the same call is meant as another: after an hour, or after another act.

        What was mined and not heard of may have failed, or have been undone since by what its
        account sent to the same contract: then it must be sent again.
        """
        if entry.state is not State.MINED:
            return False
        if (mined := self._courier.find(Underway.of(entry))) is None:
            return False
        if not mined.succeeded or self.journal.followed_by_another(entry):
            return True
        return self._rpc.block("latest").timestamp - mined.timestamp > _RESUME_S

    def _adopt(self, entry: Entry) -> Mined | None:
        """Makes what a dead process sent this one's, and follows it to its end."""
        if not self.journal.take(entry):
            return None  # another process of the same words was faster
        if (mined := self._resumed(None, Underway.of(entry))) is not None:
            self._adopted[entry.id] = replace(entry, owner=self.journal.owner, state=State.MINED)
        return mined

    def _resumed(self, signer: Signer | None, sent: Underway) -> Mined | None:
        """Follows an entry that is now ours to its end; None if it will never be in a block."""
        try:
            if self._courier.offered(sent):
                return self._courier.follow(signer, sent)
            self.journal.end(sent.number, State.VOID)
        except NonceTaken:
            pass
        finally:
            self.journal.leave(sent.number)
        return None

    def _send_on(self, entry: Entry) -> bool:
        """Offers the node once more what it may not have; False if no block will ever take it."""
        sent = Underway.of(entry)
        if not self._courier.offered(sent):
            self.journal.end(entry.id, State.VOID)
            return False
        if entry.state is State.OPEN and self._courier.find(sent) is not None:
            known_before = entry.ended_at is not None
            self.journal.end(entry.id, State.CLOSED if known_before else State.MINED)
        return True

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
