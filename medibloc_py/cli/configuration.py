"""`medibloc config`: which networks and places are used, and whether they answer."""

from __future__ import annotations

from textwrap import indent

import typer

from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.config.file import EXAMPLE

app = typer.Typer(
    no_args_is_help=True,
    help="Configuration: networks of config.toml in the home folder.\n\n"
    "An option comes first, then the environment, then this file. It holds no secret: an RPC URL "
    "with a key in it belongs into MEDIBLOC_RPC_<NAME>, that of a witness into "
    "MEDIBLOC_WITNESS_<NAME>.\n\n\b\n"
    + indent(EXAMPLE, "    ").replace("[n", "\\[n")
    + "\nAll but rpc may be left out.",
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

    def shown(urls: str) -> str:
        return ", ".join(public_url(url.strip()) for url in urls.split(",")) if urls else ""

    used = session.settings()
    rows = [
        (
            ("* " if name == used.network.name else "  ") + name,
            str(each.chain_id or "any"),
            shown(each.rpc_url),
            shown(each.witness_url),
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
        ("network", "chain", "nodes", "witness", "store"),
        rows,
    )


_SHOWN = ("chain_id", "nodes", "witness", "store")


@app.command("check")
def check(context: typer.Context, json: Json = False) -> None:
    """Ask every node, the deployment and the store of the network in use; say what to do.

    Ends with 5 if something does not answer as it must.
    """
    from medibloc_py.cli import checks

    session: Session = context.obj
    settings = session.settings()
    found = [
        *checks.nodes(settings),
        checks.deployment(settings, session.node),
        *checks.store(settings),
    ]
    checks.show(Output(json), f"Network {settings.network.name}", settings, found)
