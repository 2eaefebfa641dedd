"""The same address on every chain: contracts put through the canonical CREATE2 factory.

The factory's own address comes of a transaction that nobody holds the key of, so it is
the same on every chain that took that transaction, and its code creates what it is
given: 32 bytes of salt and the creation code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_hash.auto import keccak

from medibloc_py.chain.address import checksummed
from medibloc_py.model import Address

if TYPE_CHECKING:
    from medibloc_py.chain.network import Network

ADDRESS = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""Its whole code: a chain that has other code there has another factory, which may do anything."""


def stands(network: Network) -> bool:
    """Tells whether the very factory stands on a chain."""
    return network.code(ADDRESS) == CODE


def place(salt: bytes, creation_code: bytes) -> Address:
    """Computes where the factory puts a contract.

    Args:
        salt: 32 bytes.
        creation_code: with the constructor's arguments.
    """
    tail = keccak(b"\xff" + bytes.fromhex(ADDRESS[2:]) + salt + keccak(creation_code))
    return checksummed(tail[12:])
