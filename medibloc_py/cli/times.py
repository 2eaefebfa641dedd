"""Times and amounts as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from medibloc_py.errors import InvalidValue

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_536_000}


def read_time(text: str, now: int) -> int:
    """Reads a moment: `30d` from now, `2027-12-31`, `2027-12-31T12:00:00`, or unix seconds.

    Args:
        text: what was given; dates without a zone are UTC.
        now: the chain's time, which spans count from.

    Raises:
        InvalidValue: it is none of these.
    """
    if span := re.fullmatch(r"\+?(\d+)([smhdwy])", text):
        return now + int(span[1]) * _UNITS[span[2]]
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            name="time", given=text, allowed="a span like 30d or a date like 2027-12-31"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def read_span(text: str) -> int:
    """Reads a span such as `90m` into seconds.

    Raises:
        InvalidValue: it is no span.
    """
    span = re.fullmatch(r"(\d+)([smhdwy])", text)
    if not span:
        raise InvalidValue(name="span", given=text, allowed="like 90m, 12h or 30d")
    return int(span[1]) * _UNITS[span[2]]


def read_amount(text: str, decimals: int) -> int:
    """Reads `1200.50` into a token's smallest unit.

    Raises:
        InvalidValue: not a positive amount, or finer than the token can hold.
    """
    try:
        units = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        units = Decimal("NaN")
    if not units.is_finite() or units <= 0 or units != units.to_integral_value():
        raise InvalidValue(
            name="amount", given=text, allowed=f"positive, with at most {decimals} decimals"
        )
    return int(units)


def show_amount(units: int, decimals: int) -> str:
    """Writes a token's smallest units as `1,200.50`."""
    return f"{Decimal(units).scaleb(-decimals):,f}"


def read_bytes32(text: str, name: str) -> bytes:
    """Reads a 32-byte id in hex, with or without `0x`.

    Raises:
        InvalidValue: it is none.
    """
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != 32:
        raise InvalidValue(name=name, given=text, allowed="32 bytes in hex")
    return value
