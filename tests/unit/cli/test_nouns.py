"""The root of the command line: every word, and its file only when it is used."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from medibloc_py.cli import app, nouns

ROOT: Any = typer.main.get_command(app)


def loaded(*argv: str) -> set[str]:
    """The command line's modules that are imported once these words were read."""
    code = f"""
import sys
sys.argv = {["medibloc", *argv]!r}
from medibloc_py.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print(*[name for name in sys.modules if name.startswith("medibloc_py.")], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("word", nouns.WORDS)
def test_the_help_says_what_the_word_says_of_itself(word: str) -> None:
    command = ROOT.commands[word]
    first, *_ = (command.short_help or command.help).split("\n\n")
    assert nouns.WORDS[word].says == " ".join(first.split())
    assert command.name == word


def test_a_word_is_the_same_command_each_time() -> None:
    assert ROOT.commands["record"] is ROOT.commands["record"]
    assert list(ROOT.commands) == ROOT.list_commands(None) == list(nouns.WORDS)


def test_the_help_imports_no_noun() -> None:
    known = {f"medibloc_py.cli.{place.module}" for place in nouns.WORDS.values()}
    assert not known & loaded("--help")


def test_a_noun_imports_itself_and_no_other() -> None:
    seen = loaded("relay", "--help")
    assert "medibloc_py.cli.relay" in seen
    assert not {"medibloc_py.cli.dataset", "medibloc_py.cli.account"} & seen


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["acces"], "Did you mean 'access'?"),
        (["record", "publsh"], "Did you mean 'publish'?"),
        (["nothing-like-it"], "No such command 'nothing-like-it'"),
    ],
)
def test_a_mistyped_word_is_told(argv: list[str], says: str) -> None:
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize(("typed", "offered"), [("acc", {"access", "account"}), ("wat", {"watch"})])
def test_the_shell_completes_words(typed: str, offered: set[str]) -> None:
    asks = {"_MEDIBLOC_COMPLETE": "complete_bash", "COMP_WORDS": f"medibloc {typed}"}
    done = CliRunner().invoke(app, [], prog_name="medibloc", env={**asks, "COMP_CWORD": "1"})
    assert set(done.output.split()) == offered


def test_the_shell_completes_verbs() -> None:
    asks = {"_MEDIBLOC_COMPLETE": "complete_bash", "COMP_WORDS": "medibloc relay s"}
    done = CliRunner().invoke(app, [], prog_name="medibloc", env={**asks, "COMP_CWORD": "2"})
    assert set(done.output.split()) == {"show", "send"}
