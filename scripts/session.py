"""What the scripts share: settings of the environment, and the client."""

from __future__ import annotations

import os

from brownie import network, web3

from medibloc_py.cli.options import Session
from medibloc_py.client import Client
from medibloc_py.errors import InvalidValue


def setting(name: str, allowed: str, default: str | None = None) -> str:
    """A setting of the environment.

    Raises:
        InvalidValue: it is not set, or empty, and has no default.
    """
    value = os.environ.get(name) or default
    if not value:
        raise InvalidValue(name=name, given="not set", allowed=allowed)
    return value


def session() -> Session:
    """The settings of the environment, with the network that brownie is connected to."""
    return Session(network=network.show_active(), rpc_url=web3.provider.endpoint_uri)


def client_of(used: Session) -> Client:
    """The client, acting for MEDIBLOC_ACCOUNT.

    Raises:
        InvalidValue: MEDIBLOC_ACCOUNT is not set.
        MediBlocError: the account does not open, or the exchange is not on the chain.
    """
    name = setting("MEDIBLOC_ACCOUNT", "a name of `medibloc account list`")
    return used.acting_as(name)
