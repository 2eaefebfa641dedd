"""Accounts as people type them: made, funded, accredited, and never shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from medibloc_py.chain import Signer, dev_accounts
from medibloc_py.cli import options
from medibloc_py.flows import keyring
from medibloc_py.model import Role
from medibloc_py.purpose import HAS_IRB, NONPROFIT
from tests.flow.cli.conftest import Medibloc
from tests.flow.command import run
from tests.flow.world import PASSWORD, World

TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


def test_new_account_at_a_terminal_asks_twice_and_shows_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "medibloc_py",
        "--home",
        str(tmp_path),
        "account",
        "new",
        "eve",
    ]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MEDIBLOC_")}
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *command],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    shown = b""
    for _ in range(2):
        while not shown.endswith(b": "):  # the blank comes when the terminal shows nothing
            shown += os.read(process.stdout.fileno(), 1024)
        process.stdin.write(PASSWORD.encode() + b"\n")
        process.stdin.flush()
        shown += b"\n"
    rest, _ = process.communicate(timeout=30)
    shown += rest
    assert process.returncode == 0
    assert PASSWORD.encode() not in shown
    address = keyring.open_account(tmp_path, "eve", PASSWORD).address
    assert f"eve is {address}." in shown.decode()


def test_new_account_says_what_to_back_up(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "new_account", partial(keyring.new_account, work=2))
    said = medibloc("account", "new", "eve").out
    assert keyring.known_account(world.home, "eve").address in said
    assert "account backup eve" in said
    assert medibloc("account", "new", "eve", "--json", code=3).json["error"] == "AccountExists"


def test_import_an_account_from_a_file(world: World, medibloc: Medibloc) -> None:
    signer = Signer.generate()
    key = signer.export_key().hex()
    Path("key").write_text(f"  0x{key}\n")
    done = medibloc("account", "import", "eve", "--key-file", "key", "--json")
    assert done.json == {"name": "eve", "address": signer.address}
    assert key not in done.out + done.err
    files = sorted((world.home / "keys").glob("eve*"))
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert all(key not in file.read_text() for file in files)
    again = medibloc("account", "import", "eve", "--key-file", "key", "--json", code=3)
    assert again.json["error"] == "AccountExists"


def test_import_a_well_known_account(world: World, medibloc: Medibloc) -> None:
    medibloc("account", "import", "dev", "--dev", "3")
    assert keyring.known_account(world.home, "dev").address == dev_accounts(4)[3].address


@pytest.mark.parametrize("content", ["", "0x12", "zz" * 32, "00" * 32, "word " * 12])
def test_import_what_is_no_key(medibloc: Medibloc, content: str) -> None:
    Path("key").write_text(content)
    done = medibloc("account", "import", "eve", "--key-file", "key", "--json", code=3)
    assert done.json["values"]["given"] == "not one"
    assert not content.strip() or content.strip() not in done.err


def test_import_without_a_key_says_where_to_put_it(medibloc: Medibloc) -> None:
    done = medibloc("account", "import", "eve", code=3)
    assert "--key-file" in done.err


def test_import_asks_for_the_key_at_a_terminal(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Signer.generate().export_key().hex()
    asked = []

    def prompt(text: str, **how: object) -> str:
        asked.append((text, how["hide_input"], how["confirmation_prompt"]))
        return key

    monkeypatch.setattr(options, "at_terminal", lambda: True)
    monkeypatch.setattr("medibloc_py.cli.account.at_terminal", lambda: True)
    monkeypatch.setattr(options.typer, "prompt", prompt)
    monkeypatch.delenv("MEDIBLOC_PASSWORD")
    assert key not in medibloc("account", "import", "eve").out
    assert asked == [("Private key in hex", True, False), ("Password of eve", True, True)]


def test_list_and_show(world: World, medibloc: Medibloc) -> None:
    listed = medibloc("account", "list", "--json").json
    assert {each["name"]: each["address"] for each in listed} == {
        name: world.address(name) for name in world.clients
    }
    assert world.address("alice") in medibloc("account", "list").out
    shown = medibloc("account", "show", "researcher", "--json").json
    assert shown["key_version"] == 1
    assert shown["accreditations"][Role.RESEARCHER]["until"] > 0
    text = medibloc("account", "show", world.address("researcher")).out
    assert "researcher    until" in text
    assert "evidence      HAS_IRB" in text
    assert "none published" in medibloc("account", "show", "stranger").out
    done = medibloc("account", "show", "nobody", "--json", code=3)
    assert done.json["error"] == "InvalidAddress"


def test_a_damaged_account_is_nobody_elses_trouble(world: World, medibloc: Medibloc) -> None:
    (world.home / "keys" / "bob.json").write_text("{")
    medibloc("account", "show", "alice")
    medibloc("account", "show", world.address("bob"))
    assert medibloc("account", "show", "bob", "--json", code=6).json["error"] == "KeyFileCorrupt"


def test_fund(world: World, medibloc: Medibloc) -> None:
    before = world.exchange.network.balance(world.address("stranger"))
    medibloc("account", "fund", "stranger", "--coins", "5", "--tokens", "7")
    assert world.exchange.network.balance(world.address("stranger")) == before + 5 * 10**18
    assert world.token.balance(world.address("stranger")) == 7_000_000
    receipts = medibloc("account", "fund", "stranger", "--coins", "0", "--json").json
    assert receipts == []


def test_fund_where_there_is_no_test_token(world: World, medibloc: Medibloc) -> None:
    path = world.home / "deployments" / "31337.json"
    body = json.loads(path.read_text())
    del body["contracts"]["TestToken"]
    path.write_text(json.dumps(body))
    done = medibloc("account", "fund", "stranger", "--tokens", "7", "--json", code=3)
    assert done.json["values"]["name"] == "token"


def test_publish_key_and_rotate_it(world: World, medibloc: Medibloc) -> None:
    record = "0x" + world.records["alice"].hex()
    medibloc("access", "grant", record, "--as", "alice", "--to", "clinic")
    medibloc("account", "publish-key", "--as", "clinic", "--rotate")
    assert medibloc("account", "show", "clinic", "--json").json["key_version"] == 2
    opened = medibloc("access", "open", record, "--as", "clinic", "--out", "first", "--json").json
    medibloc("access", "grant", record, "--as", "alice", "--to", "clinic")
    again = medibloc("access", "open", record, "--as", "clinic", "--out", "second", "--json").json
    assert opened["files"][0]["sha256"] == again["files"][0]["sha256"]
    assert medibloc("record", "list", "--as", "alice", "--json").json


def test_rotate_nothing_while_the_node_is_away(world: World, medibloc: Medibloc) -> None:
    file = world.home / "keys" / "clinic.encryption.json"
    before = file.read_bytes()
    done = run(
        "--home", world.home, "--rpc", "http://127.0.0.1:9", "account", "publish-key",
        "--as", "clinic", "--rotate",
    )  # fmt: skip
    assert done.code == 5
    assert file.read_bytes() == before


def test_accreditors_and_accreditations(world: World, medibloc: Medibloc) -> None:
    accounts = world.exchange.accounts
    stranger = world.address("stranger")
    argv = ("account", "accredit", "stranger", "--role", "researcher", "--as", "clinic")
    assert medibloc(*argv, "--json", code=4).json["error"] == "NotAccreditor"
    done = medibloc("account", "accreditor", "clinic", "--as", "clinic", "--json", code=4)
    assert done.json["error"] == "OwnableUnauthorizedAccount"
    medibloc("account", "accreditor", "clinic", "--as", "governance")
    medibloc(*argv, "--until", "30d", "--attest", "nonprofit+has_irb")
    standing = accounts.accreditation(stranger, Role.RESEARCHER)
    assert standing.until == pytest.approx(world.in_days(30), abs=60)
    assert standing.evidence == NONPROFIT | HAS_IRB
    taken = medibloc(*argv, "--until", "0").out
    assert not accounts.is_accredited(stranger, Role.RESEARCHER)
    assert "is not accredited as researcher any more." in taken
    medibloc("account", "accreditor", "clinic", "--as", "governance", "--remove")
    medibloc(*argv, code=4)


def test_accredit_vouches_for_evidence_only(world: World, medibloc: Medibloc) -> None:
    argv = ("account", "accredit", "stranger", "--role", "researcher", "--as", "governance")
    done = medibloc(*argv, "--attest", "COMMERCIAL", "--json", code=4)
    assert done.json["error"] == "EvidenceInvalid"
    assert (
        medibloc(*argv, "--attest", "GOODWILL", "--json", code=3).json["error"] == "InvalidPurpose"
    )
    assert not world.exchange.accounts.is_accredited(world.address("stranger"), Role.RESEARCHER)
    medibloc(*argv[:-2], "--as", "governance", "--until", "2020-01-01", code=4)


# Passwords.


def test_a_password_comes_from_the_first_line_of_a_file(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", "another")
    for text in (PASSWORD, PASSWORD + "\n", PASSWORD + "\r\nthe second line\n"):
        Path("password").write_text(text, newline="")
        medibloc("--password-file", "password", "record", "list", "--as", "alice")
    done = medibloc("--password-file", "none", "record", "list", "--as", "alice", code=3)
    assert done.err.startswith("StudyUnreadable: none cannot be read")


def test_a_wrong_password(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", "a wrong one")
    done = medibloc("record", "list", "--as", "alice", "--json", code=6)
    assert done.json["error"] == "WrongPassword"
    assert "a wrong one" not in done.err


def test_no_password_and_nobody_to_ask(medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIBLOC_PASSWORD")
    done = medibloc("record", "list", "--as", "alice", code=6)
    assert "--password-file or MEDIBLOC_PASSWORD" in done.err
    done = medibloc("account", "new", "eve", "--json", code=6)
    assert done.json == done.json | {"error": "PasswordMissing", "values": {"name": "eve"}}


def test_an_empty_password(
    world: World, medibloc: Medibloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIBLOC_PASSWORD", "")
    done = medibloc("account", "new", "eve", "--json", code=3)
    assert done.json["error"] == "InvalidValue"
    assert not list((world.home / "keys").glob("eve*"))


def test_an_account_nobody_has(medibloc: Medibloc) -> None:
    done = medibloc("record", "list", "--as", "nobody", code=3)
    assert "medibloc account new nobody" in done.err


@pytest.mark.parametrize("name", ["alice.json", "alice.encryption.json"])
def test_a_damaged_key_file(world: World, medibloc: Medibloc, name: str) -> None:
    file = world.home / "keys" / name
    damaged = file.read_bytes()[:-30]
    file.write_bytes(damaged)
    done = medibloc("record", "list", "--as", "alice", "--json", code=6)
    assert done.json["error"] == "KeyFileCorrupt"
    assert file.read_bytes() == damaged
