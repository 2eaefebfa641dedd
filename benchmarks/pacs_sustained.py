"""A gateway that publishes what came while more comes, beside an Orthanc that only stores.

The whole way, on a real chain: each instance is received, sealed and forced to the disk; each study
that is complete is de-identified, checked, sealed, stored and registered while the next ones come.
It ends when nothing waits any more. Counted are seconds, and seconds of a core that the server's
process took; the client and the chain's node have processes of their own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom

from medibloc_py import pacs
from medibloc_py.chain import LocalNode
from medibloc_py.imaging.instance import read_instance
from tests.flow.pacs.gateway import Gateway
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.world import PASSWORD, World, build

STUDIES = 8
QUIET_S = 1.0
_UIDS = "1.2.826.0.1.3680043.8.498"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Took:
    """Seconds until all was acknowledged, and until all was done; and of a core, of the server."""

    received_s: float
    done_s: float
    core_s: float


def in_studies(paths: list[Path]) -> list[list[pacs.Outgoing]]:
    """The same images as those of one study, as those of several."""
    each = -(-len(paths) // STUDIES)
    return [
        [_of_study(path, study) for path in paths[start : start + each]]
        for study, start in enumerate(range(0, len(paths), each), 100)
    ]


def _of_study(path: Path, study: int) -> pacs.Outgoing:
    dataset = pydicom.dcmread(path)
    dataset.PatientID, dataset.PatientName = "PID-1", "Unmistakable^Patient"
    dataset.StudyInstanceUID = f"{_UIDS}.{study}"
    dataset.SeriesInstanceUID = f"{_UIDS}.{study}.1"
    dataset.SOPInstanceUID = f"{_UIDS}.{study}.1.{path.stem.lstrip('0') or 0}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    data = file.getvalue()
    found = read_instance(data)
    return pacs.Outgoing(
        path.name, found.sop_class, found.sop_instance, found.study, found.series,
        found.transfer_syntax, found.body, len(data), lambda: data,
    )  # fmt: skip


def measure(
    folder: Path, paths: list[Path], orthanc: Orthanc, rounds: int, advance: Callable[[], None]
) -> dict[str, object]:
    """Takes both ways in every round, in turn; gives the fastest of each.

    Args:
        folder: for all that is made.
        paths: the images, of one study.
        orthanc: that runs.
        rounds: how many.
        advance: told of each way that was taken.
    """
    os.environ["MEDIBLOC_PASSWORD"] = PASSWORD
    work = _Sustained(folder, paths)
    took: dict[str, list[Took]] = {"orthanc": [], "gateway": []}
    with LocalNode.start(block_time_s=1) as node:
        stage = build(node, folder / "stage" / "home")
        for number in range(rounds):
            for way in sorted(took, reverse=bool(number % 2)):
                took[way].append(
                    work.to_orthanc(orthanc) if way == "orthanc" else work.to_gateway(stage)
                )
                advance()
    fastest = {way: min(runs, key=lambda run: run.done_s) for way, runs in took.items()}
    return {
        "studies": STUDIES,
        "quiet_s": QUIET_S,
        "gateway_over_orthanc": round(fastest["orthanc"].done_s / fastest["gateway"].done_s, 2),
        **{
            way: {
                "received_s": round(run.received_s, 2),
                "done_s": round(run.done_s, 2),
                "instances_per_s": round(len(paths) / run.done_s, 1),
                "core_s": round(run.core_s, 2),
            }
            for way, run in fastest.items()
        },
    }


class _Sustained:
    def __init__(self, folder: Path, paths: list[Path]) -> None:
        self._folder = folder
        self._studies = in_studies(paths)
        self._count = len(paths)
        self._rounds = 0

    def to_orthanc(self, orthanc: Orthanc) -> Took:
        """Stores all in an Orthanc that is empty."""
        orthanc.clear()
        peer = f"dicom://{orthanc.aet}@127.0.0.1:{orthanc.dicom_port}"
        took = self._take(orthanc.pid, peer, lambda: True)
        assert len(orthanc.instances()) == self._count
        return took

    def to_gateway(self, stage: World) -> Took:
        """Has all become records, by a gateway that has none yet."""
        self._rounds += 1
        world = stage.moved_to(self._folder / f"home {self._rounds}")
        gateway = Gateway(world, quiet=QUIET_S)
        gateway.run("patients", "add", "--id", "PID-1", "--to", str(world.address("alice")))
        gateway.start()
        try:
            run = gateway.status().run
            assert run is not None
            peer = f"dicom://MEDIBLOC@127.0.0.1:{gateway.port}"
            took = self._take(run.pid, peer, lambda: _is_done(gateway, len(self._studies)))
            assert len(gateway.records()) == len(self._studies)
            return took
        finally:
            gateway.kill()

    def _take(self, pid: int, url: str, done: Callable[[], bool]) -> Took:
        peer, before, start = pacs.read_peer(url), core_s(pid), time.perf_counter()
        for study in self._studies:
            told = [each.outcome for each in pacs.send(peer, study)]
            assert told == [pacs.Outcome.STORED] * len(study)
        received = time.perf_counter() - start
        while not done():
            time.sleep(0.1)
        return Took(received, time.perf_counter() - start, core_s(pid) - before)


def _is_done(gateway: Gateway, studies: int) -> bool:
    status = gateway.status()
    assert not status.error, status.error
    return status.studies["cleared"] == studies


def core_s(pid: int) -> float:
    """Seconds of a core that a process took, with its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
