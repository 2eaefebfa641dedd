"""C-STORE, C-FIND and C-MOVE with peers that answer well, refuse, or go mad."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydicom import Dataset
from pynetdicom import AllStoragePresentationContexts, _config
from pynetdicom.events import Event

from medibloc_py.errors import (
    MediBlocError,
    PeerAnsweredWrong,
    PeerRefused,
    PeerUnreachable,
    StudyMissing,
)
from medibloc_py.imaging.instance import read_instance
from medibloc_py.imaging.samples import sample
from medibloc_py.pacs import association, dimse, query
from medibloc_py.pacs.model import DicomPeer, Outcome, Outgoing, Query
from tests.fakes.dicom_peer import answering, going_mad

# Of the values that no standard allows.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CT = sample("CT_small.dcm").read_bytes()
CT_CLASS, MR_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
FIND, MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
STUDY = "1.2.3"


def outgoing(file: bytes = CT, name: str = "file", **changed: Any) -> Outgoing:
    found = read_instance(file)
    made = Outgoing(
        name=name,
        sop_class=found.sop_class,
        sop_instance=found.sop_instance,
        study=found.study,
        series=found.series,
        transfer_syntax=found.transfer_syntax,
        body=found.body,
        size_bytes=len(file),
        read=lambda: file,
    )
    return replace(made, **changed)


def peer_at(port: int, timeout_s: float = 10) -> DicomPeer:
    return DicomPeer("FAKE", "127.0.0.1", port, timeout_s=timeout_s)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dimse, "_PAUSE_S", 0.01)


# Storing.


def test_a_data_set_arrives_as_the_bytes_it_is() -> None:
    came: list[bytes] = []

    def store(event: Event) -> int:
        came.append(event.request.DataSet.getvalue())
        return 0

    file = outgoing()
    with answering([(CT_CLASS, [EXPLICIT])], store=store) as port:
        (sent,) = dimse.store(peer_at(port), [file])
    assert came == [CT[file.body :]]
    assert (sent.outcome, sent.status, sent.reason) == (Outcome.STORED, 0, "")
    assert (sent.name, sent.sop_instance) == (file.name, file.sop_instance)


def test_a_deflated_data_set_is_made_even_and_any_other_odd_one_stays() -> None:
    came: list[bytes] = []

    def store(event: Event) -> int:
        came.append(event.request.DataSet.getvalue())
        return 0

    odd = CT + b"\1" if (len(CT) - outgoing().body) % 2 == 0 else CT
    deflated = outgoing(odd, "deflated", transfer_syntax=DEFLATED)
    with answering([(CT_CLASS, [DEFLATED, EXPLICIT])], store=store) as port:
        sent = list(dimse.store(peer_at(port), [deflated, outgoing(odd, "cut")]))
    assert came == [odd[deflated.body :] + b"\0"]
    assert {each.name: each.outcome for each in sent} == {"deflated": "stored", "cut": "refused"}


def test_what_is_refused_stops_nothing_and_says_why() -> None:
    def store(event: Event) -> Dataset:
        status = Dataset()
        status.Status = {"1.2.1": 0xA700, "1.2.2": 0xB000, "1.2.4": 0x0122}.get(
            event.request.AffectedSOPInstanceUID, 0
        )
        status.ErrorComment = "no room\x1b[2J" if status.Status == 0xA700 else None
        return status

    files = [outgoing(name=f"{n}", sop_instance=f"1.2.{n}") for n in range(1, 6)]
    files.append(outgoing(name="class", sop_class=MR_CLASS))
    files.append(outgoing(name="long", size_bytes=(2 << 30) + 2))
    with answering([(CT_CLASS, [EXPLICIT])], store=store) as port:
        sent = {each.name: each for each in dimse.store(peer_at(port), files)}
    told = {name: (each.outcome.value, each.status) for name, each in sent.items()}
    assert told == {
        "1": ("refused", 0xA700),
        "2": ("stored", 0xB000),
        "3": ("stored", 0),
        "4": ("refused", 0x0122),
        "5": ("stored", 0),
        "class": ("refused", 0),
        "long": ("refused", 0),
    }
    assert sent["1"].reason == "Refused: Out of Resources: no room�[2J"
    assert sent["2"].reason == "Coercion of Data Elements"


def test_more_kinds_than_an_association_has_room_for_go_in_several() -> None:
    kinds = [(str(each.abstract_syntax), [EXPLICIT]) for each in AllStoragePresentationContexts]
    files = [outgoing(name=name, sop_class=name) for name, _ in kinds]
    associations: set[object] = set()

    def store(event: Event) -> int:
        associations.add(event.assoc)
        return 0

    with answering(kinds, store=store) as port:
        sent = list(dimse.store(peer_at(port), files))
    assert [each.outcome for each in sent] == [Outcome.STORED] * len(kinds)
    assert 127 < len(kinds) < 254
    assert len(associations) == 2


def test_an_instance_in_whose_way_the_connection_broke_goes_again() -> None:
    broken: list[str] = []

    def store(event: Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        if uid not in broken:
            broken.append(uid)
            event.assoc.abort()
        return 0

    files = [outgoing(name=f"{n}", sop_instance=f"1.2.{n}") for n in range(3)]
    with answering([(CT_CLASS, [EXPLICIT])], store=store) as port:
        sent = list(dimse.store(peer_at(port), files))
    assert [(each.name, each.outcome) for each in sent] == [(f"{n}", "stored") for n in range(3)]


def test_an_instance_on_which_a_peer_always_hangs_up_is_refused_and_the_rest_goes() -> None:
    def store(event: Event) -> int:
        if event.request.AffectedSOPInstanceUID == "1.2.1":
            event.assoc.abort()
        return 0

    files = [outgoing(name=f"{n}", sop_instance=f"1.2.{n}") for n in range(3)]
    with answering([(CT_CLASS, [EXPLICIT])], store=store) as port:
        sent = list(dimse.store(peer_at(port), files))
    assert [each.outcome.value for each in sent] == ["stored", "refused", "stored"]


def test_what_reading_a_file_raises_comes_through_and_ends_the_association() -> None:
    def damaged() -> bytes:
        raise PeerRefused(url="the store", reason="a failure of the store")

    with answering([(CT_CLASS, [EXPLICIT])]) as port:
        with pytest.raises(PeerRefused):
            list(dimse.store(peer_at(port), [outgoing(read=damaged)]))
        assert [each.outcome for each in dimse.store(peer_at(port), [outgoing()])] == ["stored"]


def test_whoever_takes_no_more_results_ends_the_association() -> None:
    with answering([(CT_CLASS, [EXPLICIT])]) as port:
        results = dimse.store(peer_at(port), [outgoing(), outgoing()])
        next(results)
        assert isinstance(results, Iterator)
        results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if "Requestor" in thread.name]


# Peers that are not there, do not want us, or go mad.


def test_a_peer_that_does_not_know_its_title_refuses() -> None:
    with answering([]) as port:
        dimse.echo(peer_at(port))
        with pytest.raises(PeerRefused, match="title not recognised"):
            dimse.echo(replace(peer_at(port), aet="OTHER"))


def test_a_peer_that_is_not_there_is_told_with_the_networks_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for host, reason in (
        ("127.0.0.1", "refused"),
        ("no-such-host.invalid", "not known|resolution"),
    ):
        with pytest.raises(PeerUnreachable, match=reason):
            dimse.echo(replace(peer_at(port), host=host))


def hang(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(0.5)


def hang_up(connection: socket.socket) -> None:
    connection.recv(1)


def half_a_pdu(connection: socket.socket) -> None:
    connection.sendall(b"\x04\x00\x00\x00\x10\x00half")
    time.sleep(0.5)


def endless_pdu(connection: socket.socket) -> None:
    connection.sendall(b"\x04\x00\xff\xff\xff\xff")
    for _ in range(64):
        connection.sendall(bytes(1 << 20))


def no_pdu(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 10)
    time.sleep(0.5)


def no_command(connection: socket.socket) -> None:
    """An answer that does not say what it is: a status alone."""
    said = b"\0\0\0\0\x04\0\0\0\x0a\0\0\0" + b"\0\0\0\x09\x02\0\0\0\0\0"
    piece = (len(said) + 2).to_bytes(4, "big") + b"\x01\x03" + said
    connection.sendall(b"\x04\x00" + len(piece).to_bytes(4, "big") + piece)
    time.sleep(0.5)


def pieces_without_end(connection: socket.socket) -> None:
    data = b"\x01\x02" + bytes(16_000)  # a piece of a data set that is not the last
    piece = (len(data)).to_bytes(4, "big") + data
    for _ in range(1 << 16):
        connection.sendall(b"\x04\x00" + len(piece).to_bytes(4, "big") + piece)


@pytest.fixture(scope="module")
def sane() -> Iterator[int]:
    """A peer for others to stand before."""
    with answering([(CT_CLASS, [EXPLICIT]), (FIND, [IMPLICIT]), (MOVE, [IMPLICIT])]) as port:
        yield port


@pytest.mark.parametrize("madness", [hang, hang_up, half_a_pdu, endless_pdu, no_pdu, no_command])
@pytest.mark.parametrize("act", ["echo", "store", "find", "move"])
def test_a_mad_peer_ends_in_a_typed_error_in_time(
    sane: int, madness: Callable[[socket.socket], None], act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []  # of threads that die of an error, with a traceback
    monkeypatch.setattr(threading, "excepthook", told.append)
    acts: dict[str, Callable[[DicomPeer], Any]] = {
        "echo": dimse.echo,
        "store": lambda peer: list(dimse.store(peer, [outgoing()])),
        "find": lambda peer: query.find_studies(peer, Query()),
        "move": lambda peer: query.move_study(peer, STUDY, "US", patience_s=0.3),
    }
    begun = time.monotonic()
    with going_mad(sane, madness) as mad:
        if act == "store":  # it hung up on it: the instance is refused
            assert [each.outcome for each in acts[act](peer_at(mad, 0.3))] == [Outcome.REFUSED]
        else:
            with pytest.raises((PeerUnreachable, PeerAnsweredWrong)):
                acts[act](peer_at(mad, 0.3))
    assert time.monotonic() - begun < 10
    assert told == []


def test_a_peer_that_reads_no_more_is_not_waited_for(sane: int) -> None:
    long = CT + bytes(16 << 20)
    begun = time.monotonic()
    with going_mad(sane, hang) as mad:
        (sent,) = dimse.store(peer_at(mad, 0.3), [outgoing(long)])
    assert sent.outcome is Outcome.REFUSED
    assert time.monotonic() - begun < 10


def test_answers_without_end_are_cut_off(sane: int, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = association.guarded
    monkeypatch.setattr(association, "guarded", lambda timeout_s: guarded(timeout_s, 1 << 20))
    with going_mad(sane, pieces_without_end) as mad, pytest.raises(PeerUnreachable):
        query.find_studies(peer_at(mad, 5), Query())


def test_an_answer_to_something_else_is_no_answer() -> None:
    from pynetdicom.dimse_primitives import C_ECHO

    for answer in (None, C_ECHO(), "text"):
        with pytest.raises(PeerAnsweredWrong):
            dimse._judged(peer_at(1), outgoing(), 1, answer)


# Queries.


def study(**values: object) -> Dataset:
    found = Dataset()
    found.QueryRetrieveLevel = "STUDY"
    for keyword, value in ({"StudyInstanceUID": STUDY} | values).items():
        setattr(found, keyword, value)
    return found


def finding(*found: Dataset, status: int = 0xFF00) -> Callable[[Event], Iterator[Any]]:
    def find(event: Event) -> Iterator[Any]:
        for each in found:
            yield status, each

    return find


def test_a_study_is_found_with_what_is_told_of_it() -> None:
    asked: list[Dataset] = []
    told = study(
        PatientID="PID", IssuerOfPatientID="CLINIC", StudyDate="20260131",
        ModalitiesInStudy=["CT", "SR"], NumberOfStudyRelatedInstances=12,
    )  # fmt: skip

    def find(event: Event) -> Iterator[Any]:
        asked.append(event.identifier)
        yield 0xFF00, told
        yield 0xFF00, study(StudyInstanceUID="1.2.4")

    with answering([(FIND, [IMPLICIT])], find=find) as port:
        found = query.find_studies(peer_at(port), Query(patient_id="PID", date="2026-"))
    full, bare = found
    assert (asked[0].PatientID, asked[0].StudyDate) == ("PID", "2026-")
    assert (full.patient_id, full.patient_issuer, full.date) == ("PID", "CLINIC", "20260131")
    assert (full.modalities, full.instances) == (("CT", "SR"), 12)
    assert (bare.study, bare.patient_id, bare.modalities, bare.instances) == ("1.2.4", "", (), 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"StudyInstanceUID": ""},
        {"StudyInstanceUID": "../x"},
        {"StudyInstanceUID": "1" * 70},
        {"PatientID": "P" * 300},
    ],
)
def test_an_answer_that_no_standard_allows_is_used_for_nothing(wrong: dict[str, str]) -> None:
    with (
        answering([(FIND, [IMPLICIT])], find=finding(study(**wrong))) as port,
        pytest.raises(PeerAnsweredWrong),
    ):
        query.find_studies(peer_at(port), Query())


def test_a_query_that_is_refused_or_too_wide_is_told() -> None:
    refusing = answering([(FIND, [IMPLICIT])], find=finding(study(), status=0xA700))
    with refusing as port, pytest.raises(PeerRefused, match="0xa700"):
        query.find_studies(peer_at(port), Query())
    telling = answering([(FIND, [IMPLICIT])], find=finding(*[study()] * 3))
    with telling as port, pytest.raises(PeerAnsweredWrong, match="more than 2"):
        query.find_studies(peer_at(port), Query(), most=2)
    with answering([]) as port, pytest.raises(PeerRefused, match="no such query"):
        query.find_studies(peer_at(port), Query())


@pytest.mark.parametrize(
    ("status", "error"), [(0xA801, PeerRefused), (0xC000, PeerRefused), (0, StudyMissing)]
)
def test_a_move_that_brings_nothing_is_told(status: int, error: type[MediBlocError]) -> None:
    def move(event: Event) -> Iterator[Any]:
        if status == 0xC000:
            raise ValueError("the peer's own defect")
        yield (None, None) if status else ("127.0.0.1", 1)
        yield 0

    with answering([(MOVE, [IMPLICIT])], move=move) as port, pytest.raises(error):
        query.move_study(peer_at(port), STUDY, "US")


def test_nothing_of_a_query_is_logged() -> None:
    with answering([]) as port:
        dimse.echo(peer_at(port))
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS
