"""`medibloc config`: which networks and places are used, and whether they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output

if TYPE_CHECKING:
    from medibloc_py.config import NetworkSettings, Settings

_EXAMPLE = """
    network = "hospital"

    [networks.hospital]
    chain_id = 11155111
    rpc = ["https://one.example", "https://two.example"]
    store = "kubo"
    max_fee = "0.05"
    timeout = 300
    coin = "ETH"
    price = "2500 EUR"
"""

app = typer.Typer(
    no_args_is_help=True,
    help="Configuration: networks of config.toml in the home folder.\n\n"
    "An option comes first, then the environment, then this file. It holds no secret: an RPC URL "
    "with a key in it belongs into MEDIBLOC_RPC_<NAME>.\n\n\b"
    + _EXAMPLE.replace("[n", "\\[n")
    + "\nAll but rpc may be "
    "left out.",
)


@app.command("show")
def show(context: typer.Context, json: Json = False) -> None:
    """Show the networks that are known, and what is used where nothing is said."""
    from medibloc_py import config
    from medibloc_py.chain import public_url

    session: Session = context.obj
    home = config.home_of(session.home)
    file = home / config.CONFIG
    known = config.networks(file=file)
    used = config.load(home=session.home, network=session.network, rpc_url=session.rpc_url)
    rows = [
        (
            ("* " if name == used.network.name else "  ") + name,
            str(each.chain_id or "any"),
            ", ".join(public_url(url) for url in each.rpc_url.split(",")) if each.rpc_url else "",
            each.store or "usual",
        )
        for name, each in known.items()
    ]
    Output(json).table(
        {
            "file": file if file.exists() else None,
            "home": home,
            "store": used.store,
            "network": used.network.name,
            "networks": {row[0][2:]: dict(zip(_SHOWN, row[1:], strict=True)) for row in rows},
        },
        f"Networks, of {file}" if file.exists() else f"Networks; there is no {file}",
        ("network", "chain", "nodes", "store"),
        rows,
    )


_SHOWN = ("chain_id", "nodes", "store")


@app.command("check")
def check(context: typer.Context, json: Json = False) -> None:
    """Ask every node, the deployment and the store of the network in use; say what to do.

    Ends with 5 if something does not answer as it must.
    """
    session: Session = context.obj
    settings = session.settings()
    found = [_node(settings.network, url) for url in settings.network.rpc_url.split(",")]
    found += [_deployment(session, settings), _store(settings)]
    Output(json).table(
        {"network": settings.network.name, "checks": found},
        f"Network {settings.network.name}",
        ("what", "", "said", "to do"),
        [(one["what"], "ok" if one["ok"] else "BAD", one["said"], one["advice"]) for one in found],
    )
    if not all(one["ok"] for one in found):
        raise typer.Exit(5)


def _node(network: NetworkSettings, url: str) -> dict[str, Any]:
    from medibloc_py.chain import Network, public_url

    def ask() -> str:
        node = Network.connect(url.strip(), network.chain_id, timeout_s=10.0)
        return f"chain {node.chain_id}, block {node.block_number():,}"

    return _told(f"node {public_url(url.strip())}", ask)


def _deployment(session: Session, settings: Settings) -> dict[str, Any]:
    from medibloc_py.client import find_deployment

    def ask() -> str:
        found = find_deployment(settings, session.node())
        return f"contracts at {', '.join(sorted(found.contracts.values()))}"

    return _told("deployment", ask)


def _store(settings: Settings) -> dict[str, Any]:
    from medibloc_py.client import open_store
    from medibloc_py.storage import raw_cid

    def ask() -> str:
        open_store(settings.store).has(raw_cid(bytes(32)))
        return "it answers"

    return _told(f"store {settings.store}", ask)


def _told(what: str, ask: Any) -> dict[str, Any]:
    from medibloc_py.errors import MediBlocError

    try:
        return {"what": what, "ok": True, "said": ask(), "advice": ""}
    except MediBlocError as error:
        return {"what": what, "ok": False, "said": str(error), "advice": error.advice}
