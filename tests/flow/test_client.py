"""The front door: connects once, acts for at most one account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py import Client, load_settings
from medibloc_py.client import find_deployment, open_store, read_request, read_terms
from medibloc_py.errors import (
    ChainMismatch,
    DeploymentMissing,
    InvalidPurpose,
    InvalidValue,
    WrongPassword,
)
from medibloc_py.storage import LocalStore
from tests.flow.world import PASSWORD, World


def test_connect_and_act_as_an_account(world: World) -> None:
    settings = load_settings(home=str(world.home), rpc_url=world.node.url, environ={})
    client = Client.connect(settings).acting_as("alice", PASSWORD)
    assert client.me.address == world.address("alice")
    assert client.exchange.deployment == world.exchange.deployment
    receipt = client.set_consent("HMB", world.in_days(1), "form")
    assert receipt.sender == world.address("alice")
    assert isinstance(open_store(settings.store), LocalStore)
    with pytest.raises(WrongPassword):
        client.acting_as("bob", "another")


def test_act_for_nobody(world: World) -> None:
    client = replace(world["alice"], identity=None)
    with pytest.raises(InvalidValue, match="acting_as"):
        client.publish_key()


def test_connect_to_another_chain(world: World) -> None:
    settings = load_settings(
        home=str(world.home), network="sepolia", rpc_url=world.node.url, environ={}
    )
    with pytest.raises(ChainMismatch):
        Client.connect(settings)


def test_find_deployment_takes_the_first_that_stands(world: World, tmp_path: Path) -> None:
    settings = world["alice"].settings
    nowhere = replace(settings, deployments=(tmp_path / "a", tmp_path / "b"))
    with pytest.raises(DeploymentMissing) as caught:
        find_deployment(nowhere, world.exchange.network)
    assert caught.value.values["path"] == f"{tmp_path / 'a'}, {tmp_path / 'b'}"
    later = replace(settings, deployments=(tmp_path / "a", *settings.deployments))
    assert find_deployment(later, world.exchange.network) == world.exchange.deployment


def test_purposes_by_name() -> None:
    assert read_terms("hmb + ncu") == read_terms("HMB+NCU")
    assert read_request("TREATMENT") == 1 << 63
    for text in ("", "HMB+", "HMB NCU", "TREATMENT"):
        with pytest.raises(InvalidPurpose):
            read_terms(text)
