"""A connection that a gateway accepted, from whomever: bounded in bytes and time, and ended wholly.

pynetdicom waits for ever on a peer that stops in the middle of a PDU, takes a PDU of any length,
and has two threads for each connection. What a peer sends may end one of them with a traceback
that quotes it, and the other one then waits for what cannot come.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medibloc_py.pacs.association import MOST_PDU_BYTES, acknowledge, hang_up
from medibloc_py.pacs.intake import GREETING_S, SILENCE_S

if TYPE_CHECKING:
    from pynetdicom.association import Association


@dataclass(slots=True)
class Meter:
    """How much a peer sent since its last instance, and how much that may be."""

    most_bytes: int
    received: int = 0


def watch(association: Association, meter: Meter, too_much: Callable[[], None]) -> None:
    """Keeps a connection from waiting or growing for ever; it ends quietly, and wholly.

    Args:
        association: whose connection was just opened; its threads do not run yet.
        meter: counts what it sends.
        too_much: told before it is cut off because it sends too much.
    """
    connection = association.dul.socket
    if connection is None or connection.socket is None:
        return
    line = connection.socket
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    greeted_by = time.monotonic() + GREETING_S

    def receive(nr_bytes: int) -> bytearray:
        meter.received += nr_bytes
        if nr_bytes > MOST_PDU_BYTES or meter.received > meter.most_bytes + MOST_PDU_BYTES:
            too_much()
            raise OSError("the peer sends too much")  # for pynetdicom a broken connection
        until = greeted_by if _is_unknown(association) else None
        data = _read(line, nr_bytes, until)
        acknowledge(line)
        return data

    connection.recv = receive  # type: ignore[method-assign]
    _end_quietly(association)


def _read(line: socket.socket, nr_bytes: int, until: float | None) -> bytearray:
    """Reads in large pieces; fewer bytes if the peer hung up."""
    data, done = bytearray(nr_bytes), 0
    with memoryview(data) as view:
        while done < nr_bytes:
            left = SILENCE_S if until is None else until - time.monotonic()
            line.settimeout(max(left, 0.001))  # 0 is "do not wait"
            taken = line.recv_into(view[done:])
            if not taken:
                break
            done += taken
    return data[:done]


def _end_quietly(association: Association) -> None:
    """Has both threads of a connection end when one does, without a traceback."""
    read, serve = association.dul.run, association.run

    def read_and_tell() -> None:
        with suppress(Exception):  # there is no root class for what the library stumbles over
            read()
        if _is_unknown(association):  # the other thread waits, and counts as an association
            association.dul.to_user_queue.put(None)  # type: ignore[arg-type]

    def serve_or_hang_up() -> None:
        try:
            serve()
        except Exception:  # as above
            hang_up(association)

    association.dul.run = read_and_tell  # type: ignore[method-assign]
    association.run = serve_or_hang_up  # type: ignore[method-assign]


def _is_unknown(association: Association) -> bool:
    """Whether a connection has not asked for an association yet."""
    return association.requestor.primitive is None
