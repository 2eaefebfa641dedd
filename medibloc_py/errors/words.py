"""Numbers of the contracts as a person reads them; programs read the values themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum

from medibloc_py import purpose
from medibloc_py.model import Bond, OrderState, Role, Scope

_LAST_DATE = 253_402_300_799  # the end of the year 9999; a contract's times go on
_ANSWERS = {
    purpose.Answer.DENY: "denied",
    purpose.Answer.PERMIT: "permitted",
    purpose.Answer.REFER: "for a person to decide",
}


def time(timestamp: int) -> str:
    """A unix time as `2027-01-31 12:00:00Z`; 0 as `never`."""
    if not timestamp:
        return "never"
    if not 0 < timestamp <= _LAST_DATE:
        return "after the year 9999" if timestamp > 0 else "before the year 1970"
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def role(number: int) -> str:
    """A role by its name."""
    return _named(Role, number)


def order_state(number: int) -> str:
    """Where an order stands, by its name."""
    return "unknown" if number == OrderState.NONE else _named(OrderState, number)


def bond(number: int) -> str:
    """Where a bond stands."""
    return "not there" if number == Bond.NONE else _named(Bond, number)


def scope(number: int) -> str:
    """What a delegate may do, by the names of the bits."""
    names = [str(each.name).lower() for each in Scope if number & each]
    return "+".join(names) or "nothing"


def answer(number: int) -> str:
    """What a match of purposes says."""
    known = {int(each): words for each, words in _ANSWERS.items()}
    return known.get(number, str(number))


def request(word: int) -> str:
    """A request word by the names of its bits."""
    return purpose.render(word, purpose.REQUEST_NAMES)


def terms(word: int) -> str:
    """A terms word by the names of its bits."""
    return purpose.render(word, purpose.TERM_NAMES)


def bit(number: int) -> str:
    """The term that decided a match, by its name."""
    if not 0 <= number < 64:
        return "no single term"
    return purpose.render(1 << number, purpose.REQUEST_NAMES | purpose.TERM_NAMES)


def _named(kind: type[IntEnum], number: int) -> str:
    known = {int(each): each.name.lower() for each in kind}
    return known.get(number, str(number))


WORDS: dict[str, Callable[[int], str]] = {
    "answer": answer,
    "bit": bit,
    "bond": bond,
    "order_state": order_state,
    "request": request,
    "role": role,
    "scope": scope,
    "terms": terms,
    "time": time,
}
"""What may stand behind the colon in an error's template."""
