"""JSON-RPC with nodes that are not trusted to answer well.

What comes back is taken as text from a stranger: every number and every hex string is parsed
here strictly, and whatever the transport raises becomes `NodeUnreachable` or
`NodeAnsweredWrong`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain.address import checksummed
from medibloc_py.chain.line import Line, Nonsense, RpcRefusal, Silence, one_line
from medibloc_py.errors import ChainMismatch, NodeAnsweredWrong, NodeUnreachable
from medibloc_py.model import Address

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_SEND = "eth_sendRawTransaction"
_PAUSES_S = (0.1, 0.4)
_MINING = re.compile("BlockOutOfRange")
"""What Anvil says when it mines while it is asked about the block before."""
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as it is asked for; `base_fee` is None before London."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int | None


class Rpc:
    """One chain, through the first of one or more nodes that answers.

    Attributes:
        url: scheme, host and port only: paths and user names of RPC URLs carry API keys.
    """

    def __init__(self, urls: str, timeout_s: float) -> None:
        """Prepares the transport; nothing is sent yet.

        Args:
            urls: http or https; several with commas between, the best first.
            timeout_s: longest wait for one answer.

        Raises:
            InvalidValue: not an http or https URL.
        """
        self._lines = [Line(url.strip(), timeout_s) for url in urls.split(",")]
        self._chain_id: int | None = None

    @property
    def url(self) -> str:
        """The node that is asked first."""
        return self._lines[0].url

    def stay_on(self, chain_id: int) -> None:
        """Asks no other node from now on that does not serve this chain."""
        self._chain_id = chain_id
        self._lines[0].chain_id = chain_id

    def request(self, method: str, *params: object) -> Any:
        """Asks the node; one that does not answer gives its place to the next.

        What changes nothing is asked again, a moment later, where that can help. A
        transaction is offered once to each: it is signed, so it is the same everywhere.

        Returns:
            The `result` as JSON gave it.

        Raises:
            RpcRefusal: the node answered with an error object.
            NodeUnreachable: no answer in time, or an HTTP error, by any of the nodes.
            NodeAnsweredWrong: an answer that is not JSON-RPC.
            ChainMismatch: the node whose turn it is serves another chain.
        """
        pauses = () if method == _SEND else _PAUSES_S
        for pause in (*pauses, None):
            try:
                return self._request_any(method, params)
            except Silence as silence:
                if pause is None or not silence.passes:
                    raise self.unreachable(silence.reason) from silence
            except RpcRefusal as refused:
                if pause is None or not _MINING.search(refused.message):
                    raise
            time.sleep(pause)
        raise AssertionError

    def _request_any(self, method: str, params: tuple[object, ...]) -> Any:
        silence = None
        for _ in self._lines:
            line = self._lines[0]
            try:
                self._require_chain(line)
                return line.request(method, params)
            except Silence as heard:
                silence = silence or heard
                self._lines = [*self._lines[1:], line]
            except Nonsense as nonsense:
                raise self.wrong(str(nonsense)) from nonsense
        assert silence is not None
        raise silence

    def _require_chain(self, line: Line) -> None:
        if self._chain_id is not None and line.chain_id is None:
            answer = line.request("eth_chainId", ())
            found = self.quantity(answer, "the chain id")
            if found != self._chain_id:
                raise ChainMismatch(url=line.url, actual=found, expected=self._chain_id)
            line.chain_id = found

    def ask(self, method: str, *params: object) -> Any:
        """Asks where a refusal means that the node does not serve us.

        Raises:
            NodeUnreachable: as `request`, or the node refused.
            NodeAnsweredWrong: as `request`.
        """
        try:
            return self.request(method, *params)
        except RpcRefusal as refused:
            raise self.unreachable(str(refused)) from refused

    def block(self, which: int | str) -> Block:
        """Reads the header of a block by number or tag.

        Raises:
            NodeUnreachable: as `ask`.
            NodeAnsweredWrong: no such block, or not the one asked for.
        """
        found = self.find_block(which)
        if found is None:
            raise self.wrong(f"it has no block {which}")
        return found

    def find_block(self, which: int | str) -> Block | None:
        """Reads the header of a block that the node may not have yet.

        Raises:
            NodeUnreachable: as `ask`.
            NodeAnsweredWrong: a malformed header, or of another block.
        """
        tag = hex(which) if isinstance(which, int) else which
        answer = self.ask("eth_getBlockByNumber", tag, False)
        if answer is None:
            return None
        header = self.mapping(answer, f"block {which}")
        fee = header.get("baseFeePerGas")
        block = Block(
            number=self.quantity(header.get("number"), "a block's number"),
            hash=self.data(header.get("hash"), "a block's hash", size=32),
            timestamp=self.quantity(header.get("timestamp"), "a block's timestamp"),
            base_fee=None if fee is None else self.quantity(fee, "a block's base fee"),
        )
        if isinstance(which, int) and block.number != which:
            raise self.wrong(f"block {block.number} came where {which} was asked for")
        return block

    def mapping(self, value: object, what: str) -> Mapping[str, Any]:
        """Takes a JSON object.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, dict):
            raise self.wrong(f"{what} is {one_line(value)}, not an object")
        return value

    def quantity(self, value: object, what: str) -> int:
        """Takes a hexadecimal number of at most 256 bits.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
            raise self.wrong(f"{what} is {one_line(value)}, not a number")
        return int(value, 16)

    def data(self, value: object, what: str, size: int | None = None) -> bytes:
        """Takes hexadecimal bytes, `size` of them if given.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, str) or not _DATA.fullmatch(value):
            raise self.wrong(f"{what} is {one_line(value)}, not bytes")
        found = bytes.fromhex(value[2:])
        if size is not None and len(found) != size:
            raise self.wrong(f"{what} has {len(found)} bytes, not {size}")
        return found

    def address(self, value: object, what: str) -> Address:
        """Takes an address in any case, and writes its checksum.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        return checksummed(self.data(value, what, size=20))

    def wrong(self, reason: str) -> NodeAnsweredWrong:
        """The error for an answer that cannot be."""
        return NodeAnsweredWrong(url=self.url, reason=reason)

    def unreachable(self, reason: str) -> NodeUnreachable:
        """The error for no answer."""
        return NodeUnreachable(url=self.url, reason=reason)
