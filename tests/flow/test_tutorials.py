"""The programs in the tutorials, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.flow.world import PASSWORD, PURPOSE, World

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"


@pytest.fixture
def told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> pytest.CaptureFixture[str]:
    monkeypatch.setenv("MEDIBLOC_HOME", str(world.home))
    monkeypatch.setenv("MEDIBLOC_RPC_LOCAL", world.node.url)
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    return capsys


def run(name: str) -> None:
    """Runs the one program of a tutorial."""
    page = TUTORIALS / f"{name}.md"
    (program,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(program, page.name, "exec"), {})


def test_a_developer_publishes_grants_and_opens(
    world: World, told: pytest.CaptureFixture[str]
) -> None:
    world["hospital"].publish_key()
    run("developer")
    refused, opened = told.readouterr().out.splitlines()
    assert refused.startswith("GrantNotFound {")
    assert opened == "0001.dcm (64, 64) int16"
    assert opened in (TUTORIALS / "developer.md").read_text()


def test_a_researcher_opens_what_was_bought(
    world: World, told: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = world["researcher"]
    checked = buyer.check_quote(world.quote(world.list_dataset()), "quote", PURPOSE)
    order = buyer.purchase(checked).order_id
    world["hospital"].settle(order)
    monkeypatch.setenv("ORDER", f"0x{order.hex()}")
    run("researcher")
    lines = told.readouterr().out.splitlines()
    assert {line.partition(" ")[0] for line in lines} == {
        world.records[name].hex() for name in ("alice", "bob")
    }
    assert {line.partition(" ")[2] for line in lines} == {
        "0001.dcm (128, 128) int16", "0001.dcm (64, 64) int16",
    }  # fmt: skip
