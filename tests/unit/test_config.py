"""Settings: an argument first, then the environment, then what suits one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py import config
from medibloc_py.client import open_store
from medibloc_py.config import NetworkSettings
from medibloc_py.errors import InvalidValue, NetworkUnknown
from medibloc_py.storage import KuboStore, LocalStore


def test_load_suits_one_machine_when_nothing_is_given() -> None:
    settings = config.load(environ={})
    home = Path.home() / ".medibloc"
    assert settings.home == home
    assert settings.network == NetworkSettings("local", 31337, "http://127.0.0.1:8545")
    assert settings.store == str(home / "store")
    assert settings.deployments == (home / "deployments", Path("deployments"))


def test_load_takes_the_environment() -> None:
    settings = config.load(
        environ={
            "MEDIBLOC_HOME": "/somewhere",
            "MEDIBLOC_NETWORK": "sepolia",
            "MEDIBLOC_RPC_SEPOLIA": "https://node.example",
            "MEDIBLOC_STORE": "/ip4/127.0.0.1/tcp/5001",
        }
    )
    assert settings.home == Path("/somewhere")
    assert settings.network == NetworkSettings("sepolia", 11155111, "https://node.example")
    assert settings.store == "/ip4/127.0.0.1/tcp/5001"


def test_load_takes_an_argument_before_the_environment() -> None:
    environ = {
        "MEDIBLOC_HOME": "/other",
        "MEDIBLOC_NETWORK": "sepolia",
        "MEDIBLOC_RPC": "http://other",
        "MEDIBLOC_STORE": "/other",
    }
    settings = config.load(
        home="/mine", network="ganache", rpc_url="http://mine", store="/kept", environ=environ
    )
    assert settings.home == Path("/mine")
    assert settings.network == NetworkSettings("ganache", 1337, "http://mine")
    assert settings.store == "/kept"


def test_load_asks_an_unnamed_node_for_its_chain() -> None:
    for settings in (
        config.load(rpc_url="http://node", environ={}),
        config.load(environ={"MEDIBLOC_RPC": "http://node"}),
    ):
        assert settings.network == NetworkSettings("custom", None, "http://node")


def test_load_holds_a_named_network_to_its_chain_at_any_url() -> None:
    settings = config.load(network="sepolia", rpc_url="http://node", environ={})
    assert settings.network == NetworkSettings("sepolia", 11155111, "http://node")


def test_load_refuses_a_network_nobody_knows() -> None:
    with pytest.raises(NetworkUnknown) as caught:
        config.load(network="mainnet", environ={})
    assert caught.value.values == {"name": "mainnet", "known": "local, anvil, ganache, sepolia"}


def test_load_refuses_a_network_without_a_node() -> None:
    with pytest.raises(InvalidValue) as caught:
        config.load(network="sepolia", environ={})
    assert caught.value.values["name"] == "MEDIBLOC_RPC_SEPOLIA"


def test_load_writes_a_tilde_out() -> None:
    settings = config.load(home="~/a", store="~/b", environ={})
    assert (settings.home, settings.store) == (Path.home() / "a", str(Path.home() / "b"))


@pytest.mark.parametrize("argument", ["home", "store"])
def test_load_refuses_the_folder_of_nobody(argument: str) -> None:
    with pytest.raises(InvalidValue):
        config.load(**{argument: "~nobody-of-this-name/a"}, environ={})  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["/ip4/127.0.0.1/tcp/5001", "/ip6/::1/tcp/5001", "/dns4/a/tcp/1"])
def test_open_store_takes_a_multiaddr_for_kubo(place: str) -> None:
    assert isinstance(open_store(place), KuboStore)


@pytest.mark.parametrize("place", ["/ipfs/store", "store", "/home/ip4/store"])
def test_open_store_takes_anything_else_for_a_folder(place: str) -> None:
    assert isinstance(open_store(place), LocalStore)
