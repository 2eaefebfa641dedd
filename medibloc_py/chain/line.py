"""The way to one node: web3 carries the bytes, and what comes back is a stranger's text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medibloc_py.chain.foreign import http_provider
from medibloc_py.errors import InvalidValue
from medibloc_py.errors.plain import plain
from medibloc_py.nesting import require_shallow_json

if TYPE_CHECKING:
    from web3 import HTTPProvider
    from web3.types import RPCResponse

_PASSING = frozenset({429, 502, 503, 504})
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HEX_TAIL = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")
_KNOWN = ("already known", "already imported", "known transaction")


class RpcRefusal(Exception):
    """The node answered with a JSON-RPC error object; never leaves this room."""

    def __init__(self, method: str, code: object, message: str, data: object) -> None:
        super().__init__(f"{method} was refused: {message} (code {code})")
        self.code = code
        self.message = message
        self.data = data

    @property
    def reverted(self) -> bytes | None:
        """What a contract reverted with; None when the refusal is the node's own.

        Geth, Anvil and Ganache put the bytes in `data`, others deeper in it or after a word.
        """
        data = self.data
        while isinstance(data, dict):
            data = data.get("data", data.get("result"))
        if isinstance(data, str) and (tail := _HEX_TAIL.search(data)):
            return bytes.fromhex(tail[0][2:])
        return b"" if "revert" in self.message.lower() else None

    @property
    def known(self) -> bool:
        """Whether it says that the node has the transaction already."""
        said = self.message.lower()
        return any(known in said for known in _KNOWN)


class Silence(Exception):
    """A node did not answer; never leaves this room.

    Attributes:
        reason: as far as it is known.
        passes: whether it may answer a moment later.
    """

    def __init__(self, reason: str, passes: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passes = passes


class Nonsense(Exception):
    """What a node answered cannot be; never leaves this room."""


class Line:
    """The way to one node.

    Attributes:
        url: what may be shown of it.
        chain_id: the chain it was found to serve; None before it was asked.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepares the transport.

        Raises:
            InvalidValue: not an http or https URL.
        """
        self.url = public_url(url)
        self.chain_id: int | None = None
        self._timeout_s = timeout_s
        # No repetition by the library: `Rpc` knows what may be asked again.
        self._provider = _guarded_provider()(
            url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None
        )

    def request(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks once.

        Raises:
            RpcRefusal: the node answered with an error object.
            Silence: it did not answer.
            Nonsense: what it answered is not JSON-RPC.
        """
        from web3.types import RPCEndpoint

        try:
            answer: object = self._provider.make_request(RPCEndpoint(method), list(params))
        except OSError as error:  # `requests` derives all its exceptions from it
            raise self._silence(method, error) from error
        except ValueError as error:
            raise Nonsense(f"{method} was answered with something that is no JSON") from error
        return result_of(method, answer)

    def _silence(self, method: str, error: OSError) -> Silence:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None:
            return Silence(f"{method}: HTTP status {status}", status in _PASSING)
        if "Timeout" in type(error).__name__:
            return Silence(f"{method}: no answer within {self._timeout_s:g} s", False)
        return Silence(f"{method}: the connection failed", True)


def result_of(method: str, answer: object) -> Any:
    """Takes the result out of an answer.

    Raises:
        RpcRefusal: it is an error object.
        Nonsense: it is no JSON-RPC.
    """
    if not isinstance(answer, dict):
        raise Nonsense(f"{method} was answered with something that is no JSON-RPC")
    if (refused := answer.get("error")) is not None:
        if not isinstance(refused, dict):
            refused = {"message": refused}
        message = plain(refused.get("message"))
        raise RpcRefusal(method, refused.get("code"), message, refused.get("data"))
    if "result" not in answer:
        raise Nonsense(f"{method} was answered with neither a result nor an error")
    return answer["result"]


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


def quantity_of(value: object, what: str) -> int:
    """Takes a hexadecimal number of at most 256 bits.

    Raises:
        Nonsense: it is anything else.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Nonsense(f"{what} is {plain(value)}, not a number")
    return int(value, 16)
