"""The site's pages: all there, in order, and every command on them is one."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from command_lines import COMMANDS, parse

from medibloc_py import errors
from medibloc_py.errors import MediBlocError

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A command on an indented line, up to what the page says of it.
_LINE = re.compile(r"^ {4}(medibloc .*?)(?:   .*| *#.*| or: .*)?$", re.MULTILINE)
_SHELL = re.compile(r"^( *)```(?:bash|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# What the shell does with a line after our arguments end, and before they begin.
_ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>", ")"}


@pytest.fixture(scope="module")
def site() -> Any:
    sys.path.insert(0, str(ROOT / "tools" / "site"))
    try:
        return importlib.import_module("pages")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def pages(site) -> dict[str, str]:
    return dict(site.build())


def commands_of(document: Path) -> list[list[str]]:
    """The arguments of every `medibloc` in a document's commands."""
    found = []
    text = document.read_text(encoding="utf-8")
    lines = [line for line in _LINE.findall(text) if "..." not in line and "COMMAND" not in line]
    for block in (*(block for _, block in _SHELL.findall(text)), *lines):
        for line in block.replace("\\\n", " ").splitlines():
            if "medibloc " not in line:
                continue
            lexer = shlex.shlex(line.replace("$(", " ( "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            for start, word in enumerate(words):
                if word == "medibloc":
                    rest = words[start + 1 :]
                    end = next((i for i, each in enumerate(rest) if each in _ENDS), len(rest))
                    found.append(rest[:end])
    return found


@pytest.mark.parametrize(
    "document",
    [each for each in DOCUMENTS if commands_of(each)],
    ids=lambda each: each.relative_to(ROOT).as_posix(),
)
def test_every_command_in_a_document_is_one(document: Path) -> None:
    for argv in commands_of(document):
        try:
            parse(argv)
        except Exception as error:
            pytest.fail(f"medibloc {shlex.join(argv)}: {error}")


@pytest.mark.parametrize("who", ["researcher", "developer"])
def test_a_program_in_a_tutorial_names_what_is_there(who: str) -> None:
    text = (ROOT / "docs" / "tutorials" / f"{who}.md").read_text(encoding="utf-8")
    (program,) = _PYTHON.findall(text)
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom):
            house = importlib.import_module(str(node.module))
            assert [each.name for each in node.names if not hasattr(house, each.name)] == []


def test_each_reader_has_a_tutorial_with_commands() -> None:
    for who in ("patient", "hospital", "researcher", "developer"):
        assert len(commands_of(ROOT / "docs" / "tutorials" / f"{who}.md")) >= 8


@pytest.mark.parametrize(
    "wrong",
    [
        ["record", "publsh", "a=b", "--as", "h"],
        ["record", "publish", "a=b"],
        ["record", "publish", "--as", "h"],
        ["record", "publish", "a=b", "--as", "h", "--no-such"],
        ["record", "import", "one", "two", "--as", "h"],
        ["record"],
    ],
)
def test_a_wrong_command_is_seen(wrong: list[str]) -> None:
    with pytest.raises(Exception, match=r"no publsh|needs|[Nn]o such option|does not take"):
        parse(wrong)


def test_every_document_is_a_page_once(site, pages) -> None:
    names = site.copied()
    assert len(set(names.values())) == len(names)
    assert {f"docs/{each.relative_to(ROOT / 'docs').as_posix()}" for each in DOCUMENTS[1:]} <= set(
        names
    )
    ordered = [page for section in site.order(pages) for page in _pages(section)]
    assert sorted(ordered) == sorted(pages)


def _pages(section: dict[str, list[dict[str, str]]]) -> list[str]:
    return [page for listed in section.values() for entry in listed for page in entry.values()]


def test_links_of_pages_lead_to_pages(site, pages) -> None:
    places = {*pages, *site.pictures().values()}
    for name, text in pages.items():
        for _, target in site.LINK.findall(site.FENCE.sub("", text)):
            path = target.partition("#")[0]
            if path and not path.startswith(("https://", "mailto:")):
                place = (Path("/") / name).parent.joinpath(path).resolve()
                assert place.relative_to("/").as_posix() in places, f"{name}: {target}"


def test_every_error_is_in_the_catalogue(pages) -> None:
    page = pages["errors.md"]
    grounds = (MediBlocError, *MediBlocError.__subclasses__(), errors.ContractRefusal)
    known = {name for name in errors.__all__ if getattr(errors, name) not in grounds}
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == known
    assert not re.search(r"\{\w+(:\w+)?\}", page), "a value stands as the code has it"


def test_every_verb_is_in_the_command_page(pages) -> None:
    page = pages["commands.md"]
    for noun, command in COMMANDS.commands.items():
        assert f"\n## {noun}\n" in page
        for verb, child in getattr(command, "commands", {}).items():
            if not hasattr(child, "commands"):
                assert f"\n### medibloc {noun} {verb}\n" in page
    assert "[b]" not in page


def test_every_room_has_its_reference(pages) -> None:
    rooms = {file.parent.name for file in (ROOT / "medibloc_py").glob("*/__init__.py")}
    assert {f"api/{room}.md" for room in rooms - {"cli", "errors"}} <= set(pages)
    assert "::: medibloc_py.flows.audit\n" in pages["api/flows.md"]
    assert "::: medibloc_py.client.Client\n" in pages["api/names.md"]
