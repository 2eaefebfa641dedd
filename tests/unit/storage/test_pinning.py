"""What goes over the wire to a pinning service, and every way it may answer badly."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from medibloc_py.errors import (
    CidMismatch,
    InvalidValue,
    PinFailed,
    PinMissing,
    PinPending,
    StoreFailed,
    StoreUnreachable,
    TokenRefused,
)
from medibloc_py.model import Cid
from medibloc_py.storage import PinningService, PinRequest, PinState, again, pinning
from tests.fakes.pinning_service import TOKEN, Call, Service, serve
from tests.unit.storage.blobs import cid_of

CID = cid_of(b"a scan")
OTHER = cid_of(b"other")
ALL_STATES = "status=queued%2Cpinning%2Cpinned%2Cfailed&limit=1000"

Fault = Callable[[Call], None]


@pytest.fixture(scope="module")
def _service() -> Iterator[Service]:
    with serve() as service:
        yield service


@pytest.fixture
def service(_service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(again, "PAUSES_S", (0.01, 0.01, 0.01))
    monkeypatch.setattr(pinning, "_POLL_S", 0.01)
    _service.clear()
    return _service


@pytest.fixture
def client(service: Service) -> PinningService:
    return PinningService(service.url, TOKEN, timeout_s=5)


# Over the wire.


def test_pin_tells_the_cid_and_nothing_else(client: PinningService, service: Service) -> None:
    made = client.pin(CID)
    assert made == PinRequest("request/0", CID, PinState.QUEUED, "2026-01-01T00:00:00Z", "")
    assert service.bodies == [{"cid": CID}]
    assert service.requests == [f"GET /pins?{ALL_STATES}&cid={CID}", "POST /pins"]


def test_pin_tells_origins_and_a_name_if_given(client: PinningService, service: Service) -> None:
    client.pin(CID, ["/ip4/192.0.2.1/tcp/4001"], name="batch 7")
    assert service.bodies == [
        {"cid": CID, "name": "batch 7", "origins": ["/ip4/192.0.2.1/tcp/4001"]}
    ]


@pytest.mark.parametrize("state", ["queued", "pinning", "pinned"])
def test_pin_again_asks_for_nothing_new(
    client: PinningService, service: Service, state: str
) -> None:
    first = service.add({"cid": CID}, state)
    assert client.pin(CID).request == first["requestid"]
    assert len(service.pins) == 1


def test_pin_again_after_a_failure_asks_anew(client: PinningService, service: Service) -> None:
    service.add({"cid": CID}, "failed")
    assert client.pin(CID).request == "request/1"


def test_the_id_of_a_request_is_quoted(client: PinningService, service: Service) -> None:
    made = client.pin(CID)
    assert client.status(made.request).state is PinState.PINNING
    client.unpin(made.request)
    assert service.requests[2:] == ["GET /pins/request%2F0", "DELETE /pins/request%2F0"]
    assert not service.pins


def test_wait_looks_until_it_is_pinned(client: PinningService, service: Service) -> None:
    seen: list[PinState] = []
    done = client.wait(client.pin(CID), lambda request: seen.append(request.state))
    assert done.state is PinState.PINNED
    assert seen == [PinState.QUEUED, PinState.PINNING, PinState.PINNED]


def test_wait_tells_why_it_failed(client: PinningService, service: Service) -> None:
    service.lifecycle = ["queued", "failed"]
    made = client.pin(CID)
    service.pins[made.request]["info"] = {"status_details": "DAG too big\x1b[2J"}
    with pytest.raises(PinFailed, match=r"DAG too big�\[2J"):
        client.wait(made)


def test_wait_does_not_believe_a_failure_at_once(client: PinningService, service: Service) -> None:
    """As a cluster of several machines tells one while they agree."""
    service.lifecycle = ["queued", "failed", "pinning", "pinned"]
    seen: list[PinState] = []
    client.wait(client.pin(CID), lambda request: seen.append(request.state))
    assert [str(state) for state in seen] == service.lifecycle


def test_wait_gives_up_in_time(client: PinningService, service: Service) -> None:
    service.lifecycle = ["queued"]
    with pytest.raises(PinPending, match="queued"):
        client.wait(client.pin(CID), patience_s=0.1)


@pytest.mark.parametrize("asked", [10, 1000])
def test_requests_lists_all_pages(
    client: PinningService, service: Service, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    monkeypatch.setattr(pinning, "_PAGE", asked)
    service.page = 10
    for number in range(25):
        service.add({"cid": cid_of(b"%d" % number)}, "pinned")
    assert [each.request for each in client.requests()] == [
        f"request/{number}" for number in range(24, -1, -1)
    ]


def test_a_list_without_end_is_cut_off(
    client: PinningService, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinning, "_PAGE", 1)
    monkeypatch.setattr(pinning, "_MOST_PAGES", 20)

    def more(call: Call) -> None:
        call.say({"count": 9, "results": [service.add({"cid": CID}, "pinned")]})

    service.faults["GET"] = more
    with pytest.raises(StoreFailed, match="no end"):
        list(client.requests())


def test_unpin_of_what_the_service_does_not_know_is_no_error(client: PinningService) -> None:
    client.unpin("request/9")


def test_status_of_what_the_service_does_not_know_is_missing(client: PinningService) -> None:
    with pytest.raises(PinMissing, match="request/9"):
        client.status("request/9")


# What is never sent.


@pytest.mark.parametrize(
    "url", ["http://pins.example", "ftp://pins.example", "", "https://user:word@pins.example"]
)
def test_a_token_is_sent_over_no_open_line(url: str) -> None:
    with pytest.raises(InvalidValue):
        PinningService(url, TOKEN)


@pytest.mark.parametrize("token", ["", "two\r\nlines", "a b", "tökn", "\x00"])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        PinningService("https://pins.example", token)
    assert caught.value.values["given"] == "not shown"


@pytest.mark.parametrize("cid", ["", "x", "../pins", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz"])
def test_what_is_no_cid_is_sent_nowhere(client: PinningService, service: Service, cid: str) -> None:
    for act in (lambda: client.pin(Cid(cid)), lambda: list(client.requests(Cid(cid)))):
        with pytest.raises(InvalidValue):
            act()
    assert not service.requests


@pytest.mark.parametrize("request_id", ["", ".", "..", "x" * 2000])
def test_an_id_that_no_service_gave_is_sent_nowhere(
    client: PinningService, service: Service, request_id: str
) -> None:
    for act in (client.status, client.unpin):
        with pytest.raises(InvalidValue):
            act(request_id)
    assert not service.requests


def test_too_much_is_refused(client: PinningService) -> None:
    with pytest.raises(InvalidValue, match="name"):
        client.pin(CID, name="x" * 256)
    with pytest.raises(InvalidValue, match="origins"):
        client.pin(CID, ["/ip4/192.0.2.1/tcp/4001"] * 21)


# A service that answers badly.

ACTIONS: dict[str, tuple[str, Callable[[PinningService], object]]] = {
    "pin": ("POST", lambda client: client.pin(CID)),
    "status": ("GET", lambda client: client.status("request/0")),
    "requests": ("GET", lambda client: list(client.requests())),
    "unpin": ("DELETE", lambda client: client.unpin("request/0")),
}


@pytest.fixture(params=ACTIONS)
def action(
    request: pytest.FixtureRequest, client: PinningService, service: Service
) -> Callable[[Fault], None]:
    method, act = ACTIONS[request.param]

    def run(fault: Fault) -> None:
        service.faults[method] = fault
        act(client)

    return run


def test_a_wrong_token_is_told_and_not_shown(service: Service) -> None:
    client = PinningService(service.url, "another-token", timeout_s=5)
    for _, act in ACTIONS.values():
        with pytest.raises(TokenRefused, match="UNAUTHORIZED as told") as caught:
            act(client)
        assert "another-token" not in str(caught.value)


@pytest.mark.parametrize("code", [400, 402, 409, 454, 500, 505])
def test_a_refusal_is_told_in_its_own_words(action: Callable[[Fault], None], code: int) -> None:
    with pytest.raises(StoreFailed, match=f"{code} INSUFFICIENT_FUNDS as told"):
        action(lambda call: call.refuse(code, "INSUFFICIENT_FUNDS"))
    with pytest.raises(StoreFailed, match=f"says {code}") as caught:
        action(lambda call: call.plain(b"\x1b[2J" + b"{" * 5000, code))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


PIN: dict[str, Any] = {
    "requestid": "request/0", "status": "pinned", "created": "2026", "pin": {"cid": CID},
}  # fmt: skip
NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>hello</html>",
    "null": b"null",
    "a list": b"[1, 2]",
    "a deep one": b"[" * 200_000,
    "no UTF-8": b'{"requestid": "\xff"}',
    "no id": json.dumps({**PIN, "requestid": None}).encode(),
    "a number for an id": json.dumps({**PIN, "requestid": 5}).encode(),
    "an empty id": json.dumps({**PIN, "requestid": ""}).encode(),
    "an unknown state": json.dumps({**PIN, "status": "lost"}).encode(),
    "no pin": json.dumps({**PIN, "pin": "x"}).encode(),
    "info of a list": json.dumps({**PIN, "info": [1]}).encode(),
    "results of a text": b'{"count": 1, "results": "x"}',
    "a result of a text": b'{"count": 1, "results": ["x"]}',
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("name", ["pin", "status", "requests"])
def test_nonsense_is_told(client: PinningService, service: Service, name: str, body: bytes) -> None:
    method, act = ACTIONS[name]
    service.faults[method] = lambda call: call.plain(body)
    with pytest.raises(StoreFailed, match="no pinning service"):
        act(client)


def test_an_answer_about_another_blob_is_refused(client: PinningService, service: Service) -> None:
    service.faults["POST"] = lambda call: call.say(PIN | {"pin": {"cid": OTHER}}, 202)
    with pytest.raises(CidMismatch):
        client.pin(CID)
    service.faults["GET"] = lambda call: call.say({"results": [PIN | {"pin": {"cid": OTHER}}]})
    with pytest.raises(CidMismatch):
        list(client.requests(CID))
    service.faults["GET"] = lambda call: call.say(PIN | {"pin": {"cid": OTHER}})
    with pytest.raises(CidMismatch):
        client.wait(PinRequest("request/0", CID, PinState.QUEUED, "", ""))


def test_a_redirect_is_not_followed(action: Callable[[Fault], None], service: Service) -> None:
    """It would take the token along."""
    with pytest.raises(StoreFailed, match="redirected"):
        action(lambda call: call.plain(b"", 307, Location=f"{service.url}/elsewhere"))
    assert not [path for path in service.requests if "elsewhere" in path]


def test_an_answer_without_end_is_cut_off(
    client: PinningService, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinning, "_MOST_BYTES", 1000)
    service.faults["GET"] = lambda call: call.plain(b" " * 1_000_000)
    with pytest.raises(StoreFailed, match="no end"):
        client.status("request/0")


@pytest.mark.parametrize("name", ["status", "requests", "unpin"])
def test_what_may_be_asked_twice_is_asked_again(
    client: PinningService, service: Service, name: str
) -> None:
    method, act = ACTIONS[name]
    service.add({"cid": CID})
    left = [2]

    def drop(call: Call) -> None:
        left[0] -= 1
        if not left[0]:
            del service.faults[method]
        call.close_connection = True

    service.faults[method] = drop
    act(client)
    assert len(service.requests) == 3


def test_a_pin_is_not_asked_twice(client: PinningService, service: Service) -> None:
    service.faults["POST"] = lambda call: setattr(call, "close_connection", True)
    with pytest.raises(StoreUnreachable):
        client.pin(CID)
    assert service.requests.count("POST /pins") == 1


def test_a_service_that_hangs_is_unreachable_in_time(service: Service) -> None:
    done = threading.Event()
    service.faults["GET"] = lambda _: done.wait(10) and None
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="timed out"):
        PinningService(service.url, TOKEN, timeout_s=0.2).status("request/0")
    assert time.monotonic() - started < 3
    done.set()


def test_a_service_that_is_down_is_unreachable(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        client = PinningService(f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN, timeout_s=1)
        for _, act in ACTIONS.values():
            with pytest.raises(StoreUnreachable, match="refused"):
                act(client)
