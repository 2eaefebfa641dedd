"""One object that connects everything and acts for one account."""

from __future__ import annotations

from collections.abc import Callable

from medibloc_py import config
from medibloc_py.chain import Offer
from medibloc_py.client.anyone import AnyoneVerbs
from medibloc_py.client.buyer import BuyerVerbs
from medibloc_py.client.connecting import connect, find_deployment, open_store
from medibloc_py.client.hospital import HospitalVerbs
from medibloc_py.client.patient import PatientVerbs
from medibloc_py.client.reader import ReaderVerbs
from medibloc_py.client.steward import StewardVerbs
from medibloc_py.flows import keyring
from medibloc_py.flows.parties import Exchange, Identity


class Client(HospitalVerbs, PatientVerbs, ReaderVerbs, StewardVerbs, BuyerVerbs, AnyoneVerbs):
    """A connection to one deployment and its store, acting for at most one account."""

    __slots__ = ()

    @classmethod
    def connect(
        cls, settings: config.Settings, approve: Callable[[Offer], None] | None = None
    ) -> Client:
        """Connects to the node, checks chain and contracts, opens the store.

        Args:
            settings: where things are.
            approve: told what each transaction costs before it is signed; what it raises,
                stops it.

        Raises:
            NodeUnreachable: the node does not answer.
            ChainMismatch: it serves another chain.
            DeploymentMissing: no deployment on that chain is known.
            DeploymentInvalid: there is one that cannot be used.
            ContractMissing: what is known is not on that chain.
        """
        network = connect(settings, approve)
        deployment = find_deployment(settings, network)
        return cls(Exchange(network, deployment, open_store(settings.store)), settings)

    def acting_as(self, name: str, password: str) -> Client:
        """The same connection, acting for an account of this machine."""
        return self.acting_for(keyring.open_account(self.settings.home, name, password))

    def acting_for(self, identity: Identity) -> Client:
        """The same connection, acting for an opened identity."""
        return Client(self.exchange, self.settings, identity)
