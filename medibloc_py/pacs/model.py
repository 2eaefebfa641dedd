"""Peers and what goes between: plain values, without the libraries that speak to them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from medibloc_py.errors import InvalidValue

OUR_AET: Final = "MEDIBLOC"
"""What we call ourselves to a peer that is told nothing else."""
MOST_INSTANCE_BYTES: Final = 2 << 30
"""Most that one instance may have: each is held in memory once while it goes to a peer or comes."""
_DICOM: Final = "dicom"
_DICOM_TLS: Final = "dicom-tls"
_WEB: Final = ("http", "https")
_PEERS: Final = "dicom://AET@host:port, dicom-tls://AET@host:port, or https://host/dicom-web"
_PORTS: Final = {_DICOM: 11112, _DICOM_TLS: 2762}
"""As registered for `dicom` and `dicom-tls` (PS3.8, 9.1)."""
# The default character set without backslash and control characters (PS3.5, table 6.2-1).
_AET: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM for TLS; None where the system's, or none, are used.

    Attributes:
        authorities: whom to trust, instead of whom the system trusts.
        own: our certificate and those above it, for peers who ask for one.
        key: its private key.
    """

    authorities: Path | None = None
    own: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class DicomPeer:
    """An application entity that speaks DICOM (PS3.8).

    Attributes:
        aet: its AE title.
        calling: ours.
        tls: whether the connection is under TLS, which proves who the peer is.
        timeout_s: how long it may be silent.
    """

    aet: str
    host: str
    port: int
    calling: str = OUR_AET
    tls: bool = False
    certificates: Certificates = Certificates()
    timeout_s: float = 60.0

    @property
    def url(self) -> str:
        """As it is written for `read_peer`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_DICOM_TLS if self.tls else _DICOM}://{quote(self.aet)}@{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WebPeer:
    """A server that speaks DICOMweb (PS3.18).

    Attributes:
        url: its base, without a slash at its end.
        headers: sent with every request, such as an access token.
        timeout_s: how long it may be silent.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificates: Certificates = Certificates()
    timeout_s: float = 60.0


Peer = DicomPeer | WebPeer


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An instance that goes to a peer.

    Attributes:
        name: what to call it, in results and errors.
        body: where its data set begins in the file, behind preamble and file meta; bytes.
        size_bytes: of the file.
        read: gives the file (PS3.10); asked once it is its turn, and again if that failed.
    """

    name: str
    sop_class: str
    sop_instance: str
    study: str
    series: str
    transfer_syntax: str
    body: int
    size_bytes: int
    read: Callable[[], bytes]


class Outcome(StrEnum):
    """What became of an instance that went to a peer."""

    STORED = "stored"
    """The peer says that it has it now, or had the same before."""
    REFUSED = "refused"
    """The peer says that it did not take it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a peer said to one instance.

    Attributes:
        status: of DIMSE (PS3.7, annex C) or of the store's answer (PS3.18, table I.2-2); 0 is
            success, and a stored instance with another was stored with a warning.
        reason: why it was refused, or what was said besides; empty if nothing.
    """

    name: str
    sop_instance: str
    outcome: Outcome
    status: int = 0
    reason: str = ""


def refused(file: Outgoing, reason: str, status: int = 0) -> Sent:
    """What became of a file that a peer did not take."""
    return Sent(file.name, file.sop_instance, Outcome.REFUSED, status, reason)


@dataclass(frozen=True, slots=True)
class Query:
    """What a study is looked for by; what is empty is not asked for.

    Attributes:
        study: Study Instance UID.
        patient_id: Patient ID.
        accession: Accession Number.
        date: Study Date, `20260131`, or a range `20260101-20260131`.
        modality: Modalities in Study.
    """

    study: str = ""
    patient_id: str = ""
    accession: str = ""
    date: str = ""
    modality: str = ""


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study that a peer says it has; these facts name the patient.

    Attributes:
        study: Study Instance UID.
        patient_issuer: Issuer of Patient ID.
        date: Study Date, empty if it is not told.
        modalities: of its series, as far as told.
        instances: how many it has; 0 if it is not told.
    """

    study: str
    patient_id: str = ""
    patient_issuer: str = ""
    date: str = ""
    modalities: tuple[str, ...] = ()
    instances: int = 0


def read_peer(
    text: str,
    *,
    calling: str = OUR_AET,
    headers: Mapping[str, str] | None = None,
    certificates: Certificates | None = None,
) -> Peer:
    """Reads whom a text names.

    Args:
        text: `dicom://AET@host:port`, `dicom-tls://` with the same, or the base of a DICOMweb
            server, such as `https://pacs.example/dicom-web`.
        calling: our AE title to a DICOM peer.
        headers: for a DICOMweb server; not over plain HTTP to another machine.
        certificates: for TLS.

    Raises:
        InvalidValue: it names nobody, or these headers would go in the clear.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _no_peer(text) from None
    certificates = certificates or Certificates()
    if parts.scheme in _PORTS:
        return _dicom_peer(text, parts, port, calling, certificates)
    if parts.scheme in _WEB:
        return _web_peer(text, parts, headers or {}, certificates)
    raise _no_peer(text)


def _dicom_peer(
    text: str, parts: SplitResult, port: int | None, calling: str, certificates: Certificates
) -> DicomPeer:
    if not parts.username or not parts.hostname or parts.password is not None:
        raise _no_peer(text)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _no_peer(text)
    return DicomPeer(
        require_aet(unquote(parts.username)),
        parts.hostname,
        port or _PORTS[parts.scheme],
        require_aet(calling),
        parts.scheme == _DICOM_TLS,
        certificates,
    )


def _web_peer(
    text: str, parts: SplitResult, headers: Mapping[str, str], certificates: Certificates
) -> WebPeer:
    # A password in a URL would stand in every log and process list.
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise _no_peer(text)
    if headers and parts.scheme == "http" and not is_loopback(parts.hostname):
        allowed = "https://, because others on the way could read the headers"
        raise InvalidValue(name="PACS", given=text, allowed=allowed)
    return WebPeer(text.rstrip("/"), MappingProxyType(dict(headers)), certificates)


def _no_peer(text: str) -> InvalidValue:
    return InvalidValue(name="PACS", given=text, allowed=_PEERS)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def require_aet(text: str) -> str:
    """An AE title as it may be: 1 to 16 characters, none a backslash, no blank at an end.

    Raises:
        InvalidValue: it is not one.
    """
    if not _AET.fullmatch(text):
        raise InvalidValue(name="AE title", given=text, allowed="1 to 16 letters, digits or signs")
    return text


def read_headers(text: str) -> dict[str, str]:
    """Reads headers of HTTP, one a line, such as `Authorization: Bearer ...`.

    Raises:
        InvalidValue: a line is none; it is not repeated, because it may be a secret.
    """
    headers = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _HEADER.fullmatch(line.rstrip())
        if match is None:
            raise InvalidValue(name="header", given=f"line {number}", allowed="like Name: value")
        headers[match[1]] = match[2]
    return headers


def is_uid(text: str) -> bool:
    """Whether a text may stand where a UID is due: digits and dots, at most 64."""
    return _UID.fullmatch(text) is not None


def require_uid(text: str) -> str:
    """A UID, before it stands in a query or a path.

    Raises:
        InvalidValue: it is not one.
    """
    if not is_uid(text):
        raise InvalidValue(name="UID", given=text, allowed="digits and dots, at most 64")
    return text


def count_of(value: object) -> int:
    """A number as a peer tells it; 0 if it is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
