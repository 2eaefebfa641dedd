"""What speaks to a PACS: without the libraries for it, and under TLS."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medibloc_py import pacs
from medibloc_py.errors import ExtraMissing, InvalidValue, PeerUnreachable
from medibloc_py.pacs import dimse
from tests.fakes.dicom_peer import answering
from tests.fakes.serving import Quiet, serving

ANYBODY = pacs.Query()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs")])
    now = datetime.now(UTC)
    own = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(certificate: Path, *, asking: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if asking:
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class NothingFound(Quiet, BaseHTTPRequestHandler):
    port: int

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()


@pytest.mark.parametrize(
    ("library", "act"),
    [
        ("pynetdicom", lambda: dimse.echo(pacs.DicomPeer("A", "127.0.0.1", 1))),
        ("pynetdicom", lambda: pacs.find(pacs.DicomPeer("A", "127.0.0.1", 1), ANYBODY)),
        ("requests", lambda: pacs.find(pacs.WebPeer("http://127.0.0.1:1"), ANYBODY)),
        ("dicomweb_client.api", lambda: pacs.find(pacs.WebPeer("http://127.0.0.1:1"), ANYBODY)),
    ],
)
def test_without_the_extra_it_says_what_to_install(
    library: str, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ExtraMissing, match=r"medibloc-py\[pacs\]"):
        act()


def test_a_dicom_peer_proves_who_it_is(certificate: Path) -> None:
    trusting = pacs.Certificates(authorities=certificate)
    with answering([], tls=server_context(certificate)) as port:
        peer = pacs.DicomPeer("FAKE", "127.0.0.1", port, tls=True, timeout_s=5)
        with pytest.raises(PeerUnreachable, match="certificate verify failed"):
            dimse.echo(peer)
        dimse.echo(replace(peer, certificates=trusting))
        with pytest.raises(PeerUnreachable, match="localhost"):  # it is not in the certificate
            dimse.echo(replace(peer, certificates=trusting, host="localhost"))


def test_a_dicom_peer_may_ask_for_ours(certificate: Path) -> None:
    trusting = pacs.Certificates(authorities=certificate)
    with answering([], tls=server_context(certificate, asking=True)) as port:
        peer = pacs.DicomPeer("FAKE", "127.0.0.1", port, tls=True, timeout_s=5)
        dimse.echo(replace(peer, certificates=replace(trusting, own=certificate)))
        with pytest.raises(PeerUnreachable):
            dimse.echo(replace(peer, certificates=trusting))


def test_a_web_server_proves_who_it_is(certificate: Path) -> None:
    with serving(NothingFound, "port", lambda port: port, server_context(certificate)) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(PeerUnreachable, match="certificate verify failed"):
            pacs.find(pacs.WebPeer(url), ANYBODY)
        trusting = pacs.Certificates(authorities=certificate)
        assert pacs.find(pacs.WebPeer(url, certificates=trusting), ANYBODY) == []


@pytest.mark.parametrize("of", [pacs.DicomPeer, pacs.WebPeer])
def test_files_that_are_no_certificates_are_refused(of: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("no certificate")
    for path in (tmp_path / "words", tmp_path / "missing"):
        for certificates in (pacs.Certificates(path), pacs.Certificates(own=path)):
            peer = (
                pacs.WebPeer("https://127.0.0.1:1", certificates=certificates)
                if of is pacs.WebPeer
                else pacs.DicomPeer("A", "127.0.0.1", 1, tls=True, certificates=certificates)
            )
            with pytest.raises(InvalidValue):
                pacs.find(peer, ANYBODY)
