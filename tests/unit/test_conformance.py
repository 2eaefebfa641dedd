"""What the repository says of itself holds."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from medibloc_py.cli import app

ROOT = Path(__file__).parents[2]
HEAVY = {"web3", "eth_account", "numpy", "pydicom", "cryptography", "coincurve", "ipfshttpclient"}


def commands(command: Any, path: tuple[str, ...]) -> dict[str, Any]:
    found = {" ".join(path): command}
    for name, child in getattr(command, "commands", {}).items():
        found |= commands(child, (*path, name))
    return found


COMMANDS = commands(typer.main.get_command(app), ("medibloc",))


def test_the_newest_change_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"] == version("medibloc-py")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_what_it_does(name: str) -> None:
    text = COMMANDS[name].help
    assert text
    assert text[0].isupper()
    assert text.strip().endswith(".")


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{name} {parameter.name}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not parameter.help
    ]
    assert silent == []


def test_no_command_takes_a_secret_on_its_line() -> None:
    """What stands on a command line is seen by everybody on the machine, and kept in histories."""
    telling = {"password", "passphrase", "key", "secret", "private", "mnemonic", "seed"}
    taken = {
        parameter.name
        for command in COMMANDS.values()
        for parameter in command.params
        if telling & set(str(parameter.name).split("_"))
    }
    assert taken == {"key_file", "password_file", "swarm_key_file"}


def test_the_nouns_are_those_of_the_house() -> None:
    assert set(COMMANDS["medibloc"].commands) == {
        "access", "account", "audit", "config", "consent", "dataset", "demo", "deploy", "doctor",
        "exchange",
        "fhir", "gateway", "imaging", "index", "record", "relay", "store", "up",
        "watch",
    }  # fmt: skip


@pytest.mark.parametrize("argv", [["--help"], ["record", "publish", "--help"], ["demo", "-h"]])
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    code = f"""
import sys
sys.argv = {["medibloc", *argv]!r}
from medibloc_py.cli import main
try:
    main()
except SystemExit as end:
    print(end.code, *sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    status, *modules = done.stderr.split()
    assert status == "0"
    assert "Usage:" in done.stdout
    assert not HEAVY & set(modules)
