"""Where daemons listen and peers are found: what is read, and what is refused."""

from __future__ import annotations

import socketserver
import threading
from pathlib import Path

import pytest

from medibloc_py.errors import InvalidValue
from medibloc_py.storage import KuboStore
from medibloc_py.storage.multiaddr import Endpoint, parse_endpoint, parse_peer, require_listen
from tests.fakes.recorded_kubo import Exchange, RecordedKubo

ED25519 = "12D3KooWQ3PSMNQ6AmK5zd2tNodAKv6Psyg2B3qx2Qcdj3jHPsLL"
RSA = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/ip4/127.0.0.1/tcp/5001", ("127.0.0.1", 5001, False, "")),
        ("/ip4/127.0.0.1/tcp/5001/http", ("127.0.0.1", 5001, False, "")),
        ("/ip6/::1/tcp/65535", ("::1", 65535, False, "")),
        ("/dns/kubo/tcp/1", ("kubo", 1, False, "")),
        ("/dns4/kubo.example/tcp/443/https", ("kubo.example", 443, True, "")),
        ("/dns6/a-b.c_d.example./tcp/80", ("a-b.c_d.example.", 80, False, "")),
        ("/unix/run/kubo.sock", ("", 0, False, "/run/kubo.sock")),
    ],
)
def test_an_endpoint_is_read(text: str, expected: tuple[str, int, bool, str]) -> None:
    assert parse_endpoint(text) == Endpoint(text, *expected)


@pytest.mark.parametrize(
    "text",
    ["", "/", "/unix/", "x", "/ip4/127.0.0.1", "/ip4/127.0.0.1/tcp", "/ip4/127.0.0.1/tcp/",
     "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/05001", "/ip4/127.0.0.1/tcp/+5", "/ip4//tcp/1",
     "/ip4/127.0.0.1/tcp/65536", "/ip4/127.0.0.1/tcp/٥", "/ip4/127.1/tcp/1", "/ip4/::1/tcp/1",
     "/ip6/127.0.0.1/tcp/1", "/ip6/fe80::1/24/tcp/1", "/dns4/a b/tcp/1", "/dns4/-a/tcp/1",
     "/dns4/a..b/tcp/1", "/dns4/a@b/tcp/1", "/dns4/a:1/tcp/1", "/ip4/127.0.0.1/tcp/1/ws",
     "/ip4/127.0.0.1/tcp/1/https/x", "/ip4/127.0.0.1/udp/1", "ip4/127.0.0.1/tcp/1",
     "//ip4/127.0.0.1/tcp/1", "http://127.0.0.1:5001"],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_endpoint(text)


@pytest.mark.parametrize("peer", [ED25519, RSA])
def test_a_peer_is_read(peer: str) -> None:
    assert parse_peer(f"/ip4/192.0.2.7/tcp/4001/p2p/{peer}") == (peer, "/ip4/192.0.2.7/tcp/4001")


@pytest.mark.parametrize(
    "text",
    [ED25519, f"/p2p/{ED25519}", "/ip4/192.0.2.7/tcp/4001", f"/ip4/192.0.2.7/tcp/4001/{ED25519}",
     f"/ip4/192.0.2.7/tcp/0/p2p/{ED25519}", f"/ip4/192.0.2.7/tcp/4001/p2p/{ED25519}/x",
     f"/ip4/192.0.2.7/tcp/4001/p2p/{ED25519[:-1]}", f"/ip4/192.0.2.7/tcp/4001/p2p/{RSA[:-2]}",
     "/ip4/192.0.2.7/tcp/4001/p2p/", f"/ip4/192.0.2.7/tcp/4001/p2p/0{ED25519[1:]}",
     f"/ip4/192.0.2.7/udp/4001/quic-v1/p2p/{ED25519}"],
)  # fmt: skip
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_peer(text)


def test_what_is_listened_on_is_an_address_of_the_machine() -> None:
    for text in ("/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/0", "/ip4/192.0.2.7/tcp/4001"):
        assert require_listen(text) == text
    for text in ("/dns4/kubo/tcp/1", "/ip4/192.0.2.7/tcp/1/ws", "/ip4/192.0.2.7/udp/1", "4001"):
        with pytest.raises(InvalidValue):
            require_listen(text)


def test_a_daemon_is_reached_at_a_socket_in_the_file_system(tmp_path: Path) -> None:
    class Bound(Exchange):
        kubo = RecordedKubo(0)
        disable_nagle_algorithm = False

    path = tmp_path / "kubo.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Bound) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        store = KuboStore(f"/unix{path}", timeout_s=5)
        cid = store.put([b"through a file"]).cid
        assert b"".join(store.get(cid)) == b"through a file"
        server.shutdown()
        thread.join()
