"""What brownie compiles is what the library ships and foundry builds, to the byte."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from brownie import project

from medibloc_py.chain import artifacts

ROOT = Path(__file__).parents[2]


def shipped(name: str) -> dict[str, Any]:
    return json.loads((artifacts.DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", artifacts.names())
def test_build_equals_the_shipped_artifact(name: str) -> None:
    built = json.loads((ROOT / "build" / "contracts" / f"{name}.json").read_text(encoding="utf-8"))
    expected = shipped(name)
    assert "0x" + built["bytecode"].removeprefix("0x") == expected["bytecode"]
    assert "0x" + built["deployedBytecode"].removeprefix("0x") == expected["deployedBytecode"]
    assert built["abi"] == expected["abi"]


def test_compiler_settings_equal_foundrys() -> None:
    compiler = yaml.safe_load((ROOT / "brownie-config.yaml").read_text())["compiler"]
    foundry = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    assert compiler["evm_version"] == foundry["evm_version"]
    assert compiler["solc"]["optimizer"] == {
        "enabled": foundry["optimizer"],
        "runs": foundry["optimizer_runs"],
    }
    assert set(compiler["solc"]["remappings"]) <= set(foundry["remappings"])
    assert compiler["solc"]["version"] in shipped("Market")["compiler"]["version"]


SHIPPED = ("Records", "Consents", "Grants", "Market")
# Of OpenZeppelin's EIP712: its name and version are constants, and short.
UNREACHABLE = {"EIP712DomainChanged", "InvalidShortString", "StringTooLong"}


@pytest.mark.parametrize("kind", ["error", "event"])
def test_every_name_of_the_interfaces_is_expected_somewhere(kind: str) -> None:
    """Each custom error and each event is named by a test."""
    exchange = project.get_loaded_projects()[0]
    names = {
        item["name"] for name in SHIPPED for item in exchange[name].abi if item["type"] == kind
    }
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    assert not {name for name in names - UNREACHABLE if f'"{name}"' not in tests}
