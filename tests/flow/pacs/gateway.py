"""`medibloc gateway run` as a process of its own, which can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import pydicom

from medibloc_py.flows.access import open_held
from medibloc_py.flows.gateway.database import Database
from medibloc_py.flows.gateway.service import open_stages, spool_folder
from medibloc_py.flows.gateway.status import Status, status_of
from medibloc_py.flows.held import held_records
from medibloc_py.model import RecordId
from tests.flow.command import Done, run
from tests.flow.pacs.programs import free_port
from tests.flow.world import PASSWORD, World

AET = "MEDIBLOC"


class Gateway:
    """The hospital's gateway, on the ports of loopback that it was given at first.

    Attributes:
        events: what its log said, by all its runs.
    """

    def __init__(self, world: World, *options: str, quiet: float = 1) -> None:
        self.world = world
        self.port, self.web_port = free_port(), free_port()
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self.events: list[dict[str, Any]] = []
        self._before = set(held_records(world.me("hospital")))
        self._words = [
            "run", "--dicom", f"127.0.0.1:{self.port}", "--web", f"127.0.0.1:{self.web_port}",
            "--quiet", str(quiet), "--json", *options,
        ]  # fmt: skip
        self._process: subprocess.Popen[str] | None = None

    def with_options(self, *options: str) -> Self:
        """Options of its further runs, which count more than those before."""
        self._words += options
        return self

    def start(self) -> Self:
        words = [sys.executable, "-m", "medibloc_py", *self._global(), *self._of(*self._words)]
        self._process = subprocess.Popen(
            words,
            env={**os.environ, "MEDIBLOC_PASSWORD": PASSWORD},
            stderr=subprocess.PIPE,
            text=True,
        )
        listening = len(self.said("listening"))
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        self.wait(lambda: len(self.said("listening")) == listening + 2)
        return self

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.events.append(json.loads(line) if line.startswith("{") else {"event": line})

    def kill(self) -> None:
        """Ends it as a loss of power does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Asks it to end, and sees that it does so well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0

    def said(self, event: str) -> list[dict[str, Any]]:
        return [each for each in list(self.events) if each["event"] == event]

    def wait(self, done: Callable[[], bool], timeout_s: float = 90) -> None:
        give_up = time.monotonic() + timeout_s
        while not done():
            assert self._process is not None
            assert self._process.poll() is None, self.events[-5:]
            assert time.monotonic() < give_up, self.events[-5:]
            time.sleep(0.05)

    def run(self, *words: str | Path) -> Done:
        """Another command of the gateway."""
        return run(*self._global(), *self._of(*words))

    def _of(self, *words: str | Path) -> tuple[str | Path, ...]:
        return ("gateway", *words, "--as", "hospital")

    def _global(self) -> tuple[str | Path, ...]:
        home = self.world.home
        return ("--home", home, "--rpc", self.world.node.url, "--store", str(home / "store"))

    # What came of it.

    @property
    def folder(self) -> Path:
        return spool_folder(self.world.home, self.world.address("hospital"))

    def status(self) -> Status:
        with closing(Database(self.folder / "spool.sqlite")) as database:
            return status_of(database)

    def taken(self) -> int:
        """How many instances it ever took."""
        with closing(Database(self.folder / "spool.sqlite")) as database:
            ((count,),) = database.read("SELECT count(*) FROM instance")
            return int(count)

    def left(self) -> list[Path]:
        """Files of instances, once what killed runs did not finish is swept."""
        me, folder = self.world.me("hospital"), self.folder / "instances"
        hours_ago = 1_600_000_000
        for path in folder.iterdir():
            os.utime(path, (hours_ago, hours_ago))
        with open_stages(self.folder, me) as stages:
            stages.spool.sweep()
        return list(folder.iterdir())

    def records(self) -> set[RecordId]:
        """The records that the hospital holds since the gateway began."""
        return set(held_records(self.world.me("hospital"))) - self._before

    def pixels(self) -> Counter[bytes]:
        """How often each image stands in these records."""
        exchange, me = self.world.exchange, self.world.me("hospital")
        files = held_records(me)
        found: Counter[bytes] = Counter()
        for record in self.records():
            opened = open_held(exchange, me, files[record])
            for place in range(len(opened.manifest.files)):
                found[pydicom.dcmread(BytesIO(opened.read(place))).PixelData] += 1
        return found
