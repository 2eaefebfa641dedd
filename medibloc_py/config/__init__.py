"""Where things are: the home folder, the networks, the store.

Only the client and the command line read this module; every room below is given
what it needs. Each setting comes from an argument, else from the environment, else from
`config.toml` in the home folder, else from a default that suits one machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medibloc_py.config.file import read
from medibloc_py.config.networks import USUAL, NetworkSettings, Price
from medibloc_py.errors import InvalidValue, NetworkUnknown

SETTLE_MARGIN_S = 120
"""The steward's client shows no secret later than this many seconds before a deadline."""
SETTLE_CONFIRMATIONS = 6
"""Nor before this many blocks stand on top of the purchase, where blocks can be undone."""
NODE = "kubo:"
"""Before the folder of a Kubo node of our own, in the setting of a store."""
CONFIG = "config.toml"
"""In the home folder: networks beside the usual ones, and what is used where nothing is said."""
_LOCAL_CHAINS = (31337, 1337)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a client must know to start.

    Attributes:
        home: folder for key files, private documents and the embedded store.
        network: the chain to use.
        store: a folder for the embedded store, a multiaddr (`/ip4/...`) of a Kubo RPC, or
            the URL of an IPFS gateway, which can only be read.
        deployments: folders searched for `<chain id>.json`, first found wins.
    """

    home: Path
    network: NetworkSettings
    store: str
    deployments: tuple[Path, ...]

    @property
    def journal(self) -> Path:
        """Where each transaction of this machine is written down before it is sent."""
        return self.home / "journal.sqlite"


def networks(
    environ: Mapping[str, str] = os.environ, file: Path | None = None
) -> dict[str, NetworkSettings]:
    """The networks known by name: the usual ones, those of a file, and URLs of the environment.

    `MEDIBLOC_RPC_<NAME>` holds the RPC URL of a network, for example
    `MEDIBLOC_RPC_SEPOLIA`; Sepolia has no default because a public node sees who asks what.
    `MEDIBLOC_WITNESS_<NAME>` holds that of its witness.

    Args:
        environ: the environment.
        file: networks in TOML (see `config.file`); none if it is not there.

    Raises:
        ConfigInvalid: the file is there and cannot be used.
    """
    known = {each.name: each for each in USUAL}
    if file is not None:
        known |= read(file, known).networks
    return {
        name: replace(
            each,
            rpc_url=environ.get(_variable("RPC", name)) or each.rpc_url,
            witness_url=environ.get(_variable("WITNESS", name)) or each.witness_url,
        )
        for name, each in known.items()
    }


def _variable(kind: str, network: str) -> str:
    return f"MEDIBLOC_{kind}_{network.upper().replace('-', '_')}"


def load(
    *,
    home: str | None = None,
    network: str | None = None,
    rpc_url: str | None = None,
    store: str | None = None,
    witness_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Puts the settings together.

    Args:
        home: folder to keep everything in; else `MEDIBLOC_HOME`; else `~/.medibloc`.
        network: name of a network; else `MEDIBLOC_NETWORK`; else what the file names; else `local`.
        rpc_url: RPC URL to use instead of the network's own; else `MEDIBLOC_RPC`.
            Without a network, the chain id is then whatever the node says.
        store: folder, multiaddr, URL or `kubo`; else `MEDIBLOC_STORE`; else `<home>/store`.
        witness_url: RPC URL of a second node that is asked the same; else `MEDIBLOC_WITNESS`; else
            the network's, if it has one.
        environ: the environment.

    Raises:
        NetworkUnknown: there is no network of that name.
        InvalidValue: the network needs an RPC URL and has none, or a folder is of nobody.
        ConfigInvalid: `config.toml` cannot be used.
    """
    place = home_of(home, environ)
    file = place / CONFIG
    rpc_url = rpc_url or environ.get("MEDIBLOC_RPC")
    known = networks(environ, file)
    named = network or environ.get("MEDIBLOC_NETWORK") or None
    if named is None and not rpc_url:
        named = read(file, known).network
    if named is not None and named not in known:
        raise NetworkUnknown(name=named, known=", ".join(known))
    if rpc_url and named is None:
        chosen = NetworkSettings("custom", None, rpc_url)
    else:
        base = known[named or "local"]
        chosen = replace(base, rpc_url=rpc_url or base.rpc_url)
    if not chosen.rpc_url:
        raise InvalidValue(name=_variable("RPC", chosen.name), given="empty", allowed="an RPC URL")
    if witness := witness_url or environ.get("MEDIBLOC_WITNESS"):
        chosen = replace(chosen, witness_url=witness)
    keep = store or environ.get("MEDIBLOC_STORE") or chosen.store or str(place / "store")
    return Settings(
        home=place,
        network=chosen,
        store=store_place(keep, place),
        deployments=(place / "deployments", Path("deployments")),
    )


def home_of(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home folder: an argument, else `MEDIBLOC_HOME`, else `~/.medibloc`.

    Raises:
        InvalidValue: it is of nobody.
    """
    return _folder(given or environ.get("MEDIBLOC_HOME") or "~/.medibloc")


def is_local(chain_id: int) -> bool:
    """Whether a chain is one of this machine, which mines on call."""
    return chain_id in _LOCAL_CHAINS


def settle_confirmations(chain_id: int) -> int:
    """Blocks that must stand on top of a purchase; none on a local chain, which mines on call."""
    return 0 if is_local(chain_id) else SETTLE_CONFIRMATIONS


def store_place(given: str, home: Path) -> str:
    """A store's setting in full: `kubo` is the node in the home folder, `~` somebody's home.

    Raises:
        InvalidValue: nothing is named, or a folder of nobody.
    """
    if not given:  # as a folder it would be the one that the command happens to run in
        raise InvalidValue(name="store", given="nothing", allowed="kubo, a multiaddr or a folder")
    if given == "kubo":
        return f"{NODE}{home / 'kubo'}"
    return str(_folder(given)) if is_folder(given) else given


def is_multiaddr(store: str) -> bool:
    """Whether a store's setting names a Kubo RPC."""
    return store.startswith(("/ip4/", "/ip6/", "/dns/", "/dns4/", "/dns6/", "/unix/"))


def is_url(store: str) -> bool:
    """Whether a store's setting names a gateway."""
    return store.startswith(("http://", "https://"))


def is_folder(store: str) -> bool:
    """Whether a store's setting names a folder: it names nothing else."""
    return not (is_multiaddr(store) or is_url(store) or store.startswith(NODE))


def _folder(given: str) -> Path:
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise InvalidValue(
            name="folder", given=given, allowed="one of somebody known to this machine"
        ) from None


__all__ = [
    "CONFIG",
    "NODE",
    "SETTLE_CONFIRMATIONS",
    "SETTLE_MARGIN_S",
    "NetworkSettings",
    "Price",
    "Settings",
    "home_of",
    "is_folder",
    "is_local",
    "is_multiaddr",
    "is_url",
    "load",
    "networks",
    "settle_confirmations",
    "store_place",
]
