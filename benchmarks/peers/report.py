"""What was measured, as tables: each peer alone, and peers put together to play every act."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from benchmarks.peers.scenario import Act, Cost

Played = Mapping[Act, Cost]
"""What each act cost; an act that a peer has no part in is missing."""

Sizes = Mapping[int, Mapping[str, Played]]
"""For each number of patients what every contender cost."""

IDENTITY = (Act.ENROL, Act.CONSENT, Act.REVOKE)
ASSET = (Act.RECORD, Act.SALE, Act.REVOKE)
NONE = "-"


@dataclass(frozen=True)
class Stack:
    """Peers put together, each for some of the acts."""

    name: str
    parts: Mapping[str, tuple[Act, ...]]

    def cost(self, played: Mapping[str, Played]) -> dict[Act, Cost]:
        """Adds up what the parts cost, act by act."""
        costs: dict[Act, Cost] = {}
        for peer, acts in self.parts.items():
            for act in acts:
                if act in played[peer]:
                    costs[act] = costs.get(act, Cost()) + played[peer][act]
        return costs


STACKS = (
    Stack(
        "ethr-did + Ocean + merkle, own",
        {
            "ethr-did, own": IDENTITY,
            "Ocean, one asset": ASSET,
            "merkle-distributor": (Act.SALE, Act.CLAIM),
        },
    ),
    Stack(
        "ethr-did + Ocean + merkle, relayed",
        {
            "ethr-did, relayed": IDENTITY,
            "Ocean, one asset": ASSET,
            "merkle-distributor, relayed": (Act.SALE, Act.CLAIM),
        },
    ),
    Stack(
        "ethr-did like ours + Ocean + merkle, relayed",
        {
            "ethr-did, relayed, like ours": IDENTITY,
            "Ocean, one asset": ASSET,
            "merkle-distributor, relayed": (Act.SALE, Act.CLAIM),
        },
    ),
    Stack(
        "ethr-did + Ocean, hospital pays",
        {
            "ethr-did, relayed": IDENTITY,
            "Ocean, one asset": (*ASSET, Act.CLAIM),
        },
    ),
    Stack(
        "ethr-did + Ocean + Superfluid",
        {
            "ethr-did, relayed": IDENTITY,
            "Ocean, one asset": ASSET,
            "Superfluid": (Act.LIST, Act.SALE, Act.CLAIM, Act.REVOKE),
        },
    ),
)


def with_stacks(played: Mapping[str, Played]) -> dict[str, Played]:
    """Adds the stacks to what the peers cost alone."""
    return {**played, **{stack.name: stack.cost(played) for stack in STACKS}}


def to_json(sizes: Sizes) -> str:
    """Writes all that was measured, act by act."""
    content = {
        size: {
            name: {act.name.lower(): asdict(costs[act]) for act in Act if act in costs}
            for name, costs in contenders.items()
        }
        for size, contenders in sizes.items()
    }
    return json.dumps({"sizes": content}, indent=1) + "\n"


def from_json(text: str) -> Sizes:
    """Reads what `to_json` wrote."""
    return {
        int(size): {
            name: {Act[act.upper()]: Cost(**cost) for act, cost in costs.items()}
            for name, costs in contenders.items()
        }
        for size, contenders in json.loads(text)["sizes"].items()
    }


def total(costs: Played) -> Cost:
    """Adds up all acts."""
    return sum(costs.values(), Cost())


def tables(sizes: Sizes) -> str:
    """Writes the tables in Markdown: gas by size; gas by act, and the rest, at the largest.

    Args:
        sizes: for each number of patients what every contender cost.
    """
    largest = max(sizes)
    contenders = sizes[largest]

    def by_size(of: Callable[[Cost], int]) -> str:
        return _table(
            ["", *(f"N = {size:,}" for size in sizes)],
            [
                [name, *(f"{of(total(sizes[size][name])):,}" for size in sizes)]
                for name in contenders
            ],
        )

    acts = _table(
        ["", *Act],
        [
            [name, *(f"{costs[act].gas:,}" if act in costs else NONE for act in Act)]
            for name, costs in contenders.items()
        ],
    )
    rest = _table(
        [
            "",
            "transactions",
            "largest, gas",
            "calldata, bytes",
            "logs, bytes",
            "new slots",
        ],
        [
            [name, *(f"{value:,}" for value in _measures(total(costs)))]
            for name, costs in contenders.items()
        ],
    )
    return "\n\n".join(
        [
            "Gas of the whole scenario:",
            by_size(lambda cost: cost.gas),
            f"Gas by act, N = {largest:,} (`{NONE}`: plays no part in it):",
            acts,
            f"What else it took, N = {largest:,}:",
            rest,
        ]
    )


def _measures(cost: Cost) -> tuple[int, ...]:
    return (
        cost.transactions,
        cost.largest,
        cost.calldata_bytes,
        cost.log_bytes,
        cost.new_slots,
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
