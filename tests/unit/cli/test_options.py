"""Options that commands share: who acts, with which password."""

from __future__ import annotations

from pathlib import Path

import pytest

from medibloc_py.cli import options
from medibloc_py.cli.chain import anvil_at_hand
from medibloc_py.cli.options import Session, read_bytes, read_text
from medibloc_py.errors import (
    AccountUnknown,
    InvalidAddress,
    KeyFileCorrupt,
    PasswordMissing,
    StudyUnreadable,
    ToolMissing,
)
from medibloc_py.flows import keyring, papers
from tests.flow.command import run

PASSWORD = "correct horse"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.delenv("MEDIBLOC_PASSWORD", raising=False)
    return Session(home=str(tmp_path))


def test_an_address_by_name_or_as_it_is(session: Session, tmp_path: Path) -> None:
    alice = keyring.new_account(tmp_path, "alice", PASSWORD, work=2)
    assert session.address("alice") == alice.address
    assert session.address(alice.address) == alice.address
    for given in ("bob", "Alice", "../alice", alice.address.lower(), alice.address + "0", ""):
        with pytest.raises(InvalidAddress) as caught:
            session.address(given)
        assert caught.value.values == {"given": given}


def test_a_name_that_looks_like_an_address_is_an_address(session: Session, tmp_path: Path) -> None:
    """Nobody is paid under the name of another's address."""
    other = keyring.new_account(tmp_path, "bob", PASSWORD, work=2).address
    keyring.new_account(tmp_path, other.lower(), PASSWORD, work=2)
    assert session.address(other) == other
    with pytest.raises(InvalidAddress):
        session.address(other.lower())


def test_one_damaged_file_does_not_hide_the_others(session: Session, tmp_path: Path) -> None:
    alice = keyring.new_account(tmp_path, "alice", PASSWORD, work=2)
    (tmp_path / "keys" / "bob.json").write_text("{")
    assert session.address("alice") == alice.address
    with pytest.raises(KeyFileCorrupt):
        session.address("bob")


def test_a_password_is_asked_for_only_when_the_account_is_there(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "at_terminal", lambda: pytest.fail("asked"))
    with pytest.raises(AccountUnknown):
        session.identity("alice")


def test_a_password_file_comes_before_the_environment(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", "of the environment")
    assert session.password("alice") == "of the environment"
    session.password_file = tmp_path / "password"
    session.password_file.write_text(" with blanks \nnext line\n")
    assert session.password("alice") == " with blanks "


def test_a_password_is_typed_at_a_terminal_unseen(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prompt(text: str, **how: object) -> str:
        assert how == {"hide_input": True, "confirmation_prompt": True, "err": True}
        assert text == "Password of alice"
        return PASSWORD

    monkeypatch.setattr(options, "at_terminal", lambda: True)
    monkeypatch.setattr(options.typer, "prompt", prompt)
    assert session.password("alice", confirm=True) == PASSWORD


def test_a_password_nobody_can_give(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "at_terminal", lambda: False)
    with pytest.raises(PasswordMissing):
        session.password("alice")


def test_a_session_shows_no_password() -> None:
    assert "password" not in repr(Session()).replace("password_file", "")


def test_read_text_takes_utf8_only(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("Zürich".encode())
    assert read_text(tmp_path / "text") == "Zürich"
    (tmp_path / "text").write_bytes("Zürich".encode("latin-1"))
    with pytest.raises(StudyUnreadable):
        read_text(tmp_path / "text")


def test_read_bytes_stops_where_no_paper_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "MOST_BYTES", 10)
    (tmp_path / "large").write_bytes(bytes(100))
    assert len(read_bytes(tmp_path / "large")) == 11
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(StudyUnreadable):
            read_bytes(missing)


def test_anvil_is_installed_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Path:
        raise ToolMissing(tool="anvil", reason="it is nowhere", remedy="Install it.")

    monkeypatch.setattr("medibloc_py.chain.find_anvil", missing)
    monkeypatch.setattr("medibloc_py.chain.install_anvil", lambda: tmp_path / "anvil")
    assert anvil_at_hand() == tmp_path / "anvil"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "installing it with npm" in captured.err


@pytest.mark.parametrize(
    "argv",
    [
        ("account", "retire-keys", "alice", "--yes"),
        ("exchange", "receive", "t.json", "--as", "clinic", "--out", "study"),
        ("exchange", "send", "00" * 32, "--as", "hospital", "--to", "0x" + "11" * 20),
        ("store", "gc"),
        ("store", "move", "--to", "elsewhere"),
        ("store", "replicas", "add", "--all", "--service", "http://127.0.0.1:1"),
        ("store", "replicas", "remove", "cid", "--service", "http://127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_a_dry_run_of_what_sends_nothing_is_refused(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """Else all of it would be done: there is no transaction to stop at."""
    done = run("--home", tmp_path, "--dry-run", *argv, "--json")
    assert done.json["error"] == "InvalidValue"
    assert done.json["values"]["name"] == "--dry-run"
    assert list(tmp_path.iterdir()) == []
