"""The command line: parses, calls the client, prints. One file per noun, and the verbs.

`--help` works everywhere and starts fast: a noun's file is imported when the noun is used
(`nouns.py`), heavy rooms inside commands.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.nouns import TYPED, Nouns
from medibloc_py.cli.options import Session
from medibloc_py.cli.output import Output, told_or_lost
from medibloc_py.errors import DryRun, MediBlocError

app = typer.Typer(
    name="medibloc",
    cls=Nouns,
    help="Consent-gated exchange of sealed medical imaging.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        print(version("medibloc-py"))
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        str | None,
        typer.Option(envvar="MEDIBLOC_HOME", help="Folder for keys, documents and the store."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            envvar="MEDIBLOC_NETWORK", help="local, anvil, ganache, sepolia or one of config.toml."
        ),
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(
            envvar="MEDIBLOC_RPC", help="RPC URLs with commas between, instead of the network's."
        ),
    ] = None,
    witness: Annotated[
        str | None,
        typer.Option(
            envvar="MEDIBLOC_WITNESS",
            help="RPC URL of a second node, which must say what the first says.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(envvar="MEDIBLOC_STORE", help="Folder, Kubo multiaddr, gateway URL, or kubo."),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the account's password.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Send transactions without asking.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what the first transaction would do; send none."),
    ] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that every command understands; give them before the command.

    Passwords come from --password-file, from MEDIBLOC_PASSWORD or from a prompt, never
    from the command line. At a terminal each transaction is shown with its cost before it is
    sent, and asked about unless --yes. Exit codes: 0 done or dry run, 2 wrong usage, 3 bad input,
    4 refused, 5 node or store, 6 key or password, 7 damaged data.
    """
    words = context.meta[TYPED]
    context.obj = Session(home, network, rpc, store, password_file, yes, dry_run, witness, words)


def main() -> None:
    """Entry point: errors of ours become a message, an advice and an exit code."""
    output = Output("--json" in sys.argv)
    try:
        with told_or_lost():
            try:
                app(prog_name="medibloc")
            except DryRun as told:
                output.result(told.values, [*told.message.splitlines(), told.advice])
    except MediBlocError as error:
        output.error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)


__all__ = ["app", "main"]
