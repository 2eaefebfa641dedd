"""How who the patient is was removed from a record: what is told of it, and the commands."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.times import read_bytes32
from medibloc_py.errors import FileExists, InvalidValue, StudyEmpty
from medibloc_py.errors.words import time as as_time
from medibloc_py.storage.files import make_folder, on_disk, write_atomic

if TYPE_CHECKING:
    from medibloc_py.cli.saving import Saved
    from medibloc_py.flows.deid_receipts import Deidentification, FileDigest
    from medibloc_py.flows.opened import OpenedRecord
    from medibloc_py.flows.parties import Exchange

ReceiptOut = Annotated[Path | None, typer.Option("--out", help="New file for the receipt.")]


def told_of(
    opened: OpenedRecord, saved: Sequence[Saved]
) -> tuple[Deidentification | None, list[str]]:
    """What to tell of who can be recognised in a record that was opened whole.

    Args:
        opened: the record.
        saved: its files as they were written, in their order; what follows is not looked at.

    Raises:
        DeidentificationReceiptInvalid: its receipt is another's, or of other files.
    """
    from medibloc_py.flows.deid_receipts import FileDigest, require_files
    from medibloc_py.model import KIND_DICOM_STUDY

    if opened.kind != KIND_DICOM_STUDY:
        return None, ["It says who the patient is: it is for treatment only."]
    done = opened.deidentification
    if done is None:
        return None, ["No receipt says that its identity was removed: take it for identifying."]
    files = [
        FileDigest(entry.name, bytes.fromhex(each.sha256))
        for entry, each in zip(opened.manifest.files, saved, strict=False)
    ]
    require_files(done, files, f"record 0x{opened.record.hex()}")
    return done, [
        f"De-identified by {done.issuer}; the signed receipt is of these files.",
        *_of_pixels(done),
    ]


def access_receipt(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    out: ReceiptOut = None,
    json: Json = False,
) -> None:
    """Prove the de-identification receipt of a record the account may read.

    The signature must be that of the issuer under whose root the record stands, and the
    receipt of exactly the files in it, which are all read for that. `medibloc imaging
    check-receipt` checks what --out writes, without a chain.
    """
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    _prove(Output(json), client.exchange, client.open_granted(record_id), out)


def dataset_receipt(
    context: typer.Context,
    order: Annotated[str, typer.Argument(help="Order id.")],
    account: As,
    record: Annotated[
        str | None, typer.Option(help="Id of the record; else the first one of the order.")
    ] = None,
    out: ReceiptOut = None,
    json: Json = False,
) -> None:
    """Prove the de-identification receipt of a record that a settled order bought.

    See `medibloc access receipt`. `medibloc dataset open` proves those of all records.
    """
    from medibloc_py.model import OrderId, RecordId

    session: Session = context.obj
    order_id = OrderId(read_bytes32(order, "order"))
    wanted = RecordId(read_bytes32(record, "record")) if record else None
    client = session.acting_as(account)
    dataset = client.open_dataset(order_id)
    opened = dataset.find(wanted) if wanted else dataset.record(0)
    _prove(Output(json), client.exchange, opened, out)


def record_receipt(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    salt: Annotated[
        bool,
        typer.Option("--originals-salt", help="Show the salt of the originals' digest: issuer."),
    ] = False,
    out: ReceiptOut = None,
    json: Json = False,
) -> None:
    """Prove the de-identification receipt of a record whose file the account holds.

    With --originals-salt the issuer also shows what an auditor needs besides the originals
    to see which they were: `medibloc imaging check-receipt --originals`. The salt is of this
    record alone.
    """
    from medibloc_py.flows.deidentified import salt_of
    from medibloc_py.flows.held import held_record
    from medibloc_py.flows.opened import open_held
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    client = session.acting_as(account)
    opened = open_held(client.exchange, client.me, held_record(client.me, record_id))
    shown = salt_of(client.me, opened) if salt else None
    _prove(Output(json), client.exchange, opened, out, shown)


def check_receipt(
    file: Annotated[Path, typer.Argument(help="Receipt, as `access receipt --out` wrote it.")],
    files: Annotated[
        Path | None, typer.Option(help="Folder with the opened files: they must be the receipt's.")
    ] = None,
    originals: Annotated[
        Path | None,
        typer.Option(help="The originals, a file or folder: they must be those it was made of."),
    ] = None,
    salt: Annotated[
        str | None, typer.Option(help="What the issuer shows with the originals, in hex.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a de-identification receipt: its signature, and if given what it is of.

    No chain is needed. Whether the account that signed it is an accredited issuer, and
    registered the record, only the chain tells: `medibloc access receipt` asks it.
    """
    from medibloc_py.flows import deid_receipts

    if (originals is None) != (salt is None):
        raise InvalidValue(
            name="originals", given="one of the two", allowed="--originals and --salt together"
        )
    done = deid_receipts.check_receipt(read_bytes(file), file)
    told = []
    if files is not None:
        deid_receipts.require_files(done, _opened_files(files), file)
        told.append(f"It is of the {done.files} files in {files}.")
    if originals is not None and salt is not None:
        contents = [_digest(each) for each in _files_of(originals)]
        deid_receipts.require_originals(done, read_bytes32(salt, "salt"), contents, file)
        told.append(f"It was made of {originals}.")
    Output(json).result(
        {"holds": True, "deidentification": done},
        [f"Signed by {done.issuer}, and unchanged.", *told, *_lines(done)],
    )


