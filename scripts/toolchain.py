"""What brownie must know before it compiles. `brownie_hooks.py` calls `prepare`.

Brownie keeps its networks in the home folder, takes programs from PATH, and hashes
every path and comment into the bytecode. Here networks and programs come from the
checkout and the bytecode is that of foundry.toml, so a fresh clone under an empty
home needs no further step, and what brownie deploys is what the library ships.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brownie import web3
from brownie._config import CONFIG
from brownie.network import contract
from brownie.project import compiler
from web3.middleware import Web3Middleware
from web3.types import RPCEndpoint, RPCResponse

from medibloc_py import config
from medibloc_py.cli.output import Output
from medibloc_py.errors import InvalidValue, MediBlocError

ROOT = Path(__file__).parents[1]
LOCAL = ("anvil", "ganache")
"""Networks that brownie starts itself unless they run; the name is the program's."""

_TOLD_LATE = ("eth_getTransactionByHash", "eth_getTransactionReceipt")
_PAUSES = 50
_PAUSE_S = 0.01


def plainly(main: Callable[[], None]) -> Callable[[], None]:
    """Ends what failed with a message, an advice and its exit code: no traceback."""

    @wraps(main)
    def ended() -> None:
        try:
            main()
        except MediBlocError as error:
            Output(as_json=False).error(error)
            sys.exit(error.exit_code)

    return ended


@plainly
def prepare() -> None:
    """Readies brownie in this process; nothing is written anywhere.

    Raises:
        InvalidValue: the network asked for needs an RPC URL, and the environment has none.
    """
    warnings.filterwarnings("ignore", r"rpc\.\w+ should not be called", FutureWarning)  # its own
    _find_programs()
    _match_foundry()
    _keep_no_records()
    _name_networks()
    web3.middleware_onion.add(Patience)
    asked = config.networks().get(CONFIG.argv["network"])
    if asked and not asked.rpc_url:
        variable = f"MEDIBLOC_RPC_{asked.name.upper()}"
        raise InvalidValue(name=variable, given="not set", allowed="an RPC URL")


def _find_programs() -> None:
    """Puts anvil, ganache and the compiler first on PATH; a node of `.venv` is the last resort."""
    places = (ROOT / "tools" / "bin", ROOT / "tools" / "node_modules" / ".bin")
    path = [*map(str, places), os.environ.get("PATH", os.defpath), str(ROOT / ".venv" / "bin")]
    os.environ["PATH"] = os.pathsep.join(path)
    compilers = ROOT / ".cache" / "solcx"
    if compilers.is_dir():
        os.environ.setdefault("SOLCX_BINARY_PATH", str(compilers))


def _match_foundry() -> None:
    """Leaves the metadata hash out of the bytecode, which brownie-config.yaml cannot say."""
    compiler.STANDARD_JSON["settings"]["metadata"] = {"bytecodeHash": "none"}


def _keep_no_records() -> None:
    """Drops brownie's own record of live deployments: it crashes, and ours is a file."""
    contract._add_deployment = lambda *_arguments, **_options: None


def _name_networks() -> None:
    """Names the networks of `medibloc_py.config`, at the URLs the environment gives them."""
    known = config.networks()
    for name in LOCAL:
        url = urlsplit(known[name].rpc_url)
        CONFIG.networks[name] = {
            "id": name,
            "name": name.capitalize(),
            "cmd": name,
            "host": f"{url.scheme}://{url.hostname}",
            "cmd_settings": {"port": url.port or 80},
        }
    CONFIG.networks["sepolia"] = {
        "id": "sepolia",
        "name": "Sepolia",
        "chainid": str(known["sepolia"].chain_id),
        # Brownie puts the value in when it connects, and names the variable when there is none.
        "host": "$MEDIBLOC_RPC_SEPOLIA",
    }


class Patience(Web3Middleware):
    """Asks again for a transaction that the node is just mining.

    Anvil counts a sender's nonce up a moment before it shows the receipt. Brownie takes
    that for a transaction that was dropped, or sleeps a second before it asks again.
    """

    def wrap_make_request(
        self, make_request: Callable[[RPCEndpoint, Any], RPCResponse]
    ) -> Callable[[RPCEndpoint, Any], RPCResponse]:
        """Wraps one way to the node."""

        def request(method: RPCEndpoint, params: Any) -> RPCResponse:
            answer = make_request(method, params)
            pauses = _PAUSES if method in _TOLD_LATE else 0
            while pauses and answer.get("result") is None and "error" not in answer:
                time.sleep(_PAUSE_S)
                answer = make_request(method, params)
                pauses -= 1
            return answer

        return request
