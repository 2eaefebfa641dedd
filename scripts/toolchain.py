"""What brownie must know before it compiles. `brownie_hooks.py` calls `prepare`.

Brownie keeps its networks in the home folder, takes programs from PATH, and hashes
every path and comment into the bytecode. Here networks and programs come from the
checkout and the bytecode is that of foundry.toml, so a fresh clone under an empty
home needs no further step, and what brownie deploys is what the library ships.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from urllib.parse import urlsplit

from brownie._config import CONFIG
from brownie.network import contract
from brownie.project import compiler

from medibloc_py import config
from medibloc_py.cli.output import Output
from medibloc_py.errors import InvalidValue, MediBlocError

ROOT = Path(__file__).parents[1]
LOCAL = ("anvil", "ganache")
"""Networks that brownie starts itself unless they run; the name is the program's."""


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
