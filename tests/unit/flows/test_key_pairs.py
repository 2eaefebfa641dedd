"""New key pairs and the end of old ones: none that may be in use is lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from medibloc_py.errors import AccountUnknown, OlderKeyPublished, WorkUnderway, WrongPassword
from medibloc_py.flows import key_pairs, keyring
from tests.unit.flows.test_keyring import CHEAP, PASSWORD, files


def test_rotate_key_keeps_the_older_pairs(tmp_path: Path) -> None:
    made = keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    made.keep("note", b"kept under the first pair")
    rotated = key_pairs.rotate_key(tmp_path, "alice", PASSWORD, work=CHEAP)
    opened = keyring.open_account(tmp_path, "alice", PASSWORD)
    assert opened.keys == rotated.keys
    assert opened.keys.root_secret == made.keys.root_secret
    assert opened.keys.pairs[:-1] == made.keys.pairs
    assert opened.keys.current != made.keys.current
    assert opened.recall("note") == b"kept under the first pair"


def test_no_pair_of_two_that_rotate_at_once_is_lost(tmp_path: Path) -> None:
    """What was given back may be on chain a moment later, and others wrap for it."""
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    together = threading.Barrier(6)
    made, refused = [], []

    def rotate() -> None:
        together.wait()
        try:
            made.append(key_pairs.rotate_key(tmp_path, "alice", PASSWORD, work=2**10).keys.current)
        except WorkUnderway as error:
            refused.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = keyring.open_account(tmp_path, "alice", PASSWORD).keys.pairs
    assert made
    assert len(made) + len(refused) == 6
    assert len(made) == len(held) - 1
    assert all(pair in held for pair in made)


def test_rotate_key_changes_nothing_given_a_wrong_password(tmp_path: Path) -> None:
    keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP)
    before = files(tmp_path)
    with pytest.raises(WrongPassword):
        key_pairs.rotate_key(tmp_path, "alice", "another", work=CHEAP)
    assert files(tmp_path) == before


def test_retire_keys_leaves_what_others_wrap_for(tmp_path: Path) -> None:
    """Another process rotated since the chain was asked."""
    published = keyring.new_account(tmp_path, "alice", PASSWORD, work=CHEAP).keys.current.bundle
    key_pairs.rotate_key(tmp_path, "alice", PASSWORD, work=CHEAP)
    before = files(tmp_path)
    with pytest.raises(OlderKeyPublished):
        key_pairs.retire_keys(tmp_path, "alice", PASSWORD, published, work=CHEAP)
    assert files(tmp_path) == before


def test_an_unknown_account_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AccountUnknown):
        key_pairs.rotate_key(tmp_path, "alice", PASSWORD, work=CHEAP)
    assert not (tmp_path / "keys").exists()
