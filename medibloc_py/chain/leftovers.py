"""What processes left that died, and what the chain took back: taken up, or sent on its way."""

from __future__ import annotations

from dataclasses import replace

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.courier import Courier, Underway
from medibloc_py.chain.entries import Entry, State
from medibloc_py.chain.intent import Intent
from medibloc_py.chain.journal import Journal
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import NonceTaken, TransactionsUndone
from medibloc_py.model import Address

_RESUME_S = 3_600.0
"""How long the same call counts as the one that was mined when its sender was killed; by the
chain's clock, since this machine's may jump."""


class Leftovers:
    """Entries of the journal that nobody looks after any more."""

    def __init__(self, rpc: Rpc, journal: Journal, courier: Courier) -> None:
        """Prepares; nothing is asked yet."""
        self._rpc = rpc
        self._journal = journal
        self._courier = courier
        self._adopted: dict[int, Entry] = {}
        self._resent: dict[int, tuple[str, bool]] = {}

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
            JournalFailed, TransactionPending, NodeUnreachable, NodeAnsweredWrong: as `Outbox.send`.
        """
        found: Mined | None = None
        undone = {entry.id: entry for entry in self._undone(signer.address)}
        left = (*self._journal.left(signer.address), *self._adopted.values())
        known = undone | {each.id: each for each in left if each.sender == signer.address}
        for entry in sorted(known.values(), key=lambda each: (each.nonce, each.id)):
            if found is None and entry.intent == intent.digest:
                if entry.id not in undone and self._is_over(entry):
                    self._journal.end(entry.id, State.CLOSED)
                elif self._journal.take(entry):
                    self._adopted.pop(entry.id, None)
                    self._resent.pop(entry.id, None)
                    found = self._resumed(signer, Underway.of(entry))
            elif entry.id in undone:
                self._journal.reopen(entry)
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

    def of_run(self, command: str) -> list[tuple[Entry, Mined]]:
        """What a run of a command sent that was killed, each with its end, by nonce.

        It is waited for what is on its way. From now on it is this process's, which may ask for
        each once more by its call (`resume`).

        Raises:
            JournalFailed, TransactionPending, NodeUnreachable, NodeAnsweredWrong: as `resume`.
        """
        left = [each for each in self._journal.left_by(command) if not self._is_over(each)]
        return [(entry, mined) for entry in left if (mined := self._adopt(entry)) is not None]

    def _undone(self, sender: Address) -> list[Entry]:
        """What was in a block, and the node has neither there nor among what waits."""
        used = self._journal.next_nonce(sender)
        count = self._courier.caught_up(sender, used) if used else 0
        found = self._journal.used(sender, count) if count < used else []
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
        if not mined.succeeded or self._journal.followed_by_another(entry):
            return True
        return self._rpc.block("latest").timestamp - mined.timestamp > _RESUME_S

    def _adopt(self, entry: Entry) -> Mined | None:
        """Makes what a dead process sent this one's, and follows it to its end."""
        if not self._journal.take(entry):
            return None  # another process of the same words was faster
        if (mined := self._resumed(None, Underway.of(entry))) is not None:
            self._adopted[entry.id] = replace(entry, owner=self._journal.owner, state=State.MINED)
        return mined

    def _resumed(self, signer: Signer | None, sent: Underway) -> Mined | None:
        """Follows an entry that is now ours to its end; None if it will never be in a block."""
        try:
            if self._courier.offered(sent):
                return self._courier.follow(signer, sent)
            self._journal.end(sent.number, State.VOID)
        except NonceTaken:
            pass
        finally:
            self._journal.leave(sent.number)
        return None

    def _send_on(self, entry: Entry) -> bool:
        """Offers the node once more what it may not have; False if no block will ever take it."""
        sent = Underway.of(entry)
        if not self._courier.offered(sent):
            self._journal.end(entry.id, State.VOID)
            return False
        if entry.state is State.OPEN and self._courier.find(sent) is not None:
            known_before = entry.ended_at is not None
            self._journal.end(entry.id, State.CLOSED if known_before else State.MINED)
        return True
