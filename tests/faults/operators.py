"""Several who act for one account at once, and nodes that mine and refuse as they are told."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from medibloc_py.chain import LocalNode, Network
from medibloc_py.chain.accounts import Signer
from medibloc_py.chain.courier import Courier
from medibloc_py.chain.entries import Attempt
from medibloc_py.errors import MediBlocError, TransactionFailed
from medibloc_py.model import Address, Receipt

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
_MEET_S = 20


def connected(node: LocalNode, journal: Path, timeout_s: float = 20.0) -> Network:
    return Network.connect(node.url, receipt_timeout_s=timeout_s, journal=journal)


def nonce_of(node: LocalNode, signer: Signer) -> int:
    return int(node.network.rpc.ask("eth_getTransactionCount", signer.address, "latest"), 16)


@contextmanager
def meeting(parties: int) -> Iterator[None]:
    """All have signed before any of them hands over: they take the same nonce."""
    real, barrier = Courier.hand_over, threading.Barrier(parties)
    met = threading.local()

    def hand_over(courier: Courier, attempt: Attempt) -> None:
        if not getattr(met, "once", False):
            met.once = True
            barrier.wait(_MEET_S)
        real(courier, attempt)

    with patch.object(Courier, "hand_over", hand_over):
        yield


@contextmanager
def between(act: Callable[[], object]) -> Iterator[None]:
    """Once, between what is signed and its handing over, somebody else acts."""
    real, done = Courier.hand_over, threading.Event()

    def hand_over(courier: Courier, attempt: Attempt) -> None:
        if not done.is_set():
            done.set()
            act()
        real(courier, attempt)

    with patch.object(Courier, "hand_over", hand_over):
        yield


def at_once(acts: Sequence[Callable[[], Receipt]]) -> list[Receipt | MediBlocError]:
    """What each gives or raises, side by side; what is not an error of ours is a failure."""
    ends: list[Any] = [None] * len(acts)

    def work(place: int, act: Callable[[], Receipt]) -> None:
        try:
            ends[place] = act()
        except BaseException as error:
            ends[place] = error

    threads = [threading.Thread(target=work, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for end in ends:
        if not isinstance(end, Receipt | MediBlocError):
            raise AssertionError(end) from end
    return ends


def in_processes(works: Sequence[Callable[[], object]], meanwhile: Callable[[], object]) -> None:
    """Runs each in a fork of this process, and `meanwhile` here until all have ended well."""
    children = []
    for work in works:
        if (child := os.fork()) == 0:
            try:
                work()
                os._exit(0)
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(1)
        children.append(child)
    statuses = []
    while children:
        meanwhile()
        for child in [*children]:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                children.remove(child)
                statuses.append(status)
    assert statuses == [0] * len(works)


def until_done(network: Network, payer: Signer, wei: int, tries: int = 30) -> Receipt:
    """The same command again and again, as an operator types it, until it is done."""
    for _ in range(tries):
        try:
            return network.transfer(payer, BOB, wei)
        except MediBlocError:
            continue
    raise AssertionError(f"{wei} was not sent in {tries} tries")


def pay(network: Network, payer: Signer) -> Receipt:
    return network.transfer(payer, BOB, 10)


def wait_for_the_pool(node: LocalNode, signer: Signer) -> None:
    """Until the node holds a transaction of an account that no block has."""
    give_up = time.monotonic() + _MEET_S
    while not node.network.unmined(signer.address):
        assert time.monotonic() < give_up
        time.sleep(0.02)


@contextmanager
def mining(node: LocalNode, wanted: bool = True) -> Iterator[None]:
    """Mines every moment, from another thread, while something waits; or does not."""
    over = threading.Event()

    def mine() -> None:
        while not over.wait(0.2):
            node.chain.mine()

    thread = threading.Thread(target=mine)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if wanted:
            thread.join()


@contextmanager
def refusing(refused: Callable[[Attempt], bool]) -> Iterator[None]:
    """A node that does not take some forms, as one does where the account cannot pay them."""
    real = Courier.hand_over

    def hand_over(courier: Courier, attempt: Attempt) -> None:
        if refused(attempt):
            raise TransactionFailed(transaction=attempt.hash, reason="insufficient funds")
        real(courier, attempt)

    with patch.object(Courier, "hand_over", hand_over):
        yield
