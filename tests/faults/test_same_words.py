"""What counts as the same command after a kill, and what as another one."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

import pytest

from medibloc_py.chain.entries import State
from medibloc_py.chain.journal import Journal
from medibloc_py.cli.output import Output
from medibloc_py.errors import NodeUnreachable
from medibloc_py.model import Address, RecordId, Role
from medibloc_py.purpose import HAS_IRB
from medibloc_py.services import AccountsService
from tests.flow.dying import Step, after
from tests.flow.house import House

SET = ("consent", "set", "HMB", "--as", "alice", "--json")
GRANT = ("access", "grant", "RECORD", "--as", "alice", "--to", "clinic", "--json")
TOLD: Step = (Output, "result", after)


def terms_of_alice(house: House) -> list[int]:
    """Each word that her consent for all was, the oldest first."""
    changes = house.world.exchange.consent.history(house.world.address("alice"))
    return [consent.terms for consent, *_ in changes][1:]  # the stage set the first


@pytest.mark.fault("client killed")
def test_what_was_undone_meanwhile_is_sent_again(house: House) -> None:
    """Told or not, the consent ended; who types it again means it again."""
    house.kill(TOLD, *SET)
    house.run("consent", "revoke", "--as", "alice")
    house.run(*SET)
    first, ended, again = terms_of_alice(house)
    assert (ended, again) == (0, first)


@pytest.mark.fault("client killed")
@pytest.mark.parametrize("undo", [False, True])
def test_a_grant_is_sent_once_unless_it_was_revoked(house: House, undo: bool) -> None:
    world, record = house.world, house.world.records["alice"]
    argv = tuple(record.hex() if word == "RECORD" else word for word in GRANT)
    house.kill(TOLD, *argv)
    if undo:
        house.run("access", "revoke", record.hex(), "--as", "alice", "--to", "clinic")
    house.run(*argv)
    assert len(world.exchange.access.grants(record=record)) == 1 + undo
    assert house.blobs() == house.named()
    assert world["clinic"].open_granted(RecordId(record)).read(0)


@pytest.mark.parametrize("more", [("--until", "300d"), ("--until", "365d")])
def test_other_words_are_another_act(house: House, more: tuple[str, ...]) -> None:
    house.kill(TOLD, *SET)
    house.world.chain.increase_time(1)
    house.run(*SET, *more)
    assert len(terms_of_alice(house)) == 2


def test_options_before_the_command_do_not_make_it_another(house: House) -> None:
    house.kill(TOLD, *SET)
    house.world.chain.increase_time(1)
    house.run("--yes", *SET)
    assert len(terms_of_alice(house)) == 1


def test_the_same_words_in_another_folder_are_another_act(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its papers may be others by the same names."""
    house.kill(TOLD, *SET)
    house.world.chain.increase_time(1)
    monkeypatch.chdir(tmp_path)
    house.run(*SET)
    assert len(terms_of_alice(house)) == 2


def test_an_hour_later_the_same_words_are_another_act(house: House) -> None:
    house.kill(TOLD, *SET)
    house.world.chain.increase_time(3_700)
    house.run(*SET)
    assert len(terms_of_alice(house)) == 2


def test_once_it_was_told_the_same_words_are_another_act(house: House) -> None:
    house.kill(TOLD, *SET)
    for runs in (1, 2, 3):
        house.world.chain.increase_time(1)
        house.run(*SET)
        gc.collect()  # as where its process ends
        assert len(terms_of_alice(house)) == runs


@pytest.mark.fault("client killed")
def test_what_was_sent_before_an_error_is_not_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two transactions is in a block, and the user hears of an error alone."""
    argv = ("account", "accredit", "clinic", "--role", "researcher", "--attest", "HAS_IRB",
            "--as", "governance", "--json")  # fmt: skip
    accounts, clinic = house.world.exchange.accounts, house.world.address("clinic")
    nonce = nonce_of(house, "governance")

    def refused(*_: object) -> None:
        raise NodeUnreachable(url="there", reason="it went away")

    with monkeypatch.context() as patch:
        patch.setattr(AccountsService, "attest", refused)
        house.run(*argv, code=NodeUnreachable.exit_code)
    gc.collect()  # as where its process ends
    house.world.chain.increase_time(1)
    house.run(*argv)
    assert nonce_of(house, "governance") == nonce + 2
    assert accounts.accreditation(clinic, Role.RESEARCHER).evidence == HAS_IRB


def nonce_of(house: House, name: str) -> int:
    address = house.world.address(name)
    answer = house.world.exchange.network.rpc.ask("eth_getTransactionCount", address, "latest")
    return int(answer, 16)


def test_a_journal_of_before_is_read_on(tmp_path: Path) -> None:
    path, sender = tmp_path / "journal.sqlite", Address("0x" + "11" * 20)
    base = sqlite3.connect(path)
    base.execute(
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, chain TEXT NOT NULL, sender TEXT NOT NULL,"
        " nonce INTEGER NOT NULL, intent TEXT NOT NULL, meaning TEXT NOT NULL, call TEXT NOT NULL,"
        " gas INTEGER NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, begun_at REAL NOT NULL,"
        " ended_at REAL)"
    )
    base.execute(
        "INSERT INTO entries VALUES (1, 'c', ?, 7, 'i', 'm', '{}', 1, 'o', 'open', 1, NULL)",
        (sender,),
    )
    base.commit()
    base.close()
    for _ in range(2):
        journal = Journal(path, "c")
        (entry,) = journal.left(sender)
        assert (entry.nonce, entry.state, entry.command, entry.moment) == (7, State.OPEN, "", 0)
        journal.close()
