"""An account on paper: sheets that bring it back on an empty machine, alone or by guardians.

A sheet tells nothing of whose it is; only a label that its owner chose stands on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from medibloc_py.chain import Signer
from medibloc_py.crypto import guardians, recovery, sheet
from medibloc_py.crypto.documents import require_label
from medibloc_py.crypto.recovery import AccountSecrets
from medibloc_py.errors import (
    BackupOutdated,
    InvalidValue,
    SharesMixed,
    SheetsMissing,
    SheetUnreadable,
)
from medibloc_py.flows import keyring
from medibloc_py.flows.parties import Identity

Sheets = Sequence[tuple[object, str]]
"""Texts of sheets, each with where it comes from."""
_WORDS_A_ROW = 3
_TYPING = (
    "Type it as it stands, with the numbers; small letters, blanks and dashes do not",
    "matter, and there is no I, L, O or U. The last six of a line are its checksum.",
)


def backup(
    owner: Identity, label: str = "", passphrase: str | None = None, *, work: int | None = None
) -> str:
    """Writes the sheet that alone brings an account back: its key, root secret and every pair.

    Args:
        owner: whose account.
        label: stands on the sheet, for whoever finds it.
        passphrase: opens the sheet; without one, the paper alone does.
        work: scrypt work factor for the passphrase.

    Raises:
        InvalidValue: the label cannot be printed, or there are too many key pairs.
    """
    secrets = _secrets_of(owner)
    if passphrase is None:
        lines = recovery.write_clear(secrets)
        warning = "Whoever has this sheet is the account: keep it as you would keep cash."
    else:
        cost = {} if work is None else {"n": work}
        lines = recovery.write_under_passphrase(secrets, passphrase, **cost)
        warning = "It opens with the passphrase it was made with, and with nothing else."
    about = (
        warning,
        "On an empty machine: medibloc account restore NAME --from FILE (or - to type).",
        *_TYPING,
    )
    return _printed("recovery sheet", label, owner, about, lines)


def backup_for_guardians(owner: Identity, threshold: int, count: int, label: str = "") -> list[str]:
    """Writes one sheet for each guardian; any `threshold` of them bring the account back.

    Fewer tell nothing of its keys: the lines are sealed under a secret that SLIP-0039 splits.

    Args:
        owner: whose account.
        threshold: how many sheets are enough, 2 or more.
        count: how many there are, at most 16.
        label: stands on every sheet.

    Raises:
        InvalidValue: these numbers do not go together, or as `backup`.
    """
    made = recovery.write_for_guardians(_secrets_of(owner), threshold, count)
    sheets = []
    for number, mnemonic in enumerate(made.words, start=1):
        about = (
            f"Any {threshold} of {count} sheets bring the account back; fewer tell nothing.",
            "Give it to nobody but the owner, who will come to you or call you.",
            "The owner: medibloc account restore NAME --from FILE --from FILE ...",
            *_TYPING,
            f"The numbered lines are the same on all {count}; the words below are not.",
        )
        words = mnemonic.split()
        rows = [
            "     " + " ".join(f"{word:9}" for word in words[at : at + _WORDS_A_ROW]).rstrip()
            for at in range(0, len(words), _WORDS_A_ROW)
        ]
        what = f"guardian's sheet {number} of {count}"
        sheets.append(_printed(what, label, owner, about, [*made.lines, "", *rows]))
    return sheets


def read(sheets: Sheets, passphrase: Callable[[], str]) -> AccountSecrets:
    """Reads an account's secrets from one sheet, or from those of enough guardians.

    Args:
        sheets: as printed, scanned or typed, whole or in parts; the words of several guardians
            may stand in one text.
        passphrase: asks for it, if the sheet needs one.

    Raises:
        SheetUnreadable: a line or a word is wrong or missing; it is named.
        SharesMixed: they were not made together.
        SheetsMissing: there is none, or more guardians are needed.
        WrongPassword: the passphrase is another one.
    """
    if not sheets:
        raise SheetsMissing(given=0, needed=1)
    read = [(path, sheet.read_text(text, path)) for path, text in sheets]
    lines: dict[int, bytes] = {}
    for path, each in read:
        if any(lines.get(number, line) != line for number, line in each.lines.items()):
            raise SharesMixed(path=path, other=read[0][0])
        lines |= each.lines
    words = [share for path, each in read for share in _shares(path, each.words)]
    asked = passphrase() if recovery.needs_passphrase(lines) else None
    return recovery.read(lines, words, asked, read[0][0])


def _shares(path: object, words: Sequence[str]) -> list[tuple[object, Sequence[str]]]:
    """The words of a text, divided among its guardians."""
    size = guardians.WORDS
    return [(path, words[at : at + size]) for at in range(0, len(words), size)]


def restore(
    home: Path,
    name: str,
    sheets: Sheets,
    password: Callable[[], str],
    passphrase: Callable[[], str],
    *,
    work: int | None = None,
) -> Identity:
    """Makes an account's key files again from its sheets, under a new password.

    The keys of the sheet come back, older pairs too, so what was granted under them still
    opens. Private documents are not on paper: put a copy of the vault back, or take record
    files over again.

    Raises:
        AccountExists: the name is taken; nothing was touched.
        MediBlocError: as `read`; no file was made.
    """
    keyring.require_free(home, name)
    found = read(sheets, passphrase)
    signer = _signer_of(found, sheets[0][0])
    return keyring.restore_account(home, name, signer, found.keys, password(), work=work)


def verify(owner: Identity, name: str, sheets: Sheets, passphrase: Callable[[], str]) -> int:
    """Proves that sheets bring an account back as it is now.

    Returns:
        How many key pairs stand on them.

    Raises:
        BackupOutdated: they are of another account, or lack a newer key pair.
        MediBlocError: as `read`.
    """
    found, path = read(sheets, passphrase), sheets[0][0]

    def refuse(reason: str) -> BackupOutdated:
        return BackupOutdated(path=path, name=name, reason=reason)

    if _signer_of(found, path).address != owner.address:
        raise refuse("it is of another account")
    if found.keys.root_secret != owner.keys.root_secret:
        raise refuse("it holds another root secret")
    if lacking := owner.keys.versions.keys() - found.keys.versions.keys():
        raise refuse(f"it lacks {len(lacking)} of {len(owner.keys.pairs)} key pairs")
    return len(found.keys.pairs)


def _secrets_of(owner: Identity) -> AccountSecrets:
    return AccountSecrets(owner.signer.export_key(), owner.keys)


def _signer_of(found: AccountSecrets, path: object) -> Signer:
    try:
        return Signer.from_key(found.account_key)
    except InvalidValue:
        raise SheetUnreadable(path=path, reason="its account key is none") from None


def _printed(
    what: str, label: str, owner: Identity, about: Sequence[str], lines: Sequence[str]
) -> str:
    require_label(label)
    pairs, day = len(owner.keys.pairs), datetime.now(UTC).date().isoformat()
    held = "its key pair" if pairs == 1 else f"{pairs} key pairs"
    head = [f"MediBloc {what}, version 1, of {day}, with {held}", *([label] if label else [])]
    told = [f"# {line}" for line in (*head, *about)]
    return "\n".join([*told, "", *lines]) + "\n"
