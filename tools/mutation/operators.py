"""What to change: mutants of a Solidity file, read from solc's syntax tree."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Node = dict[str, Any]

BINARY = {
    "==": ["!="],
    "!=": ["=="],
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["*"],
    "**": ["*"],
    "&": ["|"],
    "|": ["&"],
    "^": ["&"],
    "<<": [">>"],
    ">>": ["<<"],
    "&&": ["||"],
    "||": ["&&"],
}
ASSIGNED = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "^=": "|="}
YUL = {
    "lt": ["gt", "iszero(gt"],
    "gt": ["lt", "iszero(lt"],
    "eq": ["lt"],
    "add": ["sub"],
    "sub": ["add"],
    "mul": ["div"],
    "div": ["mul"],
    "and": ["or"],
    "or": ["and"],
    "xor": ["or"],
    "shl": ["shr"],
    "shr": ["shl"],
}

# By which method of `_Reader` each node is read.
READERS = {
    "BinaryOperation": "binary",
    "UnaryOperation": "unary",
    "Assignment": "assignment",
    "Literal": "literal",
    "Conditional": "conditional",
    "FunctionCall": "call",
    "IfStatement": "condition",
    "ForStatement": "loop",
    "ExpressionStatement": "expression",
    "EmitStatement": "statement",
    "ModifierInvocation": "modifier",
    "Return": "returned",
    "YulFunctionCall": "yul_call",
    "YulLiteral": "yul_literal",
    "YulIf": "yul_condition",
    "YulForLoop": "yul_loop",
    "YulExpressionStatement": "yul_statement",
    "WhileStatement": "loop",
    "DoWhileStatement": "loop",
    "RevertStatement": "statement",
    "YulAssignment": "yul_statement",
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    function: str
    declaration: int
    """Id of the function, modifier or state variable that holds it."""
    line: int
    start: int
    """Place in the file, in bytes."""
    end: int
    replacement: str
    original: str
    """The source around the change, on one line."""
    mutated: str
    place: int
    """0 for the first of several equal changes in a function."""

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What stays the same while other lines of the file change."""
        return (self.path, self.function, self.original, self.mutated, self.place)

    def apply(self, source: bytes) -> str:
        """Gives the file's text with the change."""
        changed = source[: self.start] + self.replacement.encode() + source[self.end :]
        return changed.decode()


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    replacement: str
    around: Node


def mutants(path: str, source: bytes, tree: Node) -> list[Mutant]:
    """Lists the mutants of a file.

    Args:
        path: the file, from the project's root.
        source: its bytes.
        tree: its syntax tree.
    """
    return list(_Reader(path, source).read(tree))


