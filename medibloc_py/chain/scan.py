"""All events of several contracts, range by range, from a node with limits of its own.

Public nodes refuse a range that is too long, an answer that is too large, and who asks too
often; each says so in its own words. A range that is refused is halved, and grows again where
little is found; who asks too often waits. What a header says of its block's logs (the bloom
filter) is held against what came.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from medibloc_py.chain import decoding, logs
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.network import Network
from medibloc_py.errors import NodeUnreachable
from medibloc_py.model import Address, Event

T = TypeVar("T")
FIRST_WINDOW = 2_000
MOST_WINDOW = 100_000
_FEW, _MANY = 2_500, 10_000
"""Answers with fewer logs lengthen the next range; with more they shorten it."""
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_TOO_OFTEN = re.compile(
    r"rate|too many requests|\b429\b|compute units|throughput|capacity|per second|"
    r"HTTP status 50[234]",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"no answer within|HTTP status (?:400|413|500|504|524)")


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header, as far as an index needs it; hashes are 32 bytes, a bloom 256."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    bloom: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the block that told it.

    Attributes:
        contract: name of the contract.
        at: time of the block, unix seconds; None where the node does not say it with the log.
    """

    contract: str
    event: Event
    block_hash: bytes
    at: int | None


class Scanner:
    """What one node tells of a set of contracts."""

    def __init__(
        self,
        network: Network,
        contracts: Mapping[str, Address],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepares; nothing is asked yet.

        Args:
            network: the chain.
            contracts: address by contract name.
            pause: what waits, seconds.
        """
        self._rpc = network.rpc
        self._contracts = {at: Contract(name, at) for name, at in contracts.items()}
        self._pause = pause
        self._window = FIRST_WINDOW

    @property
    def url(self) -> str:
        """The node that is asked."""
        return self._rpc.url

    def newest(self) -> int:
        """Reads the number of the latest block."""
        return self._patient(lambda: self._rpc.quantity(
            self._rpc.ask("eth_blockNumber"), "the latest block's number"
        ))  # fmt: skip

    def header(self, number: int) -> Header | None:
        """Reads a header; None for a block that the node does not have.

        Raises:
            NodeUnreachable: no answer, however long it was waited.
            NodeAnsweredWrong: a header that cannot be.
        """
        answer = self._patient(lambda: self._rpc.ask("eth_getBlockByNumber", hex(number), False))
        if answer is None:
            return None
        found = self._rpc.mapping(answer, f"block {number}")
        header = Header(
            number=self._rpc.quantity(found.get("number"), "a block's number"),
            hash=self._rpc.data(found.get("hash"), "a block's hash", size=32),
            parent=self._rpc.data(found.get("parentHash"), "a block's parent", size=32),
            timestamp=self._rpc.quantity(found.get("timestamp"), "a block's timestamp"),
            bloom=self._rpc.data(found.get("logsBloom"), "a block's bloom", size=256),
        )
        if header.number != number:
            raise self._rpc.wrong(f"block {header.number} came where {number} was asked for")
        return header

    def read(self, first: int, last: int) -> tuple[list[Told], int]:
        """Reads all events from a block on, as far as the node gives them at once.

        Args:
            first: first block.
            last: last block that is wanted.

        Returns:
            The events in the order of the chain, and the last block they were read from.

        Raises:
            NodeUnreachable: no answer, or a node that refuses a single block.
            NodeAnsweredWrong: an entry that was not asked for, twice, or does not decode.
        """
        while True:
            end = min(first + self._window - 1, last)
            try:
                found = self._patient(lambda end=end: self._logs(first, end))  # type: ignore[misc]
            except (RpcRefusal, NodeUnreachable) as refused:
                if end == first or not _is_too_long(refused):
                    raise self._rpc.unreachable(_reason(refused)) from refused
                self._window = max((end - first + 1) // 2, 1)
                continue
            self._adapt(len(found), end - first + 1)
            return found, end

    def require_told(self, header: Header, found: int) -> None:
        """Holds what a block's header says of its logs against how many of ours came.

        A bloom filter never denies what is there, and seldom claims what is not. Where it and
        what came differ, the block's receipts decide, if the node gives them.

        Raises:
            NodeAnsweredWrong: the node invents logs, or leaves some out.
        """
        claimed = any(_may_hold(header.bloom, bytes.fromhex(at[2:])) for at in self._contracts)
        if claimed == bool(found):
            return
        # Some chains keep no bloom; and a full one may hold anything.
        there = self._in_receipts(header)
        if there is None or there == found:
            return
        what = "left out" if there > found else "made up"
        raise self._rpc.wrong(f"it {what} {abs(there - found)} logs of block {header.number}")

    def _logs(self, first: int, last: int) -> list[Told]:
        question = {
            "address": list(self._contracts),
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        entries = self._rpc.request("eth_getLogs", question)
        if not isinstance(entries, list):
            raise self._rpc.wrong("eth_getLogs was answered with something that is no list")
        found: dict[tuple[int, int], Told] = {}
        for entry in entries:
            log = logs.parse(self._rpc, entry)
            contract = self._contracts.get(log.address)
            if contract is None or not first <= log.block <= last:
                raise self._rpc.wrong("eth_getLogs answered a log that was not asked for")
            if (log.block, log.index) in found:
                raise self._rpc.wrong("eth_getLogs answered a log twice")
            if log.removed or not log.topics:
                continue
            if log.topics[0] not in contract.artifact.events_by_topic:
                raise self._rpc.wrong(f"the {contract.name} cannot have told one of its logs")
            at = entry.get("blockTimestamp")
            found[log.block, log.index] = Told(
                contract=contract.name,
                event=decoding.decode(self._rpc, contract, log),
                block_hash=self._rpc.data(entry.get("blockHash"), "a log's block", size=32),
                at=None if at is None else self._rpc.quantity(at, "a log's time"),
            )
        return [found[place] for place in sorted(found)]

    def _in_receipts(self, header: Header) -> int | None:
        """Counts our logs in the receipts of a block; None if the node does not give them."""
        try:
            receipts = self._rpc.request("eth_getBlockReceipts", hex(header.number))
        except RpcRefusal:
            return None
        if not isinstance(receipts, list):
            return None
        return sum(
            logs.parse(self._rpc, entry).address in self._contracts
            for each in receipts
            for entry in self._entries_of(each)
        )

    def _entries_of(self, receipt: object) -> list[object]:
        found = self._rpc.mapping(receipt, "a receipt").get("logs")
        if not isinstance(found, list):
            raise self._rpc.wrong("a receipt has no logs")
        return found

    def _patient(self, ask: Callable[[], T]) -> T:
        """Asks again, later and later, while the node says that it was asked too often."""
        for wait in _WAITS_S:
            try:
                return ask()
            except (RpcRefusal, NodeUnreachable) as refused:
                if not _TOO_OFTEN.search(_reason(refused)):
                    raise
            self._pause(wait)
        return ask()

    def _adapt(self, found: int, blocks: int) -> None:
        if found > _MANY:
            self._window = max(blocks // 2, 1)
        elif found < _FEW and blocks == self._window:
            self._window = min(self._window * 2, MOST_WINDOW)


def _reason(refused: RpcRefusal | NodeUnreachable) -> str:
    return str(refused if isinstance(refused, RpcRefusal) else refused.values["reason"])


def _is_too_long(refused: RpcRefusal | NodeUnreachable) -> bool:
    """Whether a shorter range may be answered."""
    return isinstance(refused, RpcRefusal) or bool(_TOO_LONG.search(_reason(refused)))


def _may_hold(bloom: bytes, value: bytes) -> bool:
    """Whether a bloom filter of 2,048 bits may hold a value (Yellow Paper, 4.3.1)."""
    from eth_hash.auto import keccak

    digest = keccak(value)
    bits = (int.from_bytes(digest[at : at + 2]) & 2047 for at in (0, 2, 4))
    return all(bloom[255 - bit // 8] >> bit % 8 & 1 for bit in bits)
