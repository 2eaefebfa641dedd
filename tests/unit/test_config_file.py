"""`config.toml`: networks of one's own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from medibloc_py import config
from medibloc_py.config import NetworkSettings, Price
from medibloc_py.config.file import EXAMPLE
from medibloc_py.errors import ConfigInvalid

WHOLE = """
network = "hospital"

[networks.hospital]
chain_id = 11155111
rpc = ["https://one.example", "https://two.example"]
witness = "https://three.example"
store = "kubo"
max_fee = "0.05"
timeout = 300
coin = "ETH"
price = "2500.50 EUR"

[networks.sepolia]
rpc = "https://three.example"
"""


def load(home: Path, text: str, **options: str) -> config.Settings:
    (home / "config.toml").write_text(text)
    return config.load(home=str(home), environ={}, **options)


def test_a_file_names_networks_and_the_one_in_use(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    assert settings.network == NetworkSettings(
        "hospital",
        11155111,
        "https://one.example,https://two.example",
        store="kubo",
        max_fee_wei=5 * 10**16,
        timeout_s=300.0,
        coin="ETH",
        price=Price(Decimal("2500.50"), "EUR"),
        witness_url="https://three.example",
    )
    assert settings.store == f"kubo:{tmp_path / 'kubo'}"


def test_a_file_changes_a_usual_network(tmp_path: Path) -> None:
    network = load(tmp_path, WHOLE, network="sepolia").network
    assert network == NetworkSettings("sepolia", 11155111, "https://three.example")


def test_arguments_and_environment_come_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WHOLE)
    environ = {"MEDIBLOC_RPC_HOSPITAL": "https://key:secret@node.example"}
    settings = config.load(home=str(tmp_path), store="/elsewhere", environ=environ)
    assert settings.network.rpc_url == environ["MEDIBLOC_RPC_HOSPITAL"]
    assert settings.store == "/elsewhere"
    local = config.load(home=str(tmp_path), environ={"MEDIBLOC_NETWORK": "local"})
    assert local.network.name == "local"
    custom = config.load(home=str(tmp_path), rpc_url="http://mine", environ={})
    assert custom.network == NetworkSettings("custom", None, "http://mine")


def test_a_witness_comes_from_an_argument_the_environment_or_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WHOLE)

    def witness(given: str | None = None, **options: str) -> str:
        environ = {"MEDIBLOC_WITNESS_HOSPITAL": "https://of-hospital.example", **options}
        settings = config.load(home=str(tmp_path), witness_url=given, environ=environ)
        return settings.network.witness_url

    assert witness(MEDIBLOC_WITNESS_HOSPITAL="") == "https://three.example"
    assert witness() == "https://of-hospital.example"
    assert witness(MEDIBLOC_WITNESS="https://any.example") == "https://any.example"
    assert witness("https://given.example", MEDIBLOC_WITNESS="https://any.example") == (
        "https://given.example"
    )
    custom = config.load(
        home=str(tmp_path), rpc_url="http://mine", environ={"MEDIBLOC_WITNESS": "http://other"}
    )
    assert custom.network == NetworkSettings(
        "custom", None, "http://mine", witness_url="http://other"
    )
    assert config.load(home=str(tmp_path), network="sepolia", environ={}).network.witness_url == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("network = ", "no TOML"),
        ("[" * 5_000, "no TOML"),
        ("a = 1", "`a`, which is not among network, networks"),
        ('network = "nowhere"', "names 'nowhere'"),
        ("networks = 3", "no table"),
        ("[networks]\nx = 3", "`networks.x` is no table"),
        ("[networks.Big]\nrpc = 'http://a'", "small letters"),
        ("[networks.x]\nchain_id = 5", "has no `rpc`"),
        ("[networks.x]\nrcp = 'http://a'", "`rcp`, which is not among"),
        ("[networks.x]\nrpc = []", "a URL is wanted"),
        ("[networks.x]\nrpc = [3]", "a text is wanted"),
        ("[networks.local]\nwitness = 3", "a text is wanted"),
        ("[networks.local]\nchain_id = true", "above 0"),
        ("[networks.local]\nchain_id = -1", "above 0"),
        ("[networks.local]\nmax_fee = 'much'", "a number is wanted"),
        ("[networks.local]\nmax_fee = 'nan'", "more than 0"),
        ("[networks.local]\nmax_fee = '1001'", "at most 1000"),
        ("[networks.local]\nprice = '5'", "a currency"),
        ("[networks.local]\nprice = '-5 EUR'", "a currency"),
        ("[networks.local]\ncoin = 'E T H'", "a word of letters"),
        ("#" * 70_000, "more than 65536 bytes"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, text)
    assert reason in str(caught.value)
    assert str(tmp_path / "config.toml") in str(caught.value)


def test_a_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigInvalid):
        config.load(home=str(tmp_path), environ={})


def test_the_example_of_the_help_is_taken(tmp_path: Path) -> None:
    assert load(tmp_path, EXAMPLE).network.name == "hospital"
