"""A gateway in threads of this process, as it runs, and what is sent to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medibloc_py import pacs
from medibloc_py.chain import Network
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.service import Places, run_gateway
from medibloc_py.flows.gateway.stages import noted
from medibloc_py.flows.gateway.status import Status, status_of
from medibloc_py.flows.gateway.worker import Rules
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.imaging.instance import read_instance
from medibloc_py.pacs.intake import Address
from medibloc_py.pacs.listener import DicomPlace
from medibloc_py.pacs.stow import WebPlace
from tests.flow.instances import NAME

LOOPBACK = Address("127.0.0.1", 0)
BOTH = Places(DicomPlace(LOOPBACK), WebPlace(LOOPBACK))


def no_node() -> Exchange:
    """The chain cannot be reached: nobody listens at port 9."""
    Network.connect("http://127.0.0.1:9")
    raise AssertionError("somebody listens there")


@dataclass
class Running:
    """A gateway in threads of this process."""

    folder: Path
    hospital: Identity
    events: list[dict[str, Any]] = field(default_factory=list)

    def note(self, event: str, **values: Any) -> None:
        self.events.append({"event": event, **values})

    def said(self, event: str) -> list[dict[str, Any]]:
        return [each for each in list(self.events) if each["event"] == event]

    def at(self, kind: str) -> str:
        (found,) = [each["at"] for each in self.said("listening") if each["by"] == kind]
        return str(found)

    @property
    def peer(self) -> pacs.DicomPeer:
        peer = pacs.read_peer(f"dicom://MEDIBLOC@{self.at('DICOM')}")
        assert isinstance(peer, pacs.DicomPeer)
        return peer

    def status(self) -> Status:
        with closing(Database(self.folder / "spool.sqlite")) as database:
            return status_of(database)

    def told(self) -> str:
        """What it noted of its run."""
        with closing(Database(self.folder / "spool.sqlite")) as database:
            return noted(database, "run")[1]

    def tell(self, text: str) -> None:
        """Notes something else in its place."""
        with (
            closing(Database(self.folder / "spool.sqlite")) as database,
            database.writing() as write,
        ):
            write("UPDATE note SET text = ? WHERE name = 'run'", text)

    def post(
        self, *contents: bytes, path: str = "/studies", body: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """A request of STOW-RS, and what is answered."""
        mark = b"--mark\r\nContent-Type: application/dicom\r\n\r\n"
        sent = b"".join(mark + each + b"\r\n" for each in contents) + b"--mark--"
        named = {
            "content-type": 'multipart/related; type="application/dicom"; boundary=mark',
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        door = http.client.HTTPConnection(self.at("DICOMweb"), timeout=20)
        try:
            door.request("POST", path, sent if body is None else body, named)
            answer = door.getresponse()
            said = answer.read()
        finally:
            door.close()
        is_json = answer.headers.get_content_type() == "application/dicom+json"
        return answer.status, json.loads(said) if is_json else said.decode()


@contextmanager
def running(
    folder: Path,
    hospital: Identity,
    places: Places = BOTH,
    rules: Rules = Rules(),  # noqa: B008
    reserve_bytes: int = 0,
) -> Iterator[Running]:
    found = Running(folder, hospital)
    stop = threading.Event()
    thread = threading.Thread(
        target=run_gateway,
        args=(folder, hospital, no_node, rules, places, found.note, stop, reserve_bytes),
        daemon=True,
    )
    thread.start()
    wanted = sum(place is not None for place in (places.dicom, places.web))
    wait(lambda: len(found.said("listening")) == wanted)
    try:
        yield found
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert found.events[-1]["event"] == "stopped"
    assert NAME not in str(found.events)
    assert "PID-1" not in str(found.events)


def wait(done: Callable[[], bool], timeout_s: float = 20) -> None:
    give_up = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def outgoing(*contents: bytes) -> list[pacs.Outgoing]:
    found = []
    for number, data in enumerate(contents):
        each = read_instance(data)
        found.append(
            pacs.Outgoing(
                str(number), each.sop_class, each.sop_instance, each.study, each.series,
                each.transfer_syntax, each.body, len(data), lambda data=data: data,
            )
        )  # fmt: skip
    return found


def statuses(peer: pacs.Peer, files: list[pacs.Outgoing]) -> list[int]:
    return [each.status for each in pacs.send(peer, files)]
