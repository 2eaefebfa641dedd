"""An account's key pairs: rotated, killed in between, brought back from paper; grants stay open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medibloc_py.chain import Network
from medibloc_py.client import Client
from medibloc_py.errors import WrongKey
from medibloc_py.flows import key_pairs, keyring, recovery
from medibloc_py.flows.held import held_record
from medibloc_py.flows.ledger import Ledger
from tests.flow.command import Done, run
from tests.flow.dying import before, kill_at
from tests.flow.world import PASSWORD, PATIENTS, World

CHEAP = 2


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's password, at scrypt's least cost."""
    monkeypatch.setenv("MEDIBLOC_PASSWORD", PASSWORD)
    seal = key_pairs.seal_key_file
    monkeypatch.setattr(
        key_pairs, "seal_key_file", lambda keys, password, n=CHEAP: seal(keys, password, n=n)
    )


def arguments(world: World, *argv: str) -> list[str]:
    return ["--home", str(world.home), "--rpc", world.node.url, "account", *argv]


def medibloc(world: World, *argv: str) -> Done:
    done = run(*arguments(world, *argv))
    assert done.code == 0, done
    return done


def reopened(world: World, name: str, home: Path | None = None) -> Client:
    """A client with the keys that stand in the key file now."""
    keys = keyring.open_account(home or world.home, name, PASSWORD).keys
    return replace(world[name], identity=replace(world[name].me, keys=keys))


def grant_to_clinic(world: World) -> None:
    expiry = world.in_days(7)
    world["alice"].grant(
        world.records["alice"], world.address("clinic"), "TREATMENT", expires_at=expiry
    )


def reads(client: Client, world: World) -> bool:
    opened = client.open_granted(world.records["alice"])
    return opened.read(0) == world.released(PATIENTS["alice"])


def test_a_rotation_killed_before_the_chain_loses_nothing(world: World) -> None:
    """The pair is in the file first: a key on chain that nobody has could open nothing."""
    grant_to_clinic(world)
    accounts = world.exchange.accounts
    published = accounts.published_key(world.address("clinic"))
    argv = arguments(world, "publish-key", "--rotate", "--as", "clinic")
    kill_at((Network, "send", before), *argv)
    clinic = reopened(world, "clinic")
    assert len(clinic.me.keys.pairs) == 2
    assert accounts.published_key(clinic.me.address) == published
    assert reads(clinic, world)
    grant_to_clinic(world)  # wrapped for the pair on chain, still
    assert reads(clinic, world)
    medibloc(world, "publish-key", "--as", "clinic")
    now = accounts.published_key(clinic.me.address)
    assert (now.version, now.bundle) == (2, clinic.me.keys.current.bundle)
    assert reads(clinic, world)
    grant_to_clinic(world)
    assert reads(clinic, world)


def test_what_was_granted_before_a_rotation_opens_from_paper(world: World, tmp_path: Path) -> None:
    grant_to_clinic(world)
    told = medibloc(world, "publish-key", "--rotate", "--as", "clinic")
    assert "Sheets made before lack the new key" in told.err
    clinic = reopened(world, "clinic")
    sheet = recovery.backup(clinic.me)
    found = recovery.restore(
        tmp_path / "new", "clinic", [("sheet", sheet)], lambda: PASSWORD, str, work=CHEAP
    )
    assert found.keys == clinic.me.keys
    assert reads(replace(clinic, identity=found), world)


def test_a_sheet_from_before_a_rotation_opens_what_was_granted_before(
    world: World, tmp_path: Path
) -> None:
    sheet = recovery.backup(world.me("clinic"))
    grant_to_clinic(world)
    medibloc(world, "publish-key", "--rotate", "--as", "clinic")
    old = recovery.restore(
        tmp_path / "new", "clinic", [("sheet", sheet)], lambda: PASSWORD, str, work=CHEAP
    )
    assert reads(replace(world["clinic"], identity=old), world)


