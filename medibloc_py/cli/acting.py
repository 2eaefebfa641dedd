"""What the commands of a patient share: sent by the account, or signed into a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import Session
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32, read_span
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.client import Client
    from medibloc_py.flows.decisions import Decisions
    from medibloc_py.flows.prepared import Prepared
    from medibloc_py.model import RecordId

RecordOption = Annotated[
    str | None,
    typer.Option("--record", help="For this record alone, in place of the consent for all."),
]


def deciding(session: Session, account: str, patient: str | None) -> tuple[Client, Decisions]:
    """The client of an account, and what it decides: for itself, or on behalf of a patient."""
    of = session.address(patient) if patient else None
    client = session.acting_as(account)
    return client, client.deciding(of)


def read_record(given: str | None) -> RecordId:
    """A record id in hex; the general place if none is given."""
    from medibloc_py.model import GENERAL, RecordId

    return RecordId(read_bytes32(given, "record")) if given else GENERAL


def read_key(given: str | None) -> bytes | None:
    """A key's fingerprint in hex, if one is given."""
    return read_bytes32(given, "fingerprint") if given else None


def act(
    console: Output,
    client: Client,
    prepared: Prepared,
    sign: Path | None,
    valid_for: str,
    said: str,
) -> None:
    """Sends a prepared act and says what was done; or signs it into a file."""
    if sign is not None:
        sign_acts(console, client, [prepared], sign, valid_for)
        return
    receipt = prepared.send()
    console.result(receipt, [f"{said}, gas {receipt.gas_used:,}."])


def sign_acts(
    console: Output, client: Client, prepared: Sequence[Prepared], sign: Path, valid_for: str
) -> None:
    """Signs acts into files, one each: the second of `act.json` is `act-2.json`."""
    from medibloc_py.flows.prepared import write_act
    from medibloc_py.storage.files import write_atomic

    require_writable(sign.absolute().parent)
    deadline = client.exchange.network.now() + read_span(valid_for)
    files = [sign, *(sign.with_stem(f"{sign.stem}-{n}") for n in range(2, len(prepared) + 1))]
    signed = [(file, each.sign(deadline)) for file, each in zip(files, prepared, strict=True)]
    for file, one in signed:
        write_atomic(file.absolute(), write_act(one))
    console.result(
        {"files": [str(file) for file in files], "deadline": deadline},
        [
            f"Signed into {', '.join(map(str, files))}; nothing was sent.",
            f"Anyone can send it with `medibloc relay send` until {as_time(deadline)}.",
        ],
    )
