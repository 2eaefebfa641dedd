"""JSON-RPC with nodes that are not trusted to answer well.

What comes back is taken as text from a stranger: every number and every hex string is parsed
here strictly, and whatever the transport raises becomes `NodeUnreachable` or
`NodeAnsweredWrong`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medibloc_py.chain.address import checksummed
from medibloc_py.chain.line import Nonsense, RpcRefusal, Silence, quantity_of
from medibloc_py.chain.lines import Lines
from medibloc_py.chain.witness import Witnessed
from medibloc_py.errors import NodeAnsweredWrong, NodeUnreachable
from medibloc_py.errors.plain import plain
from medibloc_py.model import Address

_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as it is asked for; `base_fee` is None before London."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int | None


class Rpc:
    """One chain, through one node; or through two, of which each must say what the other does.

    Attributes:
        url: scheme, host and port only: paths and user names of RPC URLs carry API keys.
    """

    def __init__(self, urls: str, timeout_s: float, witness: str | None = None) -> None:
        """Prepares the transport; nothing is sent yet.

        Args:
            urls: http or https; several with commas between, of which the first that answers
                is asked.
            timeout_s: longest wait for one answer.
            witness: a node that is asked the same, if there is one; as `urls`.

        Raises:
            InvalidValue: not an http or https URL, or a witness that is among the others.
        """
        first = Lines(urls, timeout_s)
        self._nodes: Lines | Witnessed = first
        if witness is not None:
            self._nodes = Witnessed(first, Lines(witness, timeout_s))

    @property
    def url(self) -> str:
        """The node that is asked first."""
        return self._nodes.url

    def stay_on(self, chain_id: int) -> None:
        """Asks no other node from now on that does not serve this chain.

        Raises:
            NodesDisagree: node and witness have another first block, or one is far behind.
            NodeUnreachable: no answer.
        """
        self._nodes.stay_on(chain_id)
        if isinstance(self._nodes, Witnessed):
            for block in (0, "latest"):
                self.block(block)

    def request(self, method: str, *params: object) -> Any:
        """Asks the node, and the witness if there is one.

        Returns:
            The `result` as JSON gave it.

        Raises:
            RpcRefusal: the node answered with an error object.
            NodeUnreachable: no answer in time, or an HTTP error, by any of the nodes.
            NodeAnsweredWrong: an answer that is not JSON-RPC.
            NodesDisagree: the witness says something else.
            WitnessUnreachable: the witness does not answer.
            ChainMismatch: the node whose turn it is serves another chain.
        """
        try:
            return self._nodes.request(method, params)
        except Silence as silence:
            raise self.unreachable(silence.reason) from silence
        except Nonsense as nonsense:
            raise self.wrong(str(nonsense)) from nonsense

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
            raise self.wrong(f"{what} is {plain(value)}, not an object")
        return value

    def quantity(self, value: object, what: str) -> int:
        """Takes a hexadecimal number of at most 256 bits.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        try:
            return quantity_of(value, what)
        except Nonsense as nonsense:
            raise self.wrong(str(nonsense)) from nonsense

    def data(self, value: object, what: str, size: int | None = None) -> bytes:
        """Takes hexadecimal bytes, `size` of them if given.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, str) or not _DATA.fullmatch(value):
            raise self.wrong(f"{what} is {plain(value)}, not bytes")
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
