"""Options that name a PACS, for the commands that speak to one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medibloc_py.errors import TokenExposed

if TYPE_CHECKING:
    from medibloc_py.pacs import Peer

PEER_HELP = "dicom://AET@host:port, dicom-tls://AET@host:port, or the URL of a DICOMweb server."
Calling = Annotated[
    str, typer.Option("--calling", help="Our AE title to a DICOM peer, which must know it.")
]
Headers = Annotated[
    Path | None,
    typer.Option(
        "--headers",
        help="File (mode 0600) with headers for a DICOMweb server, such as an access token: "
        "one a line, like Authorization: Bearer ...",
    ),
]
TlsAuthorities = Annotated[
    Path | None,
    typer.Option("--tls-ca", help="Certificates in PEM to trust, instead of the system's."),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option("--tls-cert", help="Our certificate in PEM, for a peer that asks for one."),
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="Its private key.")]


def read_peer(
    text: str,
    calling: str,
    headers: Path | None,
    authorities: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> Peer:
    """Whom the options of a command name.

    Raises:
        InvalidValue: they name nobody, or what is in the files cannot be used.
        TokenExposed: the file with headers cannot be read, or others can read it.
    """
    from medibloc_py import pacs

    return pacs.read_peer(
        text,
        calling=calling,
        headers=pacs.read_headers(private_text(headers)) if headers else None,
        certificates=pacs.Certificates(authorities, certificate, key),
    )


def private_text(path: Path) -> str:
    """The text of a file that nobody else can read.

    Raises:
        TokenExposed: it cannot be read, or others can read it, too.
    """
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise TokenExposed(path=path, reason="others can read it")
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII"
        raise TokenExposed(path=path, reason=reason) from None
