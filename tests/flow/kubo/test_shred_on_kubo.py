"""A shredded record is gone from a real daemon: nothing is pinned, and no block is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.chain import LocalNode
from medibloc_py.errors import BlobMissing, GrantNotFound
from medibloc_py.flows.held import held_record, id_of
from medibloc_py.flows.parties import Exchange
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.storage import KuboNode, KuboStore
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.rpc import Rpc
from tests.flow.world import World


@pytest.fixture(scope="session")
def node() -> Iterator[LocalNode]:
    """The chain that the world stands on, as everywhere but in this folder."""
    with LocalNode.start(block_time_s=None) as node:
        yield node


@pytest.fixture
def daemon(make_node: Callable[[Path], KuboNode], tmp_path: Path) -> KuboNode:
    daemon = make_node(tmp_path / "kubo")
    daemon.up()
    return daemon


def blocks(node: KuboNode) -> set[str]:
    """Every block that the daemon holds."""
    with Rpc(parse_endpoint(node.address()), 30) as rpc, rpc.ask("refs/local") as answer:
        return {each["Ref"] for each in answer.lines()}


def on_kubo(world: World, node: KuboNode) -> World:
    """The same people, with the daemon for a store."""
    exchange = Exchange(
        world.exchange.network, world.exchange.deployment, KuboStore(node.address())
    )
    clients = {
        name: replace(
            client, exchange=exchange, settings=replace(client.settings, store=node.address())
        )
        for name, client in world.clients.items()
    }
    return replace(world, clients=clients)


def test_a_shredded_record_leaves_no_block_in_a_daemon(world: World, daemon: KuboNode) -> None:
    people = on_kubo(world, daemon)
    hospital, alice, clinic = (people[name] for name in ("hospital", "alice", "clinic"))
    store = people.exchange.store
    store.collect()
    before = blocks(daemon)
    study = StudyToPublish(sample("MR_small.dcm"), alice.me.address)
    record, other = (id_of(each) for each in hospital.publish([study, study]).records)
    for each in (record, other):
        alice.import_record(hospital.hand_over(each), "record file")
        alice.grant(each, clinic.me.address, "TREATMENT", world.in_days(7))
    assert clinic.open_granted(record).read(0) == world.released("MR_small.dcm")
    kept = blocks(daemon)
    file = held_record(alice.me, record)
    erasure = alice.shred(record).erasure
    assert [(place.place, place.gone) for place in erasure.places] == [(daemon.address(), True)]
    gone = kept - blocks(daemon)
    assert len(gone) >= 2  # the sealed record and the grant object
    for cid in (erasure.blob, *erasure.grant_objects):
        with pytest.raises(BlobMissing):
            next(iter(store.offline().get(cid)))
    with pytest.raises(GrantNotFound):
        clinic.open_granted(record)
    assert file.cid == erasure.blob
    assert clinic.open_granted(other).read(0) == world.released("MR_small.dcm")
    alice.shred(other)
    assert blocks(daemon) == before
