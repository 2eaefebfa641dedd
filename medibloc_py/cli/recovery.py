"""`medibloc account backup`, `restore`, `verify-backup`: an account on paper. And `retire-keys`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import Json, Session, ask, at_terminal, read_text, sure
from medibloc_py.cli.output import Output
from medibloc_py.errors import FileExists, InvalidValue, PasswordMissing

Name = Annotated[str, typer.Argument(help="Name of the account on this machine.")]
From = Annotated[
    list[str],
    typer.Option(
        "--from", help="A sheet, scanned or typed; once for each guardian. - reads what you type."
    ),
]
_STANDARD = "-"


def backup(
    context: typer.Context,
    name: Name,
    out: Annotated[
        str,
        typer.Option(
            help="File for the sheet, with --guardians a folder for the sheets. "
            "- prints it here, where a screen or a log may keep it."
        ),
    ],
    sealed: Annotated[
        bool,
        typer.Option(
            "--passphrase", help="Seal the sheet under a passphrase: MEDIBLOC_PASSPHRASE, or asked."
        ),
    ] = False,
    guardians: Annotated[
        int | None, typer.Option(help="Make a sheet for each of so many people, 2 to 16.")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="With --guardians: so many sheets are enough.")
    ] = None,
    label: Annotated[
        str, typer.Option(help="Printed on each sheet; else nothing tells whose it is.")
    ] = "",
    json: Json = False,
) -> None:
    """Write all keys of an account for paper: what restores it on an empty machine.

    The sheet holds the account's key, its root secret and every encryption key pair, as
    numbered lines with a checksum each. Print it, prove it with `medibloc account
    verify-backup`, and delete the file. A rotated key needs a new sheet.

    With --guardians 5 --threshold 3, five people get a sheet each (SLIP-0039). Any three
    bring the account back; two learn nothing.
    """
    from medibloc_py.flows import recovery

    session: Session = context.obj
    _require_guardians(guardians, threshold, sealed, out)
    target = Path(out)
    places = (
        [target]
        if guardians is None
        else [target / f"guardian-{n}-of-{guardians}.txt" for n in range(1, guardians + 1)]
    )
    if out != _STANDARD:
        _require_new(places)
    owner = session.identity(name)
    if guardians is None or threshold is None:
        asked = _passphrase(name, confirm=True)() if sealed else None
        sheets = [recovery.backup(owner, label, asked)]
    else:
        sheets = recovery.backup_for_guardians(owner, threshold, guardians, label)
    console = Output(json)
    if out == _STANDARD:
        console.result({"sheet": sheets[0]}, sheets[0].splitlines())
        return
    _write(places, sheets)
    console.result(
        {"files": [str(place) for place in places], "pairs": len(owner.keys.pairs)},
        [
            *(f"Wrote {place}." for place in places),
            "Print it and delete the file; nothing else brings the account back."
            if guardians is None
            else f"Give one to each guardian and delete the files; any {threshold} are enough.",
        ],
    )


def restore(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name that the account gets on this machine.")],
    sheets: From,
    json: Json = False,
) -> None:
    """Bring an account back from its sheet, or from enough guardians' sheets.

    What is wrong is told by its line or word. The key files are made anew under a password
    that you choose; nothing is overwritten. Private documents are not on paper: put a copy
    of the vault back, or let issuers hand records over again.
    """
    from medibloc_py.flows import recovery

    session: Session = context.obj
    identity = recovery.restore(
        session.settings().home,
        name,
        _read(sheets),
        lambda: session.password(name, confirm=True),
        _passphrase(name),
    )
    pairs = len(identity.keys.pairs)
    Output(json).result(
        {"name": name, "address": identity.address, "pairs": pairs},
        [f"{name} is {identity.address}, with {pairs} key pair{'s' * (pairs > 1)}."],
    )


def verify_backup(context: typer.Context, name: Name, sheets: From, json: Json = False) -> None:
    """Prove that a sheet, or enough guardians' sheets, bring the account back as it is now.

    After `medibloc account publish-key --rotate` older sheets do not: they lack the new key.
    """
    from medibloc_py.flows import recovery

    session: Session = context.obj
    given = _read(sheets)
    pairs = recovery.verify(session.identity(name), name, given, _passphrase(name))
    Output(json).result(
        {"name": name, "covers": True, "pairs": pairs},
        [f"It brings {name} back as it is: account key, root secret, {pairs} key pair(s)."],
    )


def retire_keys(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Drop every key pair but the newest, so that nothing old opens with this account's keys.

    The vault is sealed anew first. Grants and record files that were wrapped for an older
    pair do not open any more: ask for them again. Nothing else may run as this account
    meanwhile: it would seal documents to a pair that is dropped. To make an erasure
    stronger, rotate the key first (`medibloc account publish-key --rotate`), and destroy
    old sheets and old copies of the key files and the vault.
    """
    from medibloc_py.errors import OlderKeyPublished
    from medibloc_py.flows import key_pairs, keyring

    session: Session = context.obj
    session.refuse_dry_run()
    home = session.settings().home
    keyring.known_account(home, name)
    password = session.password(name)
    client = session.client().acting_for(keyring.open_account(home, name, password))
    published = client.exchange.accounts.published_key(client.me.address).bundle
    if published != client.me.keys.current.bundle:
        raise OlderKeyPublished(account=client.me.address)
    older = len(client.me.keys.pairs) - 1
    if not yes:
        sure(f"Drop {older} older key pair(s) of {name}, and all that only they open?")
    key_pairs.retire_keys(home, name, password, published)
    Output(json).result(
        {"name": name, "retired": older},
        [
            f"Dropped {older} older key pair(s); the newest is left.",
            "Sheets made before still hold them: destroy these, and write a new one.",
        ],
    )


def _require_guardians(
    guardians: int | None, threshold: int | None, sealed: bool, out: str
) -> None:
    if guardians is None and threshold is None:
        return
    if guardians is None or threshold is None:
        raise InvalidValue(name="guardians", given="half told", allowed="with --threshold")
    if sealed:
        raise InvalidValue(
            name="--passphrase", given="set", allowed="left out where guardians keep the secret"
        )
    if out == _STANDARD:
        raise InvalidValue(name="--out", given="-", allowed="a folder, for several sheets")


def _require_new(places: list[Path]) -> None:
    for place in places:
        if place.exists():
            raise FileExists(path=place)
    require_writable(places[0].absolute().parent)


def _write(places: list[Path], sheets: list[str]) -> None:
    """Writes all of them into places that are free, or none."""
    from medibloc_py.storage.files import write_atomic

    try:
        for place, sheet in zip(places, sheets, strict=True):
            write_atomic(place.absolute(), sheet.encode())
    except BaseException:
        for place in places:  # sheets of two tries do not go together
            place.unlink(missing_ok=True)
        raise


def _read(given: list[str]) -> list[tuple[object, str]]:
    sheets: list[tuple[object, str]] = []
    for place in given:
        if place != _STANDARD:
            sheets.append((place, read_text(Path(place))))
            continue
        if at_terminal():
            print("Type the numbered lines and the words, then Ctrl-D.", file=sys.stderr)
        sheets.append(("what was typed", sys.stdin.read()))
    return sheets


def _passphrase(name: str, *, confirm: bool = False) -> Callable[[], str]:
    def asked() -> str:
        if "MEDIBLOC_PASSPHRASE" in os.environ:
            return os.environ["MEDIBLOC_PASSPHRASE"]
        if not at_terminal():
            raise PasswordMissing(name=f"the sheet of {name}")
        return ask(f"Passphrase of the sheet of {name}", confirm=confirm)

    return asked
