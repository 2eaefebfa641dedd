"""Pages that come out of the code: commands, errors, and the API's rooms."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from medibloc_py import errors
from medibloc_py.cli import app
from medibloc_py.errors import MediBlocError

HOUSE = Path(__file__).parents[2] / "medibloc_py"
NOT_FOR_CALLERS = {"cli", "errors", "__init__", "__main__"}  # errors have their own page
_WORD = re.compile(r"\{(\w+)(?::\w+)?\}")


def error_page() -> str:
    """Every error a user can meet, by exit code: what it says and what to do."""
    known = {name: getattr(errors, name) for name in errors.__all__}
    grounds = (MediBlocError, *MediBlocError.__subclasses__(), errors.ContractRefusal)
    lines = [
        "# Errors",
        "",
        "What the library raises and the command line prints, by the exit code it ends with. Words "
        "in *italics* are values: `error.values` holds them, and `--json` prints them.",
        "",
    ]
    for ground in sorted(MediBlocError.__subclasses__(), key=lambda each: each.exit_code):
        lines += [f"## Exit code {ground.exit_code}: {ground.__name__}", "", _about(ground), ""]
        for name in sorted(known):
            error = known[name]
            if issubclass(error, ground) and error not in grounds:
                lines += [f"### {name}", "", _about(error), "", f"> {_said(error.what)}", ""]
                lines += [f"**What to do.** {_said(error.fix)}", ""] if error.fix else []
    return "\n".join(lines)


def command_page() -> str:
    """Every command with its arguments and options, as its parser has them."""
    root: Any = typer.main.get_command(app)
    shown = "![What `medibloc --help` prints](recordings/help.svg)"
    lines = ["# Commands", "", _help(root), "", shown, "", "## Options before the command", ""]
    lines += _parameters(root)
    for noun, command in root.commands.items():
        lines += [f"## {noun}", "", _help(command), ""]
        verbs = _leaves(command, f"medibloc {noun}")
        for name, verb in verbs:
            lines += [f"### {name}", "", _help(verb), ""] if verb is not command else []
            lines += _parameters(verb)
    return "\n".join(lines)


def api_pages() -> dict[str, str]:
    """One page for each room of the library; the docstrings are read when the site is built."""
    rooms = {file.stem for file in HOUSE.glob("*.py")} | {
        file.parent.name for file in HOUSE.glob("*/__init__.py")
    }
    pages = {"api/names.md": _PUBLIC}  # a room is called index
    for room in sorted(rooms - NOT_FOR_CALLERS):
        pages[f"api/{room}.md"] = "\n".join([f"# {room}", "", *_faces(room), ""])
    return pages


_PUBLIC = """# The public names

These are imported from `medibloc_py` itself and keep their names; the rooms below them may change
with any minor version.

::: medibloc_py.client.Client
    options: { inherited_members: true }
::: medibloc_py.config.load
::: medibloc_py.config.Settings
::: medibloc_py.flows.publish.StudyToPublish
::: medibloc_py.errors.MediBlocError
"""


def _faces(room: str) -> list[str]:
    """What a room shows: the names it gives out, or else each of its modules."""
    inside = HOUSE / room
    if not inside.is_dir() or "__all__" in (inside / "__init__.py").read_text(encoding="utf-8"):
        verbs = ["    options: { inherited_members: true }"] if room == "client" else []
        return [f"::: medibloc_py.{room}", *verbs]
    modules = sorted(file for file in inside.rglob("*.py") if file.name != "__init__.py")
    names = [".".join(file.relative_to(HOUSE).with_suffix("").parts) for file in modules]
    return [f"::: medibloc_py.{name}" for name in names]


def _about(error: type[MediBlocError]) -> str:
    return " ".join(inspect.getdoc(error).split("\n\n")[0].split()) if error.__doc__ else ""


def _said(template: str) -> str:
    """A template with its values in italics, or in capitals where code stands."""
    parts = template.replace("<", "&lt;").split("`")
    parts[::2] = [_WORD.sub(r"*\1*", part) for part in parts[::2]]
    parts[1::2] = [_WORD.sub(lambda found: found[1].upper(), part) for part in parts[1::2]]
    return "`".join(parts)


def _help(command: Any) -> str:
    """A command's help as paragraphs; what is set in lines stays so."""
    paragraphs = []
    for paragraph in str(command.help).split("\n\n"):
        plain = Text.from_markup(paragraph.lstrip("\b\n")).plain
        if paragraph.startswith("\b"):
            paragraphs.append("\n".join(f"    {line}" for line in plain.splitlines()))
        else:
            paragraphs.append(_escaped(" ".join(plain.split())))
    return "\n\n".join(paragraphs)


def _parameters(command: Any) -> list[str]:
    rows = []
    for each in command.params:
        if each.param_type_name == "argument":
            name = (each.metavar or each.name.upper()) + ("..." if each.nargs == -1 else "")
            shown = f"`{name if each.required else f'[{name}]'}`"
        else:
            shown = ", ".join(f"`{word}`" for word in (*each.opts, *each.secondary_opts))
        needed = " Needed." if each.required and each.param_type_name != "argument" else ""
        told = _escaped(Text.from_markup(each.help or "").plain).replace("|", "\\|")
        rows.append(f"| {shown} | {told}{needed} |")
    return ["| | |", "|---|---|", *rows, ""] if rows else []


def _leaves(command: Any, path: str) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(path, command)]
    return [
        leaf
        for name, child in command.commands.items()
        for leaf in _leaves(child, f"{path} {name}")
    ]


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")
