"""The configuration of a private node, and what gives one away."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from medibloc_py.storage.node_config import PRIVATE, exposed, make_private, peers_of

OF_KUBO: dict[str, Any] = {
    "Identity": {"PeerID": "12D3"},
    "Addresses": {"Swarm": ["/ip4/0.0.0.0/tcp/4001"], "API": "/ip4/127.0.0.1/tcp/5001"},
    "Bootstrap": ["auto"],
    "Routing": {"DelegatedRouters": ["auto"]},
    "Datastore": {
        "Spec": {"mounts": [{"type": "flatfs", "sync": False}, {"type": "levelds"}]},
    },
    "Peering": {"Peers": None},
}


def private(**changed: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "rpc": "/ip4/127.0.0.1/tcp/1",
        "gateway": "/ip4/127.0.0.1/tcp/2",
        "swarm": [],
        "peers": {},
    }
    return make_private(OF_KUBO, **settings | changed)


def test_it_is_private_and_durable_and_keeps_the_rest() -> None:
    before = deepcopy(OF_KUBO)
    made = private(swarm=["/ip4/192.0.2.7/tcp/1"], peers={"12D3": ["/ip4/192.0.2.8/tcp/1"]})
    assert before == OF_KUBO
    assert exposed(made) == []
    assert made["Identity"] == OF_KUBO["Identity"]
    assert made["Addresses"]["Swarm"] == ["/ip4/192.0.2.7/tcp/1"]
    assert peers_of(made) == {"12D3": ["/ip4/192.0.2.8/tcp/1"]}
    assert made["Datastore"]["Spec"]["mounts"] == [
        {"type": "flatfs", "sync": True},
        {"type": "levelds"},
    ]
    assert peers_of(OF_KUBO) == {}


def test_making_it_again_changes_nothing() -> None:
    made = private()
    settings = {"rpc": "/ip4/127.0.0.1/tcp/1", "gateway": "/ip4/127.0.0.1/tcp/2"}
    assert make_private(made, **settings, swarm=[], peers={}) == made  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PRIVATE)
def test_each_setting_that_is_another_gives_it_away(path: str) -> None:
    made: Any = private()
    *folders, name = path.split(".")
    at = made
    for folder in folders:
        at = at[folder]
    at[name] = "another"
    assert exposed(made) == [f"{path}: another"]
    del at[name]
    assert exposed(made) == [f"{path}: None"]


@pytest.mark.parametrize(
    "address", ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", ["/ip4/127.0.0.1/tcp/1"]]
)
@pytest.mark.parametrize("name", ["rpc", "gateway"])
def test_an_open_door_gives_it_away(name: str, address: Any) -> None:
    (found,) = exposed(private(**{name: address}))
    assert found.endswith(str(address))


def test_loopback_and_sockets_in_the_file_system_are_closed_doors() -> None:
    for address in (
        "/ip4/127.0.0.1/tcp/1",
        "/ip4/127.9.9.9/tcp/1",
        "/ip6/::1/tcp/1",
        "/unix/run/k",
    ):
        assert exposed(private(rpc=address)) == []
