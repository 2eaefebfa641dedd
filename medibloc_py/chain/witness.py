"""A second node that is asked the same: what it does not say, too, is not believed.

Two honest nodes differ for a moment: one has a block that the other is about to have, or holds a
transaction that the other has not heard of. So an answer about the newest state that differs is
asked again about a block that both have, and only what stays different is a disagreement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from medibloc_py.chain.line import Nonsense, RpcRefusal, Silence, quantity_of
from medibloc_py.chain.lines import SEND, Lines
from medibloc_py.chain.told import Said, difference, same
from medibloc_py.errors import (
    InvalidValue,
    MediBlocError,
    NodesDisagree,
    WitnessUnreachable,
)

PATIENCE_S = 30.0
"""How long two nodes may differ before it is called a disagreement."""
BEHIND_MAX_S = 60
"""How much older the newest block of one may be than that of the other, by their own times."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_COUNT, _BLOCK, _TIP = "eth_getTransactionCount", "eth_getBlockByNumber", "eth_maxPriorityFeePerGas"
_STATE = {"eth_call": 1, "eth_getCode": 1, "eth_getBalance": 1, _COUNT: 1, "eth_getStorageAt": 2}
"""What is asked of a state, and which parameter says of which block."""
_CHOSEN = {"eth_estimateGas": max, "eth_gasPrice": min, _TIP: min}
"""What honest nodes answer differently, and which answer costs less: gas left over is not paid."""
_BELIEVED = ("eth_syncing", "eth_simulateV1")
"""Asked of the first alone: what a dry run shows is not sent."""
_LIMITED = ("eth_getLogs", "eth_getBlockReceipts", _TIP, *_STATE)
"""What a node may refuse for limits of its own: one then asks for less, or goes without."""
_NEWEST = ("latest", "pending")


