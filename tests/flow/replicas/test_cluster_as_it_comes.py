"""A cluster that does not make a lost copy good by itself, which is its default."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from tests.flow.replicas.swarm import (
    Kubo,
    cluster,
    cluster_service,
    holders,
    service_of,
    wait_for,
)


def test_a_lost_copy_is_made_good_when_it_is_asked_for_again(
    nodes: list[Kubo], tmp_path: Path
) -> None:
    cluster_service()
    hospital, *keepers = nodes
    data = secrets.token_bytes(3_000_000)
    cid = hospital.store.put([data]).cid
    with cluster(tmp_path, keepers, repinning=False) as peers:
        service = service_of(peers[0])
        service.wait(service.pin(cid), patience_s=60)
        wait_for(lambda: len(holders(peers, cid)) == 2, "two copies")
        lost = holders(peers, cid)[0]
        lost.kill()
        left = [peer for peer in peers if peer is not lost]
        service = service_of(left[0])
        assert b"".join(left[0].kubo.store.get(cid)) == data

        def asked_again() -> bool:
            # In vain until the cluster knows of the loss; till then it counts the dead as a copy.
            service.pin(cid)
            return len(holders(left, cid)) == 2

        time.sleep(5)
        assert len(holders(left, cid)) == 1, "it made the copy good by itself"
        wait_for(asked_again, "two copies again")
        assert all(b"".join(peer.kubo.reader.get(cid)) == data for peer in left)
