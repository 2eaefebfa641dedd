"""A process that outlives us, and is known again by more than its number."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# The shell ends at once, and what it leaves belongs to nobody who could take it along.
_DETACH = '"$@" </dev/null >>"$MEDIBLOC_LOG" 2>&1 & echo $!'
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A running program, or one that ran.

    Attributes:
        pid: its number, which the system gives to another once it ended.
        born: when it began, in the system's words: with the number, it is this one.
    """

    pid: int
    born: str

    def lives(self) -> bool:
        """Whether it still runs."""
        return _born(self.pid) == self.born

    def wait(self, timeout_s: float) -> bool:
        """Waits for its end; False if it did not come in time."""
        return wait_until(lambda: not self.lives(), timeout_s)

    def stop(self, patience_s: float) -> None:
        """Ends it: asked first, then by force. Never another of the same number."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self.lives():
                with suppress(ProcessLookupError):
                    os.kill(self.pid, how)
                self.wait(patience_s)


def wait_until(holds: Callable[[], object], timeout_s: float) -> bool:
    """Waits until something holds; False if it did not come to that in time."""
    give_up = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(POLL_S)
    return True


def this_process() -> Process:
    """The one that asks."""
    return Process(os.getpid(), _born(os.getpid()))


def start(
    command: Sequence[str], log: Path, environ: Mapping[str, str], umask: int = -1
) -> Process:
    """Starts a program that goes on without us, its output at the end of `log`.

    Args:
        command: the program and its arguments.
        log: takes what it says.
        environ: of the program.
        umask: of the files that it makes; ours when not given.

    Raises:
        OSError: it cannot be started.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", _DETACH, "sh", *command],
        env={**environ, "MEDIBLOC_LOG": str(log)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C at our terminal is not meant for it
        umask=umask,
        check=False,
    )
    if not done.stdout.strip():
        raise ChildProcessError(f"the shell ended with {done.returncode}")
    pid = int(done.stdout)
    return Process(pid, _born(pid))


def _born(pid: int) -> str:
    """When the process of this number began; empty if there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        fields = stat.rpartition(")")[2].split()
        state, ticks = fields[0], fields[19]
        return "" if state in ("Z", "X") else ticks
    said = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return said.stdout.strip()
