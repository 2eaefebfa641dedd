"""Event logs: parsed, held against what was asked, decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain import abi
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.line import RpcRefusal
from medibloc_py.chain.rpc import Rpc
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address, Event

WINDOW_BLOCKS = 10_000
"""Blocks asked for at once; halved for a node that refuses."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log entry as the node gave it, its shape checked and nothing else."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int
    transaction: str
    removed: bool


def parse(rpc: Rpc, entry: object) -> Log:
    """Reads one log entry.

    Raises:
        NodeAnsweredWrong: a field is missing or malformed.
    """
    log = rpc.mapping(entry, "a log")
    topics = log.get("topics")
    if not isinstance(topics, list):
        raise rpc.wrong("a log has no topics")
    return Log(
        address=rpc.address(log.get("address"), "a log's address"),
        topics=tuple(rpc.data(topic, "a log's topic", size=32) for topic in topics),
        data=rpc.data(log.get("data"), "a log's data"),
        block=rpc.quantity(log.get("blockNumber"), "a log's block"),
        index=rpc.quantity(log.get("logIndex"), "a log's index"),
        transaction="0x"
        + rpc.data(log.get("transactionHash"), "a log's transaction", size=32).hex(),
        removed=log.get("removed") is True,
    )


def decode(rpc: Rpc, contract: Contract, log: Log) -> Event:
    """Decodes a log entry of the contract, of a kind that its artifact knows.

    Raises:
        NodeAnsweredWrong: the contract cannot have emitted it.
    """
    item = contract.artifact.events_by_topic[log.topics[0]]
    indexed = [param for param in item["inputs"] if param["indexed"]]
    if len(indexed) != len(log.topics) - 1:
        raise rpc.wrong(f"an event {item['name']} has {len(log.topics)} topics")
    rest = [param for param in item["inputs"] if not param["indexed"]]
    try:
        found = dict(zip(_names(rest), abi.decode(rest, log.data), strict=True))
        for param, topic in zip(indexed, log.topics[1:], strict=True):
            (found[param["name"]],) = abi.decode([param], topic)
    except abi.Undecodable as error:
        raise rpc.wrong(f"an event {item['name']} does not decode: {error}") from error
    return Event(
        name=item["name"],
        address=log.address,
        args={name: found[name] for name in _names(item["inputs"])},
        block=log.block,
        log_index=log.index,
        transaction=log.transaction,
    )


def events_of(rpc: Rpc, contract: Contract, found: Sequence[Log]) -> tuple[Event, ...]:
    """Decodes the contract's events among the logs of a transaction.

    Logs of other contracts are left out, and so are kinds that the artifact does not
    know: a token may be any contract.

    Raises:
        NodeAnsweredWrong: an event of a known kind does not decode.
    """
    known = contract.artifact.events_by_topic
    return tuple(
        decode(rpc, contract, log)
        for log in found
        if log.address == contract.address and log.topics and log.topics[0] in known
    )


def query(
    rpc: Rpc,
    contract: Contract,
    event: str,
    filters: Mapping[str, object],
    from_block: int,
    to_block: int,
) -> list[Event]:
    """Reads the events of one kind, in bounded windows of blocks.

    Args:
        rpc: the node.
        contract: whose events.
        event: the event's name.
        filters: wanted values of indexed parameters, by name.
        from_block: first block.
        to_block: last block, included.

    Returns:
        The events in the order of the chain.

    Raises:
        InvalidValue: no such event or indexed parameter, or a value that does not fit.
        NodeUnreachable: no answer, or a node that refuses a single block.
        NodeAnsweredWrong: an entry that was not asked for, twice, or does not decode.
    """
    topics = _topics(contract, event, filters)
    question = {"address": contract.address, "topics": topics}
    found: dict[tuple[int, int], Event] = {}
    start, window = from_block, WINDOW_BLOCKS
    while start <= to_block:
        end = min(start + window - 1, to_block)
        blocks = {"fromBlock": hex(start), "toBlock": hex(end)}
        try:
            entries = rpc.request("eth_getLogs", question | blocks)
        except RpcRefusal as refused:
            if window == 1:
                raise rpc.unreachable(str(refused)) from refused
            window = max(window // 2, 1)
            continue
        if not isinstance(entries, list):
            raise rpc.wrong("eth_getLogs was answered with something that is no list")
        for log in (parse(rpc, entry) for entry in entries):
            if log.removed:
                continue  # of a block that is no longer of this chain
            if not _asked_for(log, contract.address, topics, start, end):
                raise rpc.wrong("eth_getLogs answered a log that was not asked for")
            if (log.block, log.index) in found:
                raise rpc.wrong("eth_getLogs answered a log twice")
            found[log.block, log.index] = decode(rpc, contract, log)
        start = end + 1
    return [found[place] for place in sorted(found)]


def _topics(contract: Contract, event: str, filters: Mapping[str, object]) -> list[str | None]:
    item = contract.artifact.events.get(event)
    if item is None:
        known = ", ".join(sorted(contract.artifact.events))
        raise InvalidValue(name=f"event of {contract.name}", given=event, allowed=f"one of {known}")
    indexed = [param for param in item["inputs"] if param["indexed"]]
    if unknown := set(filters) - set(_names(indexed)):
        raise InvalidValue(
            name=f"filter of {event}", given=min(unknown), allowed=", ".join(_names(indexed))
        )
    topics: list[str | None] = ["0x" + abi.hash_of(item).hex()]
    for param in indexed:
        wanted = filters.get(param["name"])
        encoded = None if wanted is None else abi.encode([param], [wanted], event)
        topics.append(None if encoded is None else "0x" + encoded.hex())
    return topics


def _asked_for(
    log: Log, address: Address, topics: Sequence[str | None], start: int, end: int
) -> bool:
    matching = len(log.topics) == len(topics) and all(
        wanted is None or wanted == "0x" + topic.hex()
        for wanted, topic in zip(topics, log.topics, strict=True)
    )
    return log.address == address and start <= log.block <= end and matching


def _names(params: Sequence[Mapping[str, Any]]) -> list[str]:
    return [param["name"] for param in params]
