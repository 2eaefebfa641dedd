"""Where the contracts are on a chain, as the deployment file tells and the chain proves."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medibloc_py.chain import artifacts
from medibloc_py.chain.address import parse_address
from medibloc_py.chain.artifacts import Artifact, Contract
from medibloc_py.chain.network import Network
from medibloc_py.errors import (
    ChainMismatch,
    ContractMissing,
    DeploymentInvalid,
    DeploymentMissing,
    InvalidAddress,
    StoreFailed,
)
from medibloc_py.model import Address
from medibloc_py.nesting import require_shallow_json

_FILE_MAX = 1 << 16
_HOUSES = {"Accounts": "Records"}
"""What has an interface of its own, and the contract that it lives in."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One set of contracts that know each other.

    Attributes:
        contracts: address by contract name.
        block: a block at or before the first of them; events are read from there.
        governance: the account that owned `Records` at the start.
    """

    chain_id: int
    contracts: dict[str, Address]
    block: int
    governance: Address

    @classmethod
    def load(cls, directory: Path, chain_id: int) -> Deployment:
        """Reads `<chain id>.json`.

        Raises:
            DeploymentMissing: there is no file for the chain.
            DeploymentInvalid: it is malformed, or of another chain.
        """
        path = directory / f"{chain_id}.json"
        try:
            with path.open("rb") as file:
                raw = file.read(_FILE_MAX)
            require_shallow_json(raw)
            content: Any = json.loads(raw)
        except FileNotFoundError as error:
            raise DeploymentMissing(chain_id=chain_id, path=directory) from error
        except OSError as error:
            raise DeploymentInvalid(path=path, reason=error.strerror) from error
        except ValueError as error:
            raise DeploymentInvalid(path=path, reason="it is no JSON") from error
        try:
            found = cls(
                chain_id=content["chainId"],
                contracts={
                    name: parse_address(address) for name, address in content["contracts"].items()
                },
                block=content["block"],
                governance=parse_address(content["governance"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise DeploymentInvalid(path=path, reason="a field is missing or malformed") from error
        except InvalidAddress as error:
            raise DeploymentInvalid(path=path, reason=error.message.rstrip(".")) from error
        if type(found.block) is not int or found.block < 0:
            raise DeploymentInvalid(path=path, reason="its block is no number")
        if found.chain_id != chain_id:
            raise DeploymentInvalid(path=path, reason="it is of another chain")
        if unknown := set(found.contracts) - set(artifacts.names()):
            raise DeploymentInvalid(path=path, reason=f"there is no contract {min(unknown)}")
        return found

    def save(self, directory: Path) -> Path:
        """Writes `<chain id>.json`, in place of an older one.

        Raises:
            StoreFailed: it cannot be written; an older one stays as it was.
        """
        path = directory / f"{self.chain_id}.json"
        content = {
            "chainId": self.chain_id,
            "block": self.block,
            "governance": self.governance,
            "contracts": dict(sorted(self.contracts.items())),
        }
        part = directory / f".{path.name}.{secrets.token_hex(8)}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with part.open("x", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StoreFailed(url=path, reason=error.strerror) from error
        return path

    def contract(self, name: str) -> Contract:
        """Gives the handle of a contract.

        Raises:
            DeploymentInvalid: this deployment has none of that name.
        """
        if name not in self.contracts:
            path = f"{self.chain_id}.json"
            raise DeploymentInvalid(path=path, reason=f"it names no contract {name}")
        return Contract(name, self.contracts[name], self.block)

    def verify(self, network: Network) -> None:
        """Proves that this library's contracts are at these addresses, and work together.

        Raises:
            ChainMismatch: the network is another chain.
            ContractMissing: other code, or none.
            DeploymentInvalid: one works with another contract than this file names.
            NodeUnreachable: no answer.
            NodeAnsweredWrong: an impossible answer.
        """
        if network.chain_id != self.chain_id:
            raise ChainMismatch(url=network.url, actual=network.chain_id, expected=self.chain_id)
        for name, address in self.contracts.items():
            if not _runs(artifacts.load(name), network.code(address)):
                raise ContractMissing(name=name, address=address, chain_id=self.chain_id)
        for name in self.contracts:
            for getter, sibling in _siblings(artifacts.load(name)):
                found = network.call(self.contract(name), getter)
                if self.contracts.get(sibling) != found:
                    reason = f"the {name} there works with the {sibling} at {found}"
                    raise DeploymentInvalid(path=f"{self.chain_id}.json", reason=reason)


def _siblings(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Gives each getter of another contract's address, and that contract's name."""
    for name, item in artifact.functions.items():
        if not item["inputs"] and len(item["outputs"]) == 1:
            kind, _, interface = item["outputs"][0].get("internalType", "").partition(" I")
            if kind == "contract":
                yield name, _HOUSES.get(interface, interface)


def _runs(artifact: Artifact, code: bytes) -> bool:
    """Tells whether `code` is the artifact's, whatever its immutables hold."""
    if len(code) != len(artifact.runtime):
        return False
    masked = bytearray(code)
    for start, length in artifact.immutables:
        masked[start : start + length] = bytes(length)
    return bytes(masked) == artifact.runtime
