"""Deploys the contracts through brownie and writes deployments/<chain id>.json.

The addresses are new each time; `medibloc deploy` gives the same ones on every chain.

    brownie run scripts/deploy.py --network anvil|ganache|sepolia

Environment:
    MEDIBLOC_GOVERNANCE      account that may name accreditors; the deployer if not set.
    MEDIBLOC_RPC_SEPOLIA     RPC URL, for sepolia.
    MEDIBLOC_DEPLOYER_KEY    private key of the account that pays, for sepolia.
    MEDIBLOC_TEST_TOKEN      1 deploys the test token, which anyone may mint, on sepolia too.

On a local chain the first account pays, the test token is there, the deployer, if it
governs, is an accreditor, and an older deployment file is replaced.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from brownie import accounts, chain, network, project, rpc, web3

from medibloc_py import config
from medibloc_py.chain import Deployment, Network, Signer, parse_address
from medibloc_py.errors import (
    ContractMissing,
    DeploymentMissing,
    FileExists,
    InsufficientFunds,
)
from medibloc_py.flows.deploy import CONTRACTS, TEST_TOKEN, constructor_arguments
from medibloc_py.model import Address
from scripts.session import setting
from scripts.toolchain import plainly

_ATTEMPTS = 3
_PAUSE_S = 1.0


@plainly
def main() -> None:
    """Deploys, proves the code on chain equal to the library's, and saves the addresses."""
    exchange = project.get_loaded_projects()[0]
    folder = Path(exchange._path) / "deployments"
    local = rpc.is_active()
    node = Network.connect(web3.provider.endpoint_uri, None if local else _chain_id())
    deployer = accounts[0] if local else _payer()
    ruler = parse_address(os.environ.get("MEDIBLOC_GOVERNANCE") or str(deployer))
    token = local or os.environ.get("MEDIBLOC_TEST_TOKEN") == "1"
    names = [*CONTRACTS, TEST_TOKEN] if token else list(CONTRACTS)
    if not local:
        _require_no_other(folder, node)
        _require_funds(exchange, names, deployer, ruler)
    first = node.block_number() + 1
    at: dict[str, Any] = {}
    for name in names:
        there = {name: Address(contract.address) for name, contract in at.items()}
        arguments = constructor_arguments(name, there, ruler)
        at[name] = _deployed(exchange[name], arguments, deployer, node)
    if local and ruler == deployer:
        at["Records"].setAccreditor(ruler, True, {"from": deployer})
    deployment = Deployment(
        chain_id=chain.id,
        contracts={name: Address(contract.address) for name, contract in at.items()},
        block=first,
        governance=ruler,
    )
    deployment.verify(node)
    path = deployment.save(folder)
    for name, address in deployment.contracts.items():
        print(f"{name:10} {address}")
    print(f"{'governance':10} {ruler}")
    print(f"Deployed on chain {chain.id}, written to {path}.")
    if rpc.is_child():
        print("Brownie started this chain and ends it now: `medibloc up` starts one that stays.")


def _deployed(container: Any, arguments: Any, deployer: Any, node: Network) -> Any:
    """Deploys once, whatever the node says of it.

    A node can answer with an error what it took all the same, or what it is too busy to
    take (Anvil, while it mines). Nonce and address are known before: what stands there
    tells, and to send the same nonce again cannot deploy twice.
    """
    nonce = deployer.nonce
    address = deployer.get_deployment_address(nonce)
    failure = None
    for _ in range(_ATTEMPTS):
        try:
            return container.deploy(*arguments, {"from": deployer, "nonce": nonce})
        except ValueError as error:
            failure = error
            time.sleep(_PAUSE_S)
            if node.code(Address(address)):
                return container.at(address)
    raise failure


def _chain_id() -> int | None:
    """What the network asked for must be."""
    return config.networks()[network.show_active()].chain_id


def _payer() -> Any:
    key = setting("MEDIBLOC_DEPLOYER_KEY", "the private key of the account that pays")
    return accounts.add(Signer.from_key(key).export_key())


def _require_no_other(folder: Path, node: Network) -> None:
    """Refuses to forget contracts that stand on the chain.

    Raises:
        FileExists: the folder tells where they are.
    """
    try:
        Deployment.load(folder, node.chain_id).verify(node)
    except (ContractMissing, DeploymentMissing):
        return
    raise FileExists(path=folder / f"{node.chain_id}.json")


def _require_funds(exchange: Any, names: list[str], deployer: Any, ruler: Address) -> None:
    """Refuses to begin what the deployer cannot pay to the end.

    Raises:
        InsufficientFunds: it holds less than all of it may cost.
    """
    nowhere = dict.fromkeys(CONTRACTS, ruler)  # for what is not deployed yet: any address will do
    gas = sum(
        exchange[name].deploy.estimate_gas(
            *constructor_arguments(name, nowhere, ruler), {"from": deployer}
        )
        for name in names
    )
    # What brownie offers: twice the base fee, so that a few full blocks do not stop it.
    needed = gas * (2 * chain.base_fee + chain.priority_fee)
    if deployer.balance() < needed:
        raise InsufficientFunds(
            account=deployer.address, balance=int(deployer.balance()), unit="wei", needed=needed
        )
