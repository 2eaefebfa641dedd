"""Reads a command line as the program does, without running it."""

from __future__ import annotations

from typing import Any

import typer

from medibloc_py.cli import app

COMMANDS: Any = typer.main.get_command(app)


def parse(argv: list[str]) -> None:
    """Reads a line as the program does, up to the values: words, options, what is needed."""
    command, name = COMMANDS, "medibloc"
    while True:
        context = command.context_class(command, info_name=name, resilient_parsing=True)
        values, rest, _ = command.make_parser(context).parse_args(args=list(argv))
        if not hasattr(command, "commands"):
            break
        assert rest, f"{name} needs a verb"
        assert rest[0] in command.commands, f"{name} has no {rest[0]}"
        name, argv, command = f"{name} {rest[0]}", rest[1:], command.commands[rest[0]]
    assert not rest, f"{name} does not take {rest}"
    asked = {"help", "version"} & {key for key, value in values.items() if value}
    for each in command.params:
        if each.required and not asked and not each.envvar:
            assert values.get(each.name), f"{name} needs {each.name}"
