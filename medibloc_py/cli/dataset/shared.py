"""What the commands of `medibloc dataset` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.options import Session, test_token

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.model import Address

ListingArgument = Annotated[str, typer.Argument(help="Listing id.")]
OrderArgument = Annotated[str, typer.Argument(help="Order id.")]
QuoteFile = Annotated[Path, typer.Argument(help="Quote file from the steward.")]
ClaimFile = Annotated[Path, typer.Argument(help="Claim file from the steward.")]


def token_of(client: Client, given: str | None, session: Session) -> tuple[Address, int, str]:
    """A token's address, decimals and symbol; the deployment's test token if none is given."""
    from medibloc_py.services import TokenService

    exchange = client.exchange
    token = (
        TokenService(exchange.network, session.address(given)) if given else test_token(exchange)
    )
    return token.address, token.decimals(), token.symbol()
