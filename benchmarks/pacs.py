"""Measures a hospital's door: into a gateway and out of a record, beside Orthanc and dcmtk.

    python -m benchmarks.pacs [--instances N] [--rounds N] [--write]

In one run, in turn, the same instances go from the same client to Orthanc alone and to a gateway,
which seals each and has it on the disk before it says so; and a sealed record goes into Orthanc
beside what dcmtk sends from plain files. Each instance is a CT image of 512 x 512 pixels. Every
round begins empty. Compared are the fastest rounds; nothing is published meanwhile. Then all of it
goes in again while the gateway publishes what came before (`benchmarks/pacs_sustained.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import pydicom
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import pacs_sustained
from medibloc_py import pacs
from medibloc_py.crypto.sealing import SourceFile, seal_record
from medibloc_py.errors import NodeUnreachable
from medibloc_py.flows import keyring
from medibloc_py.flows.gateway.service import Places, run_gateway
from medibloc_py.flows.gateway.worker import Rules
from medibloc_py.flows.opened import OpenedRecord
from medibloc_py.flows.restore import restore
from medibloc_py.imaging.instance import read_instance
from medibloc_py.imaging.samples import sample
from medibloc_py.model import RecordId
from medibloc_py.pacs.intake import read_address
from medibloc_py.pacs.listener import DicomPlace
from medibloc_py.pacs.stow import WebPlace
from medibloc_py.storage import LocalStore
from tests.flow.pacs.dcmtk import storescu
from tests.flow.pacs.orthanc import Orthanc
from tests.flow.pacs.programs import free_port

OUT = Path(__file__).with_suffix(".json")
SIDE = 512
UIDS = "1.2.826.0.1.3680043.8.498"
RECEIVE = {
    "storescu": ("storescu to Orthanc", "storescu to the gateway"),
    "C-STORE": ("C-STORE to Orthanc", "C-STORE to the gateway"),
    "STOW-RS": ("STOW-RS to Orthanc", "STOW-RS to the gateway"),
}
"""By client: where it stores, Orthanc alone first."""
RESTORE = ("restore by C-STORE", "restore by STOW-RS")


def instances(count: int, folder: Path) -> list[Path]:
    """Files of one study, of CT images as long as a scanner's."""
    dataset = pydicom.dcmread(sample("CT_small.dcm"))
    tiles = SIDE // dataset.Rows
    image = dataset.pixel_array
    dataset.PixelData = b"".join(row.tobytes() * tiles for row in image) * tiles
    dataset.Rows = dataset.Columns = SIDE
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{UIDS}.9", f"{UIDS}.9.1"
    paths = []
    for number in range(count):
        dataset.SOPInstanceUID = f"{UIDS}.9.1.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        file = BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        paths.append(folder / f"{number:04}.dcm")
        paths[-1].write_bytes(file.getvalue())
    return paths


def outgoing(path: Path) -> pacs.Outgoing:
    """A plain file, as our clients send it."""
    found = read_instance(path.read_bytes())
    return pacs.Outgoing(
        path.name, found.sop_class, found.sop_instance, found.study, found.series,
        found.transfer_syntax, found.body, path.stat().st_size, path.read_bytes,
    )  # fmt: skip


def serve(folder: Path, dicom: str, web: str) -> None:
    """Runs a gateway in this process, without a chain: it receives and waits."""
    hospital = keyring.new_account(folder / "home", "hospital", secrets.token_hex(), work=2)

    def connect() -> NoReturn:
        raise NodeUnreachable(url="nowhere", reason="nothing is published here")

    places = Places(DicomPlace(read_address(dicom)), WebPlace(read_address(web)))
    rules = Rules(3600.0, True, (), False)
    stop = threading.Event()
    run_gateway(folder / "spool", hospital, connect, rules, places, _tell, stop)


def _tell(what: str, **_: object) -> None:
    print(what, flush=True)


