"""Superfluid's framework, deployed by the package's own deployer; its host relays batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from web3.contract import Contract

from benchmarks.peers.chain import Chain, anvil
from benchmarks.peers.packages import MODULES, SUPERFLUID, artifact, in_file

UTILS = f"{SUPERFLUID}/utils"
STEPS = f"{UTILS}/SuperfluidFrameworkDeploymentSteps.t.sol"
GDA = f"{SUPERFLUID}/agreements/gdav1"

# The registry of ERC-1820 has one address on every chain: nobody holds the key that sent it.
ERC1820 = "@superfluid-finance/ethereum-contracts/dev-scripts/artifacts/ERC1820Registry.json"
ERC1820_SENDER = "0xa990077c3205cbDf861e17Fa532eeB069cE9fF96"
ERC1820_HEAD = "0xf90a388085174876e800830c35008080b909e5"
ERC1820_TAIL = "1ba0" + "1820" * 16 + "a0" + "1820" * 16

FORWARD_CALL = 301
"""Kind of operation in the host's batchCall: any call, sent by the host's forwarder."""

STEP_LIBRARIES = (
    "SuperfluidGovDeployerLibrary",
    "SuperfluidHostDeployerLibrary",
    "SuperfluidCFAv1DeployerLibrary",
    "SuperfluidIDAv1DeployerLibrary",
    "SuperfluidGDAv1DeployerLibrary",
    "SuperTokenDeployerLibrary",
    "SuperfluidPeripheryDeployerLibrary",
    "SuperfluidPoolLogicDeployerLibrary",
    "SuperfluidPoolNFTLogicDeployerLibrary",
    "ProxyDeployerLibrary",
    "CFAv1ForwarderDeployerLibrary",
    "GDAv1ForwarderDeployerLibrary",
    "SuperTokenFactoryDeployerLibrary",
    "TokenDeployerLibrary",
)
"""What the framework's deployer is linked to."""


@dataclass(frozen=True)
class Framework:
    """Where Superfluid stands, and the state that makes it stand there."""

    host: str
    gda: str
    token_factory: str
    state: str


def deploy_framework() -> Framework:
    """Deploys Superfluid on a chain of its own, without limits.

    One step of the package's deployer takes 19.2 million gas, more than a transaction may
    today, and its libraries hold creation code larger than a contract may be. What it deploys
    keeps to the limits, so its state goes to the chain that we measure on.
    """
    with anvil(capped=False) as chain:
        sender = chain.actors[0]
        registry = json.loads((MODULES / ERC1820).read_text(encoding="utf-8"))["bin"]
        chain.fund(ERC1820_SENDER)
        chain.send_raw(ERC1820_HEAD + registry + ERC1820_TAIL)
        published = [
            in_file(f"{SUPERFLUID}/libs", "SlotsBitmapLibrary"),
            in_file(GDA, "SuperfluidPoolDeployerLibrary"),
            *(artifact(f"{STEPS}/{name}") for name in STEP_LIBRARIES),
        ]
        libraries: dict[str, Contract] = {}
        for library in published:
            libraries[library.name] = chain.deploy(library, sender=sender, libraries=libraries)
        deployer = chain.deploy(
            artifact(f"{UTILS}/SuperfluidFrameworkDeployer.t.sol/SuperfluidFrameworkDeployer"),
            sender=sender,
            libraries=libraries,
        )
        for step in range(deployer.functions.getNumSteps().call()):
            chain.send(deployer, "executeStep", step, sender=sender)
        stands = deployer.functions.getFramework().call()
        return Framework(stands[1], stands[4], stands[5], chain.dump())


class Relay:
    """Sends many calls in one transaction through the forwarder of Superfluid's host.

    The targets see the forwarder as sender: it serves what anyone may send.
    """

    def __init__(self, chain: Chain, framework: Framework, sender: str) -> None:
        self._chain = chain
        self._host = chain.at(in_file(f"{SUPERFLUID}/superfluid", "Superfluid"), framework.host)
        self._sender = sender

    def send(self, target: Contract, calls: Sequence[str]) -> None:
        """Sends encoded calls to one contract, in one transaction; a single one goes straight."""
        if len(calls) == 1:
            self._chain.call(target, calls[0], sender=self._sender)
        else:
            operations = [(FORWARD_CALL, target.address, call) for call in calls]
            self.operate(operations, self._sender)

    def operate(self, operations: Sequence[tuple[int, str, str | bytes]], sender: str) -> None:
        """Sends operations of any kind in one transaction."""
        self._chain.send(self._host, "batchCall", operations, sender=sender)
