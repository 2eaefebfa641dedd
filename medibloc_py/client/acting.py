"""What all verbs of the client stand on."""

from __future__ import annotations

from dataclasses import dataclass

from medibloc_py import config
from medibloc_py.errors import InvalidValue
from medibloc_py.flows.decisions import Decisions
from medibloc_py.flows.parties import Exchange, Identity
from medibloc_py.model import Address


@dataclass(frozen=True, slots=True)
class Acting:
    """A connection to one deployment and its store, acting for at most one account."""

    exchange: Exchange
    settings: config.Settings
    identity: Identity | None = None

    @property
    def me(self) -> Identity:
        """The identity this client acts for.

        Raises:
            InvalidValue: it acts for nobody.
        """
        if self.identity is None:
            raise InvalidValue(name="account", given="not set", allowed="set with `acting_as`")
        return self.identity

    def deciding(self, patient: Address | None = None) -> Decisions:
        """The account's own acts, or those of `patient`, whose delegate it is.

        Each comes prepared: `send` it, or `sign` it for anyone to send (`relay`).
        """
        return Decisions(self.exchange, self.me, patient or self.me.address)
