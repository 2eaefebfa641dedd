"""Accounts whose key is elsewhere, on a real chain: with Anvil for the signer, and with clef."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medibloc_py.chain import ExternalSigner, Signer, dev_accounts
from medibloc_py.flows import keyring
from tests.flow.chain.clef import Clef, approve, refuse, running
from tests.flow.house import House
from tests.flow.world import PASSWORD, World

EVE = dev_accounts(8)[7]


def test_an_account_of_a_signer_does_what_others_do(house: House) -> None:
    """Anvil signs for its own accounts by the names that Frame and nodes know."""
    url = house.world.node.url
    added = house.run(
        "account", "add", "eve", "--signer", url, "--address", EVE.address, "--json"
    ).json
    assert added == {"name": "eve", "address": EVE.address, "signer": url}
    listed = house.run("account", "list", "--json").json
    assert {"name": "eve", "address": EVE.address, "signer": url} in listed
    house.run("account", "publish-key", "--as", "eve")
    house.run("consent", "set", "HMB+NCU", "--as", "eve", "--until", "365d")
    assert house.world.exchange.consent.consent_of(EVE.address).version == 1
    # Signed into a file, and sent by another.
    signed = ("consent", "set", "GRU", "--as", "eve", "--until", "9d", "--sign", "act.json")
    house.run(*signed)
    house.run("relay", "send", "act.json", "--as", "clinic")
    assert house.world.exchange.consent.consent_of(EVE.address).version == 2
    assert EVE.export_key().hex() not in "".join(
        file.read_text() for file in (house.world.home / "keys").glob("eve.*")
    )


def test_a_backup_says_where_the_key_is(house: House) -> None:
    url = house.world.node.url
    house.run("account", "add", "eve", "--signer", url, "--address", EVE.address)
    done = house.run("account", "backup", "eve", "--out", "sheet", "--json", code=6)
    assert done.json["error"] == "KeyElsewhere"


def test_an_account_that_the_signer_lacks_is_not_added(house: House) -> None:
    stranger = Signer.generate().address
    add = ("account", "add", "eve", "--signer", house.world.node.url, "--address", stranger)
    done = house.run(*add, "--json", code=6)
    assert done.json["error"] == "SignerRefused"
    assert not list((house.world.home / "keys").glob("eve.*"))


@pytest.fixture
def clef(clef_program: str, world: World, tmp_path: Path) -> Iterator[Clef]:
    with running(clef_program, tmp_path / "clef", EVE, world.exchange.chain_id) as clef:
        yield clef


def test_clef_signs_when_its_owner_approves(house: House, clef: Clef) -> None:
    where = ("--signer", clef.socket, "--address", EVE.address)
    house.run("account", "add", "eve", *where)
    house.run("account", "publish-key", "--as", "eve")
    house.run("consent", "set", "GRU", "--as", "eve", "--until", "9d", "--sign", "act.json")
    house.run("relay", "send", "act.json", "--as", "clinic")
    assert house.world.exchange.consent.consent_of(EVE.address).version == 1
    assert {"ui_approveListing", "ui_approveTx", "ui_approveSignData"} <= set(clef.asked)


def test_clef_whose_owner_refuses_is_told_and_nothing_is_sent(house: House, clef: Clef) -> None:
    clef.decide = refuse
    _keep(house, clef)
    for words in (["publish-key", "--as", "eve"], ["publish-key", "--as", "eve", "--sign", "a"]):
        done = house.run("account", *words, "--json", code=6)
        assert done.json["error"] == "SignerRefused"
    assert house.world.exchange.network.unmined(EVE.address) == 0


def test_clef_whose_owner_changes_a_transaction_is_not_followed(house: House, clef: Clef) -> None:
    def change(method: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = approve(method, request)
        if method == "ui_approveTx":
            answer["transaction"] |= {"value": "0x1"}
        return answer

    clef.decide = change
    _keep(house, clef)
    done = house.run("account", "publish-key", "--as", "eve", "--json", code=6)
    assert done.json["error"] == "SignerAnsweredWrong"
    assert house.world.exchange.accounts.published_key(EVE.address).version == 0


def _keep(house: House, clef: Clef) -> None:
    """Adds the account without asking clef for its list."""
    signer = ExternalSigner(EVE.address, str(clef.socket))
    approved, clef.decide = clef.decide, approve
    keyring.add_account(house.world.home, "eve", signer, PASSWORD, work=2)
    clef.decide = approved
    assert json.loads((house.world.home / "keys" / "eve.signer.json").read_text())
