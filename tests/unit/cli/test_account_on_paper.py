"""An account's sheets on the command line: written, proved, typed again, and found wanting."""

from __future__ import annotations

import io
import itertools
import json
import stat
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from medibloc_py import cli
from medibloc_py.crypto.recovery import AccountSecrets, write_clear
from medibloc_py.errors import SheetsMissing, SheetUnreadable
from medibloc_py.flows import key_pairs, keyring, recovery
from medibloc_py.flows.parties import Identity

PASSWORD = "correct horse"
CHEAP = 2
Medibloc = Callable[..., Any]


@pytest.fixture
def alice(tmp_path: Path) -> Identity:
    return keyring.new_account(tmp_path / "home", "alice", PASSWORD, work=CHEAP)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt's least cost: what is tested is not how long a password takes to guess."""
    create = keyring._create
    monkeypatch.setattr(keyring, "_create", lambda *given: create(*given[:-1], given[-1] or CHEAP))


@pytest.fixture
def medibloc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Medibloc:
    """Runs `medibloc` in an empty folder; gives what --json prints, or the error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)

    def run(*argv: str, home: str = "home", typed: str = "", code: int = 0) -> Any:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["medibloc", "--home", home, "account", *argv, "--json"])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                cli.main()
                ended = 0
            except SystemExit as end:
                ended = int(end.code or 0)
        assert ended == code, (argv, out.getvalue(), err.getvalue())
        return json.loads(err.getvalue() if code else out.getvalue())

    return run


def rotated(tmp_path: Path) -> Identity:
    return key_pairs.rotate_key(tmp_path / "home", "alice", PASSWORD, work=CHEAP)


def restored(tmp_path: Path, home: str = "new") -> Identity:
    return keyring.open_account(tmp_path / home, "alice", PASSWORD)


def test_a_sheet_restores_all_keys_on_an_empty_machine(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    alice.keep("note", b"kept under the first pair")
    second = rotated(tmp_path)
    written = medibloc("backup", "alice", "--out", "sheet.txt")
    assert written == {"files": ["sheet.txt"], "pairs": 2}
    assert stat.S_IMODE((tmp_path / "sheet.txt").stat().st_mode) == 0o600
    medibloc("restore", "alice", "--from", "sheet.txt", home="new")
    back = restored(tmp_path)
    assert (back.address, back.keys) == (alice.address, second.keys)
    (tmp_path / "home" / "vault").rename(tmp_path / "new" / "vault")
    assert back.recall("note") == b"kept under the first pair"


def test_a_sheet_is_printed_only_when_asked_and_can_be_typed(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    medibloc("backup", "alice", "--out", "sheet.txt")
    assert medibloc("backup", "alice", "--out", "-").keys() == {"sheet"}
    sheet = (tmp_path / "sheet.txt").read_text()
    typed = "\n".join(
        line.lower().replace("0", "o").replace("1", "l")
        for line in sheet.splitlines()
        if not line.startswith("#")
    )
    medibloc("restore", "alice", "--from", "-", home="new", typed=typed)
    assert restored(tmp_path).keys == alice.keys


def test_a_wrong_line_is_named_and_nothing_is_made(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    medibloc("backup", "alice", "--out", "sheet.txt")
    lines = (tmp_path / "sheet.txt").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("  7 "))
    lines[place] = lines[place][:5] + ("X" if lines[place][5] != "X" else "Y") + lines[place][6:]
    told = medibloc("restore", "alice", "--from", "-", home="new", typed="\n".join(lines), code=3)
    assert told["error"] == "SheetUnreadable"
    assert "line 7 does not hold" in told["message"]
    assert not (tmp_path / "new" / "keys").exists()


def test_restore_overwrites_nothing(medibloc: Medibloc, alice: Identity, tmp_path: Path) -> None:
    medibloc("backup", "alice", "--out", "sheet.txt")
    keys = tmp_path / "home" / "keys"
    for missing in (None, "alice.json", "alice.encryption.json"):
        if missing:
            (keys / missing).rename(tmp_path / missing)
        before = {file.name: file.read_bytes() for file in keys.iterdir()}
        told = medibloc("restore", "alice", "--from", "sheet.txt", code=3)
        assert told["error"] == "AccountExists"
        assert {file.name: file.read_bytes() for file in keys.iterdir()} == before
        if missing:
            (tmp_path / missing).rename(keys / missing)


def test_backup_overwrites_nothing(medibloc: Medibloc, alice: Identity, tmp_path: Path) -> None:
    (tmp_path / "sheet.txt").write_text("older")
    assert medibloc("backup", "alice", "--out", "sheet.txt", code=3)["error"] == "FileExists"
    assert (tmp_path / "sheet.txt").read_text() == "older"
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "guardian-2-of-2.txt").write_text("older")
    scheme = ("--guardians", "2", "--threshold", "2", "--out", "sheets")
    assert medibloc("backup", "alice", *scheme, code=3)["error"] == "FileExists"
    assert len(list((tmp_path / "sheets").iterdir())) == 1


def test_a_sheet_is_outdated_once_a_key_was_rotated(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    medibloc("backup", "alice", "--out", "sheet.txt")
    held = medibloc("verify-backup", "alice", "--from", "sheet.txt")
    assert held == {"name": "alice", "covers": True, "pairs": 1}
    rotated(tmp_path)
    told = medibloc("verify-backup", "alice", "--from", "sheet.txt", code=4)
    assert told["error"] == "BackupOutdated"
    assert told["values"]["reason"] == "it lacks 1 of 2 key pairs"
    keyring.new_account(tmp_path / "home", "bob", PASSWORD, work=CHEAP)
    told = medibloc("verify-backup", "bob", "--from", "sheet.txt", code=4)
    assert told["values"]["reason"] == "it is of another account"


def test_a_passphrase_is_asked_of_whoever_restores(
    medibloc: Medibloc, alice: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = medibloc("backup", "alice", "--out", "sheet.txt", "--passphrase", code=6)
    assert told["error"] == "PasswordMissing"
    monkeypatch.setenv("MEDIBLOC_PASSPHRASE", "on no other paper")
    medibloc("backup", "alice", "--out", "sheet.txt", "--passphrase")
    monkeypatch.setenv("MEDIBLOC_PASSPHRASE", "a guess")
    told = medibloc("restore", "alice", "--from", "sheet.txt", home="new", code=6)
    assert told["error"] == "WrongPassword"
    monkeypatch.setenv("MEDIBLOC_PASSPHRASE", "on no other paper")
    medibloc("restore", "alice", "--from", "sheet.txt", home="new")
    assert restored(tmp_path).keys == alice.keys


def test_guardians_bring_an_account_back(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    scheme = ("--guardians", "3", "--threshold", "2", "--out", "sheets")
    files = medibloc("backup", "alice", *scheme)["files"]
    assert len(files) == 3
    for number, some in enumerate(itertools.combinations(files, 2)):
        given = [word for file in some for word in ("--from", file)]
        medibloc("restore", "alice", *given, home=f"new{number}")
        assert restored(tmp_path, f"new{number}").keys == alice.keys
        medibloc("verify-backup", "alice", *given)
    told = medibloc("restore", "alice", "--from", files[0], home="new", code=3)
    assert told["error"] == "SheetsMissing"
    assert told["values"] == {"given": 1, "needed": 2}
    assert not (tmp_path / "new" / "keys").exists()


def test_lines_of_one_guardian_and_words_of_two_are_enough(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    scheme = ("--guardians", "3", "--threshold", "2", "--out", "sheets")
    one, two, _ = (Path(f).read_text() for f in medibloc("backup", "alice", *scheme)["files"])
    words = "\n".join(line for line in two.splitlines() if line.startswith("     "))
    medibloc("restore", "alice", "--from", "-", home="new", typed=one + words)
    assert restored(tmp_path).keys == alice.keys


def test_sheets_of_two_sets_are_told_by_their_files(medibloc: Medibloc, alice: Identity) -> None:
    sets = [
        medibloc("backup", "alice", "--guardians", "3", "--threshold", "2", "--out", folder)
        for folder in ("older", "newer")
    ]
    given = ("--from", sets[0]["files"][0], "--from", sets[1]["files"][1])
    told = medibloc("restore", "alice", *given, home="new", code=3)
    assert told["error"] == "SharesMixed"
    assert told["values"] == {"path": sets[1]["files"][1], "other": sets[0]["files"][0]}


def test_no_sheet_tells_whose_it_is_unless_a_label_does(
    medibloc: Medibloc, alice: Identity, tmp_path: Path
) -> None:
    medibloc("backup", "alice", "--out", "plain.txt")
    scheme = ("--guardians", "2", "--threshold", "2")
    medibloc("backup", "alice", *scheme, "--out", "sheets")
    medibloc("backup", "alice", *scheme, "--out", "labelled", "--label", "Alice of Aachen")
    told = [tmp_path / "plain.txt", *(tmp_path / "sheets").iterdir()]
    assert len(told) == 3
    secrets = (alice.signer.export_key().hex(), alice.address[2:].lower(), "alice")
    for file in told:
        assert not [secret for secret in secrets if secret in file.read_text().lower()]
    for file in (tmp_path / "labelled").iterdir():
        assert "# Alice of Aachen\n" in file.read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("--guardians", "3"), ("--threshold", "2"),
        ("--guardians", "3", "--threshold", "1"), ("--guardians", "17", "--threshold", "2"),
        ("--guardians", "3", "--threshold", "2", "--passphrase"),
        ("--guardians", "3", "--threshold", "2", "--out", "-"), ("--label", "two\nlines"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    medibloc: Medibloc, alice: Identity, tmp_path: Path, options: tuple[str, ...]
) -> None:
    told = medibloc("backup", "alice", "--out", "sheets", *options, code=3)
    assert told["error"] == "InvalidValue"
    assert list(tmp_path.rglob("*.txt")) == []


def test_a_sheet_of_no_account_is_refused(tmp_path: Path, alice: Identity) -> None:
    """Whoever writes a sheet by hand can make every checksum right."""
    for key in (bytes(32), b"\xff" * 32):
        lines = write_clear(AccountSecrets(key, alice.keys))
        with pytest.raises(SheetUnreadable, match="its account key is none"):
            recovery.restore(tmp_path / "new", "alice", [("x", "\n".join(lines))], str, str)
    with pytest.raises(SheetsMissing):
        recovery.restore(tmp_path / "new", "alice", [], str, str)
    assert not (tmp_path / "new").exists()


def test_a_sheet_that_is_no_text_is_refused(medibloc: Medibloc, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"\x89PNG\xff")
    for given in ("scan.png", "missing.txt"):
        told = medibloc("restore", "alice", "--from", given, home="new", code=3)
        assert told["error"] == "StudyUnreadable"
    told = medibloc("restore", "alice", "--from", "-", home="new", code=3)
    assert (told["error"], told["values"]["reason"]) == ("SheetUnreadable", "line 1 is missing")
