"""A private Kubo node in a folder: made, started, asked how it is, stopped.

repo/        Kubo's own: config, swarm.key, blocks
node.json    the process, and where it listens
daemon.log   what it says
lock         held by whoever starts or stops it
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from medibloc_py.errors import BlobMissing, InvalidValue, StoreFailed, StoreUnreachable
from medibloc_py.storage.files import make_folder, on_disk, read_private, write_atomic
from medibloc_py.storage.locks import is_claimed
from medibloc_py.storage.multiaddr import parse_endpoint, parse_peer, require_listen
from medibloc_py.storage.node_config import PROFILES
from medibloc_py.storage.node_settings import (
    NodeSettings,
    configure,
    new_swarm_key,
    require_swarm_key,
    settings_of,
)
from medibloc_py.storage.node_status import NodeStatus, status_of
from medibloc_py.storage.ports import free_again, is_free, with_port
from medibloc_py.storage.process import POLL_S, Process, start, wait_until
from medibloc_py.storage.program import environ_of, find_kubo, last_words
from medibloc_py.storage.rpc import Rpc

_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0  # an upload that stands still would hold it up for ever
_ASK_TIMEOUT_S: Final = 10.0
_ANSWERS_IN_S: Final = 3.0
_CALL_TIMEOUT: Final = "3s"
_KEPT_TO_ITSELF: Final = 0o077  # umask: Kubo leaves most of its files open to others


class KuboNode:
    """A folder with a private node in it, which runs or not."""

    def __init__(self, folder: Path, kubo: Path | None = None) -> None:
        """Name the folder; `up` makes it.

        Args:
            folder: of the node.
            kubo: the program; found when not given.
        """
        self._folder = folder.absolute()
        self._repo = self._folder / "repo"
        self._lock = self._repo / "repo.lock"
        self._kubo = kubo

    def up(
        self,
        *,
        swarm_key: bytes | None = None,
        listen: Sequence[str] = (),
        peers: Sequence[str] = (),
    ) -> NodeStatus:
        """Starts the node, and makes it first if need be. One that runs as asked is left alone.

        Args:
            swarm_key: content of the swarm's key file; of its own making when not given.
            listen: multiaddrs for peers, in place of those it had; port 0 for the one it had
                at that address, or else a free one.
            peers: multiaddrs of peers to stay in touch with, beside those it knows.

        Raises:
            InvalidValue: a key or an address that is none.
            ToolMissing: Kubo is not there.
            StoreFailed: the folder cannot be written.
            StoreUnreachable: the node does not start; the reason has the end of its log. If it
                ran, it runs again as it was.
        """
        if swarm_key is not None:
            require_swarm_key(swarm_key)
        named = dict(parse_peer(each) for each in peers)
        for address in listen:
            require_listen(address)
        with self._locked():
            self._make()
            had, runs = settings_of(self._repo), self._awaited() is not None
            ports = [each for each in had.swarm if runs or is_free(each)]
            wanted = NodeSettings(
                swarm_key or had.key or new_swarm_key(),
                [with_port(each, ports) for each in listen] or had.swarm,
                {**had.peers, **{name: [at] for name, at in named.items()}},
            )
            if not runs or wanted != had:
                self._program()  # before anything is stopped
                self._stop()  # also one whose start nobody waited for to its end
                try:
                    self._start(wanted)
                except (StoreFailed, StoreUnreachable):
                    self._back_to(had, runs)
                    raise
            return self.status()

    def down(self) -> bool:
        """Stops the node; False if none ran. What it keeps stays.

        Raises:
            StoreUnreachable: it does not stop.
        """
        if not self._repo.is_dir():
            return False
        with self._locked():
            return self._stop()

    def address(self) -> str:
        """Multiaddr of the RPC of the running node.

        Raises:
            StoreUnreachable: it does not run.
        """
        if address := self._running():
            return address
        raise StoreUnreachable(
            url=self._folder, reason="no node runs there; `medibloc store up` starts one"
        )

    def status(self) -> NodeStatus:
        """How the running node is.

        Raises:
            StoreFailed, StoreUnreachable: it does not run, or does not answer as it must.
        """
        status = status_of(self.address())
        with on_disk(self._repo):
            gateway = (self._repo / "gateway").read_text().strip()
        key = self._repo / "swarm.key"
        exposed = status.exposed if key.exists() else [*status.exposed, "swarm.key: missing"]
        return replace(status, gateway=gateway, swarm_key=str(key), exposed=exposed)

    # Making it.

    def _make(self) -> None:
        if (self._repo / "config").exists():
            return
        with on_disk(self._folder):
            # A whole repository or none: a death in the middle leaves only a name to sweep.
            for left in self._folder.glob("making-*"):
                shutil.rmtree(left)
            place = Path(tempfile.mkdtemp(prefix="making-", dir=self._folder))
        command = [str(self._program()), "init", f"--profile={PROFILES}", "--empty-repo"]
        with on_disk(self._folder):
            done = subprocess.run(
                command,
                env=environ_of(place),
                capture_output=True,
                check=False,
                umask=_KEPT_TO_ITSELF,
            )
        if done.returncode:
            reason = last_words(done.stderr)
            raise StoreFailed(url=self._folder, reason=f"Kubo made no node: {reason}")
        # As it was made it would listen on every address of the machine.
        self._configure(place, NodeSettings(new_swarm_key(), [], {}))
        with on_disk(self._folder):
            os.rename(place, self._repo)

    def _configure(self, repo: Path, settings: NodeSettings) -> None:
        note = self._noted()
        rpc, gateway = (free_again(str(note.get(each))) for each in ("rpc", "gateway"))
        configure(repo, settings, rpc, gateway)

    def _back_to(self, had: NodeSettings, ran: bool) -> None:
        """After a start that failed: the next is not bound to fail, and who ran runs again."""
        with suppress(StoreFailed, StoreUnreachable):  # the first failure is the one to tell
            if ran:
                self._start(had)
            else:
                self._configure(self._repo, had)

    # Starting and stopping.

    def _start(self, settings: NodeSettings) -> None:
        self._configure(self._repo, settings)
        log = self._folder / "daemon.log"
        with on_disk(self._folder):
            for old in ("api", "gateway"):
                (self._repo / old).unlink(missing_ok=True)
            log.write_bytes(b"")
            log.chmod(0o600)
            command = [str(self._program()), "daemon", "--migrate=true", "--enable-gc=false"]
            process = start(command, log, environ_of(self._repo), _KEPT_TO_ITSELF)
        self._note(process=asdict(process))
        give_up = time.monotonic() + _START_TIMEOUT_S
        while not (address := self._running()):
            if not process.lives() or time.monotonic() > give_up:
                process.stop(_ASK_TIMEOUT_S)
                reason = last_words(read_private(log))
                raise StoreUnreachable(url=self._folder, reason=f"Kubo did not start: {reason}")
            time.sleep(POLL_S)
        gateway = (self._repo / "gateway").read_text().strip()
        self._note(rpc=address, gateway=gateway)
        # Kubo calls its peers some seconds later, and goes on trying; now is better than later.
        with Rpc(parse_endpoint(address), _ASK_TIMEOUT_S) as rpc:
            for name, places in settings.peers.items():
                with suppress(StoreFailed, StoreUnreachable):
                    options = {"arg": f"{places[0]}/p2p/{name}", "timeout": _CALL_TIMEOUT}
                    rpc.value("swarm/connect", options)

    def _stop(self) -> bool:
        address, process = self._running(), self._process()
        if address:
            with (
                suppress(StoreUnreachable),  # it may hang up before it has answered
                Rpc(parse_endpoint(address), _ASK_TIMEOUT_S) as rpc,
                rpc.ask("shutdown") as answer,
            ):
                list(answer.pieces())
        if (
            address
            and wait_until(lambda: not is_claimed(self._lock), _STOP_TIMEOUT_S)
            and (process is None or process.wait(_STOP_TIMEOUT_S))
        ):
            return True
        if process is None or not process.lives():
            return bool(address)
        process.stop(_ASK_TIMEOUT_S)
        if process.lives():
            raise StoreUnreachable(url=self._folder, reason="its process does not end")
        return True

    def _awaited(self) -> str | None:
        """As `_running`; one that was started by who was killed then may be about to answer."""
        wait_until(lambda: self._running() or not is_claimed(self._lock), _ANSWERS_IN_S)
        return self._running()

    def _running(self) -> str | None:
        """Address of the RPC, if the node of this very folder answers there."""
        try:
            address = (self._repo / "api").read_text().strip()
            wanted = json.loads((self._repo / "config").read_bytes())["Identity"]["PeerID"]
            if not (self._repo / "gateway").exists():
                return None  # it is about to
            with Rpc(parse_endpoint(address), _ASK_TIMEOUT_S) as rpc:
                return address if rpc.value("id").get("ID") == wanted else None
        except (OSError, ValueError, LookupError, InvalidValue, StoreFailed, StoreUnreachable):
            return None

    def _process(self) -> Process | None:
        with suppress(ValueError, LookupError, TypeError):
            told = self._noted()["process"]
            return Process(int(told["pid"]), str(told["born"]))
        return None

    def _noted(self) -> dict[str, Any]:
        with suppress(BlobMissing, ValueError, TypeError):
            return dict(json.loads(read_private(self._folder / "node.json")))
        return {}

    def _note(self, **facts: object) -> None:
        note = json.dumps(self._noted() | facts, indent=2).encode() + b"\n"
        write_atomic(self._folder / "node.json", note)

    # What it needs.

    def _program(self) -> Path:
        if self._kubo is None:
            self._kubo = find_kubo()
        return self._kubo

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self._folder)
        with on_disk(self._folder):
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
