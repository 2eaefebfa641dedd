"""QIDO, WADO and STOW with servers that answer well, refuse, or are hostile."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from medibloc_py.errors import (
    InvalidValue,
    MediBlocError,
    PeerAnsweredWrong,
    PeerRefused,
    PeerUnreachable,
    StudyMissing,
)
from medibloc_py.pacs import http, stowing, web
from medibloc_py.pacs.model import Outcome, Outgoing, Query, WebPeer
from tests.fakes.serving import Quiet, serving

STUDY = "1.2.3"
_JSON = "application/dicom+json"
_MULTIPART = 'multipart/related; type="application/dicom"; boundary=cut'


@dataclass
class Answer:
    """What the server says to a request; pieces are sent with pauses in between."""

    status: int = 200
    body: bytes = b""
    kind: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)
    pieces: int = 1
    pause_s: float = 0.0
    length: int | None = None


@dataclass
class Server:
    """A DICOMweb server that gives these answers one after the other, the last for ever."""

    port: int
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def peer(self, timeout_s: float = 5, **headers: str) -> WebPeer:
        return WebPeer(f"http://127.0.0.1:{self.port}/dicom-web", headers, timeout_s=timeout_s)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(Quiet, BaseHTTPRequestHandler):
    server_state: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        state = self.server_state
        state.asked.append((self.command, self.path, dict(self.headers), body))
        answer = state.next()
        self.send_response(answer.status)
        length = len(answer.body) if answer.length is None else answer.length
        for name, value in {
            "Content-Type": answer.kind, "Content-Length": str(length), **answer.headers
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        step = -(-len(answer.body) // answer.pieces) or 1
        for start in range(0, len(answer.body), step):
            self.wfile.write(answer.body[start : start + step])
            self.wfile.flush()
            time.sleep(answer.pause_s)
        if length != len(answer.body):
            self.close_connection = True


@contextmanager
def answering(*answers: Answer) -> Iterator[Server]:
    with serving(Handler, "server_state", lambda port: Server(port, list(answers))) as server:
        yield server


def data_set(**values: object) -> dict[str, Any]:
    return {tag[1:]: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


def as_json(document: object) -> Answer:
    return Answer(body=json.dumps(document).encode())


def outgoing(name: str = "a", uid: str = "1.2.1", data: bytes = b"DATA") -> Outgoing:
    return Outgoing(
        name, "1.2", uid, STUDY, "1.2.4", "1.2.840.10008.1.2", 0, len(data), lambda: data
    )


# Searching.


def test_a_study_is_found_with_what_is_told_of_it() -> None:
    found = {
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "00100020": {"vr": "LO", "Value": ["PID"]},
        "00100021": {"vr": "LO"},
        "00080020": {"vr": "DA", "Value": ["20260131"]},
        "00080061": {"vr": "CS", "Value": ["CT", "SR"]},
        "00201208": {"vr": "IS", "Value": [12]},
    }
    with answering(as_json([found])) as server:
        token = {"Authorization": "Bearer t"}
        (study,) = web.search_studies(server.peer(**token), Query(patient_id="PID", date="2026"))
    assert (study.study, study.patient_id, study.patient_issuer) == (STUDY, "PID", "")
    assert (study.date, study.modalities, study.instances) == ("20260131", ("CT", "SR"), 12)
    ((_, path, headers, _),) = server.asked
    assert re.match(r"/dicom-web/studies\?.*PatientID=PID", path)
    assert "StudyDate=2026" in path
    assert "StudyInstanceUID" not in path
    assert headers["Authorization"] == "Bearer t"
    assert headers["Accept-Encoding"] == "identity"


def test_nothing_found_is_an_empty_list() -> None:
    for answer in (Answer(status=204, kind=""), as_json([])):
        with answering(answer) as server:
            assert web.search_studies(server.peer(), Query()) == []


def test_many_matches_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAGE", 2)
    pages = [[data_set(_00080018=f"1.2.{n}") for n in range(at, at + 2)] for at in (1, 3)]
    with answering(*map(as_json, [*pages, pages[0][:1]])) as server:
        assert web.search_instances(server.peer(), STUDY) == {f"1.2.{n}" for n in range(1, 5)}
    assert ["offset=4" in path for _, path, _, _ in server.asked] == [False, False, True]


WRONG = [
    Answer(body=b"{"),
    Answer(body=b"\xff\xfe"),
    Answer(body=b"[" * 100_000 + b"]" * 100_000),
    as_json("text"),
    as_json([1]),
    as_json([{"0020000D": 1}]),
    as_json([{}]),
    as_json([data_set(_0020000D="../..")]),
    as_json([data_set(_0020000D=STUDY, _00100020="P" * 300)]),
    as_json([data_set(_0020000D=STUDY)] * 4),
    Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    Answer(body=b"[]", headers={"Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize("answer", WRONG, ids=range(len(WRONG)))
def test_an_answer_that_no_standard_allows_is_used_for_nothing(answer: Answer) -> None:
    with answering(answer) as server, pytest.raises(PeerAnsweredWrong):
        web.search_studies(server.peer(), Query(), most=3)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_ANSWER_BYTES", 1 << 16)
    with (
        answering(Answer(body=b"[" + b" " * (1 << 17))) as server,
        pytest.raises(PeerAnsweredWrong),
    ):
        web.search_studies(server.peer(), Query())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PeerRefused), (401, PeerRefused), (403, PeerRefused), (404, StudyMissing),
        (500, PeerRefused), (429, PeerUnreachable), (503, PeerUnreachable),
    ],
)  # fmt: skip
def test_a_status_is_an_error_of_its_own(status: int, error: type[MediBlocError]) -> None:
    with answering(Answer(status=status)) as server:
        with pytest.raises(error):
            web.search_studies(server.peer(), Query())
        assert len(server.asked) == 1


def test_a_trickle_and_silence_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    trickle = Answer(body=b" " * 40, pieces=40, pause_s=0.05)
    silence = Answer(body=b"[]", pause_s=1.0, pieces=2)
    for answer in (trickle, silence):
        begun = time.monotonic()
        with answering(answer) as server, pytest.raises(PeerUnreachable):
            web.search_studies(server.peer(timeout_s=0.3), Query())
        assert time.monotonic() - begun < 3


# Retrieving.


def parts(*contents: bytes, end: bytes = b"--cut--") -> bytes:
    head = b"--cut\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + content + b"\r\n" for content in contents) + end


def test_instances_come_one_by_one_as_they_are() -> None:
    files = [bytes(range(256)) * 300, b"\r\n--cu", b"\r\n" * 5]
    with answering(Answer(body=parts(*files), kind=_MULTIPART, pieces=7)) as server:
        assert list(web.retrieve_study(server.peer(), STUDY)) == files
    ((_, path, headers, _),) = server.asked
    assert path == "/dicom-web/studies/1.2.3"
    assert "transfer-syntax=*" in headers["Accept"]


def test_what_came_before_a_break_is_whole() -> None:
    body = parts(b"first", b"second")
    cut = Answer(body=body[:-15], kind=_MULTIPART, length=len(body))
    with answering(cut) as server:
        came = web.retrieve_study(server.peer(), STUDY)
        assert next(came) == b"first"
        with pytest.raises(PeerUnreachable):
            list(came)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"no parts", kind="text/html"),
        Answer(body=b"", kind="multipart/related"),
        Answer(body=parts(b"a", end=b""), kind=_MULTIPART),
        Answer(body=b"--cut\r\n" + b"x" * (1 << 16), kind=_MULTIPART),
        Answer(body=parts(b"too long for this test" * 100), kind=_MULTIPART),
    ],
    ids=range(5),
)
def test_a_body_that_is_no_study_is_told(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_INSTANCE_BYTES", 1000)
    with answering(answer) as server, pytest.raises(PeerAnsweredWrong):
        list(web.retrieve_study(server.peer(), STUDY))


def test_what_is_no_uid_is_not_asked_for() -> None:
    with answering(Answer()) as server:
        for ask in (web.retrieve_study, web.search_instances):
            with pytest.raises(InvalidValue):
                list(ask(server.peer(), "../patients"))
    assert server.asked == []


# Storing.


def told(failed: dict[str, int] | None = None, kept: dict[str, int] | None = None) -> Answer:
    def sequence(items: dict[str, int] | None, reason: str) -> dict[str, Any]:
        return {
            "vr": "SQ",
            "Value": [
                {"00081155": {"vr": "UI", "Value": [uid]}}
                | ({reason: {"vr": "US", "Value": [status]}} if status else {})
                for uid, status in (items or {}).items()
            ],
        }

    return as_json(
        {"00081198": sequence(failed, "00081197"), "00081199": sequence(kept, "00081196")}
    )


def test_a_store_sends_the_files_as_they_are() -> None:
    files = [outgoing("a", "1.2.1", b"first\r\n--"), outgoing("b", "1.2.2", bytes(100_000))]
    with answering(told(kept={"1.2.1": 0, "1.2.2": 0xB000})) as server:
        sent = list(stowing.stow(server.peer(), files))
    assert [(each.name, each.outcome, each.status) for each in sent] == [
        ("a", Outcome.STORED, 0),
        ("b", Outcome.STORED, 0xB000),
    ]
    assert sent[1].reason == "Coercion of Data Elements"
    ((_, path, headers, body),) = server.asked
    assert path == "/dicom-web/studies"
    boundary = headers["Content-Type"].rpartition("boundary=")[2].encode()
    head = b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n"
    contents = b"".join(head + file.read() + b"\r\n" for file in files)
    assert body == contents + b"--" + boundary + b"--\r\n"


def test_no_boundary_is_used_twice() -> None:
    with answering(Answer()) as server:
        for _ in range(3):
            assert [each.outcome for each in stowing.stow(server.peer(), [outgoing()])] == [
                "stored"
            ]
    assert len({headers["Content-Type"] for _, _, headers, _ in server.asked}) == 3


def test_what_is_refused_stops_nothing_and_says_why() -> None:
    answer = told(failed={"1.2.2": 0xA700}, kept={"1.2.1": 0})
    answer.status = 202
    files = [outgoing(f"{n}", f"1.2.{n}") for n in (1, 2, 3)]
    with answering(answer) as server:
        sent = list(stowing.stow(server.peer(), files))
    assert [each.outcome for each in sent] == ["stored", "refused", "refused"]
    assert sent[1].reason == "Refused: Out of Resources (failure reason 0xa700)"
    assert "nothing of this one" in sent[2].reason


def test_one_that_a_server_cannot_read_does_not_hide_the_others() -> None:
    files = [outgoing(f"{n}", f"1.2.{n}") for n in (1, 2, 3)]
    fine, bad = Answer(), Answer(status=400, body=b"<html>", kind="text/html")
    with answering(bad, fine, bad, fine) as server:
        sent = list(stowing.stow(server.peer(), files))
    assert [each.outcome for each in sent] == ["stored", "refused", "stored"]
    assert len(server.asked) == 4


def test_many_files_go_in_batches_and_a_long_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stowing, "_BATCH_FILES", 3)
    monkeypatch.setattr(stowing, "_BATCH_BYTES", 1000)
    monkeypatch.setattr(stowing, "MOST_INSTANCE_BYTES", 5000)
    sizes = [10, 10, 10, 10, 995, 4, 3, 2000, 1, 6000]
    files = [outgoing(f"{n}", f"1.2.{n}", bytes(size)) for n, size in enumerate(sizes)]
    with answering(Answer()) as server:
        sent = list(stowing.stow(server.peer(), files))
    batches = [body.count(b"Content-Type") for _, _, _, body in server.asked]
    assert batches == [3, 1, 2, 1, 1, 1]
    assert [each.outcome for each in sent] == [*["stored"] * 9, "refused"]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 302])
def test_a_server_that_does_not_want_us_ends_it(status: int) -> None:
    with answering(Answer(status=status)) as server:
        with pytest.raises((PeerRefused, PeerAnsweredWrong)):
            list(stowing.stow(server.peer(), [outgoing(), outgoing("b", "1.2.2")]))
        assert len(server.asked) == 1


def test_a_batch_whose_answer_did_not_come_goes_once_more() -> None:
    later = Answer(status=503)
    with answering(later, Answer()) as server:
        assert [each.outcome for each in stowing.stow(server.peer(), [outgoing()])] == ["stored"]
    with answering(later) as server, pytest.raises(PeerUnreachable):
        list(stowing.stow(server.peer(), [outgoing()]))
    assert len(server.asked) == 2


def test_an_answer_to_a_store_that_is_none_is_told() -> None:
    for body in (b"[1]", b"{", b"[" * 100_000):
        with answering(Answer(body=body)) as server, pytest.raises(PeerAnsweredWrong):
            list(stowing.stow(server.peer(), [outgoing()]))


def test_a_file_that_is_shorter_than_promised_is_told() -> None:
    short = outgoing()
    with answering(Answer()) as server, pytest.raises(MediBlocError):
        list(stowing.stow(server.peer(timeout_s=0.3), [_promising(short, 10)]))


def _promising(file: Outgoing, size_bytes: int) -> Outgoing:
    from dataclasses import replace

    return replace(file, size_bytes=size_bytes)
