"""`medibloc doctor`: looks at everything this machine needs, and says what to do."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from medibloc_py.cli import checks
from medibloc_py.cli.checks import Check, Grade
from medibloc_py.cli.options import Json, Session
from medibloc_py.cli.output import Output
from medibloc_py.errors import MediBlocError

if TYPE_CHECKING:
    from medibloc_py.chain import Network

_SHOWN_VERSIONS = ("medibloc-py", "web3", "eth-account", "cryptography", "pydicom", "numpy")
_PACKAGE = "medibloc-py"
_EXTRA = re.compile(r"""^([\w.-]+).*\bextra\s*==\s*['"]([\w-]+)['"]""")
_LATE_S = 600


def doctor(context: typer.Context, json: Json = False) -> None:
    """Examine nodes, deployment, store, keys, journal, clocks, disk and versions; say what to do.

    Nothing is changed, no password is asked, and no signer asks its owner. What is bad must be
    mended; a warning may be as you want it. Ends with 5 if something is bad.
    """
    session: Session = context.obj
    settings = session.settings()
    found = [
        *checks.nodes(settings),
        checks.deployment(settings, session.node),
        *checks.store(settings),
        *_keys(settings.home),
        *_journal(settings.journal, session.node),
        checks.space(f"home {settings.home}, disk", settings.home),
        *_programs(),
        _extras(),
        _versions(),
    ]
    checks.show(Output(json), f"Network {settings.network.name}", settings, found)


# Keys


def _keys(home: Path) -> Iterable[Check]:
    """Every account of this machine: its files, who may read them, and whether they are whole."""
    from medibloc_py.flows import keyring

    names = keyring.account_names(home)
    if not names:
        yield Check("keys", Grade.OK, f"no account in {home / 'keys'}")
    for name in names:
        what = f"key {name}"
        yield checks.told(what, lambda name=name: _account(home, name))  # type: ignore[misc]
    for path in sorted((home / "keys").glob("*.json")):
        if open_file := checks.private(f"key file {path.name}", path):
            yield open_file


def _account(home: Path, name: str) -> str:
    from medibloc_py.flows import keyring

    known = keyring.known_account(home, name)
    keyring.require_encryption_file(home, name)
    if not known.signer:
        return f"{known.address}, key here, under a password"
    keyring.signer_of(home, name).require_answer()
    return f"{known.address}, key with {known.signer}, which answers"


# Journal


def _journal(path: Path, connect: Callable[[], Network]) -> Iterable[Check]:
    """Transactions of which nobody knows yet what became of them."""
    what = "journal"
    if not path.exists():
        yield Check(what, Grade.OK, "nothing was sent from here yet")
        return
    if open_file := checks.private(what, path):
        yield open_file
    yield checks.told(what, lambda: _left(connect()))


def _left(network: Network) -> str | Check:
    entries = network.outbox.left()
    if not entries:
        return "every transaction has an end"
    oldest = min(entries, key=lambda entry: entry.begun_at)
    age_s = time.time() - oldest.begun_at
    said = (
        f"{len(entries)} open; the oldest, {oldest.meaning} of {oldest.sender}, nonce "
        f"{oldest.nonce}, was begun {age_s:,.0f} s ago"
    )
    if age_s < _LATE_S:
        return said
    return Check(
        "journal",
        Grade.WARN,
        said,
        "Run the command that was cut off again: it takes up what was sent, and sends no other.",
    )


# Programs and packages


def _programs() -> Iterable[Check]:
    from medibloc_py.chain import find_anvil
    from medibloc_py.storage.program import find_kubo

    for name, find in (("anvil", find_anvil), ("ipfs", find_kubo)):
        try:
            yield Check(f"program {name}", Grade.OK, str(find()))
        except MediBlocError as error:
            said = f"not here; {_NEEDED[name]}"
            yield Check(f"program {name}", Grade.OK, said, error.advice)


_NEEDED = {
    "anvil": "a local chain needs it (`medibloc up`, `medibloc demo`)",
    "ipfs": "a node of your own needs it (`medibloc store up`)",
}


def _extras() -> Check:
    """What of the optional parts is installed."""
    parts: dict[str, list[str]] = {}
    for requirement in metadata.requires(_PACKAGE) or ():
        if found := _EXTRA.match(requirement):
            parts.setdefault(found[2], []).append(found[1])
    here = [extra for extra, needed in parts.items() if all(map(_installed, needed))]
    absent = [extra for extra in parts if extra not in here]
    advice = f"If you need it: pip install 'medibloc-py[{','.join(absent)}]'." if absent else ""
    said = f"installed: {', '.join(here) or 'none'}; not: {', '.join(absent) or 'none'}"
    return Check("extras", Grade.OK, said, advice)


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _versions() -> Check:
    listed = [f"{name} {metadata.version(name)}" for name in _SHOWN_VERSIONS if _installed(name)]
    python = ".".join(map(str, sys.version_info[:3]))
    return Check("versions", Grade.OK, ", ".join([f"Python {python}", *listed]))
