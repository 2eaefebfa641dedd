"""One association with a DICOM peer, which may be anybody: bounded in bytes and in time.

pynetdicom waits for ever on a peer that stops in the middle of a PDU, and takes a PDU of any
length. So its socket gets a time-out, and what it receives is counted.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from medibloc_py.errors import ExtraMissing, InvalidValue, PeerRefused, PeerUnreachable
from medibloc_py.errors.plain import plain
from medibloc_py.pacs.model import Certificates, DicomPeer

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from pynetdicom.transport import AssociationSocket

VERIFICATION: Final = "1.2.840.10008.1.1"
"""SOP class of C-ECHO. Proposed with every association, it tells a peer that takes nothing of
what we have from one that does not talk to us."""
MOST_CONTEXTS: Final = 127
"""Presentation contexts that one association may have, beside that one (PS3.8, table 9-18)."""
MOST_PDU_BYTES: Final = 1 << 20
"""Most that one PDU of a peer may have; ours say that we take 16 KiB of data in each."""
_MOST_BYTES: Final = 256 << 20
_END_S: Final = 1.0
"""How long the thread that reads may take to see that it is over."""
_NO_ROUTE: Final = "it is there, but no association came about"


def pynetdicom() -> Any:
    """The library, which keeps what it sends and receives out of every log.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        import pynetdicom
    except ImportError:
        raise ExtraMissing(extra="pacs") from None
    pynetdicom._config.LOG_HANDLER_LEVEL = "none"
    pynetdicom._config.LOG_REQUEST_IDENTIFIERS = False
    pynetdicom._config.LOG_RESPONSE_IDENTIFIERS = False
    return pynetdicom


def guarded(timeout_s: float, most_bytes: int = _MOST_BYTES) -> Callable[[Event], None]:
    """A handler of `EVT_CONN_OPEN` that keeps a connection from waiting or growing for ever.

    Args:
        timeout_s: how long the peer may be silent in the middle of something.
        most_bytes: most that it may send over this connection.
    """

    def guard(event: Event) -> None:
        connection = event.assoc.dul.socket
        if connection is not None and connection.socket is not None:
            connection.socket.settimeout(timeout_s)
            # A request is two messages, and then we wait: TCP would hold the second back.
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _bound(connection, most_bytes)
            _end_quietly(event.assoc)

    return guard


def _bound(connection: AssociationSocket, most_bytes: int) -> None:
    """Have a connection break when it brings too much."""
    receive, left = connection.recv, most_bytes

    def receive_bounded(nr_bytes: int) -> bytearray:
        nonlocal left
        left -= nr_bytes
        if nr_bytes > MOST_PDU_BYTES or left < 0:
            raise OSError("the peer sends too much")  # for pynetdicom a broken connection
        received = receive(nr_bytes)
        if connection.socket is not None:
            acknowledge(connection.socket)
        return received

    connection.recv = receive_bounded  # type: ignore[method-assign]


def acknowledge(connection: socket.socket) -> None:
    """Say at once that something came, as far as the system can.

    dcmtk waits for that before it sends the rest of a PDU, many before they send the data that
    a command announced; a system that waits for an answer to tell it with costs them 40 ms.
    """
    if hasattr(socket, "TCP_QUICKACK"):  # Linux
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _end_quietly(association: Association) -> None:
    """Have what a peer sends end an association, not its thread with a traceback that quotes it."""
    machine = association.dul.state_machine
    act = machine.do_action

    def act_or_end(event: str) -> None:
        try:
            act(event)
        except Exception:  # there is no root class for what the library stumbles over
            association.dul.kill_dul()
            association.dimse.msg_queue.put((None, None))
            if not association.is_established:  # somebody waits for the answer to our request
                association.dul.to_user_queue.put(None)  # type: ignore[arg-type]

    machine.do_action = act_or_end  # type: ignore[method-assign]


