"""An account's word for an act that someone else sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brownie import chain

from medibloc_py.acts import VERSION, Act
from medibloc_py.chain import Signer

Word = tuple[str, int, bytes]
"""`Signatures.Signed`: who speaks, until when the word is taken, and what shows it."""


def word(
    contract: Any,
    act: Act,
    signer: Signer,
    deadline: int,
    values: Mapping[str, Any],
    chain_id: int | None = None,
) -> Word:
    """A key's word; `values` are the fields of the act's struct but for the deadline."""
    domain = {
        "name": act.domain,
        "version": VERSION,
        "chainId": chain.id if chain_id is None else chain_id,
        "verifyingContract": contract.address,
    }
    message = {**values, "deadline": deadline}
    _, signature = signer.sign_typed(domain, {act.name: act.fields}, act.name, message)
    return signer.address, deadline, signature


def own(sender: Any) -> Word:
    """The word of who sends the act itself: nothing needs to show it."""
    return str(sender), 0, b""