class _Reader:
    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source
        self._seen: set[tuple[int, int, str]] = set()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def read(self, tree: Node) -> Iterator[Mutant]:
        for contract in tree["nodes"]:
            if contract["nodeType"] != "ContractDefinition":
                continue
            if contract["contractKind"] == "interface":
                continue
            for member in contract["nodes"]:
                yield from self._member(member)

    def _member(self, member: Node) -> Iterator[Mutant]:
        kinds = {"FunctionDefinition", "ModifierDefinition", "VariableDeclaration"}
        if member["nodeType"] not in kinds:
            return
        name = member["name"] or member.get("kind", "")
        changes = list(self._changes(member))
        for change in sorted(changes, key=lambda one: (one.start, one.end, one.replacement)):
            key = (change.start, change.end, change.replacement)
            if key in self._seen:
                continue
            self._seen.add(key)
            yield self._mutant(name, member["id"], change)

    def _mutant(self, name: str, declaration: int, change: _Change) -> Mutant:
        start, end = _span(change.around)
        start, end = min(start, change.start), max(end, change.end)
        original = _one_line(self._source[start:end].decode())
        mutated = _one_line(
            self._source[start : change.start].decode()
            + change.replacement
            + self._source[change.end : end].decode()
        )
        counted = (name, original, mutated)
        place = self._counts[counted]
        self._counts[counted] += 1
        line = self._source[: change.start].count(b"\n") + 1
        return Mutant(
            self._path,
            name,
            declaration,
            line,
            change.start,
            change.end,
            change.replacement,
            original,
            mutated,
            place,
        )

    def _changes(self, node: Node, parent: Node | None = None) -> Iterator[_Change]:
        name = READERS.get(node["nodeType"])
        if name:
            yield from getattr(self, f"_{name}")(node, parent or node)
        for child in _children(node):
            yield from self._changes(child, node)

    # --- expressions ---

    def _binary(self, node: Node, _: Node) -> Iterator[_Change]:
        left, right = _span(node["leftExpression"]), _span(node["rightExpression"])
        operator = node["operator"]
        for other in BINARY[operator]:
            yield self._between(left[1], right[0], operator, other, node)
        if operator in ("&&", "||"):
            whole = _span(node)
            yield _Change(*whole, self._text(left), node)
            yield _Change(*whole, self._text(right), node)

    def _unary(self, node: Node, parent: Node) -> Iterator[_Change]:
        inner = self._text(_span(node["subExpression"]))
        operator = node["operator"]
        if operator in ("!", "~", "-"):
            yield _Change(*_span(node), inner, parent)
        elif operator in ("++", "--"):
            other = "--" if operator == "++" else "++"
            text = other + inner if node["prefix"] else inner + other
            yield _Change(*_span(node), text, parent)

    def _assignment(self, node: Node, _: Node) -> Iterator[_Change]:
        other = ASSIGNED.get(node["operator"])
        if other:
            left, right = _span(node["leftHandSide"]), _span(node["rightHandSide"])
            yield self._between(left[1], right[0], node["operator"], other, node)

    def _literal(self, node: Node, parent: Node) -> Iterator[_Change]:
        for text in _other_literals(node, self._text(_span(node))):
            size = re.fullmatch(r"type\(bytes(\d+)\)", _type(parent.get("expression", {})))
            if size:  # a conversion that takes no number but zero
                text = f"uint{8 * int(size[1])}({text})"
            yield _Change(*_span(node), text, parent)

    def _conditional(self, node: Node, _: Node) -> Iterator[_Change]:
        for side in ("trueExpression", "falseExpression"):
            yield _Change(*_span(node), f"({self._text(_span(node[side]))})", node)

    def _call(self, node: Node, _: Node) -> Iterator[_Change]:
        if node["kind"] != "functionCall":
            return
        given = node["arguments"]
        for first, second in pairwise(given):
            if _type(first) != _type(second):
                continue
            one, two = _span(first), _span(second)
            if self._text(one) != self._text(two):
                swapped = self._text(two) + self._text((one[1], two[0])) + self._text(one)
                yield _Change(one[0], two[1], swapped, node)

    # --- statements ---

    def _condition(self, node: Node, _: Node) -> Iterator[_Change]:
        condition = _span(node["condition"])
        around = {"src": f"{_span(node)[0]}:{_span(node['trueBody'])[1] - _span(node)[0]}:0"}
        yield _Change(*condition, "false", around)
        yield _Change(*condition, f"!({self._text(condition)})", around)
        if not _reverts(node["trueBody"]):
            yield _Change(*condition, "true", around)

    def _loop(self, node: Node, _: Node) -> Iterator[_Change]:
        yield _Change(*_span(node["condition"]), "false", node["condition"])

    def _expression(self, node: Node, parent: Node) -> Iterator[_Change]:
        if parent["nodeType"] == "ForStatement" and node is parent.get("loopExpression"):
            return
        yield self._deleted(node)

    def _statement(self, node: Node, _: Node) -> Iterator[_Change]:
        yield self._deleted(node)

    def _modifier(self, node: Node, _: Node) -> Iterator[_Change]:
        if node.get("kind") == "modifierInvocation":
            yield _Change(*_span(node), "", node)

    def _returned(self, node: Node, _: Node) -> Iterator[_Change]:
        value = node.get("expression")
        if not value:
            return
        kind = _type(value).removesuffix(" memory")
        others: list[str] = []
        if kind == "bool":
            others = ["true", "false"]
        elif re.fullmatch(r"u?int\d+", kind):
            others = ["0"]
        elif re.fullmatch(r"bytes\d+|address", kind):
            others = [f"{kind}(0)"]
        for other in others:
            if other != self._text(_span(value)):
                yield _Change(*_span(value), other, node)

    # --- assembly ---

    def _yul_call(self, node: Node, _: Node) -> Iterator[_Change]:
        name, start = node["functionName"]["name"], _span(node["functionName"])
        for other in YUL.get(name, []):
            if other.startswith("iszero("):
                text = f"{other}{self._source[start[1] : _span(node)[1]].decode()})"
                yield _Change(*_span(node), text, node)
            else:
                yield _Change(*start, other, node)
        if name == "iszero":
            yield _Change(*_span(node), self._text(_span(node["arguments"][0])), node)

    def _yul_literal(self, node: Node, parent: Node) -> Iterator[_Change]:
        if node["kind"] == "number":
            text = self._text(_span(node))
            yield _Change(*_span(node), _next(text), parent)

    def _yul_condition(self, node: Node, _: Node) -> Iterator[_Change]:
        yield _Change(*_span(node["condition"]), "0", node)
        yield _Change(*_span(node["condition"]), "1", node)

    def _yul_loop(self, node: Node, _: Node) -> Iterator[_Change]:
        yield _Change(*_span(node["condition"]), "0", node["condition"])

    def _yul_statement(self, node: Node, _: Node) -> Iterator[_Change]:
        yield _Change(*_span(node), "", node)

    # --- text ---

    def _text(self, span: tuple[int, int]) -> str:
        return self._source[span[0] : span[1]].decode()

    def _between(self, start: int, end: int, operator: str, other: str, around: Node) -> _Change:
        gap = self._source[start:end]
        # A comment may stand there too.
        place = start + re.sub(rb"//[^\n]*", lambda found: b" " * len(found[0]), gap).index(
            operator.encode()
        )
        return _Change(place, place + len(operator), other, around)

    def _deleted(self, node: Node) -> _Change:
        start, end = _span(node)
        if self._source[end - 1 : end] != b";":
            end = self._source.index(b";", end) + 1
        return _Change(start, end, "{}", {"src": f"{start}:{end - start}:0"})


