"""An account key that stays in its file until a signature is asked for."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from medibloc_py.chain import LockedSigner, Network, Signer, new_key_file
from medibloc_py.chain.keyfile import KeyFile
from medibloc_py.errors import AccountUnknown, KeyFileCorrupt, WrongPassword
from medibloc_py.model import Address
from tests.fakes.hostile_node import HostileNode

BOB = Address("0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF")
TRANSFER = {
    "chainId": 1, "nonce": 0, "gas": 21_000, "gasPrice": 1, "to": BOB, "value": 1, "data": "0x",
}  # fmt: skip
DOMAIN = {"name": "MediBloc", "version": "1", "chainId": 1}
TYPES = {"Word": [("string", "text")]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alice.json"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files in the order in which they were opened."""
    seen, real = [], KeyFile.open

    def told(self: KeyFile, password: str) -> Signer:
        seen.append(self.path)
        return real(self, password)

    monkeypatch.setattr(KeyFile, "open", told)
    return seen


def test_it_signs_as_its_key_does_and_opens_the_file_once(path: Path, opened: list[Path]):
    key = new_key_file(path, "password", n=2)
    locked = LockedSigner(path, "password")
    assert (locked.address, opened) == (key.address, [])
    assert locked.sign_transaction(TRANSFER) == key.sign_transaction(TRANSFER)
    word = DOMAIN, TYPES, "Word", {"text": "yes"}
    assert locked.sign_typed(*word) == key.sign_typed(*word)
    assert (locked.export_key(), locked.ready()) == (key.export_key(), key)
    assert opened == [path]


def test_threads_that_sign_at_once_open_the_file_once(path: Path, opened: list[Path]):
    new_key_file(path, "password", n=1 << 12)
    locked, signed = LockedSigner(path, "password"), []
    threads = [
        threading.Thread(target=lambda: signed.append(locked.sign_transaction(TRANSFER)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(set(signed)), len(signed), opened) == (1, 8, [path])


def test_its_text_shows_neither_key_nor_password(path: Path):
    key = new_key_file(path, "a long password", n=2).export_key().hex()
    locked = LockedSigner(path, "a long password")
    locked.ready()
    for shown in (repr(locked), str(locked), repr(locked.ready())):
        assert "password" not in shown
        assert key not in shown


def test_a_wrong_password_is_told_at_the_first_signature_and_nothing_is_sent(
    path: Path, node: HostileNode, tmp_path: Path
):
    new_key_file(path, "password", n=2)
    network = Network.connect(node.url, receipt_timeout_s=0.5, journal=tmp_path / "journal")
    locked = LockedSigner(path, "Password")
    for _ in range(2):  # it stays closed
        with pytest.raises(WrongPassword):
            network.transfer(locked, BOB, 1)
    assert (node.sent, network.outbox.journal.entries()) == ({}, [])
    network.transfer(LockedSigner(path, "password"), BOB, 1)
    assert len(node.sent) == 1


def test_what_the_file_tells_without_a_password_is_refused_before(path: Path):
    with pytest.raises(AccountUnknown):
        LockedSigner(path, "password")
    new_key_file(path, "password", n=2)
    content = json.loads(path.read_text())
    content["crypto"]["kdfparams"]["n"] = 1 << 30
    path.write_text(json.dumps(content))
    with pytest.raises(KeyFileCorrupt, match="sane"):
        LockedSigner(path, "password")


def test_a_key_that_is_not_that_of_the_address_does_not_sign(path: Path):
    new_key_file(path, "password", n=2)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"address": BOB[2:].lower()}))
    with pytest.raises(KeyFileCorrupt, match="not that of"):
        LockedSigner(path, "password").sign_transaction(TRANSFER)
