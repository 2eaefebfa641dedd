"""`medibloc`, killed at a named step: `python -m tests.flow.dying STEP ARGUMENT...`.

It dies as a machine does that loses its power: no handler runs, nothing is cleaned up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from medibloc_py import cli
from medibloc_py.flows import kept
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.parties import Identity
from medibloc_py.services import MarketService
from medibloc_py.storage import files, journal

Call = Callable[..., Any]


def die(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def before(_: Call) -> Call:
    return die


def after(real: Call) -> Call:
    def then_die(*given: Any, **named: Any) -> NoReturn:
        real(*given, **named)
        die()

    return then_die


def at_call(number: int, wrap: Callable[[Call], Call]) -> Callable[[Call], Call]:
    """Dies at the n-th call, and leaves the others alone."""

    def counted(real: Call) -> Call:
        calls: list[object] = []

        def call(*given: Any, **named: Any) -> Any:
            calls.append(given)
            return (wrap(real) if len(calls) == number else real)(*given, **named)

        return call

    return counted


def half(real: Call) -> Call:
    def half_then_die(descriptor: int, data: bytes) -> NoReturn:
        real(descriptor, data[: len(data) // 2])
        die()

    return half_then_die


# Each append writes twice: a payload and its mark. The head of a new ledger is one, too.
STEPS: dict[str, tuple[Any, str, Callable[[Call], Call]]] = {
    "half a head": (journal, "write_all", at_call(1, half)),
    "head unmarked": (journal, "write_all", at_call(2, before)),
    "half a first entry": (journal, "write_all", at_call(3, half)),
    "first entry unmarked": (journal, "write_all", at_call(4, before)),
    "half a mark": (journal, "write_all", at_call(4, half)),
    "half an entry": (journal, "write_all", at_call(1, half)),
    "entry unmarked": (journal, "write_all", at_call(2, before)),
    "half a second entry": (journal, "write_all", at_call(3, half)),
    "before d": (Ledger, "draw_listing", before),
    "d drawn": (Ledger, "draw_listing", after),
    "table made": (kept, "make_table", after),
    "table half kept": (files, "write_all", at_call(1, half)),
    "table kept": (Identity, "keep", after),
    "listing about to be sent": (MarketService, "list", before),
    "listing sent": (MarketService, "list", after),
    "listing noted": (Ledger, "listing_sent", after),
    "before k": (Ledger, "draw_offer", before),
    "k drawn": (Ledger, "draw_offer", after),
    "quote noted": (Ledger, "handing_out", after),
    "quote written": (files, "write_atomic", after),
    "before the decision": (Ledger, "decide", before),
    "decided": (Ledger, "decide", after),
    "settlement about to be sent": (MarketService, "settle", before),
    "settlement sent": (MarketService, "settle", after),
    "settlement noted": (Ledger, "settled", after),
}


def main() -> None:
    step, *argv = sys.argv[1:]
    place, name, wrap = STEPS[step]
    real = getattr(place, name)
    if callable(real):
        setattr(place, name, wrap(real))
    else:  # a method that a descriptor binds
        setattr(place, name, property(lambda me: wrap(real.__get__(me, type(me)))))
    sys.argv = ["medibloc", *argv]
    cli.main()


if __name__ == "__main__":
    main()
