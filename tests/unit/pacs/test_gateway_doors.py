"""Whoever can reach a gateway's doors, and means no good or knows no better."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pynetdicom import build_context
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from medibloc_py import pacs
from medibloc_py.errors import InstanceUnusable, PeerRefused
from medibloc_py.flows.gateway.service import Places, open_stages
from medibloc_py.flows.parties import Identity
from medibloc_py.pacs import accepted, intake, listener, web_connection
from medibloc_py.pacs.association import associated
from medibloc_py.pacs.dimse import echo
from medibloc_py.pacs.listener import DicomPlace
from medibloc_py.pacs.query import move_study
from medibloc_py.pacs.stow import WebPlace
from tests.flow.instances import instance
from tests.unit.pacs.running import BOTH, LOOPBACK, outgoing, running, statuses, wait

ONE = instance(1, 1)
MR = "1.2.840.10008.5.1.4.1.1.4"


def call(at: str) -> socket.socket:
    host, _, port = at.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def hung_up(line: socket.socket) -> bool:
    """Whether the other side ends a connection that is silent."""
    try:
        return line.recv(100) == b""
    except ConnectionError:
        return True


_OF_OTHERS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _own_threads_only() -> None:
    """What other tests left may take its time to end."""
    _OF_OTHERS.update(threading.enumerate())


def acceptors() -> list[threading.Thread]:
    """Threads of connections that are taken at the DICOM door of this test."""
    found = set(threading.enumerate()) - _OF_OTHERS
    return [each for each in found if each.name.startswith("AcceptorThread")]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has a connection say at once what it wants."""

    def be_hasty() -> None:
        for module in (accepted, web_connection, listener):
            monkeypatch.setattr(module, "GREETING_S", 0.2)

    return be_hasty


# Connections.


def test_who_is_silent_takes_nobodys_place(folder: Path, hospital: Identity) -> None:
    """More than there may be associations and requests; none of them says what it wants."""
    with running(folder, hospital) as gateway, ExitStack() as lines:
        for number in range(20):
            for door, half in (("DICOM", b"\x01\x00\x00"), ("DICOMweb", b"POST /studies HTT")):
                lines.enter_context(call(gateway.at(door))).sendall(half * (number % 2))
        assert statuses(gateway.peer, outgoing(ONE)) == [0]
        assert gateway.post(ONE)[0] == 200


def test_who_does_not_say_what_it_wants_is_hung_up_on(
    folder: Path, hospital: Identity, hasty: Callable[[], None]
) -> None:
    hasty()
    with running(folder, hospital) as gateway:
        for door, half in (("DICOM", b"\x01\x00\x00"), ("DICOMweb", b"POST /stu")):
            with call(gateway.at(door)) as silent, call(gateway.at(door)) as slow:
                slow.sendall(half)
                assert hung_up(silent)
                assert hung_up(slow)
        wait(lambda: not acceptors())


