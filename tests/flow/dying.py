"""`medibloc`, killed at a named step, in a fork of this process: that starts at once.

It dies as a machine does that loses its power: no handler runs, nothing is cleaned up.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from medibloc_py.chain.courier import Courier
from medibloc_py.cli import publishing, saving
from medibloc_py.cli.output import Output
from medibloc_py.flows import kept, publish
from medibloc_py.flows.drafts import Drafts
from medibloc_py.flows.given import Given
from medibloc_py.flows.ledger import Ledger
from medibloc_py.flows.parties import Identity
from medibloc_py.services import AccessService, MarketService, RecordsService
from medibloc_py.storage import KuboStore, LocalStore, append_log, files
from medibloc_py.storage.car import CarWriter
from tests.flow.command import run

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


Step = tuple[Any, str, Callable[[Call], Call]]

PUBLISH: dict[str, Step] = {
    "before the first blob": (LocalStore, "put", before),
    "half a blob": (CarWriter, "block", at_call(1, after)),
    "blob not yet whole": (CarWriter, "finish", after),
    "half a draft": (files, "write_all", at_call(1, half)),
    "first blob announced": (Drafts, "write", at_call(1, after)),
    "first blob kept": (LocalStore, "put", at_call(1, after)),
    "first draft done": (Drafts, "write", at_call(2, after)),
    "second blob announced": (Drafts, "write", at_call(3, after)),
    "second blob kept": (LocalStore, "put", at_call(2, after)),
    "second draft done": (Drafts, "write", at_call(4, after)),
    "first record file kept": (publish, "keep_record", at_call(1, after)),
    "registration about to be sent": (RecordsService, "register", before),
    "registration sent": (Courier, "hand_over", after),
    "registered": (RecordsService, "register", after),
    "before a file is handed over": (publishing, "hand_over_file", before),
    "half a handed file": (files, "write_all", at_call(7, half)),
    "first file handed over": (publishing, "hand_over_file", at_call(1, after)),
    "told": (Output, "table", after),
    "before drafts are forgotten": (Drafts, "forget", before),
}
"""Of the publication of two studies, each handed over."""
OPEN: dict[str, Step] = {
    "before the receipt": (saving, "write_all", before),
    "half a head": (saving, "write_all", at_call(1, half)),
    "half a file": (saving, "write_all", at_call(2, half)),
    "half a line": (saving, "write_all", at_call(3, half)),
    "file noted": (saving._Receipt, "note", at_call(1, after)),
    "file in its place": (files.Part, "become", at_call(1, after)),
    "second file noted": (saving._Receipt, "note", at_call(2, after)),
    "second file in its place": (files.Part, "become", at_call(2, after)),
    "all saved": (saving.Saving, "save", at_call(1, after)),
    "told of files": (Output, "result", after),
    "before the receipt goes": (saving._Receipt, "close", before),
}
GRANT: dict[str, Step] = {
    "before the object is noted": (Given, "storing", before),
    "object noted": (Given, "storing", after),
    "object stored": (LocalStore, "put", after),
    "grant about to be sent": (AccessService, "send", before),
    "grant sent": (Courier, "hand_over", after),
    "granted": (AccessService, "send", after),
    "object handed out": (Given, "handed_out", after),
}
KUBO: dict[str, Step] = {
    "announced to kubo": (Drafts, "write", at_call(1, after)),
    "pinned by kubo": (KuboStore, "put", at_call(1, after)),
    "kept by kubo": (Drafts, "write", at_call(2, after)),
    "grant object in kubo": (KuboStore, "put", after),
}
# Each append writes twice: a payload and its mark. The head of a new ledger is one, too.
STEPS: dict[str, Step] = {
    "half a head": (append_log, "write_all", at_call(1, half)),
    "head unmarked": (append_log, "write_all", at_call(2, before)),
    "half a first entry": (append_log, "write_all", at_call(3, half)),
    "first entry unmarked": (append_log, "write_all", at_call(4, before)),
    "half a mark": (append_log, "write_all", at_call(4, half)),
    "half an entry": (append_log, "write_all", at_call(1, half)),
    "entry unmarked": (append_log, "write_all", at_call(2, before)),
    "half a second entry": (append_log, "write_all", at_call(3, half)),
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


def _arm(step: Step) -> None:
    place, name, wrap = step
    real = getattr(place, name)
    if callable(real):
        setattr(place, name, wrap(real))
    else:  # a method that a descriptor binds
        setattr(place, name, property(lambda me: wrap(real.__get__(me, type(me)))))


def kill_at(step: Step, *argv: str | Path, timeout_s: float = 60) -> None:
    """Runs `medibloc` in a fork of this process that is killed at a step.

    Raises:
        AssertionError: it ended before that step.
    """
    child = os.fork()
    if child == 0:
        try:
            _arm(step)
            os.write(2, f"{run(*argv)} outlived its step\n".encode())
        finally:
            os._exit(1)
    give_up = time.monotonic() + timeout_s
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert os.WIFSIGNALED(status), "it ended before that step"
            assert os.WTERMSIG(status) == signal.SIGKILL
            return
        if time.monotonic() > give_up:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("it hangs")
        time.sleep(0.01)
