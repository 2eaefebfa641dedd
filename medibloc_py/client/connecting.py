"""Where the settings point to: a node, a deployment on its chain, a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from medibloc_py import config
from medibloc_py.chain import Deployment, Network, Offer
from medibloc_py.errors import ContractMissing, DeploymentMissing
from medibloc_py.storage import GatewayStore, KuboNode, KuboStore, LocalStore, Store


def open_store(place: str) -> Store:
    """Opens the store that a setting names: a gateway, a Kubo node or a folder.

    Raises:
        StoreUnreachable: a node of our own, which does not run.
    """
    if config.is_url(place):
        return GatewayStore(place)
    if place.startswith(config.NODE):
        place = KuboNode(Path(place.removeprefix(config.NODE))).address()
    return KuboStore(place) if config.is_multiaddr(place) else LocalStore(Path(place))


def find_deployment(settings: config.Settings, network: Network) -> Deployment:
    """Finds the first deployment in the folders of the settings that stands on the chain.

    Raises:
        DeploymentMissing: there is none in these folders.
        DeploymentInvalid: there is one that cannot be used.
        ContractMissing: what is there does not stand on this chain, perhaps of an earlier run.
    """
    absent: ContractMissing | None = None
    for folder in settings.deployments:
        try:
            deployment = Deployment.load(folder, network.chain_id)
            deployment.verify(network)
        except DeploymentMissing:
            continue
        except ContractMissing as error:
            absent = absent or error
        else:
            return deployment
    raise absent or DeploymentMissing(
        chain_id=network.chain_id, path=", ".join(str(folder) for folder in settings.deployments)
    )


def connect(settings: config.Settings, approve: Callable[[Offer], None] | None = None) -> Network:
    """Connects to a node of the network that the settings name, and to its witness.

    Raises:
        NodeUnreachable: none of them answers; `WitnessUnreachable` if it is the witness.
        NodesDisagree: node and witness do not tell of one chain.
        ChainMismatch: it serves another chain.
    """
    chosen = settings.network
    return Network.connect(
        chosen.rpc_url,
        chosen.chain_id,
        receipt_timeout_s=chosen.timeout_s,
        max_fee_wei=chosen.max_fee_wei,
        journal=settings.journal,
        approve=approve,
        witness=chosen.witness_url or None,
    )
