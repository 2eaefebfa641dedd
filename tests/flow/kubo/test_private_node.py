"""A private node is private: what the daemon itself says, and what the system says of it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medibloc_py.errors import InvalidValue, StoreFailed, StoreUnreachable, ToolMissing
from medibloc_py.storage import KuboNode, KuboStore, raw_cid
from medibloc_py.storage.locks import is_claimed
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.node_config import PRIVATE, exposed
from medibloc_py.storage.node_settings import new_swarm_key
from medibloc_py.storage.process import Process, wait_until
from medibloc_py.storage.process import start as start_process
from medibloc_py.storage.program import environ_of, find_kubo
from medibloc_py.storage.rpc import Rpc

Make = Callable[[Path], KuboNode]
LOOPBACK = "0100007F"  # in /proc/net/tcp


def folder_of(node: KuboNode) -> Path:
    return Path(node.status().swarm_key).parents[1]


def noted(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "node.json").read_bytes()))


def process_of(folder: Path) -> Process:
    told = json.loads((folder / "node.json").read_bytes())["process"]
    return Process(told["pid"], told["born"])


def kill(folder: Path) -> None:
    process = process_of(folder)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(10)


def sockets_of(pid: int) -> set[tuple[str, str, int]]:
    """What a process listens on, waits at or calls from: protocol, address, port."""
    inodes = {
        os.readlink(each)[len("socket:[") : -1]
        for each in Path(f"/proc/{pid}/fd").iterdir()
        if os.readlink(each).startswith("socket:[")
    }
    found = set()
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            _, local, *_, inode = line.split()[:10]
            if inode in inodes:
                address, port = local.split(":")
                found.add((protocol, address, int(port, 16)))
    return found


def test_the_daemon_runs_on_the_private_configuration(node: KuboNode) -> None:
    status = node.status()
    with Rpc(parse_endpoint(status.rpc), 10) as rpc:
        config = rpc.value("config/show")
        told = dict.fromkeys(PRIVATE, config)
        for path in PRIVATE:
            for name in path.split("."):
                told[path] = told[path][name]
        assert told == PRIVATE
        assert config["Addresses"]["Swarm"] == []
        assert config["Peering"]["Peers"] == []
        (flatfs,) = (m for m in config["Datastore"]["Spec"]["mounts"] if m["type"] == "flatfs")
        assert flatfs["sync"] is True
        assert config["Import"]["UnixFSFileMaxLinks"] == 1024
        assert config["Import"]["UnixFSChunker"] == "size-1048576"
        assert rpc.value("swarm/peers").get("Peers") is None
        with pytest.raises(StoreFailed):  # there is no DHT to ask
            rpc.value("routing/findpeer", {"arg": status.peer_id[:-1] + "1"})
    assert status.exposed == exposed(config) == []
    assert status.version >= "0.43"
    assert status.peers == status.swarm == []


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux who listens")
def test_nothing_listens_or_calls_outside_of_loopback(make_node: Make, tmp_path: Path) -> None:
    node = make_node(tmp_path / "kubo")
    told = node.up()
    KuboStore(told.rpc).put([b"published"])
    closed = sockets_of(process_of(tmp_path / "kubo").pid)
    assert {address for _, address, _ in closed} == {LOOPBACK}
    # RPC and gateway, and who calls the RPC: no port is there but theirs.
    assert {str(port) for *_, port in closed} == {told.rpc[-5:], told.gateway[-5:]}
    status = node.up(listen=["/ip4/0.0.0.0/tcp/0"])
    opened = sockets_of(process_of(tmp_path / "kubo").pid)
    (port,) = {int(each.split("/")[4]) for each in status.swarm}
    assert {each for each in opened if each[1] != LOOPBACK} == {("tcp", "00000000", port)}


def test_all_that_a_node_writes_is_closed_to_others(make_node: Make, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        status = make_node(tmp_path / "home" / "kubo").up()
    finally:
        os.umask(before)
    KuboStore(status.rpc).put([b"kept"])
    written = list((tmp_path / "home").rglob("*"))
    assert {"swarm.key", "config", "node.json", "daemon.log"} < {path.name for path in written}
    assert any(path.suffix == ".data" for path in written)
    for path in [tmp_path / "home", *written]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_up_again_leaves_the_node_alone(node: KuboNode) -> None:
    before = noted(folder_of(node))
    assert node.up() == node.status()
    assert noted(folder_of(node)) == before


def test_down_and_up_keep_id_key_ports_and_blobs(make_node: Make, tmp_path: Path) -> None:
    node = make_node(tmp_path / "kubo")
    before = node.up(listen=["/ip4/127.0.0.1/tcp/0"])
    key = Path(before.swarm_key).read_bytes()
    blob = KuboStore(before.rpc).put([b"kept"])
    assert node.down() is True
    assert node.down() is False
    with pytest.raises(StoreUnreachable, match="no node runs there"):
        node.address()
    after = node.up()
    assert (after.peer_id, after.rpc, after.gateway, after.swarm) == (
        before.peer_id, before.rpc, before.gateway, before.swarm,
    )  # fmt: skip
    assert Path(after.swarm_key).read_bytes() == key
    assert b"".join(KuboStore(after.rpc).get(blob.cid)) == b"kept"


def listening() -> socket.socket:
    somebody = socket.create_server(("127.0.0.1", 0))
    somebody.listen()
    return somebody


def test_a_port_that_somebody_took_is_left_to_them(make_node: Make, tmp_path: Path) -> None:
    """Of the RPC: it has another from then on. One that was asked for is told, and all goes on."""
    node = make_node(tmp_path / "kubo")
    before = node.up()
    with listening() as other:
        taken = f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"
        with pytest.raises(StoreUnreachable, match="address already in use") as caught:
            node.up(listen=[taken])
        assert "Golang" not in caught.value.message
        again = node.status()  # it runs as it did
    assert (again.peer_id, again.rpc, again.swarm) == (before.peer_id, before.rpc, [])
    node.down()
    port = int(before.rpc.split("/")[-1])
    with socket.create_server(("127.0.0.1", port)):
        after = node.up()
    assert (after.peer_id, after.gateway) == (before.peer_id, before.gateway)
    assert after.rpc != before.rpc


@pytest.mark.fault("store killed")
def test_up_starts_a_node_that_was_killed(make_node: Make, tmp_path: Path) -> None:
    node = make_node(tmp_path / "kubo")
    blob = KuboStore(node.up().rpc).put([b"kept"])
    kill(tmp_path / "kubo")
    assert b"".join(KuboStore(node.up().rpc).get(blob.cid)) == b"kept"


def test_a_stranger_of_the_same_number_is_left_alone(make_node: Make, tmp_path: Path) -> None:
    """After a crash the system may have given the node's number to another process."""
    folder = tmp_path / "kubo"
    node = make_node(folder)
    node.up()
    kill(folder)
    stranger = start_process(["sleep", "60"], tmp_path / "log", os.environ)
    (folder / "node.json").write_text(
        json.dumps(noted(folder) | {"process": {"pid": stranger.pid, "born": "12345"}})
    )
    assert node.down() is False
    assert stranger.lives()
    node.up()
    assert stranger.lives()
    stranger.stop(5)
    assert not stranger.lives()


