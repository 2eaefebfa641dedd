"""`medibloc exchange receive`: what was sent goes into a PACS or a folder, and is signed for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medibloc_py.cli.files import require_writable
from medibloc_py.cli.options import As, Json, Session, read_bytes
from medibloc_py.cli.output import Output
from medibloc_py.cli.peers import (
    PEER_HELP,
    Calling,
    Headers,
    TlsAuthorities,
    TlsCertificate,
    TlsKey,
    read_peer,
)
from medibloc_py.cli.saving import saving
from medibloc_py.cli.transfers import Paper, PaperOut, data_of, lines_of, save

if TYPE_CHECKING:
    from medibloc_py.flows.opened import OpenedRecord
    from medibloc_py.flows.transfer import Deliver
    from medibloc_py.pacs import Peer


def receive(
    context: typer.Context,
    paper: Paper,
    account: As,
    to: Annotated[str | None, typer.Option(metavar="PACS", help=PEER_HELP)] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder for the study, instead of a PACS.")
    ] = None,
    calling: Calling = "MEDIBLOC",
    headers: Headers = None,
    authorities: TlsAuthorities = None,
    certificate: TlsCertificate = None,
    key_file: TlsKey = None,
    written: PaperOut = None,
    json: Json = False,
) -> None:
    """Take a study that was sent to the account: open it, compare it, store it, sign for it.

    The sender's signature, the patient's grant and the sender's registration are checked first.
    Nothing is stored unless the files have the digest that the sender signed. Nothing is signed
    before all of them are stored: before the PACS has said so of every instance, or before they
    are in the folder. Give the paper back to the sender and to the patient.

    Was it stopped or killed, the same command goes on where it was. What was signed for is not
    stored again: `medibloc record restore` and `medibloc access open` do that. Example:
    `medibloc exchange receive t.json --as clinic --to dicom://ORTHANC@127.0.0.1:4242`.
    """
    from medibloc_py.errors import InvalidValue
    from medibloc_py.flows.transfer_paper import read_paper

    if (to is None) == (out is None):
        given = "none" if to is None else "both"
        raise InvalidValue(name="--to or --out", given=given, allowed="one of them")
    session: Session = context.obj
    session.refuse_dry_run()
    data = read_bytes(paper)
    record = read_paper(data, paper).transfer.record
    peer = read_peer(to, calling, headers, authorities, certificate, key_file) if to else None
    client, console = session.acting_as(account), Output(json)
    target = written or paper
    require_writable(target.absolute().parent)
    told: list[str] = []
    with console.progress() as progress, _place(peer, out, record, progress, told) as deliver:
        made = client.receive_record(data, paper, deliver, progress)
        save(made, target)
        lines = [*lines_of(made), *(told or ["It was signed for before."])]
        give = f"Give {target} back to the sender and to the patient."
        console.result(data_of(made, target) | {"stored": bool(told)}, [*lines, give])


@contextmanager
def _place(
    peer: Peer | None, out: Path | None, record: bytes, progress: Any, told: list[str]
) -> Iterator[Deliver]:
    """Where the files go; what is done inside is part of it, and `told` hears what was stored."""

    def into_pacs(opened: OpenedRecord) -> None:
        from medibloc_py.flows.restore import Fate, restore

        assert peer is not None
        done = restore(opened, peer, progress=progress)
        done.require_complete()
        told.append(f"{done.count(Fate.STORED)} instances are stored at {done.url}.")

    if out is None:
        yield into_pacs
        return
    with saving(out, record) as place:

        def into_folder(opened: OpenedRecord) -> None:
            files = place.files(opened, out, progress)
            told.append(f"{len(files)} files are in {out}.{place.remark}")

        yield into_folder
