"""Events by what they speak of: from an index, or from the chain where there is none."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from medibloc_py.errors import NodeAnsweredWrong
from medibloc_py.flows.event_rows import entry_of, hexed
from medibloc_py.flows.following import Source
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.index import Entry, Head


class History(Protocol):
    """What an audit asks: `index.EventLog`, or `ChainHistory`."""

    @property
    def head(self) -> Head:
        """The last block that it knows."""

    def mentioning(self, value: str) -> list[Entry]:
        """Events that speak of an account (with checksum) or an id (`0x` hex), in order."""


class ChainHistory:
    """All events of the contracts, read from a node once and kept in memory."""

    def __init__(self, source: Source, first: int, progress: Progress = silent) -> None:
        """Reads them.

        Args:
            source: the node.
            first: the first block that counts.
            progress: told of blocks read.

        Raises:
            NodeUnreachable: no answer.
            NodeAnsweredWrong: what cannot be, or its chain went another way meanwhile.
        """
        last = source.newest()
        before = source.header(last)
        times: dict[int, int] = {}
        self._found: dict[str, list[Entry]] = defaultdict(list)
        start = first
        while start <= last:
            told, end = source.read(start, last)
            for each in told:
                at = each.at if each.at is not None else _time(source, each.event.block, times)
                entry = entry_of(each, at)
                for value in entry.mentions:
                    self._found[value].append(entry)
            progress("read blocks", end - first + 1, last - first + 1)
            start = end + 1
        after = source.header(last)
        if before is None or after is None or before.hash != after.hash:
            raise NodeAnsweredWrong(url=source.url, reason="its chain changed while it was read")
        self.head = Head(last, hexed(after.hash))

    def mentioning(self, value: str) -> list[Entry]:
        """Events that speak of an account or an id, in the order of the chain."""
        return list(self._found.get(value, ()))


def _time(source: Source, block: int, times: dict[int, int]) -> int:
    if block not in times:
        header = source.header(block)
        if header is None:
            raise NodeAnsweredWrong(url=source.url, reason=f"it has no block {block}")
        times[block] = header.timestamp
    return times[block]
