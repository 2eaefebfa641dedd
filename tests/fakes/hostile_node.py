"""An Ethereum node that answers well, until a test tells it not to.

It mines every transaction into block 7 and knows no contract. `node.on(method, answer)`
replaces an answer: by a JSON value, by a `Fault`, or by a function of the parameters and
the good answer. `node.then(method, ...)` gives answers one after the other, the last for
ever.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

BLOCK = 7
BLOCK_HASH = "0x" + "b7" * 32
TIMESTAMP = 1_800_000_000


@dataclass(frozen=True)
class Fault:
    """How an answer goes wrong below JSON-RPC.

    Attributes:
        status: HTTP status.
        body: raw bytes in place of the answer; None closes the connection without one.
        delay_s: wait before anything.
    """

    status: int = 200
    body: bytes | None = b""
    delay_s: float = 0.0


DEAD = Fault(body=None)


@dataclass(frozen=True)
class Refuse:
    """A JSON-RPC error object."""

    message: str
    code: int = -32000
    data: object = None


Answer = Any


@dataclass
class HostileNode:
    """The node's script and what it saw."""

    url: str = ""
    chain_id: int = 31337
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    _script: dict[str, list[Answer]] = field(default_factory=dict)

    def on(self, method: str, answer: Answer) -> None:
        self._script[method] = [answer]

    def then(self, method: str, *answers: Answer) -> None:
        self._script[method] = list(answers)

    def well(self, method: str) -> None:
        del self._script[method]

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    def answer(self, method: str, params: list[Any]) -> Answer:
        self.asked.append((method, params))
        name = re.sub("(?=[A-Z])", "_", method).lower()
        good: Callable[..., Answer] = getattr(self, f"_{name}", lambda *_: None)
        script = self._script.get(method)
        if not script:
            return good(*params)
        step = script.pop(0) if len(script) > 1 else script[0]
        return step(params, good(*params)) if callable(step) else step

    def _eth_chain_id(self) -> str:
        return hex(self.chain_id)

    def _eth_get_balance(self, *_: object) -> str:
        return hex(10**20)

    def _eth_get_code(self, *_: object) -> str:
        return "0xfe"

    def _eth_call(self, *_: object) -> str:
        return "0x"

    def _eth_estimate_gas(self, *_: object) -> str:
        return hex(50_000)

    def _eth_gas_price(self) -> str:
        return hex(10**9)

    def _eth_max_priority_fee_per_gas(self) -> str:
        return hex(10**9)

    def _eth_get_transaction_count(self, *_: object) -> str:
        return hex(len(self.sent))

    def _eth_get_block_by_number(self, tag: str, *_: object) -> dict[str, object]:
        number = int(tag, 16) if tag.startswith("0x") else BLOCK
        return {
            "number": hex(number),
            "hash": BLOCK_HASH,
            "timestamp": hex(TIMESTAMP),
            "baseFeePerGas": hex(10**9),
        }

    def _eth_send_raw_transaction(self, raw: str) -> str:
        transaction = "0x" + keccak(bytes.fromhex(raw[2:])).hex()
        self.sent[transaction] = raw
        return transaction

    def _eth_get_transaction_receipt(self, transaction: str) -> dict[str, object] | None:
        raw = self.sent.get(transaction)
        if raw is None:
            return None
        sender = Account.recover_transaction(raw)
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        to = bytes(fields["to"])
        address = keccak(
            b"\xd6\x94"
            + bytes.fromhex(sender[2:])
            + (bytes([fields["nonce"]]) if fields["nonce"] else b"\x80")
        )[12:]
        return {
            "transactionHash": transaction,
            "from": sender.lower(),
            "to": "0x" + to.hex() if to else None,
            "contractAddress": None if to else "0x" + address.hex(),
            "status": "0x1",
            "blockNumber": hex(BLOCK),
            "blockHash": BLOCK_HASH,
            "gasUsed": hex(21_000),
            "effectiveGasPrice": hex(2 * 10**9),
            "logs": [
                {"transactionHash": transaction, "blockNumber": hex(BLOCK), "logIndex": hex(i)}
                | log
                for i, log in enumerate(self.logs)
            ],
        }

    def _eth_get_logs(self, *_: object) -> list[dict[str, Any]]:
        return [
            {"transactionHash": "0x" + "aa" * 32, "blockNumber": hex(BLOCK), "logIndex": hex(i)}
            | log
            for i, log in enumerate(self.logs)
        ]


@contextmanager
def serve() -> Iterator[HostileNode]:
    """Runs a node on a free port of loopback."""
    node = HostileNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for an answer: two would wait for each other

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = node.answer(request["method"], request["params"])
            fault = answer if isinstance(answer, Fault) else Fault()
            if fault.delay_s:
                time.sleep(fault.delay_s)
            if fault.body is None:
                self.close_connection = True
                self.connection.close()
                return
            body = fault.body if isinstance(answer, Fault) else _envelope(request["id"], answer)
            self.send_response(fault.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _envelope(request_id: object, answer: Answer) -> bytes:
    message: dict[str, object] = {"jsonrpc": "2.0", "id": request_id}
    if isinstance(answer, Refuse):
        message["error"] = {"code": answer.code, "message": answer.message, "data": answer.data}
    else:
        message["result"] = answer
    return json.dumps(message).encode()
