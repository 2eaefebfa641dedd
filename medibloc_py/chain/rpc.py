"""JSON-RPC with a node that is not trusted to answer well.

web3 carries the bytes; what comes back is taken as text from a stranger. Every
number and every hex string is parsed here strictly, and whatever the transport
raises becomes `NodeUnreachable` or `NodeAnsweredWrong`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medibloc_py.chain.address import checksummed
from medibloc_py.chain.foreign import http_provider
from medibloc_py.errors import InvalidValue, NodeAnsweredWrong, NodeUnreachable
from medibloc_py.model import Address
from medibloc_py.nesting import require_shallow_json

if TYPE_CHECKING:
    from web3 import HTTPProvider
    from web3.types import RPCResponse

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class RpcRefusal(Exception):
    """The node answered with a JSON-RPC error object; never leaves this room."""

    def __init__(self, method: str, code: object, message: str, data: object) -> None:
        super().__init__(f"{method} was refused: {message} (code {code})")
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, as far as it is asked for; `base_fee` is None before London."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int | None


class Rpc:
    """One node.

    Attributes:
        url: scheme, host and port only: paths and user names of RPC URLs carry API keys.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepares the transport; nothing is sent yet.

        Raises:
            InvalidValue: not an http or https URL.
        """
        self.url = public_url(url)
        self._timeout_s = timeout_s
        # No silent repetition: a repeated `eth_sendRawTransaction` hides what happened.
        self._provider = _guarded_provider()(
            url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None
        )

    def request(self, method: str, *params: object) -> Any:
        """Asks the node.

        Returns:
            The `result` as JSON gave it.

        Raises:
            RpcRefusal: the node answered with an error object.
            NodeUnreachable: no answer in time, or an HTTP error.
            NodeAnsweredWrong: an answer that is not JSON-RPC.
        """
        from web3.types import RPCEndpoint

        try:
            answer: object = self._provider.make_request(RPCEndpoint(method), list(params))
        except OSError as error:  # `requests` derives all its exceptions from it
            raise self.unreachable(f"{method}: {self._transport_reason(error)}") from error
        except ValueError as error:
            raise self.wrong(f"{method} was answered with something that is no JSON") from error
        if not isinstance(answer, dict):
            raise self.wrong(f"{method} was answered with something that is no JSON-RPC")
        if (refused := answer.get("error")) is not None:
            if not isinstance(refused, dict):
                refused = {"message": refused}
            message = _one_line(refused.get("message"))
            raise RpcRefusal(method, refused.get("code"), message, refused.get("data"))
        if "result" not in answer:
            raise self.wrong(f"{method} was answered with neither a result nor an error")
        return answer["result"]

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
            raise self.wrong(f"{what} is {_one_line(value)}, not an object")
        return value

    def quantity(self, value: object, what: str) -> int:
        """Takes a hexadecimal number of at most 256 bits.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
            raise self.wrong(f"{what} is {_one_line(value)}, not a number")
        return int(value, 16)

    def data(self, value: object, what: str, size: int | None = None) -> bytes:
        """Takes hexadecimal bytes, `size` of them if given.

        Raises:
            NodeAnsweredWrong: anything else.
        """
        if not isinstance(value, str) or not _DATA.fullmatch(value):
            raise self.wrong(f"{what} is {_one_line(value)}, not bytes")
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

    def _transport_reason(self, error: OSError) -> str:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None:
            return f"HTTP status {status}"
        if "Timeout" in type(error).__name__:
            return f"no answer within {self._timeout_s:g} s"
        return "the connection failed"


@cache
def _guarded_provider() -> type[HTTPProvider]:
    """web3's provider, but for answers so deep that a parser in C could overflow its stack."""

    class GuardedProvider(http_provider()):  # type: ignore[misc]  # a base class imported late
        @staticmethod
        def decode_rpc_response(raw_response: bytes) -> RPCResponse:
            """Decodes an answer unless it is nested beyond all that nodes say."""
            require_shallow_json(raw_response)
            return http_provider().decode_rpc_response(raw_response)

    return GuardedProvider


def public_url(url: str) -> str:
    """Gives the part of an RPC URL that may be shown: scheme, host and port.

    Raises:
        InvalidValue: not an http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidValue(name="RPC URL", given="another text", allowed="an http or https URL")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _one_line(value: object) -> str:
    text = str(value)
    return "".join(char if char.isprintable() else "?" for char in text[:200])
