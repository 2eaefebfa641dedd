"""What a node told, in the form in which it is held against what another told.

Nodes of different makers tell the same with other fields beside it, other capitals, other
zeros in front. What is not compared is left out: nobody can rest a decision on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain.line import RpcRefusal
from medibloc_py.errors.plain import plain

_ZEROS = re.compile(r"0x0+(?=[0-9a-f])")
_COUNTS = ("eth_chainId", "eth_blockNumber", "eth_getBalance", "eth_getTransactionCount")
_HEADER = ("number", "hash", "parentHash", "timestamp", "logsBloom", "baseFeePerGas")
_LOG = ("blockNumber", "logIndex", "blockHash", "transactionHash", "address", "topics", "data")
_WHERE = ("blockNumber", "blockHash", "transactionHash", "from", "to", "contractAddress")
_RECEIPT = (*_WHERE, "status", "gasUsed", "effectiveGasPrice")
_OF_BLOCK = ("number", "timestamp", "baseFeePerGas", "blockNumber")
_NUMBERS = frozenset((*_OF_BLOCK, "logIndex", "status", "gasUsed", "effectiveGasPrice"))
_FIELDS = {
    "eth_getBlockByNumber": _HEADER,
    "eth_getLogs": _LOG,
    "eth_getBlockReceipts": _RECEIPT,
    "eth_getTransactionReceipt": _RECEIPT,
}
_SHOWN = 72


@dataclass(frozen=True, slots=True)
class Said:
    """What one node said: a value, or a refusal, which is a contract's or the node's own."""

    value: Any = None
    refused: RpcRefusal | None = None

    @classmethod
    def of(
        cls, ask: Callable[[str, tuple[object, ...]], Any], method: str, *params: object
    ) -> Said:
        """Asks a node."""
        try:
            return cls(told(method, ask(method, params)))
        except RpcRefusal as refused:
            return cls(refused=refused)

    @property
    def reverted(self) -> bytes | None:
        """What a contract refused with."""
        return None if self.refused is None else self.refused.reverted

    @property
    def is_answer(self) -> bool:
        """Whether it says anything of the chain."""
        return self.refused is None or self.reverted is not None

    def give(self) -> Any:
        """The value.

        Raises:
            RpcRefusal: it was refused.
        """
        if self.refused is not None:
            raise self.refused
        return self.value

    def __str__(self) -> str:
        if self.reverted is not None:
            return f"that the contract refuses with 0x{self.reverted.hex()}"
        return str(self.value if self.refused is None else self.refused)


def same(mine: Said, theirs: Said) -> Said | None:
    """What both say; None if they differ.

    Some nodes leave out what a contract reverted with. Then nobody knows: one alone is not
    believed.
    """
    if mine.refused is None and theirs.refused is None:
        return mine if mine.value == theirs.value else None
    if mine.reverted is None or theirs.reverted is None:
        return None
    if mine.reverted == theirs.reverted or not mine.reverted:
        return mine
    return None if theirs.reverted else theirs


def told(method: str, answer: Any) -> Any:
    """What an answer tells; what cannot be an answer stays as it is, for a parser to refuse."""
    if method in _COUNTS:
        return _number(answer)
    if (fields := _FIELDS.get(method)) is None:
        return _plain(answer)
    if isinstance(answer, list):
        return [_part(entry, fields) for entry in answer if not _was_removed(entry)]
    return _part(answer, fields)


def difference(mine: Any, theirs: Any) -> str:
    """The first thing in which two answers are not the same, in words.

    Args:
        mine: what the first node told.
        theirs: what the witness told.
    """
    if isinstance(mine, dict) and isinstance(theirs, dict):
        name = next(name for name in mine if mine[name] != theirs.get(name))
        return f"{name}: {difference(mine[name], theirs.get(name))}"
    if isinstance(mine, list) and isinstance(theirs, list):
        return _difference_of_lists(mine, theirs)
    return f"the first says {_shown(mine, theirs)}, the witness {_shown(theirs, mine)}"


def _difference_of_lists(mine: list[Any], theirs: list[Any]) -> str:
    for one, other in zip(mine, theirs, strict=False):
        if one != other and _place(one) == _place(other):
            return f"{_place(one)}, {difference(one, other)}"
    extra = [entry for entry in mine if entry not in theirs]
    who, entry = ("first", extra[0]) if extra else ("witness", _absent(theirs, mine))
    return f"{_place(entry)} is told by the {who} alone"


def _absent(entries: list[Any], others: list[Any]) -> Any:
    return next((entry for entry in entries if entry not in others), entries[-1:])


def _place(entry: Any) -> str:
    """Where an entry of a list is, by which it is known."""
    if not isinstance(entry, dict):
        return plain(entry)[:_SHOWN]
    if "logIndex" in entry:
        return f"log {entry['logIndex']} of block {entry['blockNumber']}"
    return f"transaction {entry.get('transactionHash')}"


def _shown(value: Any, beside: Any) -> str:
    """A value; one that is long from shortly before it is another than the one beside it."""
    if value is None:
        return "nothing"
    text, other = str(value), str(beside)
    apart = next((at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = apart - 8 if apart > _SHOWN // 2 else 0
    end = start + _SHOWN
    return ("…" if start else "") + plain(text[start:end]) + ("…" if end < len(text) else "")


def _part(entry: Any, fields: tuple[str, ...]) -> Any:
    if not isinstance(entry, dict):
        return entry
    part: dict[str, Any] = {
        name: (_number if name in _NUMBERS else _plain)(entry.get(name)) for name in fields
    }
    if fields is _RECEIPT and isinstance(entry.get("logs"), list):
        part["logs"] = [_part(log, _LOG) for log in entry["logs"]]
    return part


def _was_removed(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("removed") is True


def _number(value: Any) -> Any:
    return _ZEROS.sub("0x", value.lower()) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.lower() if isinstance(value, str) else value
