"""Each transaction exactly once: processes that die, processes side by side, nodes that forget."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes

from medibloc_py.chain import Network, Signer, courier
from medibloc_py.chain.courier import Courier
from medibloc_py.chain.entries import State
from medibloc_py.chain.journal import Journal
from medibloc_py.chain.transactions import Outbox
from medibloc_py.errors import (
    JournalFailed,
    NodeUnreachable,
    TransactionFailed,
    TransactionPending,
)
from medibloc_py.model import Address
from tests.fakes.hostile_node import DEAD, HostileNode, Refuse

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")


def connected(node: HostileNode, journal: Path | None, **options: Any) -> Network:
    return Network.connect(
        node.url, timeout_s=2.0, receipt_timeout_s=0.5, journal=journal, **options
    )


def fields(raw: str) -> dict[str, Any]:
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


def nonces(node: HostileNode) -> list[int]:
    return [fields(raw)["nonce"] for raw in node.sent.values()]


def in_another_process(work: Callable[[], object]) -> int:
    """Runs in a fork; gives what killed it, 0 if nothing did."""
    if (child := os.fork()) == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: type, name: str) -> None:
    setattr(owner, name, die)


def after(owner: type, name: str) -> None:
    real = getattr(owner, name)

    def then_die(*given: Any, **named: Any) -> None:
        real(*given, **named)
        die()

    setattr(owner, name, then_die)


STEPS: dict[str, tuple[Callable[[type, str], None], type, str]] = {
    "before it is written": (before, Journal, "write"),
    "half written": (after, Journal, "write"),
    "signed form not added": (before, Journal, "add"),
    "written, not sent": (before, Courier, "hand_over"),
    "sent, not told": (after, Courier, "hand_over"),
    "mined, not noted": (before, Journal, "end"),
    "mined and noted": (after, Journal, "end"),
    "about to return": (after, Outbox, "send"),
}


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("step", STEPS)
def test_the_same_call_after_a_kill_is_sent_once(
    node: HostileNode, signer: Signer, tmp_path: Path, step: str
):
    wrap, owner, name = STEPS[step]

    def dying() -> None:
        wrap(owner, name)
        connected(node, tmp_path / "journal").transfer(signer, BOB, 1)

    assert in_another_process(dying) == signal.SIGKILL
    receipt = connected(node, tmp_path / "journal").transfer(signer, BOB, 1)
    assert list(node.sent) == [receipt.transaction]
    assert nonces(node) == [0]


def test_the_same_call_again_is_another_when_the_first_was_heard_of(
    node: HostileNode, signer: Signer, tmp_path: Path
):
    network = connected(node, tmp_path / "journal")
    first = network.transfer(signer, BOB, 1)
    second = network.transfer(signer, BOB, 1)
    network.outbox.journal.close()  # a process that ends well
    third = connected(node, tmp_path / "journal").transfer(signer, BOB, 1)
    assert list(node.sent) == [first.transaction, second.transaction, third.transaction]
    assert nonces(node) == [0, 1, 2]


@pytest.mark.fault("client killed")
def test_what_a_killed_process_did_not_send_goes_first(
    node: HostileNode, signer: Signer, tmp_path: Path
):
    def dying() -> None:
        before(Courier, "hand_over")
        connected(node, tmp_path / "journal").transfer(signer, BOB, 1)

    in_another_process(dying)
    assert not node.sent
    connected(node, tmp_path / "journal").transfer(signer, BOB, 2)
    assert [(fields(raw)["nonce"], fields(raw)["value"]) for raw in node.sent.values()] == [
        (0, 1),
        (1, 2),
    ]


def test_what_a_living_process_sends_is_its_own(node: HostileNode, signer: Signer, tmp_path: Path):
    one, other = (connected(node, tmp_path / "journal") for _ in range(2))
    first = one.transfer(signer, BOB, 1)
    second = other.transfer(signer, BOB, 1)
    assert first.transaction != second.transaction
    assert nonces(node) == [0, 1]


@pytest.mark.fault("two operators", faults=2)
def test_processes_side_by_side_never_share_a_nonce(
    node: HostileNode, signer: Signer, tmp_path: Path
):
    children = []
    for start in (0, 100):
        if (child := os.fork()) == 0:
            try:
                network = connected(node, tmp_path / "journal")
                for wei in range(8):
                    network.transfer(signer, BOB, start + wei)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert sorted(nonces(node)) == list(range(16))
    values = sorted(fields(raw)["value"] for raw in node.sent.values())
    assert values == [*range(8), *range(100, 108)]


# Stuck transactions


def mined_of_two(node: HostileNode, which: int) -> Callable[[list[Any], Any], Any]:
    """Answers for receipts: only one of two is mined, and only once both were sent."""

    def answer(params: list[Any], good: Any) -> Any:
        return good if len(node.sent) > 1 and list(node.sent)[which] == params[0] else None

    return answer


def test_a_stuck_transaction_is_offered_again_for_more(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.1)
    node.on("eth_getTransactionReceipt", mined_of_two(node, 1))
    network = connected(node, tmp_path / "journal")
    receipt = network.transfer(signer, BOB, 1)
    first, second = (fields(raw) for raw in list(node.sent.values())[:2])
    assert first["nonce"] == second["nonce"]
    for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert second[fee] * 8 >= first[fee] * 9  # what nodes ask of a replacement: a tenth more
    (entry,) = network.outbox.journal.entries()
    assert [attempt.hash for attempt in entry.attempts] == list(node.sent)
    assert receipt.transaction in node.sent
    assert entry.meaning == "transfer"


def test_the_older_of_two_offers_may_be_the_one_that_is_mined(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.1)
    node.on("eth_getTransactionReceipt", mined_of_two(node, 0))
    receipt = connected(node, tmp_path / "journal").transfer(signer, BOB, 1)
    assert receipt.transaction == next(iter(node.sent))


def test_no_more_is_offered_than_the_limit(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(courier, "_RAISE_AFTER_S", 0.05)
    node.on("eth_getTransactionReceipt", None)
    network = connected(node, tmp_path / "journal", max_fee_wei=62_500 * 31 * 10**8)
    with pytest.raises(TransactionPending):
        network.transfer(signer, BOB, 1)
    assert len(node.sent) == 1


def test_what_was_pending_is_waited_for_by_the_same_call(
    node: HostileNode, signer: Signer, tmp_path: Path
):
    network = connected(node, tmp_path / "journal")
    node.on("eth_getTransactionReceipt", None)
    with pytest.raises(TransactionPending):
        network.transfer(signer, BOB, 1)
    node.on(
        "eth_getTransactionCount", lambda params, good: "0x0" if params[1] == "latest" else good
    )
    node.well("eth_getTransactionReceipt")
    receipt = network.transfer(signer, BOB, 1)
    assert list(node.sent) == [receipt.transaction]


def test_a_node_that_was_gone_is_asked_again_for_the_same(
    node: HostileNode, signer: Signer, tmp_path: Path
):
    network = connected(node, tmp_path / "journal")
    node.on("eth_sendRawTransaction", DEAD)
    with pytest.raises(NodeUnreachable, match="may have been sent"):
        network.transfer(signer, BOB, 1)
    assert not node.sent
    node.well("eth_sendRawTransaction")
    receipt = network.transfer(signer, BOB, 1)
    assert list(node.sent) == [receipt.transaction]


def test_a_nonce_that_another_wallet_took_is_given_up(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(courier, "_TAKEN_AFTER_S", 0.1)
    network = connected(node, tmp_path / "journal")
    node.on("eth_sendRawTransaction", DEAD)
    with pytest.raises(NodeUnreachable):
        network.transfer(signer, BOB, 1)
    node.well("eth_sendRawTransaction")
    node.on("eth_getTransactionCount", "0x1")
    network.transfer(signer, BOB, 1)
    assert nonces(node) == [1]
    assert [entry.state for entry in network.outbox.journal.entries()] == [State.MINED, State.VOID]


def test_a_refused_transaction_frees_its_nonce(node: HostileNode, signer: Signer, tmp_path: Path):
    network = connected(node, tmp_path / "journal")
    node.on("eth_sendRawTransaction", Refuse("transaction underpriced"))
    with pytest.raises(TransactionFailed):
        network.transfer(signer, BOB, 1)
    node.well("eth_sendRawTransaction")
    network.transfer(signer, BOB, 2)
    assert [(fields(raw)["nonce"], fields(raw)["value"]) for raw in node.sent.values()] == [(0, 2)]


def test_a_refusal_that_was_a_lie_is_found_out(node: HostileNode, signer: Signer, tmp_path: Path):
    network = connected(node, tmp_path / "journal")
    # It took the transaction: its count says so, and there is a receipt.
    node.on("eth_sendRawTransaction", lambda params, good: Refuse("internal error"))
    with pytest.raises(TransactionFailed):
        network.transfer(signer, BOB, 1)
    receipt = network.transfer(signer, BOB, 1)
    assert list(node.sent) == [receipt.transaction]


# The file


def test_chains_of_one_id_are_told_apart(node: HostileNode, signer: Signer, tmp_path: Path):
    def dying() -> None:
        after(Courier, "hand_over")
        connected(node, tmp_path / "journal").transfer(signer, BOB, 1)

    in_another_process(dying)
    node.sent.clear()  # a new local chain under the old id
    other = "0x" + "c3" * 32
    node.on("eth_getBlockByNumber", lambda params, good: good | {"hash": other})
    node.on("eth_getTransactionReceipt", lambda params, good: good and good | {"blockHash": other})
    connected(node, tmp_path / "journal").transfer(signer, BOB, 7)
    assert [fields(raw)["value"] for raw in node.sent.values()] == [7]


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_nothing_is_sent_that_cannot_be_written_down(
    node: HostileNode, signer: Signer, tmp_path: Path, content: bytes | None
):
    path = tmp_path / "journal"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalFailed, match="written down first"):
        connected(node, path).transfer(signer, BOB, 1)
    assert not node.sent


def test_what_a_full_disk_left_open_is_known_again(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The process lives on, and does the same again: a service does."""
    network = connected(node, tmp_path / "journal")
    journal = network.outbox.journal
    hand_over = Courier.hand_over

    def then_no_more_writes(courier: Courier, attempt: Any) -> None:
        hand_over(courier, attempt)
        journal._base.execute("PRAGMA query_only = ON")

    with monkeypatch.context() as patch:
        patch.setattr(Courier, "hand_over", then_no_more_writes)
        with pytest.raises(JournalFailed):
            network.transfer(signer, BOB, 1)
    journal._base.execute("PRAGMA query_only = OFF")
    receipt = network.transfer(signer, BOB, 1)
    assert list(node.sent) == [receipt.transaction]
    assert [entry.state for entry in journal.entries()] == [State.MINED]


