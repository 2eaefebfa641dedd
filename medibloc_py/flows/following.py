"""The chain followed into the log: range by range, and back where it went another way.

Each step asks first whether the block that was read last still stands. If it does not, the log
goes back to the last block that does, and on from there. What is read is held against the
headers of the newest blocks, which must be linked, and against a second node if there is one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from medibloc_py.chain import Header, Told
from medibloc_py.errors import IndexMismatched, NodeAnsweredWrong
from medibloc_py.flows.event_rows import canonical, entry_of, hexed
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.index import Entry, EventLog, Head, Mark
from medibloc_py.model import Address

LINKED = 64
"""Newest blocks whose headers are read one by one, linked, and kept."""
_TRIES = 5
_NOTHING = Head(-1, "0x" + "00" * 32)


class Source(Protocol):
    """A node, as the log needs it: `chain.Scanner`."""

    @property
    def url(self) -> str:
        """Its name in errors."""

    def newest(self) -> int:
        """The number of the latest block."""

    def header(self, number: int) -> Header | None:
        """A header; None for a block that it does not have."""

    def read(self, first: int, last: int) -> tuple[list[Told], int]:
        """Events from a block on, and the block up to which they came."""

    def require_told(self, header: Header, found: int) -> None:
        """Raises if a block holds another number of our logs than came."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did.

    Attributes:
        head: where the log stands now.
        added: events that were added.
        undone: blocks that were taken back.
        left: blocks that are still to be read; negative where the node is behind the log.
    """

    head: Head
    added: int
    undone: int
    left: int


class _Moved(Exception):
    """What was read is not of one chain: it went another way meanwhile, or the node is wrong."""

    def __init__(self, error: NodeAnsweredWrong | None = None) -> None:
        super().__init__()
        self.error = error


def mark_of(source: Source, chain_id: int, contracts: Mapping[str, Address], first: int) -> Mark:
    """Says which chain a log is of.

    Args:
        source: a node of it.
        chain_id: its id.
        contracts: address by name.
        first: the first block that is read.
    """
    origin = _NOTHING
    if first > 0:
        found = source.header(first - 1)
        if found is None:
            raise NodeAnsweredWrong(url=source.url, reason=f"it has no block {first - 1}")
        origin = _head(found)
    return Mark(chain_id, canonical(dict(contracts)), origin)


class Follower:
    """One log that follows one node."""

    def __init__(
        self,
        log: EventLog,
        source: Source,
        confirmations: int = 0,
        second: Source | None = None,
    ) -> None:
        """Prepares; nothing is asked yet.

        Args:
            log: where events go.
            source: the node they come from.
            confirmations: blocks that must stand on top of one before it is read.
            second: another node, which must tell the same.
        """
        self._log = log
        self._source = source
        self._confirmations = confirmations
        self._second = second

    def catch_up(self, progress: Progress = silent) -> list[Step]:
        """Steps until there is nothing left to read; gives what was done.

        Raises:
            MediBlocError: as `step`.
        """
        done: list[Step] = []
        begin = self._log.head.block
        while True:
            step = self.step()
            if step.added or step.undone or step.left > 0:
                done.append(step)
            tip = step.head.block + max(step.left, 0)
            progress("read blocks", step.head.block - begin, max(tip - begin, 1))
            if step.left <= 0:
                return done

    def step(self) -> Step:
        """Goes back if the chain did, then reads one range.

        Raises:
            IndexMismatched: the chain is another than the log's, from its first block.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: what cannot be, or a second node tells something else.
            IndexFailed: the database cannot be written; what was there is there.
        """
        wrong = NodeAnsweredWrong(
            url=self._source.url, reason="its chain is another each time that it is read"
        )
        for _ in range(_TRIES):
            try:
                return self._step()
            except _Moved as moved:
                wrong = moved.error or wrong
        raise wrong

    def _step(self) -> Step:
        head, newest = self._log.head, self._source.newest()
        if not self._stands(head):
            known = [each for each in self._log.known_blocks() if each.block <= newest]
            if head.block > newest and known and self._stands(known[0]):
                return Step(head, 0, 0, newest - head.block)
            return self._go_back(head, newest)
        tip = newest - self._confirmations
        if tip <= head.block:
            return Step(head, 0, 0, min(newest - head.block, 0))
        return self._go_on(head, tip)

    def _go_back(self, head: Head, newest: int) -> Step:
        """Takes back all after the last block that both sides know."""
        known = [each for each in self._log.known_blocks() if each.block < head.block]
        # What stands is older than what does not.
        at = bisect_left(known, True, key=self._stands)
        if at == len(known):
            raise IndexMismatched(place=self._log.place, part="chain")
        ancestor = known[at]
        if not self._log.undo(head, ancestor):
            raise _Moved
        return Step(ancestor, 0, head.block - ancestor.block, max(newest - ancestor.block, 1))

    def _go_on(self, head: Head, tip: int) -> Step:
        first = head.block + 1
        told, end = self._source.read(first, tip)
        headers = self._headers(head, max(first, min(end, tip - LINKED + 1)), end)
        by_number = {header.number: header for header in headers}
        entries = [entry_of(each, self._time(each, by_number)) for each in told]
        self._require_all(headers, entries)
        if headers[0].number > first:
            # Between the head and the linked blocks nothing but the node's word: it must at
            # least be of one chain from beginning to end.
            last = self._source.header(end)
            if last is None or last.hash != headers[-1].hash or not self._stands(head):
                raise _Moved
        if self._second is not None:
            self._require_same(self._second, entries, first, end)
        kept = [_head(header) for header in headers]
        if not self._log.append(head, entries, kept):
            raise _Moved
        return Step(kept[-1], len(entries), 0, tip - end)

    def _headers(self, head: Head, first: int, last: int) -> list[Header]:
        """Reads headers that are linked to each other, and to the head if they follow it."""
        found: list[Header] = []
        before = head.hash if first == head.block + 1 and head.block >= 0 else None
        for number in range(first, last + 1):
            header = self._source.header(number)
            if header is None or before not in (None, hexed(header.parent)):
                raise _Moved
            before = hexed(header.hash)
            found.append(header)
        return found

    def _require_all(self, headers: Sequence[Header], entries: Sequence[Entry]) -> None:
        """Holds what came against what the headers say; where the chain moved, it may differ."""
        counts = Counter(entry.block for entry in entries)
        try:
            for header in headers:
                self._source.require_told(header, counts[header.number])
        except NodeAnsweredWrong as wrong:
            raise _Moved(wrong) from wrong

    def _time(self, told: Told, headers: dict[int, Header]) -> int:
        """The time of an event's block, which must be the block that the chain has."""
        header = headers.get(told.event.block)
        if header is None:
            if told.at is not None:
                return told.at
            header = self._source.header(told.event.block)
            if header is None:
                raise _Moved
            headers[header.number] = header
        if header.hash != told.block_hash:
            raise _Moved
        return header.timestamp

    def _require_same(
        self, second: Source, entries: Sequence[Entry], first: int, last: int
    ) -> None:
        """Holds what one node tells against what another does."""
        other: list[tuple[int, int, str, str]] = []
        start = first
        while start <= last:
            told, end = second.read(start, last)
            other += [_identity(entry_of(each, 0)) for each in told]
            start = end + 1
        ours = [_identity(entry) for entry in entries]
        if ours == other:
            return
        differ = set(ours) ^ set(other)
        reason = (
            f"of blocks {first} to {last} it tells {len(ours)} events and {second.url} "
            f"{len(other)}; they differ from block {min(differ)[0]} on"
        )
        raise _Moved(NodeAnsweredWrong(url=self._source.url, reason=reason))

    def _stands(self, head: Head) -> bool:
        if head.block < 0:
            return True
        found = self._source.header(head.block)
        return found is not None and hexed(found.hash) == head.hash


def _identity(entry: Entry) -> tuple[int, int, str, str]:
    return entry.block, entry.log_index, entry.block_hash, entry.args


def _head(header: Header) -> Head:
    return Head(header.number, hexed(header.hash))
