"""Receives by C-STORE (PS3.4 annex B): all storage classes, in the syntax of the sender.

Nothing is decoded or transcoded: what is given on is what came, behind a head of PS3.10.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from medibloc_py.errors import ListenerFailed
from medibloc_py.errors.plain import plain
from medibloc_py.pacs.accepted import Meter, watch
from medibloc_py.pacs.association import VERIFICATION, pynetdicom
from medibloc_py.pacs.intake import (
    CONNECTIONS,
    GREETING_S,
    MOST_INSTANCE_BYTES,
    SILENCE_S,
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
_TOO_MANY: Final = (0x02, 0x03, 0x02)
"""Rejected for now, by what presents it: the local limit is exceeded (PS3.8, table 9-21)."""
_STOP_S: Final = 10.0
_MOST_NAME_CHARS: Final = 16


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
        self._meters: WeakKeyDictionary[Association, Meter] = WeakKeyDictionary()
        self._server: Any = None
        self._crowded = False
        self._tls = None if place.certificates is None else server_context(place.certificates)
        self._events = library.evt
        self._entity = library.AE(ae_title=place.aet)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = list(place.callers)
        # The library counts every connection, though it said nothing yet; see `_requested`.
        self._most_connections = CONNECTIONS * place.most_associations
        self._entity.maximum_associations = self._most_connections
        self._entity.maximum_pdu_size = _PDU_BYTES
        self._entity.network_timeout = self._entity.dimse_timeout = SILENCE_S
        self._entity.acse_timeout = GREETING_S
        self._entity.add_supported_context(VERIFICATION, library.ALL_TRANSFER_SYNTAXES)

    def start(self) -> Address:
        """Listens, and tells where.

        Raises:
            ListenerFailed: the address cannot be had.
        """
        events = self._events
        address = self._place.address
        try:
            self._server = self._entity.start_server(
                (address.host, address.port),
                block=False,
                ssl_context=self._tls,
                evt_handlers=[
                    (events.EVT_CONN_OPEN, self._opened),
                    (events.EVT_REQUESTED, self._requested),
                    (events.EVT_REJECTED, self._rejected),
                    (events.EVT_C_ECHO, lambda _: SUCCESS),
                    (events.EVT_C_STORE, self._store),
                ],
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ListenerFailed(url=f"dicom://{address}", reason=reason) from error
        self._server.verify_request = self._has_room
        return Address(address.host, self._server.socket.getsockname()[1])

    def stop(self) -> None:
        """Listens no more, and ends associations; an instance on its way is not acknowledged."""
        # pynetdicom waits for each association to end; whoever hangs must not keep us.
        ending = threading.Thread(target=self._entity.shutdown, daemon=True)
        ending.start()
        ending.join(_STOP_S)

    def _has_room(self, *_: object) -> bool:
        """Whether one more connection is taken; else it is closed at once."""
        crowded = len(self._server.active_associations) >= self._most_connections
        if crowded and not self._crowded:  # once, not for each
            self._note("too many connections", most=self._most_connections)
        self._crowded = crowded
        return not crowded

    def _opened(self, event: Event) -> None:
        """Keeps a connection from waiting or growing for ever, and from telling of its end."""
        meter = self._meters.setdefault(event.assoc, Meter(self._place.most_instance_bytes))
        watch(event.assoc, meter, partial(self._note, "too much sent", most_bytes=meter.most_bytes))

    def _requested(self, event: Event) -> None:
        """Rejects one association too many."""
        standing = sum(each.is_established for each in self._server.active_associations)
        if standing >= self._place.most_associations:
            event.assoc.acse.send_reject(*_TOO_MANY)
            self._rejected(event)
            event.assoc.kill()

    def _rejected(self, event: Event) -> None:
        asked: Any = event.assoc.requestor.primitive
        self._note("association rejected", caller=plain(asked.calling_ae_title, _MOST_NAME_CHARS))

    def _store(self, event: Event) -> int:
        self._meters.setdefault(event.assoc, Meter(self._place.most_instance_bytes)).received = 0
        request: Any = event.request
        announced = Announced(
            str(request.AffectedSOPClassUID or ""), str(request.AffectedSOPInstanceUID or "")
        )
        return self._receive(event.encoded_dataset(), announced).status
