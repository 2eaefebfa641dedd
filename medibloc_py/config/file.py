"""`config.toml`: networks of one's own, and which one is used where nothing is said.

`EXAMPLE` is such a file. Whatever is left out is as usual; of a usual network only what
is other need be said. The file holds no secret: an RPC URL with a key in it belongs into the
environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from medibloc_py.config.networks import NetworkSettings, Price
from medibloc_py.errors import ConfigInvalid

EXAMPLE = """\
network = "hospital"

[networks.hospital]
chain_id = 11155111
rpc = ["https://one.example", "https://two.example"]
witness = "https://three.example"
store = "kubo"
max_fee = "0.05"
timeout = 300
coin = "ETH"
price = "2500 EUR"
"""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_WORD = re.compile(r"[A-Za-z]{2,10}")
_MOST_BYTES = 1 << 16
_WEI = Decimal(10**18)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says.

    Attributes:
        network: the name that is used where nothing is said.
        networks: by name.
    """

    network: str | None = None
    networks: Mapping[str, NetworkSettings] = field(default_factory=dict)


class _Wrong(Exception):
    """What is wrong, for `ConfigInvalid`."""


def read(path: Path, usual: Mapping[str, NetworkSettings]) -> ConfigFile:
    """Reads the file; one that is not there says nothing.

    Args:
        path: of the file.
        usual: networks that it may change.

    Raises:
        ConfigInvalid: it is no TOML, or says what cannot be.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return ConfigFile()
    except OSError as error:
        raise ConfigInvalid(path=path, reason=error.strerror or "it cannot be read") from None
    try:
        if len(text) > _MOST_BYTES:
            raise _Wrong(f"it has more than {_MOST_BYTES} bytes")
        return _read(tomllib.loads(text.decode()), usual)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigInvalid(path=path, reason=f"it is no TOML: {error}") from None
    except _Wrong as wrong:
        raise ConfigInvalid(path=path, reason=str(wrong)) from None


def _read(said: dict[str, Any], usual: Mapping[str, NetworkSettings]) -> ConfigFile:
    _require_known(said, ("network", "networks"), "the file")
    tables = said.get("networks", {})
    if not isinstance(tables, dict):
        raise _Wrong("`networks` is no table")
    networks = {name: _network(name, table, usual.get(name)) for name, table in tables.items()}
    network = said.get("network")
    if network is not None and network not in {*usual, *networks}:
        raise _Wrong(f"`network` names {network!r}, which is not among {_listed(networks, usual)}")
    return ConfigFile(network, networks)


def _network(name: str, table: object, usual: NetworkSettings | None) -> NetworkSettings:
    if not _NAME.fullmatch(name):
        raise _Wrong(f"a network is called {name!r}: a name has small letters, digits and hyphens")
    if not isinstance(table, dict):
        raise _Wrong(f"`networks.{name}` is no table")
    _require_known(table, _READERS, f"networks.{name}")
    given: dict[str, Any] = {}
    for key, value in table.items():
        attribute, reader = _READERS[key]
        try:
            given[attribute] = reader(value)
        except (_Wrong, InvalidOperation) as wrong:
            why = str(wrong) if isinstance(wrong, _Wrong) else "a number is wanted"
            raise _Wrong(f"`{key}` of networks.{name} is {value!r}: {why}") from None
    if usual is None and "rpc_url" not in given:
        raise _Wrong(f"networks.{name} has no `rpc`")
    return replace(usual or NetworkSettings(name, None, ""), **given)


def _require_known(table: Mapping[str, object], known: Collection[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise _Wrong(f"{where} has `{key}`, which is not among {', '.join(sorted(known))}")


def _listed(*names: Mapping[str, object]) -> str:
    return ", ".join(sorted({name for each in names for name in each}))


def _whole(value: object) -> int:
    if type(value) is not int or value < 1:
        raise _Wrong("a whole number above 0 is wanted")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("a text is wanted")
    return value.strip()


def _urls(value: object) -> str:
    several = value if isinstance(value, list) else [value]
    if not several:
        raise _Wrong("a URL is wanted, or several")
    return ",".join(_text(each) for each in several)


def _seconds(value: object) -> float:
    return float(_whole(value))


def _word(value: object) -> str:
    if not _WORD.fullmatch(text := _text(value)):
        raise _Wrong("a word of letters is wanted")
    return text


def _wei(value: object) -> int:
    coins = Decimal(_text(value))
    if not coins.is_finite() or not 0 < coins <= 1_000:
        raise _Wrong("more than 0 and at most 1000 coins are wanted")
    return int(coins * _WEI)


def _price(value: object) -> Price:
    amount, _, money = _text(value).partition(" ")
    price = Decimal(amount)
    if not price.is_finite() or price <= 0 or not _WORD.fullmatch(money):
        raise _Wrong('an amount and a currency are wanted, like "2500 EUR"')
    return Price(price, money)


_READERS: dict[str, tuple[str, Callable[[object], object]]] = {
    "chain_id": ("chain_id", _whole),
    "rpc": ("rpc_url", _urls),
    "witness": ("witness_url", _urls),
    "store": ("store", _text),
    "max_fee": ("max_fee_wei", _wei),
    "timeout": ("timeout_s", _seconds),
    "coin": ("coin", _word),
    "price": ("price", _price),
}
