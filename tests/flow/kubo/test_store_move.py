"""Blobs go from an embedded store into a daemon and back, whatever is killed on the way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from medibloc_py.errors import (
    CidMismatch,
    Corrupted,
    InvalidValue,
    StoreFailed,
    StoreUnreachable,
)
from medibloc_py.model import Cid
from medibloc_py.storage import KuboNode, KuboStore, LocalStore
from medibloc_py.storage import kubo as kubo_module
from medibloc_py.storage.cid import cid_text
from medibloc_py.storage.move import move, verify
from medibloc_py.storage.multiaddr import parse_endpoint
from medibloc_py.storage.rpc import Rpc
from tests.flow.command import run

Make = Callable[[Path], KuboNode]
SIZES = [0, 10, 1 << 20, (1 << 20) + 1, 5_000_000]


def quiet(*_: object) -> None:
    """No progress is shown."""


def filled(folder: Path, sizes: list[int]) -> dict[Cid, bytes]:
    store = LocalStore(folder)
    blobs = [secrets.token_bytes(size) for size in sizes]
    return {store.put([data]).cid: data for data in blobs}


def let_go_of_all(store: KuboStore) -> None:
    for cid in list(store.pins()):
        store.unpin(cid)
    store.collect()


@pytest.fixture
def kubo_store(node: KuboNode) -> KuboStore:
    """The node's store, empty."""
    store = KuboStore(node.address())
    let_go_of_all(store)
    return store


