"""Account addresses, read strictly."""

from __future__ import annotations

import re
from functools import lru_cache

from medibloc_py.errors import InvalidAddress
from medibloc_py.model import Address

_SHAPE = re.compile(r"0x[0-9a-fA-F]{40}")


def parse_address(given: object) -> Address:
    """Reads an address a person or a file gave.

    The EIP-55 checksum must be there and right: what is granted or paid to a
    mistyped address cannot be taken back, so an address without one is refused.

    Args:
        given: `0x` and 40 hex digits.

    Raises:
        InvalidAddress: another shape, or a wrong or missing checksum.
    """
    if isinstance(given, str) and _SHAPE.fullmatch(given) and checksummed(given) == given:
        return Address(given)
    raise InvalidAddress(given=given)


@lru_cache(maxsize=1 << 14)
def checksummed(digits: str | bytes) -> Address:
    """Writes 20 bytes, or `0x` and 40 hex digits in any case, with the EIP-55 checksum."""
    from eth_utils.address import to_checksum_address

    return Address(to_checksum_address(digits))
