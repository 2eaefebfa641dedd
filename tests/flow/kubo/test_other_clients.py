"""Scripts of others, which speak to a node of ours through `ipfshttpclient`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import ipfshttpclient
import pytest

from medibloc_py.storage import KuboNode, KuboStore

PROFILE = {
    "cid_version": 1,
    "raw_leaves": True,
    "chunker": "size-1048576",
    "opts": {"max-file-links": "1024"},
}


@pytest.fixture
def client(node: KuboNode) -> Iterator[ipfshttpclient.Client]:
    # Not `connect()`, which refuses every Kubo of today by its version.
    with ipfshttpclient.Client(node.up().rpc) as client:
        yield client


@pytest.mark.filterwarnings("ignore:The 'strict' parameter:FutureWarning")
def test_they_read_what_we_put_and_we_read_what_they_add(
    node: KuboNode, client: ipfshttpclient.Client, tmp_path: Path
) -> None:
    store, data = KuboStore(node.up().rpc), secrets.token_bytes((3 << 20) + 1)
    ours = store.put([data])
    assert client.cat(ours.cid) == data
    other = data[::-1]
    path = tmp_path / "blob"
    path.write_bytes(other)
    theirs = client.add(path, **PROFILE)
    assert b"".join(store.get(theirs["Hash"])) == other
    assert store.put([other]).cid == theirs["Hash"]