class Bench:
    """An Orthanc, a gateway for each round, a sealed record, and the ways between."""

    def __init__(self, folder: Path, count: int) -> None:
        (folder / "plain").mkdir()
        self._folder = folder
        self._paths = instances(count, folder / "plain")
        self._files = [outgoing(path) for path in self._paths]
        self._orthanc = Orthanc(folder / "orthanc").start()
        self.orthanc = str(self._orthanc.ask("GET", "/system")["Version"])
        self._opened = self._sealed(folder / "store")
        self.size_bytes = sum(file.size_bytes for file in self._files)
        dicom = f"dicom://{self._orthanc.aet}@127.0.0.1:{self._orthanc.dicom_port}"
        self._peers = {"C-STORE": dicom, "STOW-RS": self._orthanc.web_url}

    def ways(self) -> dict[str, Callable[[], float]]:
        """Each way, to be taken from nothing; gives its seconds."""
        found: dict[str, Callable[[], float]] = {}
        for client, (alone, gateway) in RECEIVE.items():
            found[alone] = partial(self._to_orthanc, partial(self._send, client))
            found[gateway] = partial(self._to_gateway, client)
        for way in RESTORE:
            peer = pacs.read_peer(self._peers[way.rpartition(" ")[2]])
            found[way] = partial(self._to_orthanc, partial(self._restore, peer))
        return found

    def sustained(self, rounds: int, advance: Callable[[], None]) -> dict[str, object]:
        """All of it, while what came before is published."""
        (folder := self._folder / "sustained").mkdir()
        return pacs_sustained.measure(folder, self._paths, self._orthanc, rounds, advance)

    def close(self) -> None:
        """End Orthanc."""
        self._orthanc.kill()

    def _sealed(self, folder: Path) -> OpenedRecord:
        store, cek, salt = LocalStore(folder), secrets.token_bytes(32), secrets.token_bytes(32)
        sources = [
            SourceFile(path.name, path.stat().st_size, partial(path.open, "rb"))
            for path in self._paths
        ]
        blob = store.put(seal_record(sources, cek, salt))
        return OpenedRecord(store, RecordId(bytes(32)), blob.cid, blob.size_bytes, cek, salt)

    def _to_orthanc(self, act: Callable[[], None]) -> float:
        self._orthanc.clear()
        seconds = _timed(act)
        assert len(self._orthanc.instances()) == len(self._files)
        return seconds

    def _to_gateway(self, client: str) -> float:
        with gateway(self._folder) as (aet, port, url):
            peers = {"C-STORE": f"dicom://{aet}@127.0.0.1:{port}", "STOW-RS": url}
            return _timed(partial(self._send, client, aet, port, peers))

    def _send(
        self, client: str, aet: str = "", port: int = 0, peers: dict[str, str] | None = None
    ) -> None:
        if client == "storescu":
            storescu(aet or self._orthanc.aet, port or self._orthanc.dicom_port, *self._paths)
            return
        peer = pacs.read_peer((peers or self._peers)[client])
        told = [each.outcome for each in pacs.send(peer, self._files)]
        assert told == [pacs.Outcome.STORED] * len(self._files)

    def _restore(self, peer: pacs.Peer) -> None:
        restore(self._opened, peer).require_complete()


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, int, str]]:
    """A gateway in a process of its own, with an empty spool: its title, port and URL."""
    port, web = free_port(), free_port()
    with tempfile.TemporaryDirectory(dir=folder) as spool:
        words = [sys.executable, "-m", "benchmarks.pacs", "--serve", spool]
        words += [f"127.0.0.1:{port}", f"127.0.0.1:{web}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(2):  # both doors are open
                assert process.stdout.readline() == "listening\n"
            try:
                yield "MEDIBLOC", port, f"http://127.0.0.1:{web}"
            finally:
                process.kill()


def _timed(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure(count: int, rounds: int, console: Console) -> dict[str, object]:
    """Takes every way in every round, the order turned each time."""
    with (
        tempfile.TemporaryDirectory(prefix="medibloc-bench-") as folder,
        Progress(console=console, transient=True) as progress,
    ):
        bench = Bench(Path(folder), count)
        ways = bench.ways()
        took: dict[str, list[float]] = {way: [] for way in ways}
        task = progress.add_task("instances", total=rounds * (len(ways) + 2))
        advance = partial(progress.advance, task)
        try:
            for number in range(rounds):
                order = list(ways)
                for way in order[number % len(order) :] + order[: number % len(order)]:
                    took[way].append(ways[way]())
                    advance()
            sustained = bench.sustained(rounds, advance)
        finally:
            bench.close()
    fastest = {way: min(seconds) for way, seconds in took.items()}
    plain = fastest[RECEIVE["storescu"][0]]
    return {
        "instances": count,
        "instance_bytes": round(bench.size_bytes / count),
        "rounds": rounds,
        "orthanc": bench.orthanc,
        "pynetdicom": version("pynetdicom"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "gateway_over_orthanc": {
            client: round(fastest[alone] / fastest[ours], 2)
            for client, (alone, ours) in RECEIVE.items()
        },
        "restore_over_storescu": {way: round(plain / fastest[way], 2) for way in RESTORE},
        "sustained": sustained,
        "ways": {
            way: {
                "fastest_s": round(min(seconds), 2),
                "median_s": round(statistics.median(seconds), 2),
                "instances_per_s": round(count / min(seconds), 1),
                "mb_per_s": round(bench.size_bytes / min(seconds) / 1e6, 1),
            }
            for way, seconds in took.items()
        },
    }


def main() -> None:
    """Measures, prints, and writes if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write benchmarks/pacs.json")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(Path(asked.serve[0]), *asked.serve[1:])
        return
    found = measure(asked.instances, asked.rounds, Console(stderr=True))
    if asked.write:
        OUT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    table = Table(title=f"{asked.instances} CT images", title_justify="left")
    for column in ("way", "s, fastest", "s, median", "instances/s", "MB/s"):
        table.add_column(column)
    for way, row in found["ways"].items():  # type: ignore[attr-defined]
        table.add_row(way, *map(str, row.values()))
    console = Console()
    console.print(table)
    console.print(
        f"gateway over Orthanc alone {found['gateway_over_orthanc']}; "
        f"restore over storescu {found['restore_over_storescu']}"
    )
    console.print("while it publishes:", found["sustained"])


if __name__ == "__main__":
    main()
