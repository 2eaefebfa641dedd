"""Putting the contracts on a chain, in the order they need each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medibloc_py.chain import Deployment, Network, Signer, creation_code, factory
from medibloc_py.crypto.ids import keccak256
from medibloc_py.errors import MediBlocError
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.model import Address, Receipt
from medibloc_py.services import AccountsService

CONTRACTS = ("Records", "Consents", "Grants", "Market")
TEST_TOKEN = "TestToken"  # noqa: S105 - the name of a contract
SALT = "medibloc/v1"
"""Of the addresses that are the same on every chain; its keccak256 is what the factory takes."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment and the transactions that made it.

    Attributes:
        receipts: by contract name; none of what stood there already.
        deterministic: whether the contracts are where they would be on every chain.
    """

    deployment: Deployment
    receipts: dict[str, Receipt]
    deterministic: bool


def plan(governance: Address, salt: str = SALT) -> dict[str, Address]:
    """Computes where the contracts are on every chain that has the canonical factory.

    Args:
        governance: part of what creates `Records`, and so of every address.
        salt: free text.
    """
    at: dict[str, Address] = {}
    for name in CONTRACTS:
        code = creation_code(name, *constructor_arguments(name, at, governance))
        at[name] = factory.place(keccak256(salt.encode()), code)
    return at


def deploy(
    network: Network,
    deployer: Signer,
    governance: Address | None = None,
    *,
    salt: str | None = SALT,
    test_token: bool = False,
    known: Deployment | None = None,
    progress: Progress = silent,
) -> Deployed:
    """Deploys the exchange. The deployer keeps no right unless it is the governance.

    With a salt, and where the canonical CREATE2 factory stands, the contracts have the same
    addresses on every chain, whoever deploys them, and what is there already is used.

    Args:
        network: the chain.
        deployer: pays for the deployment.
        governance: may name accreditors, nothing else; the deployer if not given, who
            is then made the first accreditor as well.
        salt: free text that the addresses come of; None for new ones each time.
        test_token: deploy the open-mint test token beside; never on a chain of value.
        known: an earlier deployment on this chain; its test token stays, if it has one.
        progress: told of each contract.

    Raises:
        InsufficientFunds: the deployer cannot pay.
        ContractMissing: other code is where a contract must be.
    """
    ruler = governance or deployer.address
    deterministic = salt is not None and factory.stands(network)
    places = plan(ruler, salt) if deterministic and salt is not None else {}
    at: dict[str, Address] = {}
    receipts: dict[str, Receipt] = {}
    steps = [*CONTRACTS, TEST_TOKEN] if test_token else list(CONTRACTS)
    for number, name in enumerate(steps):
        arguments = constructor_arguments(name, at, ruler)
        if name in places and salt is not None:
            at[name] = places[name]
            receipt = _put(network, deployer, name, places[name], salt, arguments)
            if receipt is not None:
                receipts[name] = receipt
        elif name == TEST_TOKEN and known is not None and name in known.contracts:
            at[name] = known.contracts[name]
        else:
            at[name], receipts[name] = network.deploy(deployer, name, *arguments)
        progress("deploy", number + 1, len(steps))
    deployment = Deployment(
        chain_id=network.chain_id,
        contracts=at,
        block=min(
            receipts[name].block if name in receipts else network.first_block(at[name])
            for name in CONTRACTS
        ),
        governance=ruler,
    )
    deployment.verify(network)
    accounts = AccountsService(network, at["Records"], deployment.block)
    if deployer.address == ruler == accounts.governance() and not accounts.is_accreditor(ruler):
        accounts.set_accreditor(deployer, ruler, True)
    return Deployed(deployment, receipts, deterministic)


def _put(
    network: Network,
    deployer: Signer,
    name: str,
    place: Address,
    salt: str,
    arguments: tuple[Address, ...],
) -> Receipt | None:
    """Puts a contract where it belongs, unless it is there; `Deployment.verify` proves it."""
    if network.code(place):
        return None
    try:
        return network.deploy_at(deployer, name, place, keccak256(salt.encode()), *arguments)
    except MediBlocError:
        if network.code(place):
            return None  # another deployer was faster: what is there is the same
        raise


def constructor_arguments(
    name: str, at: Mapping[str, Address], governance: Address
) -> tuple[Address, ...]:
    """What the constructor of a contract takes.

    Args:
        name: of the contract.
        at: where those are that stand before it in `CONTRACTS`.
        governance: who will govern.
    """
    if name == "Records":
        return (governance,)
    if name == "Consents":
        return (at["Records"],)
    if name == "Grants":
        return (at["Records"], at["Consents"], at["Records"])
    if name == "Market":
        return (at["Records"], at["Consents"])
    return ()
