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
    from medibloc_py.chain import Network


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
    out: Annotated[
        Path | None, typer.Option(help="Folder for the deployment file; else in the home folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Deploy the contracts and write the deployment file.

    A deployment file whose contracts still stand on the chain is not replaced.
    """
    from medibloc_py.chain import Network
    from medibloc_py.flows.deploy import deploy as deploy_all

    session: Session = context.obj
    settings = session.settings()
    identity = session.identity(account)
    network = Network.connect(settings.network.rpc_url, settings.network.chain_id)
    console = Output(json)
    ruler = session.address(governance) if governance else None
    # Found out before anything is paid for.
    folder = out or settings.home / "deployments"
    require_writable(folder)
    _require_no_other(folder, network)
    with console.progress() as progress:
        done = deploy_all(network, identity.signer, ruler, test_token=test_token, progress=progress)
    path = done.deployment.save(folder)
    gas = {name: receipt.gas_used for name, receipt in done.receipts.items()}
    console.table(
        {
            "chain_id": network.chain_id,
            "file": str(path),
            "contracts": done.deployment.contracts,
            "gas": gas,
        },
        f"Deployed on chain {network.chain_id}, written to {path}",
        ("contract", "address", "gas"),
        [(name, at, f"{gas[name]:,}") for name, at in done.deployment.contracts.items()],
    )


def _require_no_other(folder: Path, network: Network) -> None:
    """Refuses to forget contracts that still stand on the chain.

    Raises:
        FileExists: the folder tells where they are.
    """
    from medibloc_py.chain import Deployment
    from medibloc_py.errors import ContractMissing, DeploymentMissing, FileExists

    try:
        Deployment.load(folder, network.chain_id).verify(network)
    except (ContractMissing, DeploymentMissing):
        return
    raise FileExists(path=folder / f"{network.chain_id}.json")
