"""Papers of transfers as the command line shows and writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.options import read_bytes
from medibloc_py.errors import FileExists
from medibloc_py.errors.words import request as as_request
from medibloc_py.errors.words import time as as_time

if TYPE_CHECKING:
    from medibloc_py.flows.transfer_paper import TransferPaper

Paper = Annotated[Path, typer.Argument(help="Paper of a transfer.")]
PaperOut = Annotated[
    Path | None,
    typer.Option("--paper", help="Where to write the paper; else over the one that was given."),
]


def data_of(paper: TransferPaper, file: Path | str = "") -> dict[str, Any]:
    """A paper for machines."""
    from medibloc_py.flows.transfer_words import transfer_id

    return {
        "id": transfer_id(paper.transfer),
        "file": str(file),
        "transfer": paper.transfer,
        "words": paper.words,
        "missing": paper.missing,
    }


def lines_of(paper: TransferPaper) -> list[str]:
    """A paper for people: what they sign, and who has."""
    from medibloc_py.flows.transfer_words import SAYS, signer_of
    from medibloc_py.model import KIND_TREATMENT_STUDY

    transfer = paper.transfer
    kept = "kept, sealed" if transfer.kind == KIND_TREATMENT_STUDY else "removed"
    speaks = f", for whom {transfer.speaker} signs" if transfer.speaker != transfer.patient else ""
    words = []
    for role in SAYS:
        word = paper.word(role)
        said = f"{as_time(word.at)}, block {word.block:,}" if word else "not yet"
        words.append(f"  {role:<10}{signer_of(transfer, role)}  {said}")
    return [
        f"record      0x{transfer.record.hex()}",
        f"digest      0x{transfer.digest.hex()}, of {transfer.files} files",
        f"from        {transfer.sender}",
        f"to          {transfer.receiver}",
        f"patient     {transfer.patient}{speaks}",
        f"identity    {kept}",
        f"purpose     {as_request(transfer.purpose)}",
        f"sent        {as_time(transfer.sent_at)}",
        "signed by",
        *words,
    ]


def save(paper: TransferPaper, target: Path) -> None:
    """Writes a paper, over nothing but a paper of the same transfer.

    Raises:
        FileExists: something else is there.
        StoreFailed: it cannot be written.
    """
    from medibloc_py.flows.transfer_paper import write_paper
    from medibloc_py.storage.files import write_atomic

    if target.exists() and not _is_of(paper, target):
        raise FileExists(path=target)
    write_atomic(target.absolute(), write_paper(paper))


def _is_of(paper: TransferPaper, target: Path) -> bool:
    from medibloc_py.errors import DocumentInvalid, TransferInvalid
    from medibloc_py.flows.transfer_paper import read_paper

    try:
        return read_paper(read_bytes(target), target).transfer == paper.transfer
    except (DocumentInvalid, TransferInvalid):
        return False
