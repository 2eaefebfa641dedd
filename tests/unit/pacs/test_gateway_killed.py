"""A gateway killed while an instance comes: at each step between a connection and the answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from medibloc_py import pacs
from medibloc_py.errors import PeerUnreachable
from medibloc_py.flows.gateway import blanks
from medibloc_py.flows.gateway.service import Places, open_stages, run_gateway
from medibloc_py.flows.gateway.spool import Spool
from medibloc_py.flows.gateway.status import status_of
from medibloc_py.flows.gateway.worker import Rules
from medibloc_py.flows.parties import Identity
from medibloc_py.pacs import accepted, dimse, listener, multipart, stow
from medibloc_py.pacs.intake import read_address
from medibloc_py.pacs.listener import DicomPlace
from medibloc_py.pacs.stow import WebPlace
from tests.flow.dying import Step, _arm, after, at_call, before, half
from tests.flow.instances import instance
from tests.flow.pacs.programs import free_port
from tests.unit.pacs.running import no_node, outgoing

FILES = [instance(1, number) for number in range(4)]
DICOM: dict[str, Step] = {
    "connected": (listener, "watch", after),
    "association asked for": (listener.DicomListener, "_requested", after),
    "command without its data": (accepted, "_read", at_call(5, after)),
    "data set whole": (listener.DicomListener, "_store", at_call(2, before)),
    "half of it sealed": (blanks, "write_all", at_call(3, half)),
    "forced, without a row": (Spool, "_enter", at_call(2, before)),
    "its row on the disk": (Spool, "_enter", at_call(2, after)),
    "taken, before the answer": (Spool, "take", at_call(2, after)),
}
WEB: dict[str, Step] = {
    "head read": (stow._Service, "_contents", before),
    "in the body": (multipart.MultipartReader, "_headers", at_call(3, after)),
    "end of the body": (multipart.MultipartReader, "close", before),
    "about to answer": (stow, "_answer", before),
}


@contextmanager
def dying(folder: Path, hospital: Identity, door: str, step: Step) -> Iterator[str]:
    """A gateway in a fork of this process, which dies at a step; gives where it listens."""
    told, tell = os.pipe()
    address = read_address(f"127.0.0.1:{free_port()}")
    places = Places(DicomPlace(address)) if door == "dicom" else Places(web=WebPlace(address))
    child = os.fork()
    if child == 0:
        try:
            _arm(step)

            def note(event: str, **_: object) -> None:
                if event == "listening":
                    os.write(tell, b".")

            run_gateway(folder, hospital, no_node, Rules(), places, note, threading.Event(), 0)
        finally:
            os._exit(1)
    try:
        os.close(tell)
        assert os.read(told, 1) == b"."
        yield f"dicom://MEDIBLOC@{address}" if door == "dicom" else f"http://{address}"
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended before that step"
        assert os.WTERMSIG(status) == signal.SIGKILL
    finally:
        os.close(told)


def send(url: str) -> int:
    """Sends all; gives how many were said to be stored until nobody answered any more."""
    stored = 0
    with suppress(PeerUnreachable):
        for each in pacs.send(pacs.read_peer(url), outgoing(*FILES)):
            stored += each.outcome is pacs.Outcome.STORED
    return stored


@pytest.mark.fault("client killed")
@pytest.mark.parametrize(
    ("door", "step"),
    [*(("dicom", step) for step in DICOM), *(("web", step) for step in WEB)],
)
def test_an_instance_that_comes_is_there_once_wherever_it_was_killed(
    folder: Path, hospital: Identity, monkeypatch: pytest.MonkeyPatch, door: str, step: str
) -> None:
    monkeypatch.setattr(dimse, "_PAUSE_S", 0.01)
    with dying(folder, hospital, door, (DICOM if door == "dicom" else WEB)[step]) as url:
        acknowledged = send(url)
    with open_stages(folder, hospital, reserve_bytes=0) as stages:
        there = status_of(stages.spool.database).instances
        assert acknowledged <= there < len(FILES) or step in ("end of the body", "about to answer")
        for file in FILES:  # the sender was not told of all
            stages.spool.take(file)
        status = status_of(stages.spool.database)
        assert (status.instances, status.studies["receiving"]) == (len(FILES), 1)