def _children(node: Node) -> Iterator[Node]:
    for key, value in node.items():
        if key in ("documentation", "nativeSrc", "externalReferences", "typeName"):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "nodeType" in item:
                yield item


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _type(node: Node) -> str:
    return str(node.get("typeDescriptions", {}).get("typeString") or "")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _reverts(body: Node) -> bool:
    statements = body.get("statements", [body])
    return bool(statements) and statements[-1]["nodeType"] == "RevertStatement"


def _next(number: str) -> str:
    """The number that follows, as wide as it was."""
    if number.lower().startswith("0x"):
        return f"0x{int(number, 16) + 1:0{len(number) - 2}x}"
    return str(int(number.replace("_", "")) + 1)


def _other_literals(node: Node, text: str) -> Iterator[str]:
    kind = node["kind"]
    if kind == "bool":
        yield "false" if text == "true" else "true"
    elif kind == "number":
        number, _, unit = text.partition(" ")
        if _type(node) == "address":
            # A literal address needs a checksum; a sum does not.
            yield f"address(uint160({text}) + 1)"
        elif not re.search(r"[.eE]", number) or number.startswith("0x"):
            yield f"{_next(number)} {unit}".strip()
    elif kind == "string" and node["value"]:
        yield f"{text[0]}!{text[2:]}"
    elif kind == "hexString" and node["hexValue"]:
        last = int(node["hexValue"][-2:], 16) ^ 1
        yield f'hex"{node["hexValue"][:-2]}{last:02x}"'
