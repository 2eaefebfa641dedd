"""Event logs decoded in bulk: the plain words of the ABI read directly.

Almost all of our events are words of 32 bytes, one after the other. They are read without
`eth_abi`, which would be most of the time that a hundred thousand of them take; with the same
strictness, so that what decodes here is what decodes in `logs.decode`. An event with anything
else in it is left to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from medibloc_py.chain import logs
from medibloc_py.chain.abi import Param
from medibloc_py.chain.address import checksummed
from medibloc_py.chain.artifacts import Contract
from medibloc_py.chain.logs import Log
from medibloc_py.chain.rpc import Rpc
from medibloc_py.model import Event

_WORD = 32
_SIZED = re.compile(r"(uint|bytes)(\d+)")
_Read = Callable[[bytes], Any]
_Decode = Callable[[Log], dict[str, Any] | None]


class _Unfit(Exception):
    """A word that is no value of its type."""


def decode(rpc: Rpc, contract: Contract, log: Log) -> Event:
    """Decodes a log entry as `logs.decode` does, faster.

    Raises:
        NodeAnsweredWrong: the contract cannot have emitted it.
    """
    fast = _decoder(contract.name, log.topics[0])
    args = fast(log) if fast else None
    if args is None:
        return logs.decode(rpc, contract, log)
    return Event(
        name=contract.artifact.events_by_topic[log.topics[0]]["name"],
        address=log.address,
        args=args,
        block=log.block,
        log_index=log.index,
        transaction=log.transaction,
    )


@lru_cache(maxsize=1 << 8)
def _decoder(contract: str, topic: bytes) -> _Decode | None:
    """What decodes an event of plain words; None if it holds anything else."""
    item = Contract(contract, checksummed(bytes(20))).artifact.events_by_topic[topic]
    params: list[Param] = list(item["inputs"])
    plans = [_plan(param) for param in params]
    if any(plan is None for plan in plans):
        return None
    readers = [(param["name"], param["indexed"], plan) for param, plan in zip(params, plans,
               strict=True) if plan is not None]  # fmt: skip
    topics = 1 + sum(indexed for _, indexed, _ in readers)
    size = _WORD * sum(width for _, indexed, (width, _) in readers if not indexed)

    def decode_words(log: Log) -> dict[str, Any] | None:
        if len(log.topics) != topics or len(log.data) != size:
            return None
        found: dict[str, Any] = {}
        at, topic_at = 0, 1
        try:
            for name, indexed, (width, read) in readers:
                if indexed:
                    found[name] = read(log.topics[topic_at])
                    topic_at += 1
                else:
                    found[name] = read(log.data[at : at + width * _WORD])
                    at += width * _WORD
        except _Unfit:
            return None
        return found

    return decode_words


def _plan(param: Param) -> tuple[int, _Read] | None:
    """How many words a parameter takes, and what reads them; None if they are not plain."""
    kind: str = param["type"]
    if kind == "tuple":
        return _struct(param["components"])
    if kind == "address":
        return 1, _address
    if kind == "bool":
        return 1, _bool
    sized = _SIZED.fullmatch(kind)
    if sized is None:
        return None
    return 1, _uint(int(sized[2])) if sized[1] == "uint" else _bytes(int(sized[2]))


def _struct(parts: list[Param]) -> tuple[int, _Read] | None:
    plans = [plan for part in parts if (plan := _plan(part)) is not None]
    if len(plans) != len(parts):
        return None

    def read(words: bytes) -> tuple[Any, ...]:
        values, at = [], 0
        for width, read_part in plans:
            values.append(read_part(words[at : at + width * _WORD]))
            at += width * _WORD
        return tuple(values)

    return sum(width for width, _ in plans), read


def _address(word: bytes) -> str:
    if any(word[:12]):
        raise _Unfit
    return checksummed(word[12:])


def _bool(word: bytes) -> bool:
    value = int.from_bytes(word)
    if value > 1:
        raise _Unfit
    return bool(value)


def _uint(bits: int) -> _Read:
    def read(word: bytes) -> int:
        value = int.from_bytes(word)
        if value >> bits:
            raise _Unfit
        return value

    return read


def _bytes(size: int) -> _Read:
    padding = bytes(_WORD - size)

    def read(word: bytes) -> bytes:
        if word[size:] != padding:
            raise _Unfit
        return word[:size]

    return read