def test_a_node_that_does_not_answer_is_ended(make_node: Make, tmp_path: Path) -> None:
    folder = tmp_path / "kubo"
    node = make_node(folder)
    node.up()
    process = process_of(folder)
    # As one whose start nobody waited for: it runs, and nobody knows where.
    (folder / "repo" / "gateway").unlink()
    assert node.down() is True
    assert not process.lives()


@pytest.mark.fault("client killed")
def test_one_whose_start_nobody_noted_is_taken_up(
    kubo: Path, make_node: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "kubo"
    node = make_node(folder)
    node.up()
    node.down()
    log, command = tmp_path / "log", [str(kubo), "daemon"]
    unnoted = start_process(command, log, environ_of(folder / "repo"))
    assert wait_until(lambda: is_claimed(folder / "repo" / "repo.lock"), 30)
    node.up()  # it is about to answer
    assert unnoted.lives()
    assert process_of(folder) != unnoted
    assert node.down() is True
    assert not is_claimed(folder / "repo" / "repo.lock")


def test_two_at_once_start_one_node(kubo: Path, make_node: Make, tmp_path: Path) -> None:
    node = make_node(tmp_path / "home" / "kubo")
    command = [sys.executable, "-m", "medibloc_py", "--home", str(tmp_path / "home"), "store", "up"]
    both = [
        subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [json.loads(each.communicate(timeout=60)[0]) for each in both]
    assert said[0]["rpc"] == said[1]["rpc"] == node.address()
    assert said[0]["private"] is True


def test_a_folder_that_another_daemon_holds_is_told(make_node: Make, tmp_path: Path) -> None:
    folder = tmp_path / "kubo"
    node = make_node(folder)
    node.up()
    (folder / "repo" / "api").unlink()  # as a daemon of somebody who told nobody
    (folder / "node.json").unlink()
    with pytest.raises(StoreUnreachable, match="lock"):
        node.up()
    end_by_lock(folder)


def end_by_lock(folder: Path) -> None:
    """Ends whoever has the folder's repository in its environment."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environ = (place / "environ").read_bytes()
        except OSError:
            continue
        if f"IPFS_PATH={folder / 'repo'}".encode() in environ.split(b"\0"):
            os.kill(int(place.name), signal.SIGKILL)


def killed(_: KuboNode) -> bool:
    raise KeyboardInterrupt


def test_options_take_effect_on_a_running_node(
    make_node: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make_node(tmp_path / "kubo")
    first = node.up()
    key = new_swarm_key()
    process = noted(tmp_path / "kubo")["process"]
    with monkeypatch.context() as patched:  # as if it were killed on its way
        patched.setattr(KuboNode, "_stop", killed)
        with pytest.raises(KeyboardInterrupt):
            node.up(swarm_key=key)
    joined = node.up(swarm_key=key)
    assert noted(tmp_path / "kubo")["process"] != process
    assert Path(joined.swarm_key).read_bytes() == key
    assert joined.peer_id == first.peer_id
    process = noted(tmp_path / "kubo")["process"]
    peer = f"/ip4/127.0.0.1/tcp/9/p2p/{first.peer_id}"
    listen = ["/ip4/127.0.0.1/tcp/0"]
    listed = node.up(peers=[peer], listen=listen)
    assert noted(tmp_path / "kubo")["process"] != process
    with Rpc(parse_endpoint(node.address()), 10) as rpc:
        told = rpc.value("config/show")["Peering"]["Peers"]
    assert told == [{"ID": first.peer_id, "Addrs": ["/ip4/127.0.0.1/tcp/9"]}]
    process = noted(tmp_path / "kubo")["process"]
    for again in (listen, [each.partition("/p2p/")[0] for each in listed.swarm], []):
        node.up(swarm_key=key, peers=[peer], listen=again)
        assert noted(tmp_path / "kubo")["process"] == process


@pytest.mark.parametrize(
    "wrong",
    [
        {"swarm_key": b""},
        {"swarm_key": b"/key/swarm/psk/1.0.0/\n/base16/\n" + b"0" * 62},
        {"swarm_key": b"/key/swarm/psk/1.0.0/\n/base16/\n" + b"Z" * 64},
        {"listen": ["/ip4/127.0.0.1/udp/4001/quic-v1"]},
        {"listen": ["/dns4/somewhere/tcp/4001"]},
        {"listen": ["4001"]},
        {"peers": ["12D3KooW"]},
        {"peers": ["/ip4/127.0.0.1/tcp/4001"]},
        {"peers": ["/ip4/127.0.0.1/tcp/0/p2p/12D3KooW" + "A" * 44]},
        {"peers": ["/ip4/127.0.0.1/tcp/4001/p2p/../../etc"]},
        {"peers": ["/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW" + "z" * 44]},
    ],
)
def test_up_refuses_what_is_no_key_and_no_address(
    make_node: Make, tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue):
        make_node(tmp_path / "kubo").up(**wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "kubo").exists()


def test_a_making_that_was_killed_leaves_no_half_a_node(make_node: Make, tmp_path: Path) -> None:
    folder = tmp_path / "kubo"
    (folder / "making-dead").mkdir(parents=True)
    (folder / "making-dead" / "config").write_text("{")
    make_node(folder).up()
    assert not (folder / "making-dead").exists()


@pytest.mark.parametrize(
    "wrong",
    ["[1", "[]", "1", "{}", '{"Addresses": []}', '{"Addresses": {"Swarm": null}}',
     '{"Addresses": {"Swarm": []}, "Peering": {"Peers": [{"ID": "12D3"}]}}',
     '{"Addresses": {"Swarm": []}, "Bootstrap": [], "Routing": 1}'],
)  # fmt: skip
def test_a_configuration_that_is_none_is_told(make_node: Make, tmp_path: Path, wrong: str) -> None:
    folder = tmp_path / "kubo"
    (folder / "repo").mkdir(parents=True)
    (folder / "repo" / "config").write_text(wrong)
    with pytest.raises(StoreFailed, match="no configuration"):
        make_node(folder).up()


def test_a_node_that_cannot_start_says_why_and_asks_nobody(make_node: Make, tmp_path: Path) -> None:
    """A repository of a newer Kubo, and one so old that Kubo would fetch programs to mend it."""
    node = make_node(tmp_path / "kubo")
    node.up()
    node.down()
    repo = tmp_path / "kubo" / "repo"
    for name, wrong, why in (
        ("version", "99", "lower than your repos"),
        ("version", "3", "no sources specified"),
        ("datastore_spec", "{}", "datastore"),
    ):
        before = (repo / name).read_bytes()
        (repo / name).write_text(wrong)
        with pytest.raises(StoreUnreachable, match=why):
            node.up()
        (repo / name).write_bytes(before)
    (repo / "swarm.key").unlink()  # it would start, and call nobody its own
    assert node.up().exposed == []
    (repo / "swarm.key").unlink()
    assert node.status().exposed == ["swarm.key: missing"]


def test_an_old_kubo_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ipfs"
    program.write_text("#!/bin/sh\necho 0.42.9\n")
    program.chmod(0o700)
    monkeypatch.setenv("MEDIBLOC_IPFS", str(program))
    with pytest.raises(ToolMissing, match=r"0\.42\.9"):
        find_kubo()
    program.write_text("#!/bin/sh\nprintf '\\377\\033[2J'\n")
    with pytest.raises(ToolMissing, match="is version \N{REPLACEMENT CHARACTER}"):
        find_kubo()
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ToolMissing, match="does not run"):
        find_kubo()
    program.unlink()
    with pytest.raises(ToolMissing, match="does not run"):
        find_kubo()


def test_a_kubo_that_makes_no_node_is_told(tmp_path: Path) -> None:
    program = tmp_path / "ipfs"
    program.write_text("#!/bin/sh\nprintf 'Error: \\377\\033[2J\\n' >&2\nexit 1\n")
    program.chmod(0o700)
    with pytest.raises(StoreFailed, match="made no node: Error: \N{REPLACEMENT CHARACTER}") as told:
        KuboNode(tmp_path / "kubo", program).up()
    assert told.value.message.isprintable()
    program.unlink()
    with pytest.raises(StoreFailed, match="No such file"):
        KuboNode(tmp_path / "kubo", program).up()


def test_an_upload_that_is_not_ended_is_not_kept(node: KuboNode) -> None:
    """As when what was sealed turns out to be something else, or cannot be noted."""

    class SourceBroke(Exception):
        pass

    def broken() -> Iterator[bytes]:
        yield data
        raise SourceBroke

    data = secrets.token_bytes(100_000)
    store = KuboStore(node.address())
    with pytest.raises(SourceBroke):
        store.put(broken())
    cid, give_up = raw_cid(hashlib.sha256(data).digest()), time.monotonic() + 10
    store.collect()
    while store.has(cid):  # the daemon finds out about the end when it finds out
        assert cid not in set(store.pins())
        assert time.monotonic() < give_up
        store.collect()