def _prove(
    console: Output,
    exchange: Exchange,
    opened: OpenedRecord,
    out: Path | None,
    salt: bytes | None = None,
) -> None:
    """Reads a whole record, proves its receipt, and shows what is known of its issuer."""
    from medibloc_py.flows.deid_receipts import require_receipt
    from medibloc_py.model import Role

    if out is not None and out.exists():
        raise FileExists(path=out)
    with console.progress() as progress:
        done = require_receipt(opened.deidentification, opened.digests(progress), opened.record)
    if out is not None and opened.receipt is not None:
        make_folder(out.absolute().parent)
        write_atomic(out.absolute(), opened.receipt)
    accredited = exchange.accounts.is_accredited(done.issuer, Role.ISSUER)
    data: dict[str, Any] = {
        "record": opened.record, "deidentification": done, "issuer_accredited": accredited,
    }  # fmt: skip
    lines = [
        f"Signed by {done.issuer}, who registered it, and of these files.",
        "It is an accredited issuer." if accredited else "It is no accredited issuer any more.",
        *_lines(done),
    ]
    if salt is not None:
        data["originals_salt"] = salt
        lines.append(f"salt      0x{salt.hex()}")
    console.result(data, lines)


def _lines(done: Deidentification) -> list[str]:
    return [
        f"files     {done.files}, at {as_time(done.at)}",
        f"profile   {done.standard}, {done.profile}",
        f"options   {', '.join(done.options) or 'none'}",
        f"by        {done.tool}",
        f"verdict   {done.verdict}",
        *_of_pixels(done),
    ]


def _of_pixels(done: Deidentification) -> list[str]:
    if not done.not_said_clean:
        return []
    return [
        f"Of {done.not_said_clean} of {done.files} files nobody says that their pixels show "
        "nobody: they may carry a name or a face."
    ]


def _opened_files(folder: Path) -> list[FileDigest]:
    """The files of a record as it was opened into a folder, by name."""
    from medibloc_py.flows.deid_receipts import FileDigest

    found = [path for path in _files_of(folder) if path.suffix == ".dcm"]
    return [FileDigest(path.relative_to(folder).as_posix(), _digest(path)) for path in found]


def _files_of(path: Path) -> list[Path]:
    """A file, or all in a folder and below, in the order in which they are published."""
    from medibloc_py.imaging.study import files_below

    with on_disk(path):
        found = sorted(files_below(path), key=os.fsencode) if path.is_dir() else [path]
    if not found:
        raise StudyEmpty(path=path)
    return found


def _digest(path: Path) -> bytes:
    with on_disk(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
