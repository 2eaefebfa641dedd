"""The way to one chain, by the first of several nodes that answers."""

from __future__ import annotations

import re
import time
from typing import Any

from medibloc_py.chain.line import Line, RpcRefusal, Silence, quantity_of
from medibloc_py.errors import ChainMismatch

SEND = "eth_sendRawTransaction"
_PAUSES_S = (0.1, 0.4)
_MINING = re.compile("BlockOutOfRange")
"""What Anvil says when it mines while it is asked about the block before."""


class Lines:
    """One or more nodes, of which one that does not answer gives its place to the next."""

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
        """The node that is asked first, as it may be shown."""
        return self._lines[0].url

    @property
    def urls(self) -> set[str]:
        """All of them, as they may be shown."""
        return {line.url for line in self._lines}

    def stay_on(self, chain_id: int) -> None:
        """Asks no other node from now on that does not serve this chain."""
        self._chain_id = chain_id
        self._lines[0].chain_id = chain_id

    def request(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks; what changes nothing is asked again, a moment later, where that can help.

        A transaction is offered once to each: it is signed, so it is the same everywhere.

        Raises:
            RpcRefusal: the node answered with an error object.
            Silence: no answer in time, or an HTTP error, by any of the nodes.
            Nonsense: an answer that is not JSON-RPC.
            ChainMismatch: the node whose turn it is serves another chain.
        """
        for pause in () if method == SEND else _PAUSES_S:
            try:
                return self._request_any(method, params)
            except Silence as silence:
                if not silence.passes:
                    raise
            except RpcRefusal as refused:
                if not _MINING.search(refused.message):
                    raise
            time.sleep(pause)
        return self._request_any(method, params)

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
        assert silence is not None
        raise silence

    def _require_chain(self, line: Line) -> None:
        if self._chain_id is not None and line.chain_id is None:
            found = quantity_of(line.request("eth_chainId", ()), "the chain id")
            if found != self._chain_id:
                raise ChainMismatch(url=line.url, actual=found, expected=self._chain_id)
            line.chain_id = found
