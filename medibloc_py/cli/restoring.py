"""`medibloc record restore`: back into a hospital's PACS."""

from __future__ import annotations

from typing import Annotated

import typer

from medibloc_py.cli.options import As, Json, Session
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
from medibloc_py.cli.times import read_bytes32


def restore(
    context: typer.Context,
    record: Annotated[str, typer.Argument(help="Record id.")],
    account: As,
    to: Annotated[str, typer.Option(metavar="PACS", help=PEER_HELP)],
    calling: Calling = "MEDIBLOC",
    headers: Headers = None,
    authorities: TlsAuthorities = None,
    certificate: TlsCertificate = None,
    key_file: TlsKey = None,
    skip_present: Annotated[
        bool,
        typer.Option("--skip-present", help="Ask the PACS what it has, and send what it lacks."),
    ] = False,
    json: Json = False,
) -> None:
    """Send a record to a PACS: one that the account holds, or that it was granted.

    Each instance goes as it was published, byte for byte behind its head, in the transfer syntax
    it is in: by C-STORE to dicom://, by STOW-RS to https://. Nothing is written to this
    machine's disk. One that the PACS refuses does not stop the others; the end says which, and
    the command fails.

    To send an instance twice does no harm. Was it stopped, the same command begins again; with
    --skip-present it sends what is missing. The PACS is believed then: it goes by UIDs.
    Examples: `medibloc record restore 0x... --as clinic --to dicom://ORTHANC@127.0.0.1:4242`,
    `medibloc record restore 0x... --as clinic --to https://pacs.example/dicom-web --headers
    token.txt`.
    """
    from medibloc_py.flows.restore import Fate
    from medibloc_py.model import RecordId

    session: Session = context.obj
    record_id = RecordId(read_bytes32(record, "record"))
    peer = read_peer(to, calling, headers, authorities, certificate, key_file)
    client, console = session.acting_as(account), Output(json)
    with console.progress() as progress:
        done = client.restore(record_id, peer, skip_present=skip_present, progress=progress)
    told = [
        f"{done.count(Fate.STORED)} stored at {done.url}, {done.sent_bytes:,} bytes.",
        *([f"{done.count(Fate.PRESENT)} were there."] if done.count(Fate.PRESENT) else []),
        *(
            f"{file.name} {file.fate}: {file.reason or 'no reason given'}"
            for file in done.files
            if file.fate in (Fate.REFUSED, Fate.LEFT_OUT) or file.status
        ),
    ]
    console.result(done, told)
    done.require_complete()
