"""Receives by C-STORE (PS3.4 annex B): all storage classes, in the syntax of the sender.

Nothing is decoded or transcoded: what is given on is what came, behind a head of PS3.10.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from medibloc_py.errors import ListenerFailed
from medibloc_py.errors.plain import plain
from medibloc_py.pacs.association import MOST_PDU_BYTES, VERIFICATION, pynetdicom
from medibloc_py.pacs.intake import (
    MOST_INSTANCE_BYTES,
    SUCCESS,
    Address,
    Announced,
    Note,
    Receive,
    server_context,
)
from medibloc_py.pacs.model import OUR_AET, Certificates

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event

_PDU_BYTES: Final = 128 << 10
"""What we say that a PDU may have."""
_SILENCE_S: Final = 60.0
_STOP_S: Final = 10.0
_MOST_NAME_CHARS: Final = 16
_QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


@dataclass(frozen=True, slots=True)
class DicomPlace:
    """Where and for whom a gateway listens by DICOM.

    Attributes:
        aet: its AE title; a caller must know it.
        callers: AE titles that may send; empty for all.
        certificates: for TLS; whoever calls shows one, too, if `authorities` are named.
        most_associations: at a time.
    """

    address: Address
    aet: str = OUR_AET
    callers: tuple[str, ...] = ()
    certificates: Certificates | None = None
    most_associations: int = 16
    most_instance_bytes: int = MOST_INSTANCE_BYTES


@dataclass(slots=True)
class _Meter:
    """How much a peer sent since its last instance."""

    received: int = field(default=0)


class DicomListener:
    """A Storage SCP in threads of its own."""

    def __init__(self, place: DicomPlace, receive: Receive, note: Note) -> None:
        """Prepares; nothing is bound before `start`.

        Raises:
            ExtraMissing: pynetdicom is not installed.
            InvalidValue: a certificate cannot be used.
        """
        library = pynetdicom()
        # Private classes, and those that are newer than the library, are instances, too.
        library._config.UNRESTRICTED_STORAGE_SERVICE = True
        self._place = place
        self._receive = receive
        self._note = note
        self._meters: WeakKeyDictionary[Association, _Meter] = WeakKeyDictionary()
        self._tls = None if place.certificates is None else server_context(place.certificates)
        self._events = library.evt
        self._entity = library.AE(ae_title=place.aet)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = list(place.callers)
        self._entity.maximum_associations = place.most_associations
        self._entity.maximum_pdu_size = _PDU_BYTES
        self._entity.network_timeout = self._entity.acse_timeout = _SILENCE_S
        self._entity.dimse_timeout = _SILENCE_S
        self._entity.add_supported_context(VERIFICATION, library.ALL_TRANSFER_SYNTAXES)

    def start(self) -> Address:
        """Listens, and tells where.

        Raises:
            ListenerFailed: the address cannot be had.
        """
        events = self._events
        address = self._place.address
        try:
            server: Any = self._entity.start_server(
                (address.host, address.port),
                block=False,
                ssl_context=self._tls,
                evt_handlers=[
                    (events.EVT_CONN_OPEN, self._opened),
                    (events.EVT_REJECTED, self._rejected),
                    (events.EVT_C_ECHO, lambda _: SUCCESS),
                    (events.EVT_C_STORE, self._store),
                ],
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ListenerFailed(url=f"dicom://{address}", reason=reason) from error
        return Address(address.host, server.socket.getsockname()[1])

    def stop(self) -> None:
        """Listens no more, and ends associations; an instance on its way is not acknowledged."""
        # pynetdicom waits for each association to end; whoever hangs must not keep us.
        ending = threading.Thread(target=self._entity.shutdown, daemon=True)
        ending.start()
        ending.join(_STOP_S)

    def _opened(self, event: Event) -> None:
        """Keeps a connection from waiting or growing for ever, and reads in large pieces."""
        connection = event.assoc.dul.socket
        if connection is None or connection.socket is None:
            return
        line = connection.socket
        line.settimeout(_SILENCE_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        meter = self._meters.setdefault(event.assoc, _Meter())
        most = self._place.most_instance_bytes + MOST_PDU_BYTES

        def receive(nr_bytes: int) -> bytearray:
            meter.received += nr_bytes
            if nr_bytes > MOST_PDU_BYTES or meter.received > most:
                self._note("too much sent", most_bytes=self._place.most_instance_bytes)
                raise OSError("the peer sends too much")  # for pynetdicom a broken connection
            data, done = bytearray(nr_bytes), 0
            view = memoryview(data)
            while done < nr_bytes and (taken := line.recv_into(view[done:])):
                done += taken
            _acknowledge(line)
            view.release()
            return data[:done]

        connection.recv = receive  # type: ignore[method-assign]

    def _rejected(self, event: Event) -> None:
        self._note(
            "association rejected", caller=plain(event.assoc.requestor.ae_title, _MOST_NAME_CHARS)
        )

    def _store(self, event: Event) -> int:
        self._meters.setdefault(event.assoc, _Meter()).received = 0
        request: Any = event.request
        announced = Announced(
            str(request.AffectedSOPClassUID or ""), str(request.AffectedSOPInstanceUID or "")
        )
        return self._receive(event.encoded_dataset(), announced).status


def _acknowledge(line: socket.socket) -> None:
    """Tells a peer at once what came, as far as the system can.

    Many send a command and wait for that before they send its data; a system that waits for
    an answer to tell it with costs them 40 ms for each instance.
    """
    if _QUICK_ACK is not None:
        line.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
