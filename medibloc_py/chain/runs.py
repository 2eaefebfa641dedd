"""A command as it was typed, and the run of it that was killed, if there was one.

The same words after a kill mean the same act. So they count spans of time from where the killed
run counted them, and what it drew or had already sent is taken up: the call is the same, byte by
byte, and the journal knows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.entries import Entry
from medibloc_py.chain.logs import events_of
from medibloc_py.chain.receipts import Mined
from medibloc_py.chain.rpc import Rpc
from medibloc_py.chain.transactions import Outbox
from medibloc_py.model import Receipt


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that the killed run sent, and what came of it."""

    calldata: bytes
    receipt: Receipt


class Run:
    """What this process does; a library without a command is never a second run of anything."""

    def __init__(self, rpc: Rpc, outbox: Outbox, now: Callable[[], int]) -> None:
        self._rpc = rpc
        self._outbox = outbox
        self._now = now

    def begin(self, command: str) -> None:
        """Says which command this process was started for, before it does anything.

        Args:
            command: a digest of its words, and of the folder they were typed in.
        """
        self._outbox.command = command

    def moment(self) -> int:
        """The time that spans count from: the chain's, or what it was for the killed run."""
        if not self._outbox.command:
            return self._now()
        if not self._outbox.moment:
            known = (entry.moment for entry, _ in self._ends if entry.moment)
            self._outbox.moment = next(known, 0) or self._now()
        return self._outbox.moment

    def sent(self, part: bytes) -> bool:
        """Whether the killed run sent a call that holds these bytes, and it was mined and done.

        Within the hour, and while its account sent nothing else to the same contract since.

        Args:
            part: of calldata, long enough to be in no other: an id, a lock, a signed act.

        Raises:
            TransactionPending: it is on its way still.
            MediBlocError: as `Network.send`.
        """
        return any(part in calldata for calldata, _ in self._left.values())

    def find(self, contract: Contract, part: bytes) -> Sent | None:
        """The call that the killed run sent with these bytes in it; arguments as `sent`."""
        for calldata, mined in self._left.values():
            if part in calldata:
                return Sent(calldata, mined.receipt(events_of(self._rpc, contract, mined.logs)))
        return None

    def settle(self) -> None:
        """Ends the run well: all that it sent is told, and all that the killed one had sent."""
        if self._outbox.command:
            _ = self._ends
            self._outbox.told()

    @cached_property
    def _ends(self) -> list[tuple[Entry, Mined]]:
        return self._outbox.of_killed_run()

    @cached_property
    def _left(self) -> dict[int, tuple[bytes, Mined]]:
        """Calldata and end of what was done, by its number in the journal."""
        return {
            entry.id: (bytes.fromhex(json.loads(entry.call)["data"][2:]), mined)
            for entry, mined in self._ends
            if mined.succeeded
        }
