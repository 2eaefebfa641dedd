"""Measures the index: events a second from a local Anvil, against reading and decoding alone.

    python benchmarks/index.py [--events N] [--rounds N] [--write] [--json]

The events are consents and evidence, five hundred in a transaction. The limit is a bare
program: eth_getLogs of all blocks at once, JSON parsed, each event decoded by eth_abi; it checks
nothing and keeps nothing. The index reads the same events into a new SQLite file, and into
PostgreSQL where there is one, with headers, checks and its look-up table.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eth_abi.abi import decode

sys.path.insert(0, str(Path(__file__).parents[1]))

from medibloc_py.chain import LocalNode, Scanner, abi
from medibloc_py.chain.artifacts import load
from medibloc_py.flows.deploy import deploy
from medibloc_py.flows.following import Follower, mark_of
from medibloc_py.flows.parties import Exchange
from medibloc_py.index import EventLog
from medibloc_py.model import GENERAL, Address
from medibloc_py.purpose import GRU
from medibloc_py.storage import LocalStore
from tests.fakes import postgres

OUT = Path(__file__).with_suffix(".json")
PAGE = OUT.parents[1] / "docs" / "benchmarks.md"
PLACE = re.compile(r"(?<=<!-- index: table -->\n).*?(?=<!-- index: end -->)", re.DOTALL)
IN_ONE = 500
GOAL = 5_000
TERMS = GRU

Timed = dict[str, float]


@contextmanager
def exchange_with(events: int) -> Iterator[Exchange]:
    """A chain with so many events of ours on it."""
    with LocalNode.start(block_time_s=None) as node, tempfile.TemporaryDirectory() as folder:
        network, governor = node.network, node.accounts[0]
        made = deploy(network, governor, test_token=False)
        exchange = Exchange(network, made.deployment, LocalStore(Path(folder)))
        until = network.now() + 10**6
        consent, accounts = exchange.consent, exchange.accounts
        consents = [consent.set.call(TERMS, until, b"\x01" * 32, GENERAL)] * IN_ONE
        words = [accounts.attest.call(Address("0x" + "11" * 20), 0)] * IN_ONE
        for number in range(events // IN_ONE):
            room, calls = ((consent, consents), (accounts, words))[number % 2]
            room.multicall(governor, calls)  # type: ignore[attr-defined]
        yield exchange


def timed(work: Callable[[], int]) -> Timed:
    """Seconds of the clock and of this process's cores, and how many events."""
    clock, core = time.perf_counter(), time.process_time()
    found = work()
    return {
        "s": time.perf_counter() - clock,
        "core_s": time.process_time() - core,
        "events": found,
    }


def bare(url: str, exchange: Exchange) -> int:
    """Reads and decodes as a short script would."""
    items = {}
    for name, at in exchange.deployment.contracts.items():
        for item in load(name).events.values():
            data = [abi.canonical(p) for p in item["inputs"] if not p["indexed"]]
            topics = [abi.canonical(p) for p in item["inputs"] if p["indexed"]]
            items[at.lower(), "0x" + abi.hash_of(item).hex()] = data, topics
    question = {
        "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs",
        "params": [{
            "address": list(exchange.deployment.contracts.values()),
            "fromBlock": hex(exchange.deployment.block), "toBlock": "latest",
        }],
    }  # fmt: skip
    request = urllib.request.Request(
        url, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        found = json.loads(answer.read())["result"]
    values = []
    for log in found:
        data, topics = items[log["address"], log["topics"][0]]
        values.append(
            decode(data, bytes.fromhex(log["data"][2:]))
            + decode(topics, b"".join(bytes.fromhex(topic[2:]) for topic in log["topics"][1:]))
        )
    return len(values)


def indexed(exchange: Exchange, place: str) -> tuple[int, bytes]:
    """Reads all into a new index."""
    at = exchange.deployment.contracts
    source = Scanner(exchange.network, at)
    log = EventLog.make(place, mark_of(source, exchange.chain_id, at, exchange.deployment.block))
    steps = Follower(log, source).catch_up()
    digest = log.digest()
    log.close()
    return sum(step.added for step in steps), digest


def measure(events: int, rounds: int) -> dict[str, Any]:
    """All figures, as they are written; of each side the best of the rounds, which alternate."""
    best: dict[str, Timed] = {}
    digests: set[bytes] = set()

    def keep(name: str, work: Callable[[], int]) -> None:
        done = timed(work)
        if name not in best or done["core_s"] < best[name]["core_s"]:
            best[name] = done

    def into(place: str) -> int:
        count, digest = indexed(exchange, place)
        digests.add(digest)
        return count

    with ExitStack() as stack:
        exchange = stack.enter_context(exchange_with(events))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres.serve())
        url = exchange.network.url
        for number in range(rounds):
            keep("getLogs and eth_abi", lambda: bare(url, exchange))
            place = str(folder / f"{number}.sqlite")
            keep("index in SQLite", lambda place=place: into(place))  # type: ignore[misc]
            keep("index in PostgreSQL", lambda: into(server))
            EventLog.drop(server)
    assert len(digests) == 1, "two databases, two contents"
    return {
        "command": "make bench-index",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            "sqlalchemy": version("sqlalchemy"),
            "sqlite": sqlite3.sqlite_version,
            "eth-abi": version("eth-abi"),
        },
        "rounds": rounds,
        "goal_events_per_s": GOAL,
        "digest": next(iter(digests)).hex(),
        "sides": {
            name: {
                "events": int(done["events"]),
                "s": round(done["s"], 2),
                "core_s": round(done["core_s"], 2),
                "events_per_s": round(done["events"] / done["s"]),
            }
            for name, done in best.items()
        },
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as the table of docs/benchmarks.md."""
    versions, sides = figures["versions"], figures["sides"]
    limit = sides["getLogs and eth_abi"]
    rows = [
        f"{limit['events']:,} events, the best of {figures['rounds']} rounds. SQLAlchemy "
        f"{versions['sqlalchemy']}, SQLite {versions['sqlite']}, eth-abi {versions['eth-abi']}.",
        "",
        "| what | s | core s | events per s | events per core s | core s, over bare | goal |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, side in sides.items():
        per_core_s = side["events"] / side["core_s"]
        over = side["core_s"] / limit["core_s"]
        goal = "" if side is limit else f"{figures['goal_events_per_s']:,} per s"
        rows.append(
            f"| {name} | {side['s']} | {side['core_s']} | {side['events_per_s']:,} | "
            f"{per_core_s:,.0f} | {over:.2f} | {goal} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000, help="how many events")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds")
    parser.add_argument(
        "--write", action="store_true", help="write index.json and docs/benchmarks.md"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    figures = measure(asked.events, asked.rounds)
    text = json.dumps(figures, indent=2) + "\n"
    if asked.write:
        OUT.write_text(text, encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(lambda _: f"\n{table(figures)}\n\n", page), encoding="utf-8")
    sys.stdout.write(text if asked.json else table(figures) + "\n")


if __name__ == "__main__":
    main()