def test_a_rotation_that_is_only_signed_is_kept(world: World, tmp_path: Path) -> None:
    medibloc(
        world, "publish-key", "--rotate", "--as", "clinic", "--sign", str(tmp_path / "key.json")
    )
    assert len(reopened(world, "clinic").me.keys.pairs) == 2
    assert world.exchange.accounts.published_key(world.address("clinic")).version == 1


# Older pairs, dropped.


def rotate_and_retire(world: World, name: str) -> Client:
    medibloc(world, "publish-key", "--rotate", "--as", name)
    assert medibloc(world, "retire-keys", name, "--yes", "--json").json["retired"] == 1
    return reopened(world, name)


def test_retired_keys_open_no_old_copy_of_the_vault(world: World) -> None:
    """With the newest keys alone, what a disk kept of a vault document is noise."""
    alice, record = world["alice"], world.records["alice"]
    (name,) = alice.me.kept("record-")
    old = alice.me.vault.get(name)
    renewed = rotate_and_retire(world, "alice")
    assert len(renewed.me.keys.pairs) == 1
    assert held_record(renewed.me, record).x
    renewed.me.vault.put(name, old)
    with pytest.raises(WrongKey):
        held_record(renewed.me, record)


def test_retired_keys_leave_every_document_and_the_ledger(world: World) -> None:
    listed = world.list_dataset()
    hospital = world.me("hospital")
    kept = {name: hospital.recall(name) for name in hospital.documents()}
    assert {name.partition("-")[0] for name in kept} >= {"record", "listing"}
    medibloc(world, "publish-key", "--as", "hospital")
    renewed = rotate_and_retire(world, "hospital").me
    assert {name: renewed.recall(name) for name in renewed.documents()} == kept
    assert listed.listing_id in Ledger(renewed).book().listings


def test_retired_keys_shut_what_was_wrapped_for_them(world: World) -> None:
    grant_to_clinic(world)
    clinic = rotate_and_retire(world, "clinic")
    with pytest.raises(WrongKey):
        clinic.open_granted(world.records["alice"])
    grant_to_clinic(world)
    assert reads(clinic, world)


def test_the_newest_key_is_not_left_alone_unless_it_is_published(
    world: World, tmp_path: Path
) -> None:
    medibloc(
        world, "publish-key", "--rotate", "--as", "clinic", "--sign", str(tmp_path / "key.json")
    )
    refused = run(*arguments(world, "retire-keys", "clinic", "--yes", "--json"))
    assert refused.json["error"] == "OlderKeyPublished"
    unasked = run(*arguments(world, "retire-keys", "alice", "--json"))
    assert unasked.json["error"] == "InvalidValue"
    assert len(reopened(world, "clinic").me.keys.pairs) == 2


def test_a_retirement_that_died_is_finished_by_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    medibloc(world, "publish-key", "--rotate", "--as", "alice")
    newest = reopened(world, "alice").me.keys.current.bundle
    for step in ("keep", None):
        with monkeypatch.context() as patch:
            if step:
                patch.setattr(f"medibloc_py.flows.parties.Identity.{step}", _dead)
            else:
                patch.setattr("medibloc_py.flows.key_pairs.rewrite", _dead)
            with pytest.raises(KeyboardInterrupt):
                key_pairs.retire_keys(world.home, "alice", PASSWORD, newest, work=CHEAP)
        assert len(reopened(world, "alice").me.keys.pairs) == 2
        assert held_record(reopened(world, "alice").me, world.records["alice"])
    key_pairs.retire_keys(world.home, "alice", PASSWORD, newest, work=CHEAP)
    alice = reopened(world, "alice").me
    assert len(alice.keys.pairs) == 1
    assert held_record(alice, world.records["alice"])


def test_a_document_that_does_not_open_stops_a_retirement(world: World) -> None:
    medibloc(world, "publish-key", "--rotate", "--as", "alice")
    alice = reopened(world, "alice").me
    alice.vault.put("note", alice.vault.get(alice.documents()[0]))
    with pytest.raises(WrongKey):
        key_pairs.retire_keys(world.home, "alice", PASSWORD, alice.keys.current.bundle, work=CHEAP)
    assert len(reopened(world, "alice").me.keys.pairs) == 2


def _dead(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