def test_connections_have_a_bound(
    folder: Path, hospital: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(DicomPlace(LOOPBACK, most_associations=1), WebPlace(LOOPBACK, most_requests=1))
    with running(folder, hospital, places) as gateway:
        for door in ("DICOM", "DICOMweb"):
            with ExitStack() as lines:
                for number in range(intake.CONNECTIONS):
                    lines.enter_context(call(gateway.at(door)))
                    wait(lambda door=door, n=number + 1: door != "DICOM" or len(acceptors()) == n)
                with call(gateway.at(door)) as one_more:
                    assert hung_up(one_more)
            wait(lambda: not acceptors())
        assert statuses(gateway.peer, outgoing(ONE)) == [0]
        assert gateway.post(ONE)[0] == 200
        assert len(gateway.said("too many connections")) == 1


def test_an_association_or_request_too_many_may_come_again(
    folder: Path, hospital: Identity
) -> None:
    places = Places(DicomPlace(LOOPBACK, most_associations=1), WebPlace(LOOPBACK, most_requests=1))
    head = b"POST /studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nContent-Type: "
    kind = b'multipart/related; type="application/dicom"; boundary=mark\r\n\r\n--'
    with running(folder, hospital, places) as gateway:
        with associated(gateway.peer, []):
            with pytest.raises(PeerRefused, match="Local limit exceeded"):
                echo(gateway.peer)
            (rejected,) = gateway.said("association rejected")
            assert rejected["caller"] == gateway.peer.calling
        wait(lambda: not acceptors())
        echo(gateway.peer)
        with call(gateway.at("DICOMweb")) as first:
            first.sendall(head + kind)
            wait(lambda: gateway.post(ONE)[0] == 503)
            first.sendall(b"mark--\r")
            assert first.recv(100).startswith(b"HTTP/1.1 400")
        assert gateway.post(ONE)[0] == 200


def test_a_monitor_that_connects_and_hangs_up_leaves_nothing_behind(
    folder: Path, hospital: Identity
) -> None:
    with running(folder, hospital, Places(DicomPlace(LOOPBACK))) as gateway:
        for _ in range(20):
            call(gateway.at("DICOM")).close()
        wait(lambda: not acceptors())
        assert statuses(gateway.peer, outgoing(ONE)) == [0]


# What is sent.


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(content)) + content


def request_of_association() -> bytes:
    asked = A_ASSOCIATE()
    asked.application_context_name = "1.2.840.10008.3.1.1.1"
    asked.calling_ae_title, asked.called_ae_title = "PACS", "MEDIBLOC"
    length, maker = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, maker.implementation_class_uid = 16384, "1.2.3"
    asked.user_information = [length, maker]
    context = build_context(MR, "1.2.840.10008.1.2.1")
    context.context_id = 1
    asked.presentation_context_definition_list = [context]
    made = A_ASSOCIATE_RQ()
    made.from_primitive(asked)
    return made.encode()


def command_of_store(uid: str) -> bytes:
    request, message, made = C_STORE(), C_STORE_RQ(), P_DATA_TF()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = MR, uid
    request.DataSet = BytesIO(bytes(100))
    message.primitive_to_message(request)
    made.from_primitive(next(iter(message.encode_msg(1, 16384))))
    return made.encode()


ASKED = request_of_association()
STORE = command_of_store("1.2.3.4711")
MAD = {
    **{f"begins with {kind}": (pdu(kind, bytes(68)),) for kind in (2, 3, 4, 5, 6, 9)},
    **{f"goes on with {kind}": (ASKED, pdu(kind, bytes(4))) for kind in (1, 2, 3, 6, 9)},
    "half a request": (ASKED[:40],),
    "no context": (ASKED.replace(b"\x20\x00", b"\x77\x00"),),
    "even context": (ASKED.replace(b"\x01\x00\x00\x00\x30", b"\x02\x00\x00\x00\x30"),),
    "text for UIDs": (ASKED.replace(b"1.2.840.10008.1.2.1", b"Unmistakable^Patien"),),
    "nonsense of lengths": (ASKED, pdu(4, struct.pack(">LBB", 0xFFFFFFFF, 1, 3) + b"xx")),
    "no command": (ASKED, STORE.replace(b"\0\0\0\1\2\0\0\0", b"\0\0\0\2\2\0\0\0")),
    "text for the instance": (ASKED, STORE.replace(b"1.2.3.4711", b"Unmistakab")),
    "a request of a page": (b"GET / HTTP/1.1\r\n\r\n",),
}


@contextmanager
def nothing_told() -> Iterator[None]:
    """No thread dies of an error, and no library warns, which would stand in the log."""
    told: list[object] = []
    before, threading.excepthook = threading.excepthook, told.append
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
        assert (told, [str(each.message) for each in warned]) == ([], [])
    finally:
        threading.excepthook = before


