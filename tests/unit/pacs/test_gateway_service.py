"""The gateway as it runs, spoken to by real peers: what it answers, refuses, and outlives."""

from __future__ import annotations

import datetime
import json
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medibloc_py import pacs
from medibloc_py.errors import (
    InvalidValue,
    ListenerFailed,
    MediBlocError,
    PeerRefused,
    WorkUnderway,
)
from medibloc_py.flows.gateway import service
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.service import Places, run_gateway
from medibloc_py.flows.gateway.stages import retry
from medibloc_py.flows.gateway.worker import Rules
from medibloc_py.flows.parties import Identity
from medibloc_py.imaging.instance import read_instance
from medibloc_py.pacs.dimse import echo
from medibloc_py.pacs.intake import Address
from medibloc_py.pacs.listener import DicomPlace
from medibloc_py.pacs.stow import WebPlace
from tests.flow.instances import instance
from tests.unit.pacs.running import (
    BOTH,
    LOOPBACK,
    Running,
    no_node,
    outgoing,
    running,
    statuses,
    wait,
)

TOKEN = "a token that nobody can guess, at all"


ONE, TWO = instance(1, 1), instance(1, 2)


def test_it_receives_while_the_chain_cannot_be_reached(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital, rules=Rules(quiet_s=0)) as gateway:
        assert statuses(gateway.peer, outgoing(ONE, TWO, ONE)) == [0, 0, 0]
        wait(lambda: bool(gateway.status().error))
        status = gateway.status()
        assert (status.instances, status.error.partition(":")[0]) == (2, "NodeUnreachable")
        tries = len(gateway.said("cannot go on"))
        wait(lambda: len(gateway.said("cannot go on")) > tries)
        pauses = [each["again_in_s"] for each in gateway.said("cannot go on")]
        assert pauses == sorted(set(pauses))
    with running(folder, hospital) as gateway:
        assert gateway.status().instances == 2
        assert gateway.post(TWO)[0] == 200
        assert gateway.status().instances == 2


def test_it_says_that_it_runs_and_where(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital) as gateway:
        wait(lambda: gateway.status().run is not None)
        status = gateway.status()
        assert status.runs
        assert status.run is not None
        assert status.run.pid == os.getpid()
        assert abs(status.run.since - time.time()) < 60
        assert status.run.listening == {
            "DICOM": gateway.at("DICOM"),
            "DICOMweb": gateway.at("DICOMweb"),
        }
        wait(lambda: bool(gateway.status().error))
        assert not gateway.status().well  # the chain is away
        told = gateway.told()
        # What another said that died is not told of the one that runs now.
        gateway.tell(json.dumps(json.loads(told) | {"born": "long ago"}))
        assert (gateway.status().runs, gateway.status().run) == (True, None)
        gateway.tell(told)
    status = gateway.status()
    assert (status.runs, status.run, status.well) == (False, None, False)
    gateway.tell(told)  # as one leaves it that is killed
    assert (gateway.status().runs, gateway.status().run) == (False, None)