class Witnessed:
    """Two nodes of one chain, by two operators, that must say the same."""

    def __init__(self, first: Lines, witness: Lines) -> None:
        """Nothing is asked yet.

        Raises:
            InvalidValue: the witness is the node that it is to check.
        """
        if both := first.urls & witness.urls:
            allowed = "a node of another operator than those of --rpc"
            raise InvalidValue(name="witness", given=min(both), allowed=allowed)
        self._first = first
        self._witness = witness
        self._compared_at: float | None = None

    @property
    def url(self) -> str:
        """The first node, as it may be shown."""
        return self._first.url

    def stay_on(self, chain_id: int) -> None:
        """Asks no node from now on that does not serve this chain."""
        self._first.stay_on(chain_id)
        self._witness.stay_on(chain_id)

    def request(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks both, and gives what both say.

        Raises:
            NodesDisagree: they say different things, and go on doing so.
            WitnessUnreachable: the witness does not answer.
            RpcRefusal, Silence, Nonsense, ChainMismatch: as `Lines.request`.
        """
        if method == SEND:
            return self._offer(params)
        if method in _BELIEVED or not method.startswith("eth_"):
            return self._first.request(method, params)
        if self._compared_at is not None and time.monotonic() - self._compared_at > PATIENCE_S:
            self._head()  # one of the two may have stopped since
        if method == "eth_blockNumber":
            return self._head()["number"]
        if method == _BLOCK and params[0] == "latest":
            return self._head()
        if method in _CHOSEN:
            return self._chosen(method, params)
        if method in _STATE and params[_STATE[method]] in _NEWEST:
            return self._newest(method, params)
        return self._agreed(method, params)

    # What both say

    def _agreed(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks both, again and again, until they say the same."""
        for _ in _tries():
            mine, theirs = self._both(method, *params)
            if settled := self._settled(method, mine, theirs):
                return settled.give()
            if method == "eth_chainId":
                break  # it does not change
        raise self._apart(method, mine, theirs)

    def _newest(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks both of their newest state; if they differ, of the newest block that both have."""
        mine, theirs = self._both(method, *params)
        if not mine.is_answer:
            return mine.give()
        if agreed := same(mine, theirs):
            return agreed.give()
        place = _STATE[method]
        for _ in _tries():
            block = self._head()["number"]
            pinned = self._both(method, *params[:place], block, *params[place + 1 :])
            if agreed := same(*pinned):
                if method == _COUNT and params[place] == "pending":
                    return _fewer(mine, theirs, agreed)
                return agreed.give()
        raise self._apart(method, *pinned)

    def _chosen(self, method: str, params: tuple[object, ...]) -> Any:
        """One of two numbers, if both say one."""
        for _ in _tries():
            mine, theirs = self._both(method, *params)
            if mine.refused is None and theirs.refused is None:
                return _CHOSEN[method](mine.value, theirs.value, key=_size)
            if settled := self._settled(method, mine, theirs):
                return settled.give()
        raise self._apart(method, mine, theirs)

    def _settled(self, method: str, mine: Said, theirs: Said) -> Said | None:
        """What both say, or a refusal with which asking ends; None if they differ."""
        if not mine.is_answer:
            return mine
        if not theirs.is_answer and method in _LIMITED:
            return theirs
        return same(mine, theirs)

    def _both(self, method: str, *params: object) -> tuple[Said, Said]:
        mine = Said.of(self._first.request, method, *params)
        return mine, Said.of(self._heard, method, *params)

    def _heard(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks the witness.

        Raises:
            WitnessUnreachable: it does not answer.
        """
        try:
            return self._witness.request(method, params)
        except Silence as silence:
            raise self._silent(silence.reason) from silence
        except Nonsense as nonsense:
            raise self._silent(str(nonsense)) from nonsense

    # The newest block

    def _head(self) -> Any:
        """The header of the newest block that both have.

        Raises:
            NodesDisagree: one is far behind, or has other blocks.
        """
        for _ in _tries():
            mine, theirs = self._both(_BLOCK, "latest", False)
            head, apart = self._lower(mine.give(), theirs)
            if head is not None:
                self._compared_at = time.monotonic()
                return head
        raise self._disagreement(apart)

    def _lower(self, mine: Any, said: Said) -> tuple[Any, str]:
        """The lower of two newest headers, if the other node has that block, too; else why not."""
        if not said.is_answer:
            raise self._silent(str(said))
        theirs = said.give()
        if mine == theirs:
            return mine, ""
        (number, at), (other, until) = _clock(mine), self._witness_clock(theirs)
        low, high = sorted((number, other))
        if abs(until - at) > BEHIND_MAX_S:
            late, ahead = ("first", "witness") if number < other else ("witness", "first")
            return None, (
                f"the newest block of the {late}, {low}, is {abs(until - at):,} s older than block "
                f"{high} of the {ahead}, and more than {BEHIND_MAX_S} s is too far behind"
            )
        if number < other:
            theirs = Said.of(self._heard, _BLOCK, hex(low), False).value
        elif number > other:
            mine = Said.of(self._first.request, _BLOCK, hex(low), False).value
        return (mine, "") if mine == theirs else (None, f"block {low}, {difference(mine, theirs)}")

    def _witness_clock(self, header: Any) -> tuple[int, int]:
        try:
            return _clock(header)
        except Nonsense as nonsense:
            raise self._silent(str(nonsense)) from nonsense

    # Transactions

    def _offer(self, params: tuple[object, ...]) -> Any:
        """Offers a transaction to both, so that one of them alone cannot swallow it.

        Raises:
            RpcRefusal: neither takes it, or one has it already.
            Silence, Nonsense, MediBlocError: one may have it, and did not say so.
        """
        failed: list[Exception] = []
        taken: list[Any] = []
        for ask in (self._first.request, self._heard):
            try:
                taken.append(ask(SEND, params))
            except (RpcRefusal, Silence, Nonsense, MediBlocError) as error:
                failed.append(error)
        if taken:
            return taken[0]
        raise min(failed, key=_weight)

    # Errors

    def _silent(self, reason: str) -> WitnessUnreachable:
        return WitnessUnreachable(url=self._witness.url, reason=reason)

    def _disagreement(self, reason: str) -> NodesDisagree:
        return NodesDisagree(url=self.url, witness=self._witness.url, reason=reason)

    def _apart(self, method: str, mine: Said, theirs: Said) -> Exception:
        if mine.refused is not None and not mine.is_answer:
            return mine.refused
        if not theirs.is_answer:
            return self._silent(str(theirs))
        plain = mine.refused is None and theirs.refused is None
        apart = difference(mine.value, theirs.value) if plain else difference(mine, theirs)
        return self._disagreement(f"{method}, {apart}")


def _tries() -> Iterator[None]:
    """Moments to ask: at once, then later and later, until patience ends."""
    give_up, pause = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
    while True:
        yield
        if (left := give_up - time.monotonic()) <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _clock(header: Any) -> tuple[int, int]:
    """Number and time of a header.

    Raises:
        Nonsense: it has none.
    """
    if not isinstance(header, dict):
        raise Nonsense("the newest block is no object")
    number = quantity_of(header["number"], "a block's number")
    return number, quantity_of(header["timestamp"], "a block's timestamp")


def _size(number: Any) -> float:
    """How large a number is; what is none is larger than all, for a parser to refuse."""
    try:
        return quantity_of(number, "a number")
    except Nonsense:
        return float("inf")


def _fewer(mine: Said, theirs: Said, mined: Said) -> str:
    """How many transactions of an account both know of; those in blocks at least.

    Of what waits, each node knows what it has heard. What one alone claims could leave a gap.
    """
    waiting = min(_size(mine.value), _size(theirs.value))
    floor = quantity_of(mined.give(), "a nonce")
    return hex(floor if waiting == float("inf") else max(int(waiting), floor))


def _weight(failed: Exception) -> int:
    """Which of two failures to tell: the transaction is there, may be there, is not."""
    if isinstance(failed, RpcRefusal):
        return 0 if failed.known else 2
    return 1
