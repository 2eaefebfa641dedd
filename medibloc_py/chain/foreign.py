"""The doors to web3 and eth_account: opened late, for they take a second, and watched.

A library behind them (py_ecc) raises Python's recursion limit a hundredfold. JSON nested
that deep then overflows the C stack and kills the process where it should raise
`RecursionError`, so the limit is put back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eth_account import Account
    from eth_account.messages import SignableMessage
    from web3 import HTTPProvider


def account() -> type[Account]:
    """Imports `eth_account.Account`."""
    with _recursion_limit_kept():
        from eth_account import Account
    return Account


def typed_data_encoder() -> Callable[..., SignableMessage]:
    """Imports `eth_account.messages.encode_typed_data`."""
    with _recursion_limit_kept():
        from eth_account.messages import encode_typed_data
    return encode_typed_data


def http_provider() -> type[HTTPProvider]:
    """Imports `web3.HTTPProvider`."""
    with _recursion_limit_kept():
        from web3 import HTTPProvider
    return HTTPProvider


@contextmanager
def _recursion_limit_kept() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
