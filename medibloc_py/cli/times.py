"""Times and amounts as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from medibloc_py.errors import InvalidValue

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31_536_000}
_SPAN = re.compile(r"\+?([0-9]{1,9})([smhdwy])")
_SECONDS = re.compile(r"[0-9]{1,13}")
_AMOUNT = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,255}))?")
_TIMES = 1 << 40
_AMOUNTS = 1 << 96


def read_time(text: str, now: int) -> int:
    """Reads a moment: `30d` from now, `2027-12-31`, `2027-12-31T12:00:00`, or unix seconds.

    Args:
        text: what was given; dates without a zone are UTC.
        now: the chain's time, which spans count from.

    Raises:
        InvalidValue: it is none of these, or no time the contracts can hold.
    """
    if span := _SPAN.fullmatch(text):
        found = now + int(span[1]) * _UNITS[span[2]]
    elif _SECONDS.fullmatch(text):
        found = int(text)
    else:
        found = _date(text)
    if not 0 <= found < _TIMES:
        raise InvalidValue(
            name="time", given=text, allowed="a span like 30d or a date like 2027-12-31"
        )
    return found


def _date(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return -1
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def read_span(text: str) -> int:
    """Reads a span such as `90m` into seconds.

    Raises:
        InvalidValue: it is no span.
    """
    span = _SPAN.fullmatch(text)
    if not span:
        raise InvalidValue(name="span", given=text, allowed="like 90m, 12h or 30d")
    return int(span[1]) * _UNITS[span[2]]


def read_amount(text: str, decimals: int) -> int:
    """Reads `1200.50` into a token's smallest unit.

    Raises:
        InvalidValue: not a positive amount, or finer than the token can hold.
    """
    units = 0
    if amount := _AMOUNT.fullmatch(text):
        whole, finer = amount[1], (amount[2] or "").rstrip("0")
        if len(finer) <= decimals:
            units = int(whole + finer.ljust(decimals, "0"))
    if not 0 < units < _AMOUNTS:
        raise InvalidValue(
            name="amount",
            given=text,
            allowed=f"positive, like 1200.50, with at most {decimals} decimals",
        )
    return units


def show_amount(units: int, decimals: int) -> str:
    """Writes a token's smallest units as `1,200.50`, all of its decimals."""
    whole, finer = divmod(abs(units), 10**decimals)
    shown = f"{'-' if units < 0 else ''}{whole:,}"
    return f"{shown}.{finer:0{decimals}}" if decimals else shown


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
