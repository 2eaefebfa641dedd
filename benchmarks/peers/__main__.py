"""Plays the scenario with every peer and with MediBloc, and writes what it cost."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress

from benchmarks.peers.chain import Chain, anvil
from benchmarks.peers.ethr import EthrDid, EthrDidLikeOurs, EthrDidRelayed
from benchmarks.peers.framework import Relay, deploy_framework
from benchmarks.peers.merkle import MerkleDistributor
from benchmarks.peers.ocean import Ocean, OceanDataset, OceanRecords
from benchmarks.peers.ours import MediBloc
from benchmarks.peers.packages import ours
from benchmarks.peers.people import World
from benchmarks.peers.report import Played, Sizes, tables, to_json, with_stacks
from benchmarks.peers.scenario import Peer
from benchmarks.peers.superfluid import Superfluid

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "peers.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = re.compile(r"(?<=<!-- peers: tables -->\n).*?(?=<!-- peers: end -->)", re.DOTALL)
SIZES = "1,10,50,300,1000"


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of patients, by commas.")] = SIZES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not tables.")] = False,
    write: Annotated[
        bool, typer.Option(help="Write benchmarks/peers.json and docs/benchmarks.md.")
    ] = False,
) -> None:
    """Compares MediBloc with its peers on one Anvil, from published bytecode."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or Anvil outlives us
    measured = measure([int(size) for size in sizes.split(",")])
    result = to_json(measured)
    if write:
        RESULT.write_text(result, encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(f"\n{tables(measured)}\n\n", page), encoding="utf-8")
    if as_json:
        print(result, end="")
    else:
        Console().print(Markdown(tables(measured)))


def measure(sizes: list[int]) -> Sizes:
    """Plays the scenario for each size with each contender, always from the same state."""
    framework = deploy_framework()
    with anvil() as chain, Progress(console=Console(stderr=True)) as progress:
        chain.load(framework.state)
        world = World.on(chain, chain.deploy(ours("TestToken"), sender=chain.actors[0]))
        relay = Relay(chain, framework, world.hospital)
        ocean = Ocean.deploy(world)
        peers: list[Peer] = [
            MediBloc(world),
            EthrDid(world),
            EthrDidRelayed(world, relay),
            EthrDidLikeOurs(world, relay),
            OceanDataset(ocean),
            OceanRecords(ocean),
            MerkleDistributor(world),
            MerkleDistributor(world, relay),
            Superfluid(world, framework, relay),
        ]
        task = progress.add_task("", total=len(peers) * sum(sizes))
        measured: dict[int, Mapping[str, Played]] = {}
        for size in sizes:
            played = {}
            for peer in peers:
                progress.update(task, description=f"N = {size:,}, {peer.name}")
                played[peer.name] = _play(chain, peer, size)
                progress.advance(task, size)
            measured[size] = with_stacks(played)
    return measured


def _play(chain: Chain, peer: Peer, size: int) -> Played:
    with chain.restored():
        chain.taken()
        return {act: chain.taken() for act in peer.play(size)}


if __name__ == "__main__":
    typer.run(main)