def test_a_store_moves_into_a_daemon_and_back_with_the_same_ids(
    make_node: Make, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    blobs = filled(home / "store", SIZES)
    node = make_node(home / "kubo")
    node.up()
    done = run("--home", home, "store", "move", "--to", "kubo", "--json")
    assert done.code == 0, done.err
    assert sorted(done.json["moved"]) == sorted(blobs)
    assert list((home / "store" / "blobs").iterdir()) == []
    store = KuboStore(node.address())
    assert sorted(store.pins()) == sorted(blobs)
    for cid, data in blobs.items():
        assert b"".join(store.offline().get(cid)) == data
    back = run("--home", home, "store", "move", "--from", "kubo", "--to", home / "store", "--json")
    assert sorted(back.json["moved"]) == sorted(blobs)
    assert list(store.pins()) == []
    assert not any(store.has(cid) for cid in blobs)
    assert verify(LocalStore(home / "store"), blobs, quiet).damaged == {}


def test_move_keeps_the_source_when_asked(kubo_store: KuboStore, tmp_path: Path) -> None:
    blobs = filled(tmp_path, SIZES)
    moved = move(LocalStore(tmp_path), kubo_store, keep=True, progress=quiet)
    assert sorted(moved.moved) == sorted(blobs)
    again = move(LocalStore(tmp_path), kubo_store, keep=True, progress=quiet)
    assert (again.moved, sorted(again.there)) == ([], sorted(blobs))
    assert sorted(LocalStore(tmp_path).pins()) == sorted(blobs) == sorted(kubo_store.pins())


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("at", [0.05, 0.3, 0.6, 0.9])
def test_a_move_that_was_killed_goes_on_where_it_was(
    make_node: Make, tmp_path: Path, at: float
) -> None:
    home = tmp_path / "home"
    blobs = filled(home / "store", [12_000_000, 6_000_000])
    node = make_node(home / "kubo")
    node.up()
    command = ["--home", str(home), "store", "move", "--to", "kubo", "--json"]
    code = f"""
import os, signal, sys
from medibloc_py import cli
from medibloc_py.cli.output import Output
from contextlib import contextmanager

@contextmanager
def dying(self):
    def listen(step, done, total):
        if done >= {at} * total:
            os.kill(os.getpid(), signal.SIGKILL)
    yield listen

Output.progress = dying
sys.argv = ["medibloc", *sys.argv[1:]]
cli.main()
"""
    killed = subprocess.run([sys.executable, "-c", code, *command], check=False)
    assert killed.returncode == -signal.SIGKILL
    # Nothing is lost: each blob is whole in the one store or in the other.
    local, kubo = LocalStore(home / "store"), KuboStore(node.address())
    for cid, data in blobs.items():
        place = local if local.has(cid) else kubo.offline()
        assert b"".join(place.get(cid)) == data
    done = run(*command)
    assert done.code == 0, done.err
    assert list(local.pins()) == []
    assert sorted(kubo.pins()) == sorted(blobs)
    assert verify(kubo, blobs, quiet).damaged == {}


def test_blocks_that_the_daemon_has_are_not_sent_again(
    kubo_store: KuboStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((cid, data),) = filled(tmp_path, [10 << 20]).items()
    source = LocalStore(tmp_path)
    kubo_store.put([data[: 6 << 20]])  # as a try that died would leave its leaves
    sent: list[int] = []
    send = kubo_module.Upload

    def counted(chunks: Iterable[bytes]) -> kubo_module.Upload:
        def pieces() -> Iterator[bytes]:
            for piece in chunks:
                sent.append(len(piece))
                yield piece

        return send(pieces())

    monkeypatch.setattr(kubo_module, "Upload", counted)
    kubo_store.take_over(source.get(cid), cid)
    assert 4 << 20 < sum(sent) < (4 << 20) + 2000
    sent.clear()
    kubo_store.take_over(source.get(cid), cid)
    assert sum(sent) < 100  # the head of an empty CAR
    assert b"".join(kubo_store.offline().get(cid)) == data


def test_what_is_taken_over_must_be_what_it_is_called(
    kubo_store: KuboStore, tmp_path: Path
) -> None:
    (cid,) = filled(tmp_path, [100])
    with pytest.raises(CidMismatch):
        kubo_store.take_over([b"something else"], cid)
    assert list(kubo_store.pins()) == []


def test_a_store_is_not_moved_onto_itself(
    kubo_store: KuboStore, node: KuboNode, tmp_path: Path
) -> None:
    blobs = filled(tmp_path / "store", SIZES)
    (tmp_path / "alias").symlink_to(tmp_path / "store")
    with pytest.raises(InvalidValue, match="itself"):
        move(LocalStore(tmp_path / "store"), LocalStore(tmp_path / "alias"), keep=False,
             progress=quiet)  # fmt: skip
    assert sorted(LocalStore(tmp_path / "store").pins()) == sorted(blobs)
    blob = kubo_store.put([b"kept"])
    other = node.address().replace("/ip4/127.0.0.1/", "/dns4/localhost/")
    with pytest.raises(InvalidValue, match="itself"):
        move(kubo_store, KuboStore(other), keep=False, progress=quiet)
    assert list(kubo_store.pins()) == [blob.cid]


def test_a_store_that_is_not_named_or_not_there_is_told(tmp_path: Path) -> None:
    """Where the command runs is no store, and a slip of the pen no empty one."""
    blobs = filled(tmp_path / "home" / "store", [10])
    move = ["--home", tmp_path / "home", "store", "move", "--json"]
    unnamed = run(*move, "--to", "")
    assert (unnamed.json["error"], unnamed.json["values"]["name"]) == ("InvalidValue", "store")
    absent = run(*move, "--from", tmp_path / "stroe", "--to", tmp_path / "other")
    assert (absent.json["error"], absent.json["values"]["name"]) == ("InvalidValue", "--from")
    assert sorted(LocalStore(tmp_path / "home" / "store").pins()) == sorted(blobs)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_store_moves_off_a_disk_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = filled(tmp_path / "full", SIZES)
    full = LocalStore(tmp_path / "full")

    def put(*_: object) -> None:
        raise StoreFailed(url=tmp_path / "full", reason=os.strerror(errno.ENOSPC))

    monkeypatch.setattr(full, "put", put)
    moved = move(full, LocalStore(tmp_path / "other"), keep=False, progress=quiet)
    assert sorted(moved.moved) == sorted(blobs) == sorted(LocalStore(tmp_path / "other").pins())


def test_a_damaged_blob_stays_where_it_is(kubo_store: KuboStore, tmp_path: Path) -> None:
    (cid,) = filled(tmp_path, [3_000_000])
    car = tmp_path / "blobs" / f"{cid}.car"
    flip(car, car.stat().st_size // 2)
    with pytest.raises(Corrupted):
        move(LocalStore(tmp_path), kubo_store, keep=False, progress=quiet)
    assert car.exists()
    assert list(kubo_store.pins()) == []


def flip(file: Path, at: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


def test_verify_finds_damage_in_a_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    whole, damaged, cut = filled(home / "store", [3_000_000, 3_000_001, 3_000_002])
    for name, at in ((damaged, 2_000_000), (cut, 0)):
        car = home / "store" / "blobs" / f"{name}.car"
        flip(car, at) if at else os.truncate(car, 1_000_000)
    done = run("--home", home, "store", "verify", "--json")
    assert done.code == 7
    assert damaged in done.err
    assert cut in done.err
    assert whole not in done.err
    assert run("--home", home, "store", "verify", "--cid", whole, "--json").json["whole"] == [whole]


def test_verify_finds_damage_in_a_daemon(make_node: Make, tmp_path: Path) -> None:
    home = tmp_path / "home"
    node = make_node(home / "kubo")
    node.up()
    store = KuboStore(node.address())
    whole, damaged, lacking = filled(tmp_path / "copy", [3_000_000, 3_000_001, 3_000_002])
    move(LocalStore(tmp_path / "copy"), store, keep=True, progress=quiet)
    leaf = leaves_of(node, damaged)[1]
    (file,) = [
        each
        for each in (home / "kubo" / "repo" / "blocks").rglob("*.data")
        if each.stat().st_size == 1 << 20 and cid_text(b"\x01\x55\x12\x20" + digest(each)) == leaf
    ]
    flip(file, 1000)
    missing = leaves_of(node, lacking)[0]
    with Rpc(parse_endpoint(node.address()), 10) as rpc:
        rpc.value("pin/rm", {"arg": lacking})
        rpc.value("block/rm", {"arg": missing})
    named = [word for cid in (damaged, lacking, whole) for word in ("--cid", cid)]
    done = run("--home", home, "store", "verify", *named, "--json")
    assert done.code == 7
    assert damaged in done.err
    assert leaf in done.err
    assert lacking in done.err
    assert whole not in done.err
    # Mended as docs/operations.md says.
    with Rpc(parse_endpoint(node.address()), 10) as rpc:
        rpc.value("pin/rm", {"arg": damaged})
        rpc.value("block/rm", {"arg": leaf})
    copy = tmp_path / "copy"
    assert run("--home", home, "store", "move", "--from", copy, "--to", "kubo", "--keep").code == 0
    assert sorted(verify(store, store.pins(), quiet).whole) == sorted([whole, damaged, lacking])
    node.down()
    with pytest.raises(StoreUnreachable):
        verify(store, [whole], quiet)


def digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def leaves_of(node: KuboNode, cid: str) -> list[str]:
    with Rpc(parse_endpoint(node.address()), 10) as rpc, rpc.ask("refs", {"arg": cid}) as answer:
        return [str(line["Ref"]) for line in answer.lines()]


@pytest.mark.fault("store killed")
def test_a_daemon_that_dies_in_a_move_is_told_and_the_move_goes_on(
    make_node: Make, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    blobs = filled(home / "store", [8_000_000])
    node = make_node(home / "kubo")
    node.up()
    local = LocalStore(home / "store")

    told = json.loads((home / "kubo" / "node.json").read_bytes())["process"]

    def dying(_: str, done: int, total: int) -> None:
        if total / 4 <= done < total / 2:
            with suppress(ProcessLookupError):
                os.kill(told["pid"], signal.SIGKILL)

    with pytest.raises(StoreUnreachable):
        move(local, KuboStore(node.address()), keep=False, progress=dying)
    assert sorted(local.pins()) == sorted(blobs)
    node.up()
    move(local, KuboStore(node.address()), keep=False, progress=quiet)
    assert list(local.pins()) == []
    assert sorted(KuboStore(node.address()).pins()) == sorted(blobs)