@contextmanager
def associated(
    peer: DicomPeer, contexts: Sequence[tuple[str, str]], timeout_s: float | None = None
) -> Iterator[Association]:
    """An association that stands, and is released at the end.

    Args:
        peer: whom to call.
        contexts: SOP class and transfer syntax of each presentation context, at most
            `MOST_CONTEXTS`; which of them the peer takes is found in its `accepted_contexts`.
        timeout_s: how long an answer may take, if not as long as the peer may be silent.

    Raises:
        ExtraMissing: pynetdicom is not installed.
        InvalidValue: a certificate cannot be used.
        PeerRefused: the peer does not want to talk to us.
        PeerUnreachable: it does not answer, or not as it must.
    """
    library = pynetdicom()
    entity = library.AE(ae_title=peer.calling)
    entity.connection_timeout = entity.acse_timeout = peer.timeout_s
    entity.dimse_timeout = timeout_s or peer.timeout_s
    entity.network_timeout = None  # we may be silent as long as we read from a store
    proposed = [library.build_context(VERIFICATION)]
    proposed += [library.build_context(name, [syntax]) for name, syntax in contexts]
    try:
        association: Association = entity.associate(
            peer.host,
            peer.port,
            contexts=proposed,
            ae_title=peer.aet,
            tls_args=(tls_context(peer.certificates), peer.host) if peer.tls else None,
            evt_handlers=[(library.evt.EVT_CONN_OPEN, guarded(peer.timeout_s))],
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise PeerUnreachable(url=peer.url, reason=plain(error)) from error
    if not association.is_established:
        raise _why(peer, association)
    try:
        yield association
    except BaseException:
        hang_up(association)
        raise
    if association.is_established:
        association.release()
    hang_up(association)


def hang_up(association: Association) -> None:
    """End an association at once, wherever it is."""
    connection = association.dul.socket
    line = None if connection is None else connection.socket
    if line is not None:
        with suppress(OSError):  # it may be closed already
            line.shutdown(socket.SHUT_RDWR)
    if not association.is_released:
        association.abort()
    if line is not None and association.dul is not threading.current_thread():
        # pynetdicom closes none that is shut down: a peer that goes on sending would wait for us.
        association.dul.join(_END_S)
        line.close()


def tls_context(certificates: Certificates) -> ssl.SSLContext:
    """What is believed, and shown, in TLS to a peer.

    Raises:
        InvalidValue: a file cannot be read, or holds no such thing.
    """
    try:
        context = ssl.create_default_context(cafile=certificates.authorities)
        if certificates.own is not None:
            context.load_cert_chain(certificates.own, certificates.key)
    except (OSError, ValueError) as error:
        reason = plain(getattr(error, "strerror", None) or error)
        raise InvalidValue(name="certificate", given=reason, allowed="files in PEM") from error
    return context


def meaning(status: int) -> str:
    """What a status of a store means (PS3.4, B.2.3); empty of success, and if nobody knows."""
    from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

    return STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))[1]


def _why(peer: DicomPeer, association: Association) -> PeerRefused | PeerUnreachable:
    """Why no association came about."""
    answer = association.acceptor.primitive
    if association.is_rejected and answer is not None:
        reason = f"{answer.result_str}, {answer.source_str}: {answer.reason_str}"
        return PeerRefused(url=peer.url, reason=plain(reason))
    return PeerUnreachable(url=peer.url, reason=_trouble(peer))


def _trouble(peer: DicomPeer) -> str:
    """What the network says of a peer that pynetdicom could not reach, without a reason."""
    try:
        with socket.create_connection((peer.host, peer.port), peer.timeout_s) as connection:
            if not peer.tls:
                return _NO_ROUTE
            context = tls_context(peer.certificates)
            with context.wrap_socket(connection, server_hostname=peer.host):
                return _NO_ROUTE
    except OSError as error:  # ssl's errors too
        return plain(error.strerror or error)
