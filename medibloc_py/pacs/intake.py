"""Instances that come: what a listener gives on, and what it tells the sender."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from medibloc_py.errors import (
    InstanceConflicts,
    InstanceMismatched,
    InstanceUnusable,
    InvalidValue,
    MediBlocError,
    StoreFailed,
)
from medibloc_py.pacs.model import Certificates

MOST_INSTANCE_BYTES: Final = 1 << 30
"""Most that one instance may have that comes; it is held in memory while it does."""
SILENCE_S: Final = 60.0
"""How long who sends may be silent in the middle of something."""
GREETING_S: Final = 10.0
"""How long a connection may take until it said who calls, or what for."""
CONNECTIONS: Final = 4
"""Connections for each association or request that there may be: some have said nothing yet."""
SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700
_MISMATCH: Final = 0xA900
_NOT_UNDERSTOOD: Final = 0xC000
_DUPLICATE: Final = 0x0111
_PROCESSING_FAILURE: Final = 0x0110
_FAILURES: Final[dict[type[MediBlocError], int]] = {
    InstanceConflicts: _DUPLICATE,
    InstanceMismatched: _MISMATCH,
    InstanceUnusable: _NOT_UNDERSTOOD,
    StoreFailed: OUT_OF_RESOURCES,
}


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sender said of an instance beforehand; empty where it said nothing."""

    sop_class: str = ""
    sop_instance: str = ""
    study: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an instance that came.

    Attributes:
        sop_class, sop_instance: as it says; empty if it does not.
        status: 0 if no crash can take it away any more; else why it was not taken, in the
            codes of PS3.7 annex C and PS3.4 annex B, which PS3.18 uses too.
    """

    sop_class: str
    sop_instance: str
    status: int


Receive = Callable[[bytes, Announced], Received]
"""Takes a file of PS3.10, and raises nothing. Many threads call it."""
Note = Callable[..., None]
"""Told `(event, **values)`, of which none says who a patient is."""


def failure_of(error: MediBlocError | None) -> int:
    """The status that tells a sender of an error; None is a defect of ours."""
    return _FAILURES.get(type(error), _PROCESSING_FAILURE) if error else _PROCESSING_FAILURE


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host's name or address, and a port; 0 is any that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        with suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """Reads `host:port` or `[IPv6 address]:port`.

    Raises:
        InvalidValue: it is neither.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise InvalidValue(name="address", given=text, allowed="like 127.0.0.1:11112")
    return Address(host, int(port))


class _PatientContext(ssl.SSLContext):
    """A context whose handshake is the connection's own affair.

    Whoever listens would else wait for one client's handshake before it accepts another.
    """

    def wrap_socket(self, *given: Any, **named: Any) -> ssl.SSLSocket:
        """Wraps a socket; the handshake comes with its first bytes."""
        return super().wrap_socket(*given, **{**named, "do_handshake_on_connect": False})


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """TLS for a listener: its own certificate, and whom it demands one from.

    Raises:
        InvalidValue: a file cannot be read or is no such thing.
    """
    context = _PatientContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificates.own is None:
        raise InvalidValue(name="certificate", given="not set", allowed="a file in PEM")
    try:
        context.load_cert_chain(certificates.own, certificates.key)
        if certificates.authorities is not None:
            context.load_verify_locations(certificates.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unreadable"
        raise InvalidValue(name="certificate", given=reason, allowed="files in PEM") from error
    return context
