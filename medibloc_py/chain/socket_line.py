"""The way to a program on this machine: JSON-RPC over a Unix socket, one question a connection."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from medibloc_py.chain.line import Nonsense, Silence, result_of
from medibloc_py.nesting import require_shallow_json

_MOST_BYTES = 1 << 20
_PART_BYTES = 1 << 16


class SocketLine:
    """The way to one program.

    Attributes:
        url: its socket.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Nothing is sent yet.

        Args:
            path: of the socket.
            timeout_s: longest wait for an answer.
        """
        self.url = str(path)
        self._timeout_s = timeout_s

    def request(self, method: str, params: tuple[object, ...]) -> Any:
        """Asks once.

        Raises:
            RpcRefusal: the program answered with an error object.
            Silence: it did not answer.
            Nonsense: what it answered is not JSON-RPC.
        """
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            raw = self._exchange(json.dumps(question).encode() + b"\n")
        except TimeoutError:
            raise Silence(f"{method}: no answer within {self._timeout_s:g} s", False) from None
        except OSError as error:
            raise Silence(f"{method}: {error.strerror or 'the connection failed'}", True) from error
        try:
            require_shallow_json(raw)
            answer = json.loads(raw)
        except ValueError as error:
            raise Nonsense(f"{method} was answered with something that is no JSON") from error
        return result_of(method, answer)

    def _exchange(self, question: bytes) -> bytes:
        """Gives the line that comes back, or what came before the connection ended."""
        give_up = time.monotonic() + self._timeout_s
        answer = bytearray()
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(self._timeout_s)
            line.connect(self.url)
            line.sendall(question)
            while b"\n" not in answer and len(answer) < _MOST_BYTES:
                line.settimeout(max(give_up - time.monotonic(), 0.001))
                part = line.recv(_PART_BYTES)
                if not part:
                    break
                answer += part
        return bytes(answer).partition(b"\n")[0]
