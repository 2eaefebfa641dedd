"""What a transaction costs, shown before it is signed, and asked about at a terminal."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from medibloc_py.cli.options import at_terminal
from medibloc_py.errors import DryRun, NotApproved

if TYPE_CHECKING:
    from medibloc_py.chain import Offer
    from medibloc_py.config import NetworkSettings
    from medibloc_py.model import Event

_WEI = Decimal(10**18)


class Costs:
    """Shows each offer, and asks unless told not to; where nobody can be asked, it goes on.

    A script that runs without a terminal asked for what it does by running.
    """

    def __init__(self, network: NetworkSettings, *, yes: bool, dry_run: bool) -> None:
        """Take the chain's coin and price from the network's settings."""
        self._network = network
        self._yes = yes
        self._dry_run = dry_run
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, offer: Offer) -> None:
        """Shows an offer.

        Raises:
            DryRun: nothing is to be sent.
            NotApproved: the answer was not yes.
        """
        expected = Decimal(offer.gas * offer.price_wei) / _WEI
        most = Decimal(offer.most_wei) / _WEI
        if self._dry_run:
            raise DryRun(
                meaning=offer.meaning,
                gas=offer.gas,
                fee=self._told(expected),
                most=self._told(most),
                changes=_changes(offer),
            )
        if not at_terminal() or not sys.stderr.isatty():
            return
        self._console.print(
            f"{offer.meaning}: about {offer.gas:,} gas, {self._told(expected)}, "
            f"at most {self._told(most)}"
        )
        if not self._yes and not typer.confirm("Send it?", err=True):
            raise NotApproved(meaning=offer.meaning)

    def _told(self, coins: Decimal) -> str:
        told = f"{coins.normalize():f} {self._network.coin}"
        if (price := self._network.price) is not None:
            told += f" ({coins * price.amount:.4f} {price.money})"
        return told


def _changes(offer: Offer) -> str:
    """The events in a line each, or that nobody can tell."""
    events = offer.changes()
    if events is None:
        return "This node cannot tell what it would change (eth_simulateV1)."
    lines = [f"{event.name} ({_listed(event)})" for event in events]
    return "\n".join(["It would leave these events:", *lines] if lines else ["It leaves no event."])


def _listed(event: Event) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in event.args.items())


def _plain(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