def test_a_retry_ends_the_pause(
    folder: Path, hospital: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE_S", 1000)
    with running(folder, hospital) as gateway:
        wait(lambda: len(gateway.said("cannot go on")) == 1)
        retry(Database(folder / "spool.sqlite"))
        wait(lambda: len(gateway.said("cannot go on")) == 2)


def test_one_gateway_works_for_an_account(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital), pytest.raises(WorkUnderway):
        run_gateway(folder, hospital, no_node, Rules(), BOTH, print, threading.Event())


OPEN = Address("0.0.0.0", 0)


@pytest.mark.parametrize(
    ("places", "rules"),
    [
        (Places(DicomPlace(OPEN)), Rules()),
        (Places(web=WebPlace(OPEN)), Rules()),
        (Places(web=WebPlace(OPEN, token="short")), Rules()),
        (BOTH, Rules(treatment=True, options=("retain-uids",))),
        (BOTH, Rules(options=("retain-everything",))),
    ],
)
def test_a_door_is_not_left_open(
    folder: Path, hospital: Identity, places: Places, rules: Rules
) -> None:
    with pytest.raises(InvalidValue):
        run_gateway(folder, hospital, no_node, rules, places, print, threading.Event())
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["dicom", "web"])
def test_a_port_of_another_is_named(folder: Path, hospital: Identity, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Address("127.0.0.1", other.getsockname()[1])
        places = Places(**{kind: {"dicom": DicomPlace, "web": WebPlace}[kind](taken)})
        with pytest.raises(ListenerFailed) as raised:
            run_gateway(folder, hospital, no_node, Rules(), places, print, threading.Event())
    assert str(taken) in str(raised.value)


# C-STORE.


def test_callers_are_known_by_name(folder: Path, hospital: Identity) -> None:
    places = Places(DicomPlace(LOOPBACK, callers=("PACS",)))
    with running(folder, hospital, places) as gateway:
        echo(replace(gateway.peer, calling="PACS"))
        for stranger in (
            replace(gateway.peer, calling="STRANGER"),
            replace(gateway.peer, calling="PACS", aet="ANOTHER"),
        ):
            with pytest.raises(PeerRefused):
                echo(stranger)
        assert gateway.said("association rejected")[0]["caller"] == "STRANGER"


def test_what_was_not_announced_is_not_taken(folder: Path, hospital: Identity) -> None:
    (file,) = outgoing(ONE)
    lies = [
        replace(file, sop_instance="1.2.3.4"),
        replace(file, sop_class="1.2.840.10008.5.1.4.1.1.2"),
    ]
    with running(folder, hospital) as gateway:
        assert statuses(gateway.peer, lies) == [0xA900, 0xA900]
        assert gateway.status().instances == 0


def test_a_private_class_is_taken_and_what_is_no_instance_is_not(
    folder: Path, hospital: Identity
) -> None:
    (file,) = outgoing(ONE)
    broken = replace(file, sop_instance="1.2.3", read=lambda: ONE[: file.body] + b"\xff" * 40)
    private = ONE.replace(b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.826.0.1.3680043.9.9.99")
    assert read_instance(private).sop_class == "1.2.826.0.1.3680043.9.9.99"
    with running(folder, hospital) as gateway:
        assert statuses(gateway.peer, [broken, *outgoing(private)]) == [0xC000, 0]


def test_a_peer_that_sends_too_much_is_cut_off_and_others_are_not(
    folder: Path, hospital: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medibloc_py.pacs import accepted

    monkeypatch.setattr(accepted, "MOST_PDU_BYTES", 64 << 10)
    places = Places(DicomPlace(LOOPBACK, most_instance_bytes=100_000))
    (file,) = outgoing(ONE)
    large = replace(file, size_bytes=1 << 20, read=lambda: ONE + bytes(1 << 20))
    with running(folder, hospital, places) as gateway:
        assert [each.outcome for each in pacs.send(gateway.peer, [large])] == [pacs.Outcome.REFUSED]
        host, _, port = gateway.at("DICOM").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as rude:
            rude.sendall(b"\x01\x00\xff\xff\xff\xff" + bytes(100))  # a PDU of 4 GiB
            assert rude.recv(100) == b""
        assert statuses(gateway.peer, [file]) == [0]
        assert len(gateway.said("too much sent")) >= 2


# STOW-RS.


def test_each_instance_of_a_request_has_its_answer(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital) as gateway:
        status, said = gateway.post(ONE, instance(1, 1, text="changed"), b"nothing", TWO)
        assert status == 202
        stored = [each["00081155"]["Value"][0] for each in said["00081199"]["Value"]]
        assert stored == [read_instance(ONE).sop_instance, read_instance(TWO).sop_instance]
        failed = [each["00081197"]["Value"][0] for each in said["00081198"]["Value"]]
        assert failed == [0x0111, 0xC000]
        assert gateway.post(instance(1, 2, text="changed"))[0] == 409
        other = gateway.post(instance(1, 3), path="/studies/1.2.3")
        assert (other[0], other[1]["00081198"]["Value"][0]["00081197"]["Value"]) == (409, [0xA900])
        assert gateway.post(ONE, path=f"/studies/{read_instance(ONE).study}")[0] == 200


def test_a_request_that_does_not_hold_is_refused(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital, Places(web=WebPlace(LOOPBACK))) as gateway:
        for status, body, headers in (
            (415, None, {"content_type": "application/json"}),
            (400, None, {"content_type": 'multipart/related; type="application/dicom"'}),
            (406, None, {"accept": "application/dicom+xml"}),
            (400, None, {"host": "evil.example"}),
            (400, b"", {}),
            (415, b"--mark\r\nContent-Type: text/html\r\n\r\nx\r\n--mark--", {}),
            (400, b"--mark\r\nContent-Type: application/dicom\r\n\r\ncut of", {}),
            (400, b"--mark--", {}),
        ):
            assert gateway.post(ONE, body=body, **headers)[0] == status, (body, headers)
        assert gateway.post(ONE, path="/studies/not-a-uid")[0] == 400
        assert gateway.status().instances == 0


def test_a_token_is_asked_for(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital, Places(web=WebPlace(LOOPBACK, TOKEN))) as gateway:
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {TOKEN}"}):
            assert gateway.post(ONE, **wrong)[0] == 401
        assert gateway.post(ONE, authorization=f"Bearer {TOKEN}")[0] == 200
        assert TOKEN not in str(gateway.events)


def test_a_full_disk_is_told_in_either_way(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital, reserve_bytes=1 << 60) as gateway:
        assert statuses(gateway.peer, outgoing(ONE)) == [0xA700]
        assert gateway.post(ONE)[0] == 503
        assert gateway.said("instance not taken")[0]["error"] == "StoreFailed"


def test_many_senders_at_once_lose_nothing(folder: Path, hospital: Identity) -> None:
    """All send the same ten instances, and ten of their own."""
    found: list[int] = []

    def send(gateway: Running, sender: int) -> None:
        files = [instance(1, n) for n in range(10)] + [instance(2 + sender, n) for n in range(10)]
        found.extend(statuses(gateway.peer, outgoing(*files)))

    with running(folder, hospital) as gateway:
        senders = [threading.Thread(target=send, args=(gateway, n)) for n in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert found == [0] * 80
        status = gateway.status()
        assert (status.instances, status.studies["receiving"]) == (50, 5)


# TLS.


def certificate(folder: Path) -> pacs.Certificates:
    """A certificate of this machine's loopback that says of itself that it is right."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pacs.Certificates(folder / "cert.pem", folder / "cert.pem", folder / "key.pem")


def test_both_ways_go_under_tls_and_ask_for_a_certificate(
    folder: Path, hospital: Identity, tmp_path: Path
) -> None:
    ours = certificate(tmp_path / "tls")
    stranger = replace(ours, own=None, key=None)
    places = Places(DicomPlace(LOOPBACK, certificates=ours), WebPlace(LOOPBACK, certificates=ours))
    with running(folder, hospital, places) as gateway:
        port = gateway.at("DICOM").rpartition(":")[2]
        dicom = pacs.DicomPeer("MEDIBLOC", "localhost", int(port), tls=True, certificates=ours)
        with socket.create_connection(("127.0.0.1", int(port))):  # one who says nothing
            assert statuses(dicom, outgoing(ONE)) == [0]
        with pytest.raises(MediBlocError):
            echo(replace(dicom, certificates=stranger, timeout_s=5))
        web = f"https://localhost:{gateway.at('DICOMweb').rpartition(':')[2]}"
        assert statuses(pacs.WebPeer(web, certificates=ours), outgoing(TWO)) == [0]
        with pytest.raises(MediBlocError):
            statuses(pacs.WebPeer(web, certificates=stranger, timeout_s=5), outgoing(TWO))


def test_a_certificate_that_is_none_is_refused(
    folder: Path, hospital: Identity, tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for path in (tmp_path / "none.pem", tmp_path / "missing.pem"):
        places = Places(DicomPlace(LOOPBACK, certificates=pacs.Certificates(None, path, path)))
        with pytest.raises(InvalidValue):
            run_gateway(folder, hospital, no_node, Rules(), places, print, threading.Event())