def test_what_is_no_dicom_ends_its_connection_and_is_told_to_nobody(
    folder: Path, hospital: Identity
) -> None:
    with nothing_told(), running(folder, hospital, Places(DicomPlace(LOOPBACK))) as gateway:
        for madness in MAD.values():
            with call(gateway.at("DICOM")) as line:
                for each in madness:
                    line.sendall(each)
                line.shutdown(socket.SHUT_WR)
                while not hung_up(line):
                    pass
        wait(lambda: not acceptors())
        assert statuses(gateway.peer, outgoing(ONE)) == [0]
        assert "Unmistakab" not in str(gateway.events)


def test_what_libraries_say_of_a_file_is_not_told(folder: Path, hospital: Identity) -> None:
    """They quote values that are not as the standard has them; many threads read at a time."""
    odd = ONE.replace(b"1.2.826.0.1.3680043.8.498.1.1\0", b"1.2.826.0.1.3680043.8.498.1..1")
    files = [odd.replace(b"498.1.1.1\0", f"498.1.1.{n}\0".encode()) for n in range(1, 5)]
    with nothing_told(), running(folder, hospital, BOTH) as gateway:
        senders = [threading.Thread(target=gateway.post, args=(file,)) for file in files]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        (file,) = outgoing(ONE)
        assert statuses(gateway.peer, [replace(file, sop_instance="1.2..3")]) == [0xA900]
        assert gateway.status().instances == 4


def instances_of(patient_id: bytes, charset: str) -> bytes:
    dataset = pydicom.dcmread(BytesIO(instance(1, 1, "PID-1234")))
    dataset.SpecificCharacterSet = charset
    file = BytesIO()
    dataset.save_as(file)
    return file.getvalue().replace(b"PID-1234", patient_id)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_id_that_cannot_be_read_is_no_id(folder: Path, hospital: Identity) -> None:
    """Two that differ where they cannot be decoded would be one, and one patient the other."""
    with open_stages(folder, hospital, reserve_bytes=0) as stages:
        for broken in (b"PID\xff1234", b"PID\xfe1234"):
            with pytest.raises(InstanceUnusable, match="character set"):
                stages.spool.take(instances_of(broken, "ISO_IR 192"))
        taken = [
            stages.spool.take(instances_of(known, charset).replace(b"1.1.1\0", number))
            for known, charset, number in (
                ("PIDä123".encode(), "ISO_IR 192", b"1.1.1\0"),
                ("PIDä1234".encode("latin-1"), "ISO_IR 100", b"1.1.2\0"),
                ("PIDя1234".encode("iso8859-5"), "ISO_IR 144", b"1.1.3\0"),
            )
        ]
        assert [stages.spool.whose(each.study).patient_id for each in taken] == [
            "PIDä123", "PIDä1234", "PIDя1234",
        ]  # fmt: skip


def test_a_study_of_two_patients_is_two(folder: Path, hospital: Identity) -> None:
    with running(folder, hospital) as gateway:
        mixed = [instance(1, 1), instance(1, 2, "PID-2"), instance(1, 3, "PID-1", issuer="town")]
        assert statuses(gateway.peer, outgoing(*mixed)) == [0, 0, 0]
        assert gateway.status().studies["receiving"] == 3


def test_nothing_can_be_read_through_a_door(folder: Path, hospital: Identity) -> None:
    study = "1.2.826.0.1.3680043.8.498.1"
    with running(folder, hospital) as gateway:
        assert gateway.post(ONE)[0] == 200
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            door = http.client.HTTPConnection(gateway.at("DICOMweb"), timeout=20)
            door.request(method, f"/studies/{study}")
            assert door.getresponse().status == 405
            door.close()
        for ask in (
            lambda: pacs.find(gateway.peer, pacs.Query(study=study)),
            lambda: move_study(gateway.peer, study, "PACS"),
        ):
            with pytest.raises(PeerRefused, match="takes no such query"):
                ask()
