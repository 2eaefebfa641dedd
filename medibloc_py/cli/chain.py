"""`medibloc up` and `medibloc deploy`: a chain, and the contracts on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output

if TYPE_CHECKING:
    from medibloc_py.chain import Deployment, Network
    from medibloc_py.model import Address

_NO_FACTORY = (
    "The canonical CREATE2 factory does not stand on this chain: "
    "the addresses are this deployment's own."
)


def up(
    port: Annotated[int, typer.Option(help="TCP port on loopback.")] = 8545,
    json: Json = False,
) -> None:
    """Run a local chain (Anvil) until Ctrl-C.

    The chain is empty: run `medibloc deploy` in another terminal. Its accounts are
    Anvil's well-known ones, take them in with `medibloc account import --dev 0`.
    """
    from medibloc_py.chain import LocalNode
    from medibloc_py.errors import NodeUnreachable

    with LocalNode.start(port=port, anvil=anvil_at_hand()) as node:
        chain_id = node.network.chain_id
        Output(json).result(
            {"rpc_url": node.url, "chain_id": chain_id},
            [f"Chain {chain_id} at {node.url}. Ctrl-C stops it; what is on it is then gone."],
        )
        sys.stdout.flush()
        status = node.wait()
        raise NodeUnreachable(url=node.url, reason=f"it ended by itself with status {status}")


def anvil_at_hand() -> Path:
    """Anvil as found, or else installed for this user from the npm registry.

    Raises:
        ToolMissing: it is not there and npm cannot get it.
    """
    from medibloc_py.chain import find_anvil, install_anvil
    from medibloc_py.errors import ToolMissing

    try:
        return find_anvil()
    except ToolMissing:
        print("Anvil is not here yet: installing it with npm.", file=sys.stderr)
        return install_anvil()


def deploy(
    context: typer.Context,
    account: Annotated[str, typer.Option("--as", help="Account that pays.")],
    governance: Annotated[
        str | None,
        typer.Option(help="Address that may name accreditors; the paying account if not given."),
    ] = None,
    test_token: Annotated[
        bool, typer.Option("--test-token", help="Deploy a token anyone can mint, for trying out.")
    ] = False,
    salt: Annotated[
        str | None,
        typer.Option(help="Text that the addresses come of; medibloc/v1 if not given."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the deployment file; else in the home folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Deploy the contracts and write the deployment file.

    Where the canonical CREATE2 factory stands, the addresses come of --salt and --governance
    alone, the same on every chain, and contracts that are there already are used. A deployment
    file of other contracts, which still stand on the chain, is not replaced.
    """
    from medibloc_py.flows.deploy import SALT, TEST_TOKEN
    from medibloc_py.flows.deploy import deploy as deploy_all

    session: Session = context.obj
    settings = session.settings()
    identity = session.identity(account)
    network = session.node()
    console = Output(json)
    ruler = session.address(governance) if governance else identity.address
    text = SALT if salt is None else salt
    # Found out before anything is paid for.
    folder = out or settings.home / "deployments"
    require_writable(folder)
    known = _require_no_other(folder, network, ruler, text)
    with console.progress() as progress:
        done = deploy_all(
            network,
            identity.signer,
            ruler,
            salt=text,
            test_token=test_token or (known is not None and TEST_TOKEN in known.contracts),
            known=known,
            progress=progress,
        )
    path = done.deployment.save(folder)
    gas = {name: receipt.gas_used for name, receipt in done.receipts.items()}
    console.table(
        {
            "chain_id": network.chain_id,
            "file": str(path),
            "contracts": done.deployment.contracts,
            "deterministic": done.deterministic,
            "gas": gas,
        },
        f"Deployed on chain {network.chain_id}, written to {path}"
        + ("" if done.deterministic else f". {_NO_FACTORY}"),
        ("contract", "address", "gas"),
        [
            (name, at, f"{gas[name]:,}" if name in gas else "already there")
            for name, at in done.deployment.contracts.items()
        ],
    )


def _require_no_other(
    folder: Path, network: Network, governance: Address, salt: str
) -> Deployment | None:
    """Refuses to forget contracts that still stand on the chain.

    Returns:
        What the folder tells of, if it is what would be deployed.

    Raises:
        FileExists: the folder tells where others are.
    """
    from medibloc_py.chain import Deployment, factory
    from medibloc_py.errors import ContractMissing, DeploymentMissing, FileExists
    from medibloc_py.flows.deploy import plan

    try:
        known = Deployment.load(folder, network.chain_id)
        known.verify(network)
    except (ContractMissing, DeploymentMissing):
        return None
    if factory.stands(network) and plan(governance, salt).items() <= known.contracts.items():
        return known
    raise FileExists(path=folder / f"{network.chain_id}.json")
