"""A PostgreSQL of our own for a test: on loopback, in a folder that goes with it."""

from __future__ import annotations

import contextlib
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

FOLDERS = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
PATH = os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS])
PROGRAMS = {name: shutil.which(name, path=PATH) for name in ("initdb", "postgres")}
WANTED_S = 60


def found() -> bool:
    """Whether this machine has the programs."""
    return all(PROGRAMS.values())


@contextmanager
def serve() -> Iterator[str]:
    """Runs it, by an account without rights where we are root; gives its URL."""
    folder = Path(tempfile.mkdtemp(prefix="medibloc-postgres-"))
    user = "nobody" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    data = folder / "data"
    subprocess.run(
        [PROGRAMS["initdb"], "-D", data, "-U", "medibloc", "-A", "trust", "--no-sync"],
        check=True, user=user, **quiet,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [PROGRAMS["postgres"], "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"],
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


def _ready(data: Path) -> bool:
    with contextlib.suppress(OSError):
        return "ready" in (data / "postmaster.pid").read_text().splitlines()[-1]
    return False
