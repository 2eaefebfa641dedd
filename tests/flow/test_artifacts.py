from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from medibloc_py.chain import artifacts

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("artifacts_tool", ROOT / "tools" / "artifacts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_shipped_artifacts_equal_a_fresh_compile(tool: ModuleType):
    assert tool.stale() == []


def test_a_changed_missing_or_extra_artifact_is_told(tool: ModuleType, tmp_path, monkeypatch):
    texts = {path.stem: path.read_text() for path in tool.TARGET.glob("*.json")}
    monkeypatch.setattr(tool, "compiled", lambda: texts)
    monkeypatch.setattr(tool, "TARGET", tmp_path)
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    (tmp_path / "Market.json").unlink()
    (tmp_path / "Grants.json").write_text("{}")
    (tmp_path / "Stranger.json").write_text("{}")
    assert tool.stale() == ["Grants", "Market", "Stranger"]
    assert tool.main(["--check"]) == 1


def test_other_arguments_are_refused(tool: ModuleType):
    assert tool.main(["--help"]) == 2


@pytest.mark.parametrize("name", artifacts.names())
def test_an_artifact_is_whole(tool: ModuleType, name: str):
    content = json.loads((tool.TARGET / f"{name}.json").read_text())
    assert content["contractName"] == name
    assert content["compiler"]["version"].startswith("0.8.37")
    assert content["compiler"]["settings"] == tool.settings()
    artifact = artifacts.load(name)
    assert 0 < len(artifact.runtime) <= 24_576 < 49_152
    assert artifact.runtime in artifact.bytecode
    names = [item["name"] for item in artifact.abi if item["type"] == "function"]
    assert len(names) == len(set(names))  # functions are called by name alone
