"""DICOM peers on the loopback: one that answers as it is told, and one that goes mad."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from pynetdicom import AE, evt
from pynetdicom.events import Event

Answer = Callable[[Event], Any]
_ACCEPTED: Final = 0x02
_PDU_HEAD: Final = 6


@contextmanager
def answering(
    contexts: Sequence[tuple[str, list[str]]],
    *,
    store: Answer = lambda event: 0,
    find: Answer | None = None,
    move: Answer | None = None,
    aet: str = "FAKE",
    tls: Any = None,
) -> Iterator[int]:
    """A peer that takes these SOP classes in these transfer syntaxes; gives its port."""
    entity = AE(ae_title=aet)
    entity.require_called_aet = True
    entity.add_supported_context("1.2.840.10008.1.1")
    for name, syntaxes in contexts:
        entity.add_supported_context(name, syntaxes)
    handlers: list[Any] = [(evt.EVT_C_STORE, store)]
    handlers += [(evt.EVT_C_FIND, find)] if find else []
    handlers += [(evt.EVT_C_MOVE, move)] if move else []
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls
    )
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


@contextmanager
def going_mad(port: int, madness: Callable[[socket.socket], None]) -> Iterator[int]:
    """Stands before a peer until it has accepted an association; what follows is madness.

    Args:
        port: of the peer.
        madness: has the connection to us, once the acceptance was passed on.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                threads.append(threading.Thread(target=talk, args=(caller,)))
                threads[-1].start()

    def talk(caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", port)) as peer, suppress(OSError):
            peer.sendall(_pdu(caller))
            answer = _pdu(peer)
            caller.sendall(answer)
            if answer[0] == _ACCEPTED:
                madness(caller)

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [accepting, *threads]:
            thread.join(10)


def _pdu(connection: socket.socket) -> bytes:
    head = _exactly(connection, _PDU_HEAD)
    return head + _exactly(connection, int.from_bytes(head[2:], "big"))


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("hung up")
        data += piece
    return data
