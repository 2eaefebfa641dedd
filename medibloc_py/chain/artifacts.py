"""The compiled contracts that ship with the library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from medibloc_py.chain.abi import Param, hash_of
from medibloc_py.errors import InvalidValue
from medibloc_py.model import Address

DIRECTORY = Path(__file__).parent / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """One compiled contract.

    Attributes:
        abi: the JSON ABI.
        bytecode: creation code, before the constructor's arguments.
        runtime: deployed code with zeros where immutables go.
        immutables: `(start, length)` of each immutable in `runtime`.
    """

    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    immutables: tuple[tuple[int, int], ...]

    @cached_property
    def functions(self) -> dict[str, Mapping[str, Any]]:
        """Functions by name; the contracts overload none."""
        return self._named("function")

    @cached_property
    def events(self) -> dict[str, Mapping[str, Any]]:
        """Events by name."""
        return self._named("event")

    @cached_property
    def errors(self) -> dict[str, Mapping[str, Any]]:
        """Custom errors by name."""
        return self._named("error")

    @cached_property
    def events_by_topic(self) -> dict[bytes, Mapping[str, Any]]:
        """Events by their first topic."""
        return {hash_of(item): item for item in self.events.values()}

    @cached_property
    def constructor(self) -> tuple[Param, ...]:
        """What the constructor takes."""
        found = (item["inputs"] for item in self.abi if item["type"] == "constructor")
        return tuple(next(found, ()))

    def _named(self, kind: str) -> dict[str, Mapping[str, Any]]:
        return {item["name"]: item for item in self.abi if item["type"] == kind}


@dataclass(frozen=True, slots=True)
class Contract:
    """A deployed contract: which artifact, where, and since which block."""

    name: str
    address: Address
    deployed_at: int = 0

    @property
    def artifact(self) -> Artifact:
        """The compiled contract behind the name."""
        return load(self.name)


def names() -> list[str]:
    """Names every contract that ships, sorted."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))


@lru_cache
def load(name: str) -> Artifact:
    """Loads an artifact.

    Raises:
        InvalidValue: no contract of that name ships.
    """
    if name not in names():
        raise InvalidValue(name="contract", given=name, allowed=f"one of {', '.join(names())}")
    content = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=name,
        abi=tuple(content["abi"]),
        bytecode=bytes.fromhex(content["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
        immutables=tuple(
            (place["start"], place["length"])
            for immutable in content["immutableReferences"]
            for place in immutable
        ),
    )
