"""Replicas on a real IPFS Cluster: three peers, two copies of every pin, one machine lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medibloc_py.cli import replicas
from medibloc_py.errors import BlobMissing, PinMissing, TokenRefused
from medibloc_py.flows.held import id_of
from medibloc_py.flows.parties import Exchange
from medibloc_py.flows.publish import StudyToPublish
from medibloc_py.imaging.samples import sample
from medibloc_py.model import Cid
from medibloc_py.storage import PinningService, PinState
from tests.flow.replicas.swarm import (
    Kubo,
    Peer,
    cluster,
    cluster_service,
    holders,
    service_of,
    wait_for,
)
from tests.flow.world import World

SIZE = 3 * (1 << 20) + 17


@pytest.fixture(scope="module")
def peers(nodes: list[Kubo], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Peer]]:
    """Beside the nodes that keep replicas; the hospital's own node is in no cluster."""
    cluster_service()
    with cluster(tmp_path_factory.mktemp("cluster"), nodes[1:]) as peers:
        yield peers


@pytest.fixture(scope="module")
def hospital(nodes: list[Kubo]) -> Kubo:
    return nodes[0]


def some_bytes(name: str) -> bytes:
    return hashlib.shake_128(name.encode()).digest(SIZE)


def test_a_replica_goes_to_two_of_three(hospital: Kubo, peers: list[Peer]) -> None:
    cid = hospital.store.put([some_bytes("two of three")]).cid
    service = service_of(peers[0])
    made = service.pin(cid)
    assert service.wait(made, patience_s=60).state is PinState.PINNED
    wait_for(lambda: len(holders(peers, cid)) == 2, "two copies")
    assert service.pin(cid).request == made.request
    assert [each.cid for each in service.requests(cid)] == [cid]


def test_a_service_lets_go(hospital: Kubo, peers: list[Peer]) -> None:
    cid = hospital.store.put([some_bytes("let go")]).cid
    service = service_of(peers[1])
    made = service.pin(cid)
    service.wait(made, patience_s=60)
    wait_for(lambda: len(holders(peers, cid)) == 2, "two copies")
    service.unpin(made.request)
    wait_for(lambda: not holders(peers, cid), "no copy")
    with pytest.raises(PinMissing):
        service.status(made.request)
    service.unpin(made.request)


def test_a_service_takes_no_other_token(peers: list[Peer]) -> None:
    with pytest.raises(TokenRefused):
        list(PinningService(peers[0].service, "another", timeout_s=20).requests())


def test_the_command_line_asks_for_replicas(
    hospital: Kubo, peers: list[Peer], tmp_path: Path
) -> None:
    cid = hospital.store.put([some_bytes("by command")]).cid
    token = tmp_path / "token"
    token.write_text(peers[0].token)
    account = ["--service", peers[0].service, "--token-file", str(token), "--json"]

    def run(*argv: str) -> list[dict[str, str]]:
        done = CliRunner().invoke(replicas.app, [*argv, *account], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        said: list[dict[str, str]] = json.loads(done.stdout)
        return said

    assert [each["state"] for each in run("add", cid)] == ["pinned"]
    assert cid in [each["cid"] for each in run("status")]
    assert [each["cid"] for each in run("remove", cid)] == [cid]
    assert run("status", cid) == []


def test_a_record_is_opened_from_a_replica(world: World, hospital: Kubo, peers: list[Peer]) -> None:
    """Published at the hospital's node; opened through a gateway that asks no other node."""
    before = set(hospital.store.pins())
    network, deployment = world.exchange.network, world.exchange.deployment
    there = Exchange(network, deployment, hospital.store)
    issuer, alice, clinic = (
        replace(world[name], exchange=there) for name in ("hospital", "alice", "clinic")
    )
    source = sample("CT_small.dcm")
    study = StudyToPublish(source, world.address("alice"))
    (held,) = issuer.publish([study]).records
    record = alice.import_record(issuer.hand_over(id_of(held)), "record file")
    alice.grant(record, world.address("clinic"), "TREATMENT", world.in_days(7))

    service = service_of(peers[0])
    blobs = set(hospital.store.pins()) - before
    assert len(blobs) == 2  # the record, the grant object
    for cid in blobs:
        service.wait(service.pin(cid), patience_s=60)
    wait_for(lambda: all(len(holders(peers, cid)) == 2 for cid in blobs), "two copies of each")
    # Two of three hold the one, two of three the other: somebody holds both.
    both = next(peer for peer in peers if blobs <= set(peer.kubo.store.pins()))
    reader = replace(clinic, exchange=Exchange(network, deployment, both.kubo.reader))
    assert reader.open_granted(record).read(0) == world.released(source)


def test_a_lost_machine_is_made_good(hospital: Kubo, peers: list[Peer]) -> None:
    """The last test: it leaves a machine behind that is dead.

    Two copies; the hospital's own node lets go; a machine with a copy loses its power. The
    blob is read from the other at once, and soon two machines hold it again.
    """
    data = some_bytes("lost")
    cid = hospital.store.put([data]).cid
    made = service_of(peers[0]).pin(cid)
    service_of(peers[0]).wait(made, patience_s=60)
    wait_for(lambda: len(holders(peers, cid)) == 2, "two copies")
    hospital.store.unpin(cid)
    hospital.store.collect()
    assert not hospital.store.has(cid)

    lost, kept = holders(peers, cid)
    (spare,) = [peer for peer in peers if peer not in (lost, kept)]
    assert not spare.kubo.reader.has(cid)
    lost.kill()
    assert b"".join(kept.kubo.reader.get(cid)) == data
    assert b"".join(hospital.store.get(cid)) == data  # out of the swarm

    wait_for(lambda: cid in spare.kubo.store.pins(), "a second copy again")
    service = service_of(spare)
    wait_for(lambda: service.status(made.request).state is PinState.PINNED, "it is told")
    assert b"".join(spare.kubo.reader.get(cid)) == data
    kept.kill()
    assert b"".join(spare.kubo.reader.get(cid)) == data
    with pytest.raises(BlobMissing):
        spare.kubo.reader.size(Cid(hospital.store.put([b"never replicated"]).cid))