def test_two_who_look_at_once_find_the_same_one_dead(
    node: HostileNode, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Or the second takes the first, who only looks, for the dead one, and sends again."""
    path = tmp_path / "journal"

    def dying() -> None:
        after(Courier, "hand_over")
        connected(node, path).transfer(signer, BOB, 1)

    in_another_process(dying)
    first, second = (connected(node, path).outbox.journal for _ in range(2))
    looks, goes_on, found = threading.Event(), threading.Event(), []
    unlink = Path.unlink

    def slow(self: Path, missing_ok: bool = False) -> None:
        if threading.current_thread() is looking:
            looks.set()
            goes_on.wait(60)
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", slow)
    looking = threading.Thread(target=lambda: found.extend(first.left(signer.address)))
    looking.start()
    assert looks.wait(60)
    found_meanwhile = second.left(signer.address)
    goes_on.set()
    looking.join()
    assert found_meanwhile == found != []


def test_a_new_journal_waits_for_another_that_makes_it(tmp_path: Path):
    """SQLite itself does not wait here, whatever its timeout."""
    path = tmp_path / "journal"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE another (id INTEGER)")
    threading.Timer(0.1, other.execute, ["COMMIT"]).start()
    assert Journal(path, "1:aa").entries() == []
    with sqlite3.connect(path) as third:
        assert third.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert third.execute("SELECT * FROM another").fetchall() == []


def test_a_journal_that_does_not_open_leaves_nothing(tmp_path: Path):
    """A service tries again, and again."""
    path = tmp_path / "journal"
    path.write_bytes(b"no database at all" * 100)
    open_before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(JournalFailed):
            Journal(path, "1:aa")
    assert [each.name for each in tmp_path.iterdir()] == ["journal"]
    assert len(os.listdir("/dev/fd")) == open_before


def test_the_journal_is_the_owners_alone(node: HostileNode, signer: Signer, tmp_path: Path):
    network = connected(node, tmp_path / "journal")
    network.transfer(signer, BOB, 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    network.outbox.journal.close()
    assert {path.name for path in tmp_path.iterdir()} == {"journal"}
    with sqlite3.connect(tmp_path / "journal") as base:
        assert base.execute("SELECT state FROM entries").fetchall() == [("closed",)]


def test_reading_makes_no_journal(node: HostileNode, tmp_path: Path):
    connected(node, tmp_path / "journal").balance(BOB)
    assert not (tmp_path / "journal").exists()
