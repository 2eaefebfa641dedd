"""`medibloc store`: a private IPFS node, and looking after what a store keeps."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import filesize

from medibloc_py.cli import replicas
from medibloc_py.cli.options import Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.errors.plain import plain

if TYPE_CHECKING:
    from medibloc_py.storage import KuboNode
    from medibloc_py.storage.node_status import NodeStatus

_HELP = (
    "Store: run a private IPFS node, look after what is kept, move it.\n\n"
    "[b]up[/] starts a Kubo node in the home folder, with a swarm key of its own, without "
    "bootstrap, DHT and telemetry, its RPC on loopback. [b]--store kubo[/] or MEDIBLOC_STORE=kubo "
    "is that node. [b]move --to kubo[/] brings what the embedded store has into it, and no id "
    "changes.\n\n"
    "[b]status[/], [b]gc[/] and [b]verify[/] look after the store that --store names; if it names "
    "none, after the node in the home folder, or else after the embedded store."
)
app = typer.Typer(
    no_args_is_help=True, help=_HELP, short_help="Store: a private IPFS node, and what is kept."
)
app.add_typer(replicas.app, name="replicas")

At = Annotated[
    Path | None, typer.Option(help="Folder of the node; `kubo` in the home folder if not given.")
]


@app.command("up")
def up(
    context: typer.Context,
    at: At = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            help="Multiaddr for other nodes to call, such as /ip4/192.0.2.7/tcp/4001; repeatable. "
            "None: this node only calls."
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Multiaddr of a node of the swarm to stay in touch with; repeatable."),
    ] = None,
    swarm_key_file: Annotated[
        Path | None,
        typer.Option("--swarm-key", help="Key file of the swarm to join; else a key of its own."),
    ] = None,
    json: Json = False,
) -> None:
    """Start the private IPFS node, and make it first if need be.

    [dim]A:[/] medibloc store up --listen /ip4/192.0.2.7/tcp/4001

    [dim]B:[/] medibloc store up --swarm-key FILE --peer /ip4/192.0.2.7/tcp/4001/p2p/12D3…

    So two hospitals form a swarm, once A's swarm key file went to B by a way nobody listens
    to. The node goes on when the command ends. Again, with the same options or none, changes
    nothing; with others it starts anew with them.
    """
    session: Session = context.obj
    key = read_bytes(swarm_key_file) if swarm_key_file else None
    node = _node(session, at)
    status = node.up(swarm_key=key, listen=listen or (), peers=peer or ())
    _show(Output(json), status, {"store": _place(session, at)})


@app.command("down")
def down(context: typer.Context, at: At = None, json: Json = False) -> None:
    """Stop the node. What it keeps stays, and is there after the next `up`."""
    stopped = _node(context.obj, at).down()
    Output(json).result({"stopped": stopped}, ["Stopped." if stopped else "It did not run."])


@app.command("status")
def status(context: typer.Context, json: Json = False) -> None:
    """Show where the store is, what it holds, and of a node whether it is private."""
    from medibloc_py import config
    from medibloc_py.storage import KuboNode
    from medibloc_py.storage.node_status import status_of

    place = _looked_after(context.obj)
    console = Output(json)
    pins = _count(place)
    if (folder := _node_folder(place)) is not None:
        _show(console, KuboNode(folder).status(), {"store": place, "pins": pins})
    elif config.is_multiaddr(place):
        _show(console, status_of(place), {"store": place, "pins": pins})
    else:
        size_bytes = _taken(Path(place))
        console.result(
            {"store": place, "pins": pins, "repo_bytes": size_bytes},
            [f"Folder {place}: {pins} blobs, {filesize.decimal(size_bytes)}."],
        )


@app.command("gc")
def gc(context: typer.Context, json: Json = False) -> None:
    """Remove from the disk what nothing keeps: blobs that were let go of, halves of uploads."""
    from medibloc_py.client import open_store

    session: Session = context.obj
    session.refuse_dry_run()
    place = _looked_after(session)
    store = open_store(place)
    store.collect()
    pins = sum(1 for _ in store.pins())
    Output(json).result({"store": place, "pins": pins}, [f"Collected; {pins} blobs are kept."])


@app.command("verify")
def verify(
    context: typer.Context,
    cid: Annotated[
        list[str] | None, typer.Option(help="Only this blob; repeatable. Else all that are kept.")
    ] = None,
    json: Json = False,
) -> None:
    """Read every block again and compute its hash here; ends with 7 if one is not what it was.

    A node is asked for what it has itself: what its peers could give does not count.
    """
    from medibloc_py.client import open_store
    from medibloc_py.errors import StoreDamaged
    from medibloc_py.model import Cid
    from medibloc_py.storage.move import verify as verify_blobs

    place = _looked_after(context.obj)
    store = open_store(place)
    console = Output(json)
    with console.progress() as progress:
        found = verify_blobs(store, map(Cid, cid) if cid else list(store.pins()), progress)
    if found.damaged:
        for why in found.damaged.values():
            print(plain(why, None), file=sys.stderr)
        raise StoreDamaged(url=place, count=len(found.damaged), cids=", ".join(found.damaged))
    console.result(
        {"store": place, "whole": found.whole, "size_bytes": found.size_bytes},
        [f"{len(found.whole)} blobs are whole, {filesize.decimal(found.size_bytes)}."],
    )


@app.command("move")
def move(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="Store to move to: kubo, a multiaddr or a folder.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Store to move from; else the embedded store.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything where it is, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Move every blob from one store to another. No id changes; records and grants go on.

    A blob is let go of in the first store only after the second gave back every block of it
    and each hash was computed here. Stopped or killed, the same command goes on where it
    was: what a node has already is not sent again.
    """
    from medibloc_py import config
    from medibloc_py.client import open_store
    from medibloc_py.errors import InvalidValue
    from medibloc_py.storage.move import move as move_blobs

    session: Session = context.obj
    session.refuse_dry_run()
    home = session.settings().home
    start = config.store_place(str(home / "store") if source is None else source, home)
    end = config.store_place(to, home)
    if source is not None and config.is_folder(start) and not Path(start).is_dir():
        raise InvalidValue(name="--from", given=start, allowed="a store that there is")
    console = Output(json)
    with console.progress() as progress:
        done = move_blobs(open_store(start), open_store(end), keep=keep, progress=progress)
    console.result(
        {"from": start, "to": end, **asdict(done)},
        [
            f"{len(done.moved)} blobs moved, {len(done.there)} were there, "
            f"{filesize.decimal(done.size_bytes)} read back from {end}.",
        ],
    )


