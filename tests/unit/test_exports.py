"""The public names are true: sorted, there, and nothing else is loaded to tell them."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import medibloc_py

LISTED = [
    "medibloc_py",
    "medibloc_py.chain",
    "medibloc_py.cli",
    "medibloc_py.client",
    "medibloc_py.errors",
    "medibloc_py.services",
    "medibloc_py.storage",
]


@pytest.mark.parametrize("name", LISTED)
def test_all_is_sorted_and_true(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__)
    assert [each for each in module.__all__ if getattr(module, each, None) is None] == []


def test_what_a_type_checker_sees_is_what_is_there() -> None:
    tree = ast.parse(Path(medibloc_py.__file__).read_text())
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medibloc_py")
        for alias in node.names
    }
    assert seen == set(medibloc_py.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        medibloc_py.Nothing  # noqa: B018


def test_the_package_alone_loads_no_foreign_library() -> None:
    code = "import medibloc_py, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    foreign = {"web3", "eth_account", "numpy", "pydicom", "cryptography", "coincurve", "typer"}
    assert not foreign & set(done.stdout.split())
