"""`medibloc dataset`: from a patient's signature to a paid share."""

from __future__ import annotations

from collections.abc import Callable

import typer

from medibloc_py.cli.dataset import buy, croissant, offer, research, sell, share, show
from medibloc_py.cli.provenance import dataset_receipt

app = typer.Typer(
    no_args_is_help=True,
    help="Datasets: contribute, list, quote, check, purchase, settle, open, claim.",
)

_COMMANDS: dict[str, Callable[..., None]] = {
    "contribute": share.contribute,
    "list": offer.list_,
    "relist": offer.relist,
    "claims": offer.claims,
    "show": show.show,
    "describe": research.describe,
    "search": research.search,
    "croissant": croissant.croissant,
    "quote": sell.quote,
    "check": buy.check,
    "purchase": buy.purchase,
    "orders": sell.orders,
    "settle": sell.settle,
    "ledger": sell.ledger,
    "refund": buy.refund,
    "open": buy.open_,
    "frame": buy.frame,
    "export": research.export,
    "receipt": dataset_receipt,
    "challenge": buy.challenge,
    "withdraw": share.withdraw,
    "claim": share.claim,
    "close-out": sell.close_out,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
