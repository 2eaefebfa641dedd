"""Tokens that a flow is about to hand over: held, and approved for exactly as much."""

from __future__ import annotations

from medibloc_py.errors import InsufficientFunds
from medibloc_py.flows.parties import Identity
from medibloc_py.model import Address, Receipt
from medibloc_py.services import TokenService


def require_tokens(token: TokenService, account: Address, amount: int) -> None:
    """Raises `InsufficientFunds` unless the account holds `amount` token units."""
    if amount and (balance := token.balance(account)) < amount:
        raise InsufficientFunds(
            account=account, balance=balance, unit=f"units of {token.symbol()}", needed=amount
        )


def approve(token: TokenService, owner: Identity, spender: Address, amount: int) -> Receipt | None:
    """Lets `spender` take `amount` token units, if it may not take as many already."""
    if not amount or token.allowance(owner.address, spender) >= amount:
        return None
    return token.approve(owner.signer, spender, amount)