def _node(session: Session, at: Path | None) -> KuboNode:
    from medibloc_py.storage import KuboNode

    return KuboNode(at or session.settings().home / "kubo")


def _place(session: Session, at: Path | None) -> str:
    from medibloc_py import config

    return config.store_place(
        f"{config.NODE}{at.absolute()}" if at else "kubo", session.settings().home
    )


def _looked_after(session: Session) -> str:
    """The store that was named; else the node in the home folder; else the embedded store."""
    settings = session.settings()
    made = (settings.home / "kubo" / "repo").is_dir()
    return _place(session, None) if made and session.store is None else settings.store


def _node_folder(place: str) -> Path | None:
    from medibloc_py import config

    return Path(place.removeprefix(config.NODE)) if place.startswith(config.NODE) else None


def _count(place: str) -> int:
    from medibloc_py.client import open_store

    return sum(1 for _ in open_store(place).pins())


def _taken(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _show(console: Output, status: NodeStatus, more: dict[str, object]) -> None:
    rows = {
        "store": str(more["store"]),
        "RPC": status.rpc,
        "gateway": status.gateway,
        "peer id": status.peer_id,
        "reached at": "\n".join(status.swarm) or "nowhere: it only calls",
        "swarm key": status.swarm_key,
        "peers": "\n".join(status.peers) or "none",
        "Kubo": status.version,
        "on the disk": filesize.decimal(status.repo_bytes),
        "blobs": str(more.get("pins", "")),
        "private": _private_in_words(status),
    }
    console.table(
        {**more, **asdict(status), "private": _is_private(status)},
        "Private IPFS node",
        ("", ""),
        [(name, value) for name, value in rows.items() if value],
    )


def _is_private(status: NodeStatus) -> bool | None:
    """None where it is not known: no daemon tells whether its swarm has a key."""
    return False if status.exposed else True if status.swarm_key else None


def _private_in_words(status: NodeStatus) -> str:
    if status.exposed:
        return "no: " + "; ".join(status.exposed)
    return (
        "yes" if status.swarm_key else "as configured; whether its swarm has a key, it does not say"
    )
