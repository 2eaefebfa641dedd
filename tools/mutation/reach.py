"""What a change reaches: the contracts whose bytecode can differ, read from solc's syntax trees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]
Contract = tuple[str, str]
"""File and name."""

MEMBERS = ("FunctionDefinition", "ModifierDefinition", "VariableDeclaration")


class Reach:
    """Who holds whose code.

    `new X` of a contract in contracts/ holds no code here: forge links it when a test runs.

    Args:
        trees: the syntax tree of every file.
    """

    def __init__(self, trees: dict[str, Node]) -> None:
        self._contracts: dict[int, tuple[Contract, Node]] = {}
        self._uses: dict[int, set[int]] = defaultdict(set)
        for path, tree in trees.items():
            for node in tree["nodes"]:
                if node["nodeType"] == "ContractDefinition":
                    self._contracts[node["id"]] = ((path, node["name"]), node)
        members = {
            node["id"]: [one for one in node["nodes"] if one["nodeType"] in MEMBERS]
            for _, node in self._contracts.values()
        }
        self._members = {key: {one["id"] for one in ones} for key, ones in members.items()}
        for ones in members.values():
            for member in ones:
                self._uses[member["id"]] = set(self._used(member))
        self._reached = {
            contract: self._closure(node) for contract, node in self._contracts.values()
        }

    def of(self, declaration: int) -> list[Contract]:
        """Contracts that hold the code of a function, modifier or state variable; no libraries."""
        kinds = {contract: node["contractKind"] for contract, node in self._contracts.values()}
        return sorted(
            contract
            for contract, reached in self._reached.items()
            if declaration in reached and kinds[contract] == "contract"
        )

    def _closure(self, node: Node) -> set[int]:
        open_: list[int] = []
        for base in node["linearizedBaseContracts"]:
            open_ += self._members.get(base, ())
        # Arguments for the constructors of bases.
        for base in node["baseContracts"]:
            open_ += self._used(base)
        reached: set[int] = set()
        while open_:
            one = open_.pop()
            if one not in reached:
                reached.add(one)
                open_ += self._uses.get(one, ())
        return reached

    def _used(self, node: Node) -> Iterator[int]:
        kind = node["nodeType"]
        target = node.get("referencedDeclaration")
        if kind == "NewExpression":
            created = node["typeName"].get("referencedDeclaration")
            if created in self._contracts and not self._linked(created):
                yield from self._all_members(created)
        elif kind == "MemberAccess" and node["memberName"] in ("creationCode", "runtimeCode"):
            yield from self._all_members(_type_argument(node))
        elif target is not None and not _external(node):
            yield target
        for value in node.values():
            for item in value if isinstance(value, list) else [value]:
                if not isinstance(item, dict):
                    continue
                if "nodeType" in item:
                    yield from self._used(item)
                elif "declaration" in item and "isSlot" in item:  # an outer name in assembly
                    yield item["declaration"]

    def _linked(self, contract: int) -> bool:
        return self._contracts[contract][0][0].startswith("contracts/")

    def _all_members(self, contract: int) -> Iterator[int]:
        if contract in self._contracts:
            for base in self._contracts[contract][1]["linearizedBaseContracts"]:
                yield from self._members.get(base, ())


def _external(node: Node) -> bool:
    kind = str(node.get("typeDescriptions", {}).get("typeString") or "")
    return kind.startswith("function ") and " external" in kind


def _type_argument(node: Node) -> int:
    for argument in node["expression"].get("arguments", []):
        found = argument.get("referencedDeclaration")
        if found is not None:
            return int(found)
    return -1
