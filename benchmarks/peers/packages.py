"""Contracts as the peers' npm packages publish them: ABI and bytecode, never compiled here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from medibloc_py.chain import artifacts

MODULES = Path(__file__).parent / "node_modules"

ETHR = "ethr-did-registry/artifacts/contracts/EthereumDIDRegistry.sol/EthereumDIDRegistry"
MERKLE = "@uniswap/merkle-distributor/build"
OCEAN = "@oceanprotocol/contracts/artifacts/contracts"
SUPERFLUID = "@superfluid-finance/ethereum-contracts/build/hardhat/contracts"


@dataclass(frozen=True)
class Artifact:
    """One published contract.

    Attributes:
        name: of the contract.
        abi: the JSON ABI.
        bytecode: creation code in hex, with gaps where libraries are linked.
        gaps: for each library its places in the code, `(start, length)` in bytes.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    gaps: Mapping[str, list[tuple[int, int]]]

    def linked(self, libraries: Mapping[str, str]) -> str:
        """Fills the gaps with the libraries' addresses.

        Raises:
            KeyError: a library is missing.
        """
        code = self.bytecode.removeprefix("0x")
        for library, places in self.gaps.items():
            address = libraries[library].removeprefix("0x").lower()
            for start, length in places:
                code = code[: 2 * start] + address + code[2 * (start + length) :]
        return "0x" + code


@lru_cache
def artifact(path: str) -> Artifact:
    """Loads a published contract.

    Args:
        path: below node_modules, without `.json`.

    Raises:
        FileNotFoundError: the packages are not installed: `make bench-peers` does.
    """
    content = json.loads((MODULES / f"{path}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=path.rsplit("/", 1)[-1],
        abi=content["abi"],
        bytecode=content["bytecode"],
        gaps={
            library: [(place["start"], place["length"]) for place in places]
            for file in content.get("linkReferences", {}).values()
            for library, places in file.items()
        },
    )


def ours(name: str) -> Artifact:
    """Loads a contract of our own, as the library ships it."""
    shipped = artifacts.load(name)
    return Artifact(name, [dict(item) for item in shipped.abi], "0x" + shipped.bytecode.hex(), {})


def in_file(folder: str, name: str) -> Artifact:
    """Loads a contract that Hardhat keeps in a folder named like its source file."""
    return artifact(f"{folder}/{name}.sol/{name}")
