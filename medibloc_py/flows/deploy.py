"""Putting the contracts on a chain, in the order they need each other."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py.chain import Deployment, Network, Signer
from medibloc_py.flows.parties import Progress, silent
from medibloc_py.model import Address, Receipt
from medibloc_py.services import AccountsService

TEST_TOKEN = "TestToken"  # noqa: S105 - the name of a contract


@dataclass(frozen=True, slots=True)
class Deployed:
    """A new deployment and the transactions that made it, by contract name."""

    deployment: Deployment
    receipts: dict[str, Receipt]


def deploy(
    network: Network,
    deployer: Signer,
    governance: Address | None = None,
    *,
    test_token: bool = False,
    progress: Progress = silent,
) -> Deployed:
    """Deploys the exchange. The deployer keeps no right unless it is the governance.

    Args:
        network: the chain.
        deployer: pays for the deployment.
        governance: may name accreditors, nothing else; the deployer if not given, who
            is then made the first accreditor as well.
        test_token: deploy the open-mint test token beside; never on a chain of value.
        progress: told of each contract.

    Raises:
        InsufficientFunds: the deployer cannot pay.
    """
    ruler = governance or deployer.address
    at: dict[str, Address] = {}
    receipts: dict[str, Receipt] = {}
    steps = ["Accounts", "Records", "Consents", "Grants", "Market"]
    steps += [TEST_TOKEN] if test_token else []
    for number, name in enumerate(steps):
        arguments: dict[str, tuple[Address, ...]] = {
            "Accounts": (ruler,),
            "Records": (at.get("Accounts", ruler),),
            "Grants": (at.get("Records", ruler), at.get("Consents", ruler)),
            "Market": (at.get("Accounts", ruler), at.get("Consents", ruler)),
        }
        at[name], receipts[name] = network.deploy(deployer, name, *arguments.get(name, ()))
        progress("deploy", number + 1, len(steps))
    deployment = Deployment(
        chain_id=network.chain_id,
        contracts=at,
        block=min(receipt.block for receipt in receipts.values()),
        governance=ruler,
    )
    if ruler == deployer.address:
        accounts = AccountsService(network, at["Accounts"], deployment.block)
        accounts.set_accreditor(deployer, ruler, True)
    return Deployed(deployment, receipts)
